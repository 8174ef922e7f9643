"""Copies of a state on services that cut their lists or return no tags; and wrong strategies are found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.copies import run_trial
from tests.crash.victim import COPY_MUTANTS


@pytest.mark.parametrize("seed", range(1, 11))
def test_nobody_is_phoned_twice_unnamed(seed: int, tmp_path: Path) -> None:
    assert run_trial(seed, tmp_path).wrong == []


@pytest.mark.parametrize("mutant", COPY_MUTANTS)
def test_a_wrong_strategy_is_found_out(mutant: str, tmp_path: Path) -> None:
    for seed in range(1, 6):
        verdict = run_trial(seed, tmp_path, mutant)
        if any("phoned twice" in wrong for wrong in verdict.wrong):
            return
    pytest.fail(f"{mutant} went unnoticed")
