"""Several runners place one plan: they claim rows in batches, and the claims of dead runners are released.

While a row is being claimed, others skip it. This does not protect against placing a call twice: ``Store.intend``
does, which refuses what another runner has sent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from reconciler.domain.claims import Claim, JointProgress, Runner, SharedRow
from reconciler.domain.events import Event, EventKind
from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Intent, Result, Run, Seen
from reconciler.errors import StateLocked
from reconciler.state import rules
from reconciler.state.postgres import advisory
from reconciler.state.postgres.session import PostgresSession
from reconciler.state.records import address_values, to_address, to_run
from reconciler.state.session import Connection, Row
from reconciler.state.store import Store

_TIMEOUT = 60.0  # seconds to wait for writes of other runners
_BURST_SECONDS = 0.1  # at most this much of the rate for one claim
_SENT = "sent"
_WHERE = "plan = ? and key = ? and revision = ?"
_LIVE_RUNS = f"select * from runs where finished_at is null and {advisory.ALIVE}"  # noqa: S608 - our own words
_CLAIM = """
with free as (
    select position from claims where run_id is null and outcome is null
    order by position limit ? for update skip locked
)
update claims c set run_id = ? from free where c.position = free.position
returning c.position, c.plan, c.key, c.revision
"""
_FREE_OF_DEAD = f"""
with had as (select distinct run_id as id from claims where run_id is not null and outcome is null),
     dead as materialized (select id from had where not ({advisory.ALIVE})),
     freed as (
         select position from claims where outcome is null and run_id in (select id from dead)
         for update skip locked
     )
update claims c set run_id = null from freed where c.position = freed.position
"""  # noqa: S608 - our own words
_RESERVE = """
update joint j set next_at = greatest(j.next_at, c.now) + ? * j.step
from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now) c
returning greatest(0, j.next_at - ? * j.step - c.now) as wait, j.step as step
"""
_IN_PROGRESS = f"""
select l.plan, l.key, l.revision from claims l join calls c using (plan, key, revision)
where l.outcome = '{_SENT}' and c.status = 'intended' and l.run_id <> ?
  and l.run_id in (select id from ({_LIVE_RUNS}) living)
"""  # noqa: S608 - our own words
_ORPHANS = f"""
select plan, key, revision from calls where status in ('intended', 'uncertain') except ({_IN_PROGRESS})
"""  # noqa: S608 - our own words
_STANDING = f"""
select count(*) as total, count(*) filter (where outcome is null) as unsent,
       (select count(*) from ({_IN_PROGRESS}) flying) as flying
from claims
"""  # noqa: S608 - our own words
_RUNNERS = f"""
select r.*, coalesce(l.claimed, 0) as claimed, coalesce(a.flying, 0) as flying, coalesce(a.placed, 0) as placed,
       coalesce(a.failed, 0) as failed, coalesce(a.uncertain, 0) as uncertain
