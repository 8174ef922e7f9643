"""The table, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.bench.lines import Goal, Line, Setup
from tests.bench.machine import machine, versions
from tests.bench.measuring import Samples


def as_markdown(lines: Sequence[Line], setup: Setup, load: float) -> str:
    """Ready for the README: the table, and below it where and how it was measured."""
    rows = [
        "| work | ours | yardstick | result | target | moonshot | reached |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(_cells(line, whole=setup.scale == 1))} |" for line in lines),
    ]
    scale = "" if setup.scale == 1 else f"At {setup.scale:g} of the rows that the goals are for. "
    told = ", ".join(f"{name} {number}" for name, number in versions().items())
    how = (
        f"Median of {setup.repeat} runs in turn (lowest-highest), whole processes: wall time, processor time, peak"
    )
    ratios = "processor" if setup.clock == "cpu" else "wall"
    busy = f"load average {load:.1f} a processor at the start"
    return "\n".join([*rows, "", f"{scale}{machine()}. {told}. {how}; ratios of {ratios} time; {busy}.", ""])


def _cells(line: Line, *, whole: bool) -> tuple[str, ...]:
    """``whole``: at the size that the goals are for; at another nothing is reached or missed."""
    value = "" if line.value is None else _amount(line.value, line.unit)
    result = " · ".join(filter(None, (value, line.note)))
    reached = line.verdict if whole or line.value is None else ""
    theirs = line.yardstick if line.theirs is None else f"{line.yardstick}: {_told(line.theirs, line.shown)}"
    return (line.work, _told(line.ours, line.shown), theirs, result, *_limits(line.goal, line.unit), reached)


def _told(samples: Samples, shown: Sequence[str]) -> str:
    return ", ".join(samples.told(name) for name in shown if name in samples.runs[0])


def _limits(goal: Goal | None, unit: str) -> list[str]:
    limits = (None, None) if goal is None else (goal.target, goal.moonshot)
    return ["" if goal is None or limit is None else f"{goal.sign} {limit:g}{unit}" for limit in limits]


def _amount(value: float, unit: str) -> str:
    return f"{value:.2f}{unit}"


def as_json(lines: Sequence[Line], setup: Setup, load: float) -> dict[str, Any]:
    """Everything that was measured, each run of it."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "load": load,
        "scale": setup.scale,
        "repeat": setup.repeat,
        "clock": setup.clock,
        "lines": [_line(line, whole=setup.scale == 1) for line in lines],
    }


def _line(line: Line, *, whole: bool) -> dict[str, Any]:
    goal = line.goal
    return {
        "work": line.work,
        "yardstick": line.yardstick,
        "value": line.value,
        "unit": line.unit.strip(),
        "target": goal and goal.target,
        "moonshot": goal and goal.moonshot,
        "reached": line.verdict if whole or line.value is None else "",
        "note": line.note,
        "ours": list(line.ours.runs),
        "theirs": line.theirs and list(line.theirs.runs),
    }
