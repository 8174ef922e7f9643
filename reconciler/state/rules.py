"""What every store refuses: pure functions of the current entry and the requested write."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from reconciler.domain.model import PLACED_STATUSES, UNKNOWN_STATUSES, Address, Entry, Status
from reconciler.domain.ports import DUPLICATE_CALL_ID, Decision, Result
from reconciler.domain.times import format_instant
from reconciler.errors import StateError, StateLocked

_ANSWERS = frozenset({Status.PLACED, Status.FAILED, Status.UNCERTAIN, Status.RULED_OUT, Status.MISSED})


LOST_HINT = (
    "do not apply with an older copy: it does not have the calls of this run, and would place them again. Restore "
    "the newest copy of the state, or rebuild it from the service: reconciler state rebuild"
)


def locked(holder: str | None) -> StateLocked:
    """The error for a state that another run holds."""
    return StateLocked(
        f"the state is locked by {holder or 'another run'}",
        hint="wait for it, or pass --lock-timeout. The lock is released when that process ends",
    )


def lost(message: str) -> StateError:
    """The error for a state that was replaced or changed while a run used it."""
    return StateError(f"{message}. Nothing more is sent.", hint=LOST_HINT)


def check_lineage(lineage: str, pinned: str | None) -> None:
    """Raises ``StateError`` if the project is pinned to another state (None: not pinned)."""
    if pinned is not None and lineage != pinned:
        raise StateError(
            f"this state is {lineage}, but the project is pinned to {pinned}",
            hint="it belongs to another project; see state.lineage in reconciler.yaml and RECONCILER_LINEAGE",
        )


def newer_version(name: object, migrations: Iterable[str]) -> StateError:
    """The error for a state with migrations that this version does not know."""
    message = f"the state {name} was written by a newer version ({', '.join(sorted(migrations))})"
    return StateError(message, hint="upgrade this one: pip install --upgrade call-reconciler")


def older_version(name: object) -> StateError:
    """The error if a state that is only read has pending migrations."""
    return StateError(
        f"the state {name} was written by an older version", hint="upgrade it: reconciler state migrate"
    )


def check_not_moved(name: object, moved_to: str | None, moving_to: str | None = None) -> None:
    """Raises ``StateError`` if the state was moved, unless to ``moving_to``. If it were used in two places, both
    would place the same calls."""
    if moved_to not in {None, moving_to}:
        hint = "use it there; if the move was interrupted, run the same state migrate again"
        raise StateError(f"the state {name} was moved to {moved_to}", hint=hint)


def check_open(address: Address, status: Status | None) -> None:
    """Raises ``StateError`` if the call of an address was placed, or may have been."""
    if status in PLACED_STATUSES or status in UNKNOWN_STATUSES:
        raise StateError(f"{address} is already {status}: nothing is sent for it")


def check_answer(result: Result) -> None:
    """Raises ``StateError`` if a result is not an answer, or only one of a placed call and a call id."""
    if result.status not in _ANSWERS:
        raise StateError(f"{result.address}: {result.status} is not an answer to a request")
    if result.status is Status.PLACED and not result.call_id:
        raise StateError(f"{result.address}: placed without a call id")
    if result.status is not Status.PLACED and result.call_id:
        raise StateError(f"{result.address}: {result.status}, but with a call id")


def encodable_results(results: Iterable[Result]) -> list[Result]:
    """The results in a form that every store can write.

    A service can answer with half of a surrogate pair, which UTF-8 cannot encode, or with NUL, which PostgreSQL
    refuses in texts. They are escaped, because an answer that cannot be written would be lost.
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
    """A text of the service in a form that every store can write."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def without_clash(result: Result, owner: Address | None, *, listed_before: bool) -> Result:
    """The result. It becomes uncertain if its call id cannot be that of its own call, so that this is not lost.

    The id belongs to another address (``owner``), or the service listed it before the run sent anything.
    """
    if owner is not None and owner != result.address:
        error = f"the service answered with {result.call_id}, which is already the call of {owner}"
    elif owner is None and listed_before:
        error = f"the service answered with {result.call_id}, a call that it listed before this run sent anything"
    else:
        return result
    return replace(result, status=Status.UNCERTAIN, call_id=None, error=error, evidence=DUPLICATE_CALL_ID)


def no_entry(address: Address) -> StateError:
    return StateError(f"the state has no entry {address}", hint="list all entries: reconciler state list")


def check_move(old: Address, new: Address, old_status: Status | None, new_status: Status | None) -> None:
    """Raises ``StateError`` unless ``old`` has an entry, ``new`` has none, and both have the same revision."""
    if old_status is None:
        raise no_entry(old)
    if new_status is not None:
        raise StateError(f"{old} cannot be moved to {new}, which has an entry already")
    if old.revision != new.revision:
        raise StateError(f"{old} cannot be moved to {new}, because a move cannot change the revision")


def check_adoption(result: Result, status: Status | None, owner: Address | None) -> None:
    """Raises ``StateError`` unless the outcome is unknown and no other address has the call."""
    if status not in UNKNOWN_STATUSES:
        raise StateError(f"{result.address} is {status}: there is nothing to settle")
    if result.status is not Status.ADOPTED or not result.call_id:
        raise StateError(f"{result.address}: an adoption needs a call id")
    if owner is not None:
        raise StateError(f"{result.call_id} is already the call of {owner}")


def check_clearing(address: Address, status: Status | None, *, in_conflict: bool) -> None:
    """Raises ``StateError`` if the outcome is unknown, or if the call is placed and there is no conflict."""
    if status in PLACED_STATUSES and not in_conflict:
        raise StateError(f"{address} is already {status}: there is nothing to clear")
    if status in UNKNOWN_STATUSES:
        raise StateError(
            f"{address} is {status}: settle first whether it was placed",
            hint=f"reconciler resolve {address} --placed CALL_ID (or --not-placed) --reason WHY",
        )


def check_redaction(address: Address, entry: Entry | None, now: datetime, *, in_conflict: bool) -> None:
    """Raises ``StateError`` while the call may still ring, or its outcome is unknown. A forgotten address has no
    entry (None), only its journal."""
    if in_conflict:
        raise StateError(f"{address} is in conflict: settle first whether it was placed")
    if entry is None:
        return
    if entry.unknown:
        raise StateError(f"{address} is {entry.status}: settle first whether it was placed")
    if entry.will_ring(now):
        raise StateError(f"{address} cannot be redacted before it has rung, at {format_instant(entry.rings_at)}")


def check_resume(plan: str | None, paused: Collection[str | None]) -> None:
    """Raises ``StateError`` unless there is a pause of exactly this plan (None: of all plans)."""
    if plan in paused:
        return
    subject = "the state" if plan is None else f"the plan '{plan}'"
    if None in paused:
        raise StateError(f"{subject} has no pause of its own: all plans are paused", hint="resume all plans")
    plans = ", ".join(sorted(name for name in paused if name is not None))
    raise StateError(f"{subject} is not paused", hint=f"paused: {plans}" if plans else None)


def check_let_ring(address: Address, entry: Entry | None, at: datetime) -> None:
    """Raises ``StateError`` unless a placed call is still to ring and was not stopped by hand."""
    if entry is None:
        raise no_entry(address)
    if not entry.placed:
        raise StateError(f"{address} is {entry.status}: only a placed call can ring")
    if entry.stopped_at is not None:
        raise StateError(f"{address} was stopped by hand at {format_instant(entry.stopped_at)}")
    if not entry.will_ring(at):
        raise StateError(f"{address} already rang, at {format_instant(entry.rings_at)}")


def check_decision(decision: Decision, status: Status | None, owner: Address | None) -> None:
    """Check a person's decision, except for ``let_ring``. ``owner`` is the address that has the named call, if
    any.

    Raises:
        StateError: the decision does not fit the state.
    """
    address = decision.address
    if status is None:
        raise no_entry(address)
    if decision.stopped:
        if status not in PLACED_STATUSES:
            raise StateError(f"{address} is {status}: only a placed call can have been stopped")
        return
    if status not in UNKNOWN_STATUSES:
        raise StateError(f"{address} is {status}: there is nothing to settle")
    if decision.status not in {Status.PLACED, Status.RULED_OUT}:
        raise StateError(f"{decision.status} is not a possible decision")
    if (decision.status is Status.PLACED) is not bool(decision.call_id):
        raise StateError("a placed call needs a call id, and only a placed call has one")
    if owner is not None:
        raise StateError(f"{decision.call_id} is already the call of {owner}")
