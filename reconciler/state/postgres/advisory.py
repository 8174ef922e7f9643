"""Who may write on PostgreSQL: locks of the session, which die with it and never before.

One run writes alone, or several share the lock, each with one of its own by which the others know that it lives.

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
_KEY = "((l.classid::bigint << 32) | l.objid::bigint)"
_LOCKS = f"""
select {_KEY} from pg_catalog.pg_locks l join pg_catalog.pg_database d on d.oid = l.database
where l.locktype = 'advisory' and l.granted and d.datname = current_database() and l.objsubid = 1
"""  # noqa: S608 - our own words
_BY_ANYBODY = f"select %(key)s in ({_LOCKS}) as held"
_BY_ME = f"""
select set_config('search_path', %(path)s, true),
       pg_backend_pid() = %(pid)s and current_setting('{_MARK}', true) = %(mark)s
       and %(keys)s::bigint[] <@ array({_LOCKS} and l.pid = pg_backend_pid()) as held
from {{schema}}.meta for update
"""  # noqa: S608 - from above
_RUN = "reconciler run "
ALIVE = f"""
('x' || encode(substr(sha256(convert_to('{_RUN}' || id, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint in ({_LOCKS})
"""  # whether the run ``id`` is alive: the same number as ``run_key`` makes


@dataclass(frozen=True, slots=True)
class Held:
    """Locks, by the one session that may write: ``pid`` is the server's process, ``mark`` is ours alone."""

    keys: tuple[int, ...]
    pid: int
    mark: str

    def check(self, raw: Raw, schema: str) -> None:
        """Begin a transaction's work: whether its session holds its locks, and nobody else is writing.

        Raises:
            StateError: it does not; nothing may be written.
        """
        values = {"path": path_to(schema), "pid": self.pid, "mark": self.mark, "keys": list(self.keys)}
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
    return number_of(f"reconciler lock {lineage}")


def run_key(run_id: str) -> int:
    """The number of the lock that a runner among several holds as long as it lives."""
    return number_of(f"{_RUN}{run_id}")


def number_of(text: str) -> int:
    """The number that stands for a lock, of 64 bits with a sign."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], signed=True)


def is_held(raw: Raw, key: int) -> bool:
    """Whether anybody holds a lock."""
    row = raw.execute(_BY_ANYBODY.encode(), {"key": key}).fetchone()
    return row is not None and bool(row["held"])


@contextmanager
def locked(
    raw: Raw, lineage: str, timeout: float, holder: Callable[[], str | None], runner: str | None = None
) -> Iterator[Held]:
    """Hold the lock of a state; wait ``timeout`` seconds for it.

    ``runner`` is the id of a run that shares it with others who give theirs, and is alive while the session is.

    Raises:
        StateLocked: another run holds it; ``holder`` tells who.
        StateError: the session is shared with other clients.
    """
    key, mark = key_of(lineage), str(uuid.uuid4())
    keys = (key,) if runner is None else (key, run_key(runner))
    row = raw.execute(f"select current_setting('{_MARK}', true) as mark".encode()).fetchone()
    if row is None or row["mark"]:
        raise StateError("a pooler shares this session with other clients, and its lock would too", hint=_POOLER)
    raw.execute(f"select set_config('{_MARK}', %s, false)".encode(), (mark,))
    if not _taken(raw, key, timeout, "" if runner is None else "_shared"):
        raise StateLocked(
            f"the state is locked by {holder() or 'another run'}",
            hint="wait for it, or pass --lock-timeout; the lock is gone as soon as that process is",
        )
    try:
        if runner is not None:
            raw.execute("select pg_advisory_lock(%s)", (run_key(runner),))
        yield Held(keys, raw.info.backend_pid, mark)
    finally:
        with suppress(psycopg.Error):  # where the session is gone, so are its locks
            raw.execute("select pg_advisory_unlock_all()")


def _taken(raw: Raw, key: int, timeout: float, shared: str) -> bool:
    if timeout <= 0:
        row = raw.execute(f"select pg_try_advisory_lock{shared}(%s) as taken".encode(), (key,)).fetchone()
        return row is not None and bool(row["taken"])
    with raw.transaction():
        raw.execute("select set_config('lock_timeout', %s, true)", (f"{max(1, round(timeout * 1000))}ms",))
        try:
            with raw.transaction():
                raw.execute(f"select pg_advisory_lock{shared}(%s)".encode(), (key,))
        except errors.LockNotAvailable:
            return False
    return True
