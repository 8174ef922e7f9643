"""A plan of many YAML rows, before and after they were placed."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench import yardsticks
from tests.bench.cases.planning import planning
from tests.bench.inputs import write_yaml
from tests.bench.lines import Goal, Line, Setup
from tests.bench.projects import placed, project

_ROWS = 100_000


def measure(setup: Setup) -> Iterator[Line]:
    rows = setup.rows(_ROWS)
    rounds = setup.in_turn(
        {
            "new": planning(setup, project(setup.work, "yaml", rows, write_yaml), rows),
            "placed": planning(setup, placed(setup.work, "yaml", rows, write_yaml), rows, "unchanged"),
            yardsticks.OCTODNS: yardsticks.octodns(setup, rows),
        }
    )
    what = f"`plan --out`, {rows:,} YAML rows"
    yield setup.ratio(f"{what}, empty state", rounds, "new", yardsticks.OCTODNS, Goal(0.35, 0.15))
    yield setup.ratio(f"{what}, nothing to do", rounds, "placed", yardsticks.OCTODNS, Goal(0.40, 0.15))
