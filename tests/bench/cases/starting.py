"""How long it takes to say nothing much."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench import yardsticks
from tests.bench.cases.planning import planning
from tests.bench.inputs import write_yaml
from tests.bench.lines import Goal, Line, Setup
from tests.bench.measuring import RECONCILER, run
from tests.bench.projects import project

_ROWS = 10
_MORE_OFTEN = 4  # a start is short: it is measured more often than the rest


def measure(setup: Setup) -> Iterator[Line]:
    small = project(setup.work, "yaml", _ROWS, write_yaml)
    rounds = setup.in_turn(
        {
            "version": lambda: run([RECONCILER, "--version"], small, setup.out("version.txt")),
            "plan": planning(setup, small, _ROWS),
            yardsticks.CLICK: yardsticks.click(setup),
        },
        _MORE_OFTEN,
    )
    yield setup.ratio("`reconciler --version`", rounds, "version", yardsticks.CLICK, Goal(2, 1.3))
    yield setup.ratio(f"`plan --out`, {_ROWS} rows", rounds, "plan", yardsticks.CLICK, Goal(6, 3))
