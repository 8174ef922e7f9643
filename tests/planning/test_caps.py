"""How much may be placed: at the limit, and one above it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from reconciler.domain.model import Address, Status
from reconciler.domain.policy import Caps, Policy
from reconciler.planning.guards.caps import MIN_PLACED, check_cost, check_new_calls, check_share
from tests.planning.guards import NOW, known, scene, wanted


def caps(**members: object) -> Policy:
    return Policy(caps=Caps(**members))  # type: ignore[arg-type]


def calls(count: int, plan: str = "june") -> list:  # type: ignore[type-arg]
    return [wanted(f"{plan}/{number}", NOW) for number in range(count)]


def said(found: object) -> list[str]:
    return [item.message for item in found if item.address is None]  # type: ignore[attr-defined]


def test_calls_per_run_and_per_plan() -> None:
    policy = caps(per_run=5, per_plan=3)
    assert not said(check_new_calls([*calls(3), *calls(2, "july")], scene(policy)))
    assert said(check_new_calls([*calls(4), *calls(2, "july")], scene(policy))) == [
        "6 calls to place; max_new_calls.per_run allows 5",
        "4 calls to place in plan june; max_new_calls.per_plan allows 3",
    ]
    assert said(check_new_calls(calls(1), scene(caps(per_run=0)))) == [
        "1 call to place; max_new_calls.per_run allows 0"
    ]
    assert not said(check_new_calls([], scene(caps(per_run=0, per_plan=0))))


@pytest.mark.parametrize(
    ("new", "placed", "blocked"), [(10, 40, False), (11, 40, True), (6, 20, True), (99, 19, False)]
)
def test_share_of_what_was_placed(new: int, placed: int, blocked: bool) -> None:
    entries = [known(str(number), NOW) for number in range(placed)]
    found = said(check_share(calls(new), scene(caps(max_share=Decimal("0.25")), entries)))
    assert bool(found) is blocked
    assert MIN_PLACED == 20


def test_a_share_counts_only_what_was_placed_and_says_how_much() -> None:
    entries = [known(str(number), NOW) for number in range(40)]
    entries += [known(f"f{number}", NOW, status=Status.FAILED) for number in range(100)]
    (message,) = said(check_share(calls(11), scene(caps(max_share=Decimal("0.250")), entries)))
    assert message == "11 calls to place, 27.5% of the 40 placed before; max_share allows 25.000%"


def test_a_run_that_goes_on_is_judged_as_the_whole_that_was_approved() -> None:
    policy = caps(max_share=Decimal("0.5"))
    entries = [known(str(number), NOW) for number in range(40)]
    half = [known(f"june/{number}", NOW) for number in range(15)]
    approved = frozenset(Address("june", str(number)) for number in range(20))
    rest = calls(20)[15:]
    assert not said(check_share(rest, replace(scene(policy, [*entries, *half]), approved=approved)))
    more = frozenset(Address("june", str(number)) for number in range(21))
    assert said(check_share(calls(21)[15:], replace(scene(policy, [*entries, *half]), approved=more)))


@pytest.mark.parametrize(("count", "blocked"), [(3, False), (4, True)])
def test_cost_is_exact(count: int, blocked: bool) -> None:
    policy = caps(cost_per_call=Decimal("0.10"), max_cost=Decimal("0.30"))  # 3 * 0.1 > 0.3 in floats
    found = said(check_cost(calls(count), scene(policy)))
    assert found == (["4 calls at 0.10 each cost 0.40; max_cost allows 0.30"] if blocked else [])


def test_cost_without_a_limit_is_no_limit() -> None:
    assert not said(check_cost(calls(4), scene(caps(cost_per_call=Decimal(10)))))
    assert not said(check_share(calls(4), scene(caps())))
