"""Lines of the table: what was measured, beside what, and how far the goal is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measuring import TIMES, Figures, Rounds, Samples, in_turn


@dataclass(frozen=True, slots=True)
class Goal:
    """``target`` is to be reached, where there is one, and ``moonshot`` is splendid. ``least``: more is better."""

    target: float | None
    moonshot: float
    least: bool = False

    def verdict(self, value: float) -> str:
        if self._reached(value, self.moonshot):
            return "moonshot"
        if self.target is None:
            return ""
        return "target" if self._reached(value, self.target) else "missed"

    def _reached(self, value: float, limit: float) -> bool:
        return value >= limit if self.least else value <= limit

    @property
    def sign(self) -> str:
        return "≥" if self.least else "≤"


@dataclass(frozen=True, slots=True)
class Line:
    """``value`` is what the goal is about, in ``unit``; None where the yardstick is missing, as ``note`` says."""

    work: str
    ours: Samples
    theirs: Samples | None
    yardstick: str
    value: float | None
    unit: str = TIMES
    goal: Goal | None = None
    note: str = ""
    shown: tuple[str, ...] = ("wall", "cpu", "peak")

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "not measured" if self.value is None else self.goal.verdict(self.value)


@dataclass(frozen=True, slots=True)
class Setup:
    """How the benchmark is run. ``clock`` is what ratios of time are made of: ``wall`` or ``cpu``."""

    work: Path
    scale: float
    repeat: int
    clock: str
    yardsticks: bool
    say: Callable[[str], None]

    def rows(self, whole: int) -> int:
        """So many at this scale, and never none."""
        return max(10, round(whole * self.scale))

    def out(self, name: str) -> Path:
        return self.work / "out" / name

    def in_turn(self, contenders: dict[str, Callable[[], Figures] | None], times: int = 1) -> Rounds:
        """Every contender that is there, ``times`` as often as asked for."""
        there = {name: contender for name, contender in contenders.items() if contender is not None}
        return in_turn(there, self.repeat * times, self.say)

    def ratio(
        self, work: str, rounds: Rounds, ours: str, theirs: str, goal: Goal | None, *, note: str = ""
    ) -> Line:
        """A line of times: ours as a multiple of theirs."""
        own, other = rounds[ours], rounds.get(theirs)
        if other is None:
            return Line(work, own, None, theirs, None, goal=goal, note=note or f"{theirs} was not run")
        ratios = {clock: own.median(clock) / other.median(clock) for clock in ("wall", "cpu")}
        rest = "cpu" if self.clock == "wall" else "wall"
        also = f"{ratios[rest]:.2f}{TIMES} by {'processor' if rest == 'cpu' else 'wall'} time"
        return Line(
            work, own, other, theirs, ratios[self.clock], goal=goal, note=", ".join(filter(None, (note, also)))
        )
