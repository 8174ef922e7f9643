"""What the stories tried: each fault in each phase of a run, and each step; with tags returned, and without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.simulation.edits import EDITS
from tests.simulation.machine import START_PHASE
from tests.simulation.stories import HAPPENINGS
from tests.simulation.wire import PHASES, Fault, possible

_ALL = (START_PHASE, *PHASES)
BETWEEN = "between runs"
STEPS = (
    *(f"edit: {how}" for how in EDITS),
    *(f"state: {how}" for how in ("fork", "restore", "delete", "migrate")),
    *("suppress", "save a plan", "save an older plan", "apply", "apply a saved plan", "apply what is approved"),
    *("apply an older commit", "resolve", "decide correctly", "decide wrongly", "pause", "resume", "wait"),
    *("set the clock", "a call from the dashboard", "correct the schedule fields"),
)
Met = Counter[tuple[str, str, bool]]


def rows() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each thing that may happen, and the phases in which it can."""
    for fault in Fault:
        yield fault.value, tuple(phase for phase in PHASES if possible(fault, phase))
    for what in (*HAPPENINGS, "beside"):
        yield what, _ALL
    for step in STEPS:
        yield step, (BETWEEN,)


def missing(met: Met) -> list[str]:
    """What was never tried."""
    return [
        f"{what}, {phase}, {'with' if tags else 'without'} tags"
        for what, phases in rows()
        for phase in phases
        for tags in (True, False)
        if not met[what, phase, tags]
    ]


def table(met: Met) -> str:
    """How often each was tried, ``with tags/without``; ``-`` where it cannot happen."""
    lines = [f"{'':46}" + "".join(f"{phase:>16}" for phase in (*_ALL, BETWEEN))]
    for what, phases in rows():
        cells = (
            f"{met[what, phase, True]:,}/{met[what, phase, False]:,}" if phase in phases else "-"
            for phase in (*_ALL, BETWEEN)
        )
        lines.append(f"{what:46}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)
