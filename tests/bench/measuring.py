"""Whole processes, run in turn, and what they cost."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tests.conftest import clean_environment

ROOT = Path(__file__).parent.parent.parent
RECONCILER = str(Path(sys.executable).with_name("reconciler"))

Figures: TypeAlias = dict[str, float]
"""Of one run: ``wall`` and ``cpu`` (user and system) in seconds, ``peak`` of resident memory in bytes, and what
else a case measures: ``rate`` in calls a second, ``used`` and ``refused`` as shares of a limit and of requests."""

TIMES = "\N{MULTIPLICATION SIGN}"

_FORMS: dict[str, Callable[[float], str]] = {
    "rate": lambda rate: f"{rate:,.0f}/s",
    "whole": lambda rate: f"{rate:,.0f}/s",
    "used": lambda share: f"{share:.1%}",
    "refused": lambda share: f"{share:.2%}",
    "wall": lambda seconds: f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s",
    "cpu": lambda seconds: f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s",
    "peak": lambda size: f"{size / 2**20:,.0f} MiB",
}


class ResultError(Exception):
    """What was measured did not do what it should: its figures say nothing."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The runs of one contender."""

    runs: tuple[Figures, ...]

    def median(self, name: str) -> float:
        return statistics.median(run[name] for run in self.runs)

    def told(self, name: str) -> str:
        """The median, and from where to where it went: ``8.1 s (7.9-8.4)``."""
        show = _FORMS[name]
        values = [run[name] for run in self.runs]
        middle = show(statistics.median(values))
        low, high = show(min(values)), show(max(values))
        return (
            middle if low == high else f"{middle} ({low.split()[0].rstrip('/s')}-{high.split()[0].rstrip('/s')})"
        )


def run(args: list[str], cwd: Path, out: Path, env: Mapping[str, str] | None = None) -> Figures:
    """Run a command to its end; its output goes to ``out`` and what it says besides to ``out`` with ``.err``.

    Raises:
        ResultError: it failed.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    errors, report = out.with_name(f"{out.name}.err"), out.with_name(f"{out.name}.cost")
    launcher = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")), str(report)]
    with out.open("wb") as stdout, errors.open("wb") as stderr:
        done = subprocess.run(
            [*launcher, *args],
            cwd=cwd,
            env=clean_environment() | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            check=False,
        )
    if done.returncode != 0:
        said = errors.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise ResultError(f"{' '.join(args[:4])} ... ended with {done.returncode}: {said}")
    figures: Figures = json.loads(report.read_text(encoding="utf-8"))
    return figures


def in_turn(contenders: Mapping[str, Callable[[], Figures]], repeat: int, say: Callable[[str], None]) -> Rounds:
    """Run all contenders, one after the other, ``repeat`` times over: a busy moment hits all of them."""
    found: dict[str, list[Figures]] = {name: [] for name in contenders}
    for turn in range(repeat):
        for name, contender in contenders.items():
            figures = contender()
            found[name].append(figures)
            say(f"  {turn + 1}/{repeat} {name}: {figures['wall']:.2f} s, {figures['cpu']:.2f} s of processor")
    return {name: Samples(tuple(runs)) for name, runs in found.items()}


Rounds: TypeAlias = dict[str, Samples]


def load() -> float:
    """The load average of the last minute, for each processor."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)
