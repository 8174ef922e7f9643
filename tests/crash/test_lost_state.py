"""A run that lost its state sends nothing more; one that does not look is found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.lost_state import HARM, run_trial
from tests.crash.victim import STATE_MUTANTS


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_promise_is_kept(seed: int, harm: str, tmp_path: Path) -> None:
    verdict = run_trial(seed, harm, tmp_path)
    assert (verdict.wrong, verdict.duplicates) == ([], 0)


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("mutant", STATE_MUTANTS)
def test_a_wrong_strategy_is_found_out(mutant: str, harm: str, tmp_path: Path) -> None:
    verdict = run_trial(1, harm, tmp_path, mutant)
    assert verdict.sent_after > 0
    assert verdict.duplicates == verdict.sent_after
