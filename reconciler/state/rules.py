"""What every store refuses, whatever it writes to: pure functions of what is known and what is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from reconciler.domain.model import PLACED_STATUSES, UNKNOWN_STATUSES, Address, Entry, Status
from reconciler.domain.ports import DUPLICATE_CALL_ID, Decision, Result
from reconciler.domain.times import format_instant
from reconciler.errors import StateError, StateLocked

# Why a conflict ended, as the ledger says it.
PLACED = "placed"
DISTINCT = "distinct"
_ANSWERS = frozenset({Status.PLACED, Status.FAILED, Status.UNCERTAIN, Status.RULED_OUT, Status.MISSED})


LOST_HINT = (
    "do not apply with an older copy: it lacks what this run placed, and would place it again. Put the newest "
    "copy of the state back, or make it again from the service: reconciler state rebuild"
)


def locked(holder: str | None) -> StateLocked:
    """The error for a state that another run holds."""
    return StateLocked(
        f"the state is locked by {holder or 'another run'}",
        hint="wait for it, or pass --lock-timeout; the lock is gone as soon as that process is",
    )


def lost(what: str) -> StateError:
    """The error for a state that was taken away from the run that uses it."""
    return StateError(f"{what}. Nothing more is sent.", hint=LOST_HINT)


def check_lineage(found: str, pinned: str | None) -> None:
    """Raises ``StateError`` where a state is not the one that the project is pinned to (None: to none)."""
    if pinned is not None and found != pinned:
        raise StateError(
            f"this state is {found}, and the project is pinned to {pinned}",
            hint="it belongs to another project; see state.lineage in reconciler.yaml and RECONCILER_LINEAGE",
        )


def of_newer(where: object, steps: Iterable[str]) -> StateError:
    """The error for a state whose tables were made by steps that this version does not know."""
    return StateError(f"the state {where} was written by a newer version ({', '.join(sorted(steps))})")


def of_older(where: object) -> StateError:
    """The error for a reader, who changes nothing, of a state whose tables are not up to date."""
    hint = "reconciler state migrate brings it up to date"
    return StateError(f"the state {where} was written by an older version", hint=hint)


def check_here(where: object, moved_to: str | None, moving_to: str | None = None) -> None:
    """Raises ``StateError`` where a state went elsewhere, and not where it is ``moving_to``: open in two places,
    each would place what the other has."""
    if moved_to not in {None, moving_to}:
        hint = "use it there; if that move was cut off, run the same state migrate again"
        raise StateError(f"the state {where} was moved to {moved_to}", hint=hint)


def check_open(address: Address, found: Status | None) -> None:
    """Raises ``StateError`` where an address is placed, or may be: nothing is sent for it."""
    if found in PLACED_STATUSES or found in UNKNOWN_STATUSES:
        raise StateError(f"{address} is {found} already: nothing is sent for it")


def check_answer(result: Result) -> None:
    """Raises ``StateError`` for what is no answer, a placed call without its id, or an id without a call."""
    if result.status not in _ANSWERS:
        raise StateError(f"{result.address}: {result.status} is no answer to a request")
    if result.status is Status.PLACED and not result.call_id:
        raise StateError(f"{result.address}: placed without a call id")
    if result.status is not Status.PLACED and result.call_id:
        raise StateError(f"{result.address}: {result.status}, and yet with a call id")


def as_kept(results: Iterable[Result]) -> list[Result]:
    """The results as every store can write them.

    A service can answer with half of a surrogate pair, which no UTF-8 text holds, or with NUL, which PostgreSQL
    takes in no text: it is kept as an escape, since an answer that cannot be written would be lost.
    """
    return [
        replace(
            item,
            call_id=item.call_id and encodable(item.call_id),
            error=item.error and encodable(item.error),
            evidence=item.evidence and encodable(item.evidence),
        )
        for item in results
    ]


def encodable(text: str) -> str:
    """A text of the service as every store can write it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def without_clash(result: Result, owner: Address | None) -> Result:
    """The result, unless its call id is that of another address (``owner``).

    Then the call is not lost: the attempt becomes uncertain, and says why.
    """
    if owner is None or owner == result.address:
        return result
    error = f"the service answered with {result.call_id}, which is the call of {owner}"
    return replace(result, status=Status.UNCERTAIN, call_id=None, error=error, evidence=DUPLICATE_CALL_ID)


