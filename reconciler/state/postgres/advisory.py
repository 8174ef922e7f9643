"""Locks of a state in PostgreSQL: advisory locks of a session, released when the session ends and never earlier.

Any role that can connect can take any advisory lock, and see all of them in ``pg_locks``. So a lock counts only if
its session's role can write the state, and nobody else can take its key in advance:

* The first half of the key is the *scope*, a hash of the lineage and of what is locked. The second half is a
  *number* that the holder chooses: a hash of the run's id, before anybody else knows it, or a random number.
* It is taken in a transaction that holds the row of ``meta`` (``select ... for update`` needs a role that can
  update it), and only if no other session holds a conflicting lock of that scope that counts.
* The server says who holds a lock (``pg_locks.pid``, ``pg_stat_activity.usesysid``), not a row. So a role that can
  only read can neither hold a lock that counts, nor make the lock of a dead holder look alive.

The row is released at once, so that no transaction is open while calls are placed. A lock on a table for the whole
run would need a second session that is idle in a transaction, which many servers are configured to end.

One run holds an exclusive lock, or several share the lock. Each of those has a lock of its own, which shows the
others that it is alive.

If a pooler shares one session among several clients, such a lock proves nothing. So each session is marked by its
client, and every write checks in its own transaction that the session still has this mark and holds the lock. The
proof before each request checks the same.
"""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg import errors

from reconciler.errors import StateError
from reconciler.state import rules
from reconciler.state.postgres.statements import Raw, Statements, path_to, quoted

_MARK = "reconciler.session"
_POLL = 0.1  # seconds
_ROW_TIMEOUT = 5.0  # seconds to wait for the row of ``meta`` at least; others hold it during a write
_NAMES = {"lock": "reconciler lock ", "run": "reconciler run "}
# The locks that count. If the server does not say which role a session has, its lock counts.
_HELD = """
select l.classid::bigint as scope, l.objid::bigint as number, l.pid, l.mode from pg_catalog.pg_locks l
join pg_catalog.pg_database d on d.oid = l.database and d.datname = current_database()
left join pg_catalog.pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.objsubid = 2
  and (a.usesysid is null or has_table_privilege(a.usesysid, {meta}, 'update'))
"""
_HELD_HERE = _HELD.format(meta="'meta'")  # if the state's schema is in the search path
_IN_SCOPE = f"select 1 as there from ({_HELD_HERE}) held where scope = ?"  # noqa: S608 - our own words
_BY_ME = f"""
select set_config('search_path', %(path)s, true),
       pg_backend_pid() = %(pid)s and current_setting('{_MARK}', true) = %(mark)s and (%(unlocked)s or exists (
           select 1 from ({_HELD.format(meta="%(meta)s")}) held
           where scope = %(scope)s and number = %(number)s and pid = pg_backend_pid()
       )) as held
from {{schema}}.meta
"""  # noqa: S608 - our own words
_HASH = "('x' || encode(substr(sha256(convert_to('{name}' || {text}, 'UTF8')), 1, 4), 'hex'))::bit(32)::bigint"
ALIVE = f"""
{_HASH.format(name=_NAMES["run"], text="id")} in (
    select number from ({_HELD_HERE}) held
    where mode = 'ShareLock' and scope = (select {_HASH.format(name=_NAMES["lock"], text="lineage")} from meta)
)
"""  # noqa: S608 - whether the run ``id``, one of several, is alive: the same numbers as below


@dataclass(frozen=True, slots=True)
class Key:
    """The key of a lock: what is locked, and the number that its holder chose; both are unsigned 32-bit
    numbers."""

    scope: int
    number: int

    @property
    def signed(self) -> tuple[int, int]:
        """As arguments of PostgreSQL's functions."""
        return (_signed(self.scope), _signed(self.number))


@dataclass(frozen=True, slots=True)
class Held:
    """A lock and the session that holds it: ``pid`` is the server's process, ``mark`` a random text of this
    client.

    ``key`` is None for a session that writes without a lock (``unlocked``).
    """

    key: Key | None
    pid: int
    mark: str

    def check(self, raw: Raw, schema: str, *, writing: bool = True) -> None:
        """Check at the start of a transaction that its session still holds the lock. If ``writing``, also keep all
        others from writing until it ends.

        Raises:
            StateError: the lock is lost; nothing may be written or sent.
        """
        values = {
            "path": path_to(schema),
            "meta": f"{quoted(schema)}.meta",
            "pid": self.pid,
            "mark": self.mark,
            "unlocked": self.key is None,
            "scope": 0 if self.key is None else self.key.scope,
            "number": 0 if self.key is None else self.key.number,
        }
        sql = _BY_ME.format(schema=quoted(schema)) + (" for update" if writing else "")
        row = raw.execute(sql.encode(), values).fetchone()
        if row is None:
            raise StateError("the state is damaged: its identity (table meta) is missing")
        if not row["held"]:
            raise StateError(
                "this session no longer holds the state's lock: nothing more is written or sent",
                hint=_POOLER,
            )


