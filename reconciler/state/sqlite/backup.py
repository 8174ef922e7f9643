"""Looking after the state's file: a copy that is whole while an apply runs, and a search for what cannot be."""

from __future__ import annotations

import fcntl
import glob
import os
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.domain import identity
from reconciler.domain.blinding import is_partial
from reconciler.domain.times import format_instant
from reconciler.errors import StateError
from reconciler.state.ledger import audit
from reconciler.state.records import to_entry
from reconciler.state.session import Connection
from reconciler.state.sqlite.files import (
    check_file,
    check_schema,
    connect_reader,
    refuse_outdated,
    sync_folder,
    translated,
)
from reconciler.system.files import exists

_SKEW = timedelta(minutes=5)

_CLEAR = "select * from calls where redacted_at is null order by plan, key, revision"

# What each query finds is a record that nothing here ever writes.
_ANOMALIES = (
    ("is placed without a call id", "status in ('placed', 'adopted') and call_id is null"),
    ("has a call id and is not placed", "status not in ('placed', 'adopted') and call_id is not null"),
    (
        "has no attempt in the journal",
        (
            "not exists (select 1 from attempts a where a.plan = calls.plan and a.key = calls.key"
            " and a.revision = calls.revision)"
        ),
    ),
    (
        "is open, and its run ended without an answer",
        (
            "status = 'intended' and exists (select 1 from attempts a join runs r on r.id = a.run_id"
            " where a.plan = calls.plan and a.key = calls.key and a.revision = calls.revision"
            " and a.status = 'intended' and r.finished_at is not null and r.exit_code in (0, 3))"
        ),
    ),
)


def backup(path: Path, target: Path) -> None:
    """Copy the state with SQLite's backup API: whole, also while an apply writes. ``target`` must not exist.

    Raises:
        StateError: the state cannot be trusted, or the copy cannot be written.
    """
    check_file(path)
    if exists(target):
        raise StateError(f"{target} exists already")
    with translated(target):
        _remove_leftovers(target)
        temporary = target.with_name(f".{target.name}.{os.urandom(4).hex()}.tmp")
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            with closing(connect_reader(path)) as source, closing(sqlite3.connect(temporary)) as copy:
                check_schema(source, path)
                source.backup(copy)
            temporary.rename(target)
            sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
            os.close(handle)


def _remove_leftovers(target: Path) -> None:
    """Remove what a killed backup left, which holds personal data. A running one has its file locked."""
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.????????.tmp"):
        try:
            handle = os.open(leftover, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue  # gone, or nothing that a backup makes
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink(missing_ok=True)
        except BlockingIOError:
            pass
        finally:
            os.close(handle)


def check(path: Path, now: datetime) -> list[str]:
    """Everything about the state that cannot be right, in words; empty where all is well.

    Raises:
        StateError: it cannot be opened at all.
    """
    check_file(path)
    with translated(path), closing(connect_reader(path)) as connection:
        check_schema(connection, path)
        refuse_outdated(connection, path)
        found = [row[0] for row in connection.execute("pragma integrity_check") if row[0] != "ok"]
        orphans = connection.execute("pragma foreign_key_check").fetchall()
        found += [
            f"{row['table']}: row {row['rowid']} names a {row['parent']} that is not there" for row in orphans
        ]
        found += anomalies(connection, now)
    return found + [problem for problem in audit.verify(path).problems if problem not in found]


def anomalies(connection: Connection, now: datetime) -> list[str]:
    """What the tables hold that nothing here ever writes, and clocks that ran backwards, in words."""
    found: list[str] = []
    for words, condition in _ANOMALIES:
        sql = f"select plan, key, revision from calls where {condition}"  # noqa: S608 - from the table above
        found += [f"{row['plan']}/{row['key']}@{row['revision']} {words}" for row in connection.execute(sql)]
    return found + _clocks(connection, now) + _digests(connection)


def _clocks(connection: Connection, now: datetime) -> list[str]:
    ahead = format_instant(now + _SKEW)
    late = connection.execute("select * from attempts where intended_at > ? order by number", (ahead,)).fetchall()
    turned = connection.execute(
        "select * from attempts where rtrim(finished_at, 'Z') < rtrim(intended_at, 'Z') order by number"
    ).fetchall()
    found = [f"attempt {row['number']} is dated ahead of the clock: {row['intended_at']}" for row in late]
    return found + [f"attempt {row['number']} ended before it began: was the clock set back?" for row in turned]


def _digests(connection: Connection) -> list[str]:
    entries = (to_entry(row) for row in connection.execute(_CLEAR))
    return [
        f"{entry.address}: its digest is not that of its call"
        for entry in entries
        if identity.digest(entry.call) != entry.digest and not is_partial(entry.call)
    ]
