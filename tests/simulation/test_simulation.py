"""The simulation keeps its promises, finds wrong strategies, tries everything, and repeats itself."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation import coverage
from tests.simulation.__main__ import Total, find, run_some
from tests.simulation.invariants import PROMISES, TWICE
from tests.simulation.run import run, shorten
from tests.simulation.stories import story
from tests.simulation.strategies import STRATEGIES, following

STORIES = 1_500
PART = 250


@pytest.mark.parametrize("start", range(1, STORIES, PART))
def test_stories_break_no_promise(start: int) -> None:
    total = run_some(range(start, start + PART))
    reports = "\n\n".join(run(story(seed)).text for seed in total.broken[:2])
    assert not total.broken, reports
    assert total.calls > PART  # a tool that refuses everything keeps every promise
    assert total.excused < total.calls / 5


def test_everything_is_tried() -> None:
    """With so few stories, nearly everything; the command says what its longer runs miss."""
    total = Total()
    for seeds in (range(20_000, 20_000 + PART), range(30_000, 30_000 + PART)):
        total.add(run_some(seeds))
    cells = sum(len(phases) * 2 for _, phases in coverage.rows())
    assert len(coverage.missing(total.met)) < cells * 0.4


# the first seed that finds each one: ``python -m tests.simulation --strategy all``
FOUND_BY = {
    "retry what may have been placed": 4,
    "record after success": 1,
    "report before recording": 2,
    "skip the schedule check": 36,
    "accept any listing": 503,
    "forget what was listed before": 102,
    "trust the saved plan": 45,
    "ignore pauses": 142,
    "ignore earlier revisions": 4,
    "send what is too late": 394,
    "take an error for a refusal": 1,
    "report what was answered, not what was recorded": 1413,
    "send again what is not listed": 1,
    "skip the preflight": 102,
    "adopt the first that looks alike": 78,
    "do not ask for proof": 319,
    "ignore the clock": 710,
    "approve everything": 27,
    "accept any commit": 1107,
    "ignore other copies": 137,
    "forget conflicts": 7,
}


@pytest.mark.parametrize("name", FOUND_BY)
def test_a_wrong_strategy_is_found(name: str) -> None:
    seed = FOUND_BY[name]
    assert find(name, range(seed, seed + 1)) == seed
    assert not run(story(seed)).wrong


def test_most_wrong_strategies_are_found_in_few_stories() -> None:
    assert FOUND_BY.keys() <= STRATEGIES.keys()
    assert len(FOUND_BY) >= 0.9 * len(STRATEGIES)
    assert sum(seed <= 2_000 for seed in FOUND_BY.values()) >= 15


def test_a_story_is_the_same_each_time() -> None:
    """To the byte, also in another process, and with sets in the same order."""
    command = [sys.executable, "-m", "tests.simulation", "--replay", "--seed", "28"]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first == second
    assert "the service creates call-0001" in first


def test_a_story_that_breaks_a_promise_is_shortened() -> None:
    name = "retry what may have been placed"
    whole = story(FOUND_BY[name])
    with following(name):
        shortest = shorten(whole, TWICE)
        report = run(shortest)
    assert {promise for promise, _ in report.wrong} >= {TWICE}
    assert len(shortest.steps) <= len(whole.steps)
    assert replace(shortest, steps=()) != shortest
    assert TWICE in report.text


def test_the_guide_names_each_promise() -> None:
    guide = (Path(__file__).parents[2] / "reconciler" / "guides" / "promises.md").read_text(encoding="utf-8")
    assert [promise for promise in PROMISES if promise not in " ".join(guide.split())] == []
