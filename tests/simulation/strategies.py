"""Wrong strategies: each is a mistake that a client of this API could make, and that the simulation must find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, TypeAlias
from unittest.mock import patch

from reconciler.contactship import listing
from reconciler.contactship.client import ContactShip
from reconciler.domain.clocks import ServiceClock
from reconciler.domain.model import Status
from reconciler.domain.people import People
from reconciler.domain.policy import Policy
from reconciler.domain.ports import Decision
from reconciler.errors import NotSent, OutcomeUnknown, Rejected
from reconciler.evidence import matching, settle
from reconciler.placing import apply, approval, commit_order, recheck, sending
from reconciler.placing import service as queries
from reconciler.placing.journal import Journal
from reconciler.placing.schedule_check import ScheduleCheck, ScheduleCheckResult
from reconciler.placing.send_check import SendCheck
from reconciler.planning.row_judge import RowJudge
from reconciler.state.store import Store
from tests.simulation import apply_command

Change: TypeAlias = Callable[[ExitStack], None]
_PLACE, _TURN, _JOURNAL_TURN = ContactShip.place, Store.turn, Journal.turn
_MAKE_PLAN, _SETTLE = recheck.make_plan, settle.settle


def _set(stack: ExitStack, owner: Any, name: str, value: Any) -> None:
    stack.enter_context(patch.object(owner, name, value))


def _retry_what_may_have_been_placed(stack: ExitStack) -> None:
    async def place(self: ContactShip, request: Any) -> Any:
        try:
            return await _PLACE(self, request)
        except OutcomeUnknown as error:
            raise NotSent(error.message) from error

    _set(stack, ContactShip, "place", place)


def _take_an_error_for_a_refusal(stack: ExitStack) -> None:
    async def place(self: ContactShip, request: Any) -> Any:
        try:
            return await _PLACE(self, request)
        except OutcomeUnknown as error:
            raise Rejected(error.message, status=500) from error

    _set(stack, ContactShip, "place", place)


def _record_after_success(stack: ExitStack) -> None:
    held: dict[Any, Any] = {}

    def turn(self: Store, run_id: str, results: Any, intents: Any, at: Any) -> Any:
        held.update({intent.address: (intent, at) for intent in intents})
        good = [result for result in results if result.status is Status.PLACED]
        for result in good:
            intent, moment = held[result.address]
            _TURN(self, run_id, [], [intent], moment)
        _TURN(self, run_id, good, [], at)
        return results

    _set(stack, Store, "turn", turn)


def _report_what_was_answered(stack: ExitStack) -> None:
    def turn(self: Store, run_id: str, results: Any, intents: Any, at: Any) -> Any:
        _TURN(self, run_id, results, intents, at)
        return results

    _set(stack, Store, "turn", turn)


def _report_before_recording(stack: ExitStack) -> None:
    async def turn(self: Journal, results: Any, intents: Any, at: Any, recorded: Any, intended: Any) -> None:
        recorded(results)
        await _JOURNAL_TURN(self, results, intents, at, lambda results: None, intended)

    _set(stack, Journal, "turn", turn)


def _send_again_what_is_not_listed(stack: ExitStack) -> None:
    async def trusting(store: Any, run_id: str, directory: Any, clock: Any, *only: Any) -> Any:
        found = await _SETTLE(store, run_id, directory, clock, *only)
        left = [entry for entry in store.entries() if entry.unknown]
        store.decide(
            run_id, [Decision(entry.address, clock.now(), "not listed", Status.RULED_OUT) for entry in left]
        )
        return found

    _set(stack, queries, "settle", trusting)


def _skip_the_schedule_check(stack: ExitStack) -> None:
    async def believing(self: ScheduleCheck, orders: Any, report: Any) -> ScheduleCheckResult:
        return ScheduleCheckResult(orders)

    _set(stack, ScheduleCheck, "run", believing)


def _skip_the_preflight(stack: ExitStack) -> None:
    async def nothing(*_: Any) -> list[Any]:
        return []

    _set(stack, queries, "preflight", nothing)


def _accept_any_listing(stack: ExitStack) -> None:
    async def first_reading(ask: Any, what: str) -> Any:
        items: dict[str, Any] = {}
        offset, page = 0, await ask(0)
        while page.items:
            items |= {item.id: item.value for item in page.items}
            offset += len(page.items)
            if offset >= page.count:
                break
            page = await ask(offset)
        return list(items.values())

    _set(stack, listing, "read_all", first_reading)


def _adopt_the_first_that_looks_alike(stack: ExitStack) -> None:
    def greedy(fits: Any) -> dict[Any, Any]:
        taken: dict[str, Any] = {}
        for address, calls in fits.items():
            free = [call for call in calls if call.id not in taken]
            if free:
                taken[free[0].id] = (address, free[0])
        return dict(taken.values())

    _set(stack, matching, "mutual", greedy)


def _forget_what_was_listed_before(stack: ExitStack) -> None:
    _set(stack, Store, "note_seen", lambda *_: None)


def _do_not_ask_for_proof(stack: ExitStack) -> None:
    async def believing(self: Journal, address: Any) -> float:
        return self._clock.elapsed()

    _set(stack, Journal, "prove", believing)


def _trust_the_saved_plan(stack: ExitStack) -> None:
    def unguarded(rows: Any, known: Any, context: Any) -> Any:
        return _MAKE_PLAN(rows, known, replace(context, policy=Policy(), people=People()))

    _set(stack, recheck, "make_plan", unguarded)


def _accept_any_commit(stack: ExitStack) -> None:
    for module in (apply_command, commit_order):
        _set(stack, module, "find_objection", lambda *_: None)


def _send_what_is_too_late(stack: ExitStack) -> None:
    for module in (apply, sending):
        _set(stack, module, "passed", lambda *_: None)


STRATEGIES: dict[str, Change] = {
    "retry what may have been placed": _retry_what_may_have_been_placed,
    "take an error for a refusal": _take_an_error_for_a_refusal,
    "record after success": _record_after_success,
    "report what was answered, not what was recorded": _report_what_was_answered,
    "report before recording": _report_before_recording,
    "send again what is not listed": _send_again_what_is_not_listed,
    "skip the schedule check": _skip_the_schedule_check,
    "skip the preflight": _skip_the_preflight,
    "accept any listing": _accept_any_listing,
    "adopt the first that looks alike": _adopt_the_first_that_looks_alike,
    "forget what was listed before": _forget_what_was_listed_before,
    "do not ask for proof": _do_not_ask_for_proof,
    "trust the saved plan": _trust_the_saved_plan,
    "ignore the clock": lambda stack: _set(stack, ServiceClock, "problem", lambda self, now: None),
    "ignore pauses": lambda stack: _set(stack, SendCheck, "pause", lambda self, order: None),
    "approve everything": lambda stack: _set(stack, approval, "allow", lambda plan, *_: (plan, [])),
    "approve by name": lambda stack: _set(stack, approval.Digests, "digest", lambda self, change: "same"),
    "accept any commit": _accept_any_commit,
    "ignore earlier revisions": lambda stack: _set(stack, RowJudge, "_obstacle", lambda *_: None),
    "ignore other copies": lambda stack: _set(stack, settle, "unknown_calls", lambda *_: {}),
    "send what is too late": _send_what_is_too_late,
    "forget conflicts": lambda stack: _set(stack, Store, "note_conflicts", lambda *_: None),
}


@contextmanager
def following(name: str) -> Iterator[None]:
    """Make one mistake."""
    with ExitStack() as stack:
        STRATEGIES[name](stack)
        yield
