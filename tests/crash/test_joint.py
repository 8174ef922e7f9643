"""Four runners on one plan, killed at random: nobody is called twice, nothing is lost, all open ends are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.crash.joint import run_round

ROWS = 100


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_runners_and_their_sessions_die(seed: int, tmp_path: Path, postgres: Any) -> None:
    verdict = run_round(seed, tmp_path, postgres, runners=4, rows=ROWS, blows=8)
    assert verdict.wrong == []
    assert (verdict.duplicates, verdict.lost) == (0, 0)
    assert verdict.placed + verdict.uncertain == ROWS
    assert verdict.killed + verdict.cut > 0
