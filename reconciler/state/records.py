"""Rows of the state's tables as the domain's words, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from reconciler.domain import identity
from reconciler.domain.blinding import is_partial
from reconciler.domain.model import Address, Call, Entry, Status
from reconciler.domain.ports import Attempt, Run
from reconciler.domain.times import parse_instant
from reconciler.errors import StateError
from reconciler.state.session import Row

ENTRY_COLUMNS = (
    "plan", "key", "revision", "status", "call", "digest", "attempted_at", "rings_at", "call_id", "error",
    "rejections", "rejected_digest", "stopped_at", "let_ring_at", "redacted_at",
)  # fmt: skip
"""Of ``calls``, those that ``to_entry`` reads."""
_DAMAGE = (ValueError, TypeError, AttributeError)


@contextmanager
def intact(record: str) -> Iterator[None]:
    """What no version ever writes, as ``StateError``."""
    try:
        yield
    except _DAMAGE as error:
        raise _damaged(record, error) from error


def _damaged(record: str, error: Exception) -> StateError:
    return StateError(f"the state holds a damaged record at {record}: {error}")


def to_address(row: Row) -> Address:
    """The address that a row is about."""
    return Address(row["plan"], row["key"], row["revision"])


def to_entry(row: Row) -> Entry:
    """One row of ``calls``. A digest of an older version is recomputed from the logical call.

    Raises:
        StateError: the row holds something that this version never writes.
    """
    try:
        return _entry(row)
    except _DAMAGE as error:
        raise _damaged(str(to_address(row)), error) from error


def _entry(row: Row) -> Entry:
    call, digest = identity.from_text(row["call"]), row["digest"]
    if not digest.startswith(identity.DIGEST_PREFIX) and row["redacted_at"] is None and not is_partial(call):
        digest = identity.digest(call)
    return Entry(
        address=to_address(row),
        status=Status(row["status"]),
        call=call,
        digest=digest,
        attempted_at=parse_instant(row["attempted_at"]),
        rings_at=parse_instant(row["rings_at"]),
        call_id=row["call_id"],
        error=row["error"],
        rejections=row["rejections"] if row["rejected_digest"] == row["digest"] else 0,
        stopped_at=_optional_instant(row["stopped_at"]),
        let_ring_at=_optional_instant(row["let_ring_at"]),
    )


def _optional_instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)


def to_attempt(row: Row) -> Attempt:
    """One row of ``attempts``; raises as ``to_entry``."""
    with intact(f"attempt {row['number']}"):
        return _attempt(row)


def _attempt(row: Row) -> Attempt:
    return Attempt(
        number=row["number"],
        run_id=row["run_id"],
        address=to_address(row),
        status=Status(row["status"]),
        digest=row["digest"],
        endpoint=row["endpoint"],
        intended_at=parse_instant(row["intended_at"]),
        finished_at=_optional_instant(row["finished_at"]),
        call_id=row["call_id"],
        error=row["error"],
        evidence=row["evidence"],
    )


def to_run(row: Row) -> Run:
    """One row of ``runs``; raises as ``to_entry``."""
    with intact(f"run {row['id']}"):
        return _run(row)


def _run(row: Row) -> Run:
    return Run(
        id=row["id"],
        command=row["command"],
        started_at=parse_instant(row["started_at"]),
        host=row["host"],
        pid=row["pid"],
        actor=row["actor"],
        tool_version=row["tool_version"],
        plan_id=row["plan_id"],
        commit=row["git_commit"],
    )


def to_status(text: str, address: Address) -> Status:
    """A status as stored; raises as ``to_entry``."""
    with intact(str(address)):
        return Status(text)


def call_text(call: Call) -> str:
    """A call as it is stored."""
    return json.dumps(identity.to_logical(call), ensure_ascii=False)