_POOLER = "connect to the server directly, or through a pooler in session mode (pgbouncer: pool_mode=session)"


def scope_of(lineage: str, what: str = _NAMES["lock"]) -> int:
    """The scope of a lock of a state."""
    return _hash(f"{what}{lineage}")


def run_number(run_id: str) -> int:
    """The number of a run."""
    return _hash(f"{_NAMES['run']}{run_id}")


def random_number() -> int:
    return secrets.randbits(32)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def _signed(number: int) -> int:
    return number - 2**32 if number >= 2**31 else number


def is_held(statements: Statements, scope: int) -> bool:
    """Whether any role that can write the state holds a lock of this scope."""
    return statements.execute(_IN_SCOPE, (scope,)).fetchone() is not None


def take(statements: Statements, key: Key, *, shared: bool = False, timeout: float = _ROW_TIMEOUT) -> bool:
    """Take a lock for this session; False if another session holds a conflicting one.

    ``timeout`` is how many seconds to wait for the transaction of another writer to end.

    Raises:
        StateError: the role of this session's login cannot write the state.
    """
    suffix = "_shared" if shared else ""
    others = f"{_IN_SCOPE} and pid <> pg_backend_pid()" + (" and mode = 'ExclusiveLock'" if shared else "")
    mine = f"{_IN_SCOPE} and pid = pg_backend_pid() and number = ?"
    try:
        with statements.transaction():
            statements.use_schema(statements.schema or "")
            wait = f"{round(max(timeout, _ROW_TIMEOUT) * 1000)}ms"
            statements.execute("select set_config('lock_timeout', ?, true)", (wait,))
            statements.execute("select id from meta for update").fetchall()
            if statements.execute(others, (key.scope,)).fetchone():
                return False
            row = statements.execute(f"select pg_try_advisory_lock{suffix}(?, ?) as taken", key.signed).fetchone()
            if row is None or not row["taken"]:
                return False
            if statements.execute(mine, (key.scope, key.number)).fetchone() is None:
                raise StateError("the login role itself cannot write the state", hint=_LOGIN)
    except errors.LockNotAvailable:
        return False
    return True


_LOGIN = (
    "a lock counts only if the login role itself can update the state's tables: grant that, or use another login"
)


def release(raw: Raw, key: Key) -> None:
    """Release an exclusive lock."""
    raw.execute("select pg_advisory_unlock(%s, %s)", key.signed)


@contextmanager
def locked(
    statements: Statements,
    lineage: str,
    run_id: str,
    timeout: float,
    holder: Callable[[], str | None],
    *,
    shared: bool = False,
) -> Iterator[Held]:
    """Hold the lock of a state for a run; wait ``timeout`` seconds for it.

    Several runs can hold it ``shared``; each counts as alive while its session lasts.

    Raises:
        StateLocked: another run holds it; ``holder`` describes it.
        StateError: the session is shared with other clients, or its role cannot write the state.
    """
    raw, mark = statements.raw, _mark(statements.raw)
    key = Key(scope_of(lineage), run_number(run_id))
    give_up_at = time.monotonic() + timeout
    try:
        while not take(statements, key, shared=shared, timeout=timeout):
            if time.monotonic() >= give_up_at:
                raise rules.locked(holder())
            time.sleep(_POLL)
        yield Held(key, raw.info.backend_pid, mark)
    finally:
        with suppress(psycopg.Error):  # if the session has ended, so have its locks
            raw.execute("select pg_advisory_unlock_all()")


def unlocked(raw: Raw) -> Held:
    """No lock. The check of each write still keeps other writers out until the transaction ends.

    Raises:
        StateError: the session is shared with other clients.
    """
    return Held(None, raw.info.backend_pid, _mark(raw))


def _mark(raw: Raw) -> str:
    """Mark the session as this client's."""
    mark = str(uuid.uuid4())
    row = raw.execute(f"select current_setting('{_MARK}', true) as mark".encode()).fetchone()
    if row is None or row["mark"]:
        raise StateError(
            "a pooler shares this session with other clients, so its lock would be shared too", hint=_POOLER
        )
    raw.execute(f"select set_config('{_MARK}', %s, false)".encode(), (mark,))
    return mark
