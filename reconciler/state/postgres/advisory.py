"""One writer at a time on PostgreSQL: a lock of the session, which dies with it and never before.

Where a pooler hands one session to several clients, such a lock proves nothing: each session is marked as its
client's own, and every write asks again, in its own transaction, whether the session is still the marked one and
holds the lock.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg import errors

from reconciler.errors import StateError, StateLocked
from reconciler.state.postgres.statements import Raw, path_to, quoted

_MARK = "reconciler.session"
_HELD = """exists (
    select 1 from pg_catalog.pg_locks l join pg_catalog.pg_database d on d.oid = l.database
    where l.locktype = 'advisory' and l.granted and d.datname = current_database()
      and l.classid::bigint = %(high)s and l.objid::bigint = %(low)s and l.objsubid = 1 {whose}
)"""
_BY_ANYBODY = f"select {_HELD.format(whose='')} as held"
_BY_ME = f"""
select set_config('search_path', %(path)s, true),
       pg_backend_pid() = %(pid)s and current_setting('{_MARK}', true) = %(mark)s
       and {_HELD.format(whose="and l.pid = pg_backend_pid()")} as held
from {{schema}}.meta for update
"""  # noqa: S608 - from above


@dataclass(frozen=True, slots=True)
class Held:
    """A lock, by the one session that may write: ``pid`` is the server's process, ``mark`` is ours alone."""

    key: int
    pid: int
    mark: str

    def check(self, raw: Raw, schema: str) -> None:
        """Begin a transaction's work: whether its session holds the lock, and nobody else is writing.

        Raises:
            StateError: it does not; nothing may be written.
        """
        values = {"path": path_to(schema), "pid": self.pid, "mark": self.mark, **_halves(self.key)}
        row = raw.execute(_BY_ME.format(schema=quoted(schema)).encode(), values).fetchone()
        if row is None:
            raise StateError("the state is damaged: it does not say which state it is")
        if not row["held"]:
            raise StateError(
                "this session does not hold the state's lock any more: nothing more is written", hint=_POOLER
            )


_POOLER = "connect to the server itself, or through a pooler in session mode only (pgbouncer: pool_mode=session)"


def key_of(lineage: str) -> int:
    """The number that stands for a state's lock, of 64 bits with a sign."""
    return int.from_bytes(hashlib.sha256(f"reconciler lock {lineage}".encode()).digest()[:8], signed=True)


def is_held(raw: Raw, lineage: str) -> bool:
    """Whether anybody holds the lock."""
    row = raw.execute(_BY_ANYBODY.encode(), _halves(key_of(lineage))).fetchone()
    return row is not None and bool(row["held"])


@contextmanager
def locked(raw: Raw, lineage: str, timeout: float, holder: Callable[[], str | None]) -> Iterator[Held]:
    """Hold the lock of a state; wait ``timeout`` seconds for it.

    Raises:
        StateLocked: another run holds it; ``holder`` tells who.
        StateError: the session is shared with other clients.
    """
    held = Held(key_of(lineage), raw.info.backend_pid, str(uuid.uuid4()))
    row = raw.execute(f"select current_setting('{_MARK}', true) as mark".encode()).fetchone()
    if row is None or row["mark"]:
        raise StateError("a pooler shares this session with other clients, and its lock would too", hint=_POOLER)
    raw.execute(f"select set_config('{_MARK}', %s, false)".encode(), (held.mark,))
    if not _taken(raw, held.key, timeout):
        raise StateLocked(
            f"the state is locked by {holder() or 'another run'}",
            hint="wait for it, or pass --lock-timeout; the lock is gone as soon as that process is",
        )
    try:
        yield held
    finally:
        with suppress(psycopg.Error):  # where the session is gone, so is its lock
            raw.execute("select pg_advisory_unlock(%s)", (held.key,))


def _taken(raw: Raw, key: int, timeout: float) -> bool:
    if timeout <= 0:
        row = raw.execute("select pg_try_advisory_lock(%s) as taken", (key,)).fetchone()
        return row is not None and bool(row["taken"])
    with raw.transaction():
        raw.execute("select set_config('lock_timeout', %s, true)", (f"{max(1, round(timeout * 1000))}ms",))
        try:
            with raw.transaction():
                raw.execute("select pg_advisory_lock(%s)", (key,))
        except errors.LockNotAvailable:
            return False
    return True


def _halves(key: int) -> dict[str, int]:
    """A key as ``pg_locks`` has it."""
    return {"high": key >> 32 & 0xFFFFFFFF, "low": key & 0xFFFFFFFF}
