"""Each rule of what may be placed: the real command keeps it, and a strategy that breaks it is found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.rules import RULES, run_trial
from tests.crash.wrong_rules import RULE_MUTANTS


def test_every_wrong_strategy_has_a_trial() -> None:
    assert RULES.keys() == RULE_MUTANTS.keys()


@pytest.mark.parametrize("mutant", RULES)
def test_the_command_keeps_the_rule(mutant: str, tmp_path: Path) -> None:
    assert run_trial(RULES[mutant].trial, tmp_path, None) == RULES[mutant].right


@pytest.mark.parametrize("mutant", RULES)
def test_a_wrong_strategy_is_found_out(mutant: str, tmp_path: Path) -> None:
    assert run_trial(RULES[mutant].trial, tmp_path, mutant) == RULES[mutant].wrong
