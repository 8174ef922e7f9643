"""What each form of output adds to a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.cases.planning import PLAN
from tests.bench.inputs import write_csv
from tests.bench.lines import Line, Setup
from tests.bench.measuring import Figures, ResultError, run
from tests.bench.projects import project

_ROWS = 100_000
_PLAIN = "text"
_FORMS = ("json", "csv", "xlsx", "html", "markdown", "junit", "sarif", "github")


def measure(setup: Setup) -> Iterator[Line]:
    rows = setup.rows(_ROWS)
    folder = project(setup.work, "csv", rows, write_csv)
    rounds = setup.in_turn({form: _showing(setup, folder, form) for form in (_PLAIN, *_FORMS)})
    for form in _FORMS:
        yield setup.ratio(f"`plan --format {form}`, {rows:,} rows", rounds, form, _PLAIN, None)


def _showing(setup: Setup, folder: Path, form: str) -> Callable[[], Figures]:
    def contender() -> Figures:
        file = setup.out(f"form.{form}")
        figures = run([*PLAN, "--format", form, "--output", str(file)], folder, setup.out("form.txt"))
        if not file.stat().st_size:
            raise ResultError(f"{file.name} is empty")
        return figures

    return contender
