"""A plan of a sheet of very many rows, and how it grows from one of fewer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import yardsticks
from tests.bench.cases.planning import PLAN, planning
from tests.bench.inputs import write_csv
from tests.bench.lines import Goal, Line, Setup
from tests.bench.measuring import Figures, ResultError, Rounds, run
from tests.bench.projects import placed, project
from tests.bench.results import plan_id

_MANY, _FEW = 1_000_000, 100_000


def measure(setup: Setup) -> Iterator[Line]:
    many, few = setup.rows(_MANY), setup.rows(_FEW)
    large = project(setup.work, "csv", many, write_csv)
    rounds = setup.in_turn(
        {
            "few": planning(setup, project(setup.work, "csv", few, write_csv), few),
            "many": planning(setup, large, many),
            "json": _as_json(setup, large),
            yardsticks.POLARS: yardsticks.polars(setup, large / "calls" / "bench.csv", many),
        }
    )
    what = f"`plan --out`, {many:,} CSV rows"
    yield setup.ratio(what, rounds, "many", yardsticks.POLARS, Goal(12, 5))
    yield setup.ratio(f"`plan --format json`, {many:,} CSV rows", rounds, "json", yardsticks.POLARS, None)
    peak = rounds["many"].median("peak") / 2**30
    yield Line(what, rounds["many"], None, "resident memory", peak, " GiB", Goal(None, 1), shown=("peak",))
    yield _growth(rounds, setup.clock, many / few, "time", setup.clock, Goal(11, 10))
    yield _growth(rounds, "peak", many / few, "memory", "peak", Goal(3, 1.2))


def measure_placed(setup: Setup) -> Iterator[Line]:
    """The same rows with nothing to do. To place them takes minutes, so it is not in the table."""
    many = setup.rows(_MANY)
    rounds = setup.in_turn(
        {
            "new": planning(setup, project(setup.work, "csv", many, write_csv), many),
            "placed": planning(setup, placed(setup.work, "csv", many, write_csv), many, "unchanged"),
        }
    )
    yield setup.ratio(f"`plan --out`, {many:,} CSV rows, nothing to do", rounds, "placed", "new", None)


def _growth(rounds: Rounds, name: str, factor: float, what: str, shown: str, goal: Goal) -> Line:
    few, many = rounds["few"], rounds["many"]
    value = many.median(name) / few.median(name)
    return Line(
        f"{what} of {factor:g} times the rows", many, few, "the fewer rows", value, goal=goal, shown=(shown,)
    )


def _as_json(setup: Setup, folder: Path) -> Callable[[], Figures]:
    """The same plan as was saved the moment before, by its id."""

    def contender() -> Figures:
        file = setup.out("csv.json")
        figures = run([*PLAN, "--format", "json", "--output", str(file)], folder, setup.out("csv.json.txt"))
        if plan_id(file) != plan_id(setup.out(f"{folder.name}.plan")):
            raise ResultError(f"{file.name} is another plan than the saved one")
        return figures

    return contender
