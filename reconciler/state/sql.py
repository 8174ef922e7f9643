"""The statements of ``store.py``, in SQL that SQLite and PostgreSQL both understand."""

from __future__ import annotations

OPEN_CALL = """
insert into calls (plan, key, revision, status, digest, call, endpoint, attempted_at, rings_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (plan, key, revision) do update set
    status = excluded.status, digest = excluded.digest, call = excluded.call, endpoint = excluded.endpoint,
    attempted_at = excluded.attempted_at, rings_at = excluded.rings_at,
    call_id = null, error = null, stopped_at = null, let_ring_at = null, redacted_at = null
"""
CLOSE_ATTEMPT = """
update attempts set status = ?, finished_at = ?, call_id = ?, error = ?, evidence = ?
where run_id = ? and status = 'intended' and plan = ? and key = ? and revision = ?
"""
CLOSE_CALL = "update calls set status = ?, call_id = ?, error = ? where plan = ? and key = ? and revision = ?"
END_MISSED = "update calls set rings_at = ? where rings_at > ? and plan = ? and key = ? and revision = ?"
MOVE_CALL = "update calls set plan = ?, key = ? where plan = ? and key = ? and revision = ?"
MOVE_ATTEMPTS = "update attempts set plan = ?, key = ? where plan = ? and key = ? and revision = ?"
MOVE_DECISIONS = "update decisions set plan = ?, key = ? where plan = ? and key = ? and revision = ?"
MOVE_CLEARED = "update cleared set plan = ?, key = ? where plan = ? and key = ? and revision = ?"
MOVES = (MOVE_CALL, MOVE_ATTEMPTS, MOVE_DECISIONS, MOVE_CLEARED)
GIVE_WAY = """
delete from cleared where plan = ? and key = ? and exists (
    select 1 from cleared moved where moved.plan = ? and moved.key = ? and moved.revision = ?
) and revision = ?
"""
CLEAR = """
insert into cleared (plan, key, revision, run_id, reason, at) values (?, ?, ?, ?, ?, ?)
on conflict (plan, key, revision) do update set
    run_id = excluded.run_id, reason = excluded.reason, at = excluded.at
"""
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