from ({_LIVE_RUNS}) r
left join (
    select run_id, count(*) as claimed from claims where outcome is null group by run_id
) l on l.run_id = r.id
left join (
    select run_id, count(*) filter (where status = 'intended') as flying,
           count(*) filter (where status in ('placed', 'adopted')) as placed,
           count(*) filter (where status = 'failed') as failed,
           count(*) filter (where status = 'uncertain') as uncertain
    from attempts group by run_id
) a on a.run_id = r.id
order by r.rowid
"""  # noqa: S608 - our own words


def live_runs(connection: Connection) -> list[Run]:
    """The runs that share the lock, in the order in which they began."""
    return [to_run(row) for row in connection.execute(f"{_LIVE_RUNS} order by rowid").fetchall()]


def runners(connection: Connection) -> list[Runner]:
    """The same, with their progress."""
    counts = ("claimed", "flying", "placed", "failed", "uncertain")
    return [
        Runner(to_run(row), **{name: row[name] for name in counts})
        for row in connection.execute(_RUNNERS).fetchall()
    ]


class PostgresJointStore(Store):
    """Implements ``JointStore`` for the runner with this ``run``."""

    def __init__(self, session: PostgresSession, run: Run) -> None:
        super().__init__(session)
        self._run_id = run.id
        self._raw = session.connection.raw
        self._statements = session.connection
        lineage = self.lineage
        self._opening = advisory.scope_of(lineage, "reconciler opening ")
        self._joint = advisory.scope_of(lineage, "reconciler joint ")
        self._alone: advisory.Key | None = None
        self._step = 0

    def _begin_run(self, run: Run) -> None:
        """Only runners of the same plan share the lock."""
        for other in live_runs(self._connection):
            if other.plan_id != run.plan_id:
                raise StateLocked(
                    f"the state is locked by runners of another plan ({other.plan_id}): host {other.host}, "
                    f"pid {other.pid}",
                    hint="wait until they have ended; reconciler state lock shows them",
                )
        super()._begin_run(run)

    def _open(self, run_id: str, intent: Intent, status: Status, at: datetime) -> None:
        super()._open(run_id, intent, status, at)
        sql = f"update claims set outcome = '{_SENT}', run_id = ? where {_WHERE}"  # noqa: S608 - our own words
        self._connection.execute(sql, (run_id, *address_values(intent.address)))

    def _close(self, run_id: str, result: Result) -> None:
        super()._close(run_id, result)
        if result.status is Status.RULED_OUT:
            sql = f"update claims set outcome = null, run_id = null where {_WHERE}"  # noqa: S608 - our own words
            self._connection.execute(sql, address_values(result.address))

    def alone(self) -> bool:
        key = advisory.Key(self._opening, advisory.random_number())
        with self._session.translated():
            self._alone = key if advisory.take(self._statements, key) else None
        return self._alone is not None

    def not_alone(self) -> None:
        if self._alone is not None:
            with self._session.translated():
                advisory.release(self._raw, self._alone)

    @property
    def begun(self) -> bool:
        with self._session.translated():
            return advisory.is_held(self._statements, self._joint)

    def open(self, wanted: Sequence[Address], ended: Sequence[Event], rate: float | None) -> None:
        rows: list[tuple[Address, str | None]] = [(address, None) for address in wanted]
        rows += [(event.address, json.dumps(event.to_json())) for event in ended]
        with self._session.writing():
            self._connection.execute("delete from claims")
            self._connection.execute("delete from joint")
            self._connection.executemany(
                "insert into claims (position, plan, key, revision, outcome) values (?, ?, ?, ?, ?)",
                [
                    (position, *address_values(address), outcome)
                    for position, (address, outcome) in enumerate(rows)
                ],
            )
            self._connection.execute(
                "insert into joint (id, opened_by, step, next_at) values (1, ?, 0, 0)", (self._run_id,)
            )
        self.enter(rate)

    def enter(self, rate: float | None) -> Seen:
        self._step = 0 if rate is None else round(1_000_000 / rate)
        with self._session.writing():
            self._connection.execute("update joint set step = greatest(step, ?)", (self._step,))
            row = self._connection.execute("select opened_by, step from joint").fetchone()
        self._step = 0 if row is None else row["step"]
        with self._session.translated():
            key = advisory.Key(self._joint, advisory.random_number())
            if not advisory.take(self._statements, key, shared=True, timeout=_TIMEOUT):
                raise rules.locked(None)
        return Seen() if row is None else self.seen(row["opened_by"])

    def claim(self, count: int) -> Claim:
        if self._step:
            count = min(count, max(1, round(_BURST_SECONDS * 1_000_000 / self._step)))
        with self._session.translated(), self._statements.transaction():
            self._statements.use_schema(self._statements.schema or "")
            self._raw.execute(
                b"select set_config('synchronous_commit', 'off', true)"
            )  # claims are not needed after a crash
            rows = self._claimed(count)
            if len(rows) < count:
                self._connection.execute(_FREE_OF_DEAD)
                rows += self._claimed(count - len(rows))
            wait = self._reserved(len(rows)) if rows and self._step else 0.0
        return Claim([to_address(row) for row in sorted(rows, key=lambda row: int(row["position"]))], wait)

    def _claimed(self, count: int) -> list[Row]:
        return list(self._connection.execute(_CLAIM, (count, self._run_id)).fetchall())

    def _reserved(self, count: int) -> float:
        """Reserve the next ``count`` sending times of all runners; return the seconds until the first."""
        row = self._connection.execute(_RESERVE, (count, count)).fetchone()
        if row is None:
            return 0.0
        self._step = row["step"]  # another runner may have a lower rate
        return float(row["wait"] / 1_000_000)

    def drop(self, events: Sequence[Event]) -> None:
        sql = f"update claims set outcome = ? where {_WHERE} and outcome is null"  # noqa: S608 - our own words
        with self._session.writing():
            for event in events:
                self._connection.execute(sql, (json.dumps(event.to_json()), *address_values(event.address)))

    def standing(self) -> JointProgress:
        [row] = self._all(_STANDING, (self._run_id,))
        return JointProgress(row["total"], row["unsent"], row["flying"])

    def lots(self) -> Sequence[SharedRow]:
        rows = self._all("select plan, key, revision, outcome from claims order by position", ())
        return [_shared_row(to_address(row), row["outcome"]) for row in rows]

    def orphans(self) -> frozenset[Address]:
        return frozenset(to_address(row) for row in self._all(_ORPHANS, (self._run_id,)))


def _shared_row(address: Address, outcome: str | None) -> SharedRow:
    if outcome is None or outcome == _SENT:
        return SharedRow(address, sent=outcome is not None)
    event = json.loads(outcome)
    reasons = tuple(event.get("reasons", ()))
    return SharedRow(
        address,
        event=Event(EventKind(event["type"]), address, event.get("call_id"), event.get("message"), reasons),
    )
