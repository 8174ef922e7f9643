"""A plan as a contender."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.bench.inputs import NOW
from tests.bench.lines import Setup
from tests.bench.measuring import RECONCILER, Figures, run
from tests.bench.results import check_plan

PLAN = [RECONCILER, "plan", "--now", NOW]


def planning(setup: Setup, project: Path, rows: int, action: str = "create") -> Callable[[], Figures]:
    """``plan --out``: the plan is saved, and told row by row; each is found right before its figures count."""
    name = f"{project.name}.plan"

    def contender() -> Figures:
        figures = run([*PLAN, "--out", str(setup.out(name))], project, setup.out(f"{name}.txt"))
        check_plan(setup.out(name), rows, action)
        return figures

    return contender
