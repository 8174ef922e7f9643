"""The statements of ``projection.py``, in SQL that SQLite and PostgreSQL both understand."""

from __future__ import annotations

from functools import cache

from reconciler.domain.blinding import REDACTED

_NUMBERED = frozenset({"attempts", "decisions", "renames", "applied_commits"})
_WHERE = "plan = ? and key = ? and revision = ?"
END_RUN = "update runs set finished_at = ?, exit_code = ?, counts = ? where id = ?"

OPEN_CALL = """
insert into calls (plan, key, revision, status, digest, call, endpoint, attempted_at, rings_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (plan, key, revision) do update set
    status = excluded.status, digest = excluded.digest, call = excluded.call, endpoint = excluded.endpoint,
    attempted_at = excluded.attempted_at, rings_at = excluded.rings_at,
    call_id = null, error = null, stopped_at = null, let_ring_at = null, redacted_at = null
"""
OPEN_ATTEMPT = """
insert into attempts (number, run_id, plan, key, revision, status, digest, endpoint, intended_at, finished_at)
values ((select coalesce(max(number), 0) + 1 from attempts), ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
CLOSE_ATTEMPT = """
update attempts set status = ?, finished_at = ?, call_id = ?, error = ?, evidence = ?
where run_id = ? and status = 'intended' and plan = ? and key = ? and revision = ?
"""
CLOSE_CALL = "update calls set status = ?, call_id = ?, error = ? where plan = ? and key = ? and revision = ?"
END_MISSED = "update calls set rings_at = ? where rings_at > ? and plan = ? and key = ? and revision = ?"
STOP_CALL = "update calls set stopped_at = ? where plan = ? and key = ? and revision = ?"
LET_RING = "update calls set let_ring_at = ? where plan = ? and key = ? and revision = ?"
COUNT_REJECTION = """
update calls set
    rejections = case when rejected_digest = digest then rejections + 1 else 1 end,
    rejected_digest = digest
where plan = ? and key = ? and revision = ?
"""
SETTLE_ATTEMPT = """
update attempts set status = ?, call_id = ?, evidence = ?, finished_at = coalesce(finished_at, ?)
where number = (select max(number) from attempts where plan = ? and key = ? and revision = ?)
"""
REDACT_TEXTS = (
    f"update attempts set error = null, evidence = null where {_WHERE}",  # noqa: S608 - from above
    f"update decisions set reason = '{REDACTED}' where {_WHERE}",  # noqa: S608 - from above
    f"update cleared set reason = '{REDACTED}' where {_WHERE}",  # noqa: S608 - from above
)
REDACT_CALL = f"update calls set call = coalesce(?, digest), error = null, redacted_at = ? where {_WHERE}"  # noqa: S608 - from above


@cache
def insert(table: str, columns: tuple[str, ...], replaced: tuple[str, ...] = ()) -> str:
    """Add a row; numbered tables give it the next number. ``replaced`` are key columns: a row with the same key is
    replaced.
    """
    names, places = list(columns), ["?"] * len(columns)
    if table in _NUMBERED and "number" not in columns:
        names.insert(0, "number")
        places.insert(0, f"(select coalesce(max(number), 0) + 1 from {table})")  # noqa: S608 - from the table above
    statement = f"insert into {table} ({', '.join(names)}) values ({', '.join(places)})"  # noqa: S608 - our own names
    if not replaced:
        return statement
    new = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in replaced)
    return f"{statement} on conflict ({', '.join(replaced)}) do update set {new}"


@cache
def delete(table: str, columns: tuple[str, ...]) -> str:
    return f"delete from {table} where {' and '.join(f'{name} = ?' for name in columns)}"  # noqa: S608 - our own names


def move(table: str) -> str:
    """Give the rows of an address another plan and key."""
    return f"update {table} set plan = ?, key = ? where {_WHERE}"  # noqa: S608 - our own names


def delete_before_move(table: str) -> str:
    """Delete the row of an address if the row of another address is about to be moved there."""
    moved = "moved.plan = ? and moved.key = ? and moved.revision = ?"
    return f"delete from {table} where {_WHERE} and exists (select 1 from {table} moved where {moved})"  # noqa: S608