def nothing_at(address: Address) -> StateError:
    """The error where an address is asked for that no store knows."""
    return StateError(f"the state holds nothing at {address}", hint="reconciler state list")


def check_move(old: Address, new: Address, found: Status | None, taken: Status | None) -> None:
    """Raises ``StateError`` unless an address that is known moves to one that is not, revision kept."""
    if found is None:
        raise nothing_at(old)
    if taken is not None or old.revision != new.revision:
        raise StateError(f"{old} cannot be moved to {new}")


def check_adoption(result: Result, found: Status | None, owner: Address | None) -> None:
    """Raises ``StateError`` unless an unknown address adopts a call that no other address has."""
    if found not in UNKNOWN_STATUSES:
        raise StateError(f"{result.address} is {found}: there is nothing to settle")
    if result.status is not Status.ADOPTED or not result.call_id:
        raise StateError(f"{result.address}: an adoption needs a call id")
    if owner is not None:
        raise StateError(f"{result.call_id} is the call of {owner} already")


def check_clearing(address: Address, found: Status | None, *, in_conflict: bool) -> None:
    """Raises ``StateError`` where an address may be placed, or is and has no conflict: nothing is sent for it."""
    if found in PLACED_STATUSES and not in_conflict:
        raise StateError(f"{address} is {found} already: there is nothing to clear")
    if found in UNKNOWN_STATUSES:
        raise StateError(
            f"{address} is {found}: whether it was placed comes first",
            hint=f"reconciler resolve {address} --placed CALL_ID (or --not-placed) --reason WHY",
        )


def check_redaction(address: Address, found: Entry | None, now: datetime, *, in_conflict: bool) -> None:
    """Raises ``StateError`` while a call is ahead, or may be: all that is known of it is needed.

    An address that was forgotten (None) has nothing but its journal left.
    """
    if in_conflict:
        raise StateError(f"{address} is in conflict: whether it was placed comes first")
    if found is None:
        return
    if found.unknown:
        raise StateError(f"{address} is {found.status}: whether it was placed comes first")
    if found.will_ring(now):
        raise StateError(f"{address} still rings at {format_instant(found.rings_at)}: it is not over")


def check_resume(plan: str | None, paused: Collection[str | None]) -> None:
    """Raises ``StateError`` unless exactly this plan (None: all plans) is among those that are paused."""
    if plan in paused:
        return
    subject = "the state" if plan is None else f"the plan '{plan}'"
    if None in paused:
        raise StateError(f"{subject} is not paused by itself: all plans are", hint="resume all plans")
    plans = ", ".join(sorted(name for name in paused if name is not None))
    raise StateError(f"{subject} is not paused", hint=f"paused: {plans}" if plans else None)


def check_let_ring(address: Address, found: Entry | None, at: datetime) -> None:
    """Raises ``StateError`` unless a placed call is still ahead, and was not stopped by hand."""
    if found is None:
        raise nothing_at(address)
    if not found.placed:
        raise StateError(f"{address} is {found.status}: only a placed call can ring")
    if found.stopped_at is not None:
        raise StateError(f"{address} was stopped by hand at {format_instant(found.stopped_at)}")
    if not found.will_ring(at):
        raise StateError(f"{address} rang at {format_instant(found.rings_at)}: it is over")


def check_decision(decision: Decision, found: Status | None, owner: Address | None) -> None:
    """Whether a person's word fits what is known; ``check_let_ring`` judges a call that is to ring.

    ``owner`` is the address that has the named call, if any.

    Raises:
        StateError: it does not; the message says what is known.
    """
    address = decision.address
    if found is None:
        raise nothing_at(address)
    if decision.stopped:
        if found not in PLACED_STATUSES:
            raise StateError(f"{address} is {found}: only a placed call can have been stopped")
        return
    if found not in UNKNOWN_STATUSES:
        raise StateError(f"{address} is {found}: there is nothing to settle")
    if decision.status not in {Status.PLACED, Status.RULED_OUT}:
        raise StateError(f"a decision of {decision.status} settles nothing")
    if (decision.status is Status.PLACED) is not bool(decision.call_id):
        raise StateError("placed needs a call id, and only placed has one")
    if owner is not None:
        raise StateError(f"{decision.call_id} is the call of {owner} already")


def a_persons_word(reason: str) -> str:
    """How a person's word is told in the journal."""
    return f"a person's word: {reason}"
