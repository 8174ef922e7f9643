"""What formulas add to the reading of a sheet."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench.inputs import write_csv, write_formulas
from tests.bench.lines import Line, Setup
from tests.bench.measuring import RECONCILER, run
from tests.bench.projects import project

_ROWS = 100_000


def measure(setup: Setup) -> Iterator[Line]:
    rows = setup.rows(_ROWS)
    plain = project(setup.work, "csv", rows, write_csv)
    computed = project(setup.work, "formulas", rows, write_formulas)
    command = [RECONCILER, "validate"]
    rounds = setup.in_turn(
        {
            "plain cells": lambda: run(command, plain, setup.out("plain.txt")),
            "formulas": lambda: run(command, computed, setup.out("formulas.txt")),
        }
    )
    more = rounds["formulas"].median("cpu") - rounds["plain cells"].median("cpu")
    note = f"{more / rows * 1e6:.0f} µs more a row"
    work = f"`validate`, {rows:,} CSV rows with five formulas"
    yield setup.ratio(work, rounds, "formulas", "plain cells", None, note=note)
