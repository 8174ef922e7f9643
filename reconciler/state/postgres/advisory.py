"""Who may write on PostgreSQL: advisory locks of the session, which die with it and never before.

Anybody who can connect can take any advisory lock, and everybody sees in ``pg_locks`` which there are. So a lock
counts only where its session's role may write the state, and no lock has a key that somebody could take first:

* its first half is the *scope*, a hash of what is locked and of the lineage, its second half a *number* that
  the holder makes up: a hash of the run's id before anybody knows that, or a random one;
* it is taken in a transaction that holds the row of ``meta`` (``select ... for update`` takes a role that may
  update it), and only where no other session holds a lock of that scope that counts and is in conflict with it;
* who holds a lock is told by the server (``pg_locks.pid``, ``pg_stat_activity.usesysid``), never by a row: a role
  that may only read can neither hold a lock that counts, nor make one look alive whose holder is gone.

The row is given back at once, so that no transaction is held while calls are placed: to lock a table for as long
as a run lasts would need a second session, idle in a transaction, which servers are often set up to end.

One run writes alone (an exclusive lock), or several share the lock, each with one of its own by which the others
know that it lives.

Where a pooler hands one session to several clients, such a lock proves nothing: each session is marked as its
client's own, and every write asks again, in its own transaction, whether the session is still the marked one and
holds the lock. So does every proof before a request is sent.
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
_ROW_PATIENCE = (
    5.0  # seconds to wait for the row of ``meta`` at least: others hold it for as long as a write takes
)
_NAMES = {"lock": "reconciler lock ", "run": "reconciler run "}
# The locks that count. Where the server does not say whose a session is, it counts.
_HELD = """
select l.classid::bigint as scope, l.objid::bigint as number, l.pid, l.mode from pg_catalog.pg_locks l
join pg_catalog.pg_database d on d.oid = l.database and d.datname = current_database()
left join pg_catalog.pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.objsubid = 2
  and (a.usesysid is null or has_table_privilege(a.usesysid, {meta}, 'update'))
"""
_HELD_HERE = _HELD.format(meta="'meta'")  # where the state's schema is looked in
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
    """A lock: what is locked, and the number that its holder made up; both have 32 bits and no sign."""

    scope: int
    number: int

    @property
    def signed(self) -> tuple[int, int]:
        """As PostgreSQL's functions take it."""
        return (_signed(self.scope), _signed(self.number))


@dataclass(frozen=True, slots=True)
class Held:
    """A lock, by the one session that may write: ``pid`` is the server's process, ``mark`` is ours alone.

    ``key`` is None for a session that writes without a lock (see ``unlocked``).
    """

    key: Key | None
    pid: int
    mark: str

    def check(self, raw: Raw, schema: str, *, writing: bool = True) -> None:
        """Begin a transaction's work: whether its session holds its lock, and, ``writing``, nobody else writes.

        Raises:
            StateError: it does not; nothing may be written or sent.
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
            raise StateError("the state is damaged: it does not say which state it is")
        if not row["held"]:
            raise StateError(
                "this session does not hold the state's lock any more: nothing more is written or sent",
                hint=_POOLER,
            )


_POOLER = "connect to the server itself, or through a pooler in session mode only (pgbouncer: pool_mode=session)"


def scope_of(lineage: str, what: str = _NAMES["lock"]) -> int:
    """The number that stands for what is locked of a state."""
    return _hash(f"{what}{lineage}")


def run_number(run_id: str) -> int:
    """The number that a run makes up."""
    return _hash(f"{_NAMES['run']}{run_id}")


def random_number() -> int:
    return secrets.randbits(32)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def _signed(number: int) -> int:
    return number - 2**32 if number >= 2**31 else number


def is_held(statements: Statements, scope: int) -> bool:
    """Whether anybody who may write the state holds a lock of this scope."""
    return statements.execute(_IN_SCOPE, (scope,)).fetchone() is not None


def take(statements: Statements, key: Key, *, shared: bool = False, patience: float = _ROW_PATIENCE) -> bool:
    """Take a lock for this session; False where another one holds one that is in conflict with it.

    ``patience`` is how many seconds to wait for a transaction of another writer to end.

    Raises:
        StateError: the role that this session logged in with may not write the state.
    """
    suffix = "_shared" if shared else ""
    others = f"{_IN_SCOPE} and pid <> pg_backend_pid()" + (" and mode = 'ExclusiveLock'" if shared else "")
    mine = f"{_IN_SCOPE} and pid = pg_backend_pid() and number = ?"
    try:
        with statements.transaction():
            statements.look_in(statements.schema or "")
            wait = f"{round(max(patience, _ROW_PATIENCE) * 1000)}ms"
            statements.execute("select set_config('lock_timeout', ?, true)", (wait,))
            statements.execute("select id from meta for update").fetchall()
            if statements.execute(others, (key.scope,)).fetchone():
                return False
            row = statements.execute(f"select pg_try_advisory_lock{suffix}(?, ?) as taken", key.signed).fetchone()
            if row is None or not row["taken"]:
                return False
            if statements.execute(mine, (key.scope, key.number)).fetchone() is None:
                raise StateError("the role that logs in has no right of its own to write the state", hint=_LOGIN)
    except errors.LockNotAvailable:
        return False
    return True


_LOGIN = (
    "a lock counts only where that role itself may update the state's tables: grant it, or log in as one that may"
)


def release(raw: Raw, key: Key) -> None:
    """Give back an exclusive lock."""
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

    Runs that take it ``shared`` hold it together, and each is alive while its session is.

    Raises:
        StateLocked: another run holds it; ``holder`` tells who.
        StateError: the session is shared with other clients, or its role may not write the state.
    """
    raw, mark = statements.raw, _mark(statements.raw)
    key = Key(scope_of(lineage), run_number(run_id))
    give_up_at = time.monotonic() + timeout
    try:
        while not take(statements, key, shared=shared, patience=timeout):
            if time.monotonic() >= give_up_at:
                raise rules.locked(holder())
            time.sleep(_POLL)
        yield Held(key, raw.info.backend_pid, mark)
    finally:
        with suppress(psycopg.Error):  # where the session is gone, so are its locks
            raw.execute("select pg_advisory_unlock_all()")


def unlocked(raw: Raw) -> Held:
    """No lock at all: its check still keeps other writers out until the transaction ends.

    Raises:
        StateError: the session is shared with other clients.
    """
    return Held(None, raw.info.backend_pid, _mark(raw))


def _mark(raw: Raw) -> str:
    """Mark a session as this client's own."""
    mark = str(uuid.uuid4())
    row = raw.execute(f"select current_setting('{_MARK}', true) as mark".encode()).fetchone()
    if row is None or row["mark"]:
        raise StateError("a pooler shares this session with other clients, and its lock would too", hint=_POOLER)
    raw.execute(f"select set_config('{_MARK}', %s, false)".encode(), (mark,))
    return mark
