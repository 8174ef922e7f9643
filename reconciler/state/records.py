"""Converts between rows of the state's tables and domain objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

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
"""The columns of ``calls`` that ``to_entry`` reads."""
_DAMAGE = (ValueError, TypeError, AttributeError)


@contextmanager
def intact(record: str) -> Iterator[None]:
    """Translates the errors of values that no version writes to ``StateError``."""
    try:
        yield
    except _DAMAGE as error:
        raise _damaged(record, error) from error


def _damaged(record: str, error: Exception) -> StateError:
    return StateError(f"the state has a damaged record at {record}: {error}")


def to_address(row: Row) -> Address:
    return Address(row["plan"], row["key"], row["revision"])


def address_values(address: Address) -> tuple[str, str, int]:
    """An address as the values of its columns."""
    return (address.plan, address.key, address.revision)


def to_entry(row: Row) -> Entry:
    """A row of ``calls``. A digest from an older version is computed again.

    Raises:
        StateError: this version never writes such a row. The same for the functions below.
    """
    try:
        return _entry(row)
    except _DAMAGE as error:  # no context manager: this runs for every entry
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
    names = ("number", "run_id", "digest", "endpoint", "call_id", "error", "evidence")
    with intact(f"attempt {row['number']}"):
        return Attempt(
            address=to_address(row),
            status=Status(row["status"]),
            intended_at=parse_instant(row["intended_at"]),
            finished_at=_optional_instant(row["finished_at"]),
            **_values(row, *names),
        )


def to_run(row: Row) -> Run:
    names = ("id", "command", "host", "pid", "actor", "tool_version", "plan_id")
    with intact(f"run {row['id']}"):
        return Run(started_at=parse_instant(row["started_at"]), commit=row["git_commit"], **_values(row, *names))


def _values(row: Row, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def to_status(text: str, address: Address) -> Status:
    with intact(str(address)):
        return Status(text)


def call_text(call: Call) -> str:
    """A call as it is stored."""
    return json.dumps(identity.to_logical(call), ensure_ascii=False)
