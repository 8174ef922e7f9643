"""Consistency checks of a state's tables: records that this tool never writes."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.domain import identity
from reconciler.domain.blinding import is_partial
from reconciler.domain.times import format_instant
from reconciler.state.records import to_entry
from reconciler.state.session import Connection

_SKEW = timedelta(minutes=5)
_CLEAR = "select * from calls where redacted_at is null order by plan, key, revision"
_SAME_ADDRESS = "a.plan = calls.plan and a.key = calls.key and a.revision = calls.revision"
# Messages, and the conditions of the calls that they are about.
_ANOMALIES = (
    ("is placed without a call id", "status in ('placed', 'adopted') and call_id is null"),
    ("has a call id but is not placed", "status not in ('placed', 'adopted') and call_id is not null"),
    ("has no attempt in the journal", f"not exists (select 1 from attempts a where {_SAME_ADDRESS})"),  # noqa: S608 - our own names
    (
        "has no answer, but its run has ended",
        (
            "status = 'intended' and exists (select 1 from attempts a join runs r on r.id = a.run_id"  # noqa: S608 - our own names
            f" where {_SAME_ADDRESS} and a.status = 'intended' and r.finished_at is not null"
            " and r.exit_code in (0, 3))"
        ),
    ),
)


def anomalies(connection: Connection, now: datetime) -> list[str]:
    """A message for each record that this tool never writes, and for timestamps that are out of order."""
    problems: list[str] = []
    for message, condition in _ANOMALIES:
        sql = f"select plan, key, revision from calls where {condition}"  # noqa: S608 - from the table above
        problems += [f"{row['plan']}/{row['key']}@{row['revision']} {message}" for row in connection.execute(sql)]
    return problems + _timestamps(connection, now) + _digests(connection)


def _timestamps(connection: Connection, now: datetime) -> list[str]:
    limit = format_instant(now + _SKEW)
    future = connection.execute(
        "select * from attempts where intended_at > ? order by number", (limit,)
    ).fetchall()
    reversed_ = connection.execute(
        "select * from attempts where rtrim(finished_at, 'Z') < rtrim(intended_at, 'Z') order by number"
    ).fetchall()
    problems = [f"attempt {row['number']} has a time in the future: {row['intended_at']}" for row in future]
    return problems + [
        f"attempt {row['number']} ended before it began: was the clock set back?" for row in reversed_
    ]


def _digests(connection: Connection) -> list[str]:
    entries = (to_entry(row) for row in connection.execute(_CLEAR))
    return [
        f"{entry.address}: its digest does not match its call"
        for entry in entries
        if identity.digest(entry.call) != entry.digest and not is_partial(entry.call)
    ]
