"""The tables of what a state keeps besides calls, read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from reconciler.domain.facts import AppliedCommit, Conflict, Pause, RowApproval, ServiceFact, Verdict
from reconciler.domain.model import Address
from reconciler.domain.ports import Run
from reconciler.domain.times import parse_instant
from reconciler.errors import StateError
from reconciler.state.records import intact, to_address, to_run
from reconciler.state.session import Connection, Row, Value

ADDRESS = ("plan", "key", "revision")
KEYS: Mapping[str, tuple[str, ...]] = {
    "pauses": ("plan",),
    "conflicts": ADDRESS,
    "approved_rows": ADDRESS,
    "applied_commits": ("number",),
    "service_facts": ("service", "name"),
    "to_stop": ADDRESS,
}
"""Each table and its primary key."""


class ConnectionFacts:
    """What ``facts.FactReader`` promises, over any connection. ``translated`` turns the database's own errors into
    ``StateError``."""

    def __init__(
        self, connection: Connection, translated: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self._connection = connection
        self._translated = translated

    def _all(self, sql: str, values: Sequence[Value] = ()) -> Sequence[Row]:
        with self._translated():
            return self._connection.execute(sql, values).fetchall()

    def pauses(self) -> Sequence[Pause]:
        rows = self._all("select * from pauses order by plan")
        return [to_pause(row, self._run_by_id(row["run_id"])) for row in rows]

    def _run_by_id(self, run_id: str) -> Run:
        rows = self._all("select * from runs where id = ?", (run_id,))
        if not rows:
            raise StateError(f"the state is damaged: run {run_id} is missing")
        return to_run(rows[0])

    def conflicts(self) -> Mapping[Address, Conflict]:
        return {item.address: item for item in map(to_conflict, self._all("select * from conflicts"))}

    def approved(self) -> Mapping[Address, RowApproval]:
        return {item.address: item for item in map(to_approval, self._all("select * from approved_rows"))}

    def applied_commits(self) -> Sequence[AppliedCommit]:
        rows = self._all("select * from applied_commits order by number desc")
        latest: dict[str, AppliedCommit] = {}
        for item in map(to_commit, rows):
            latest.setdefault(item.commit, item)
        return list(latest.values())

    def facts(self, service: str) -> Mapping[str, ServiceFact]:
        rows = self._all("select * from service_facts where service = ?", (service,))
        return {item.name: item for item in map(to_fact, rows)}

    def to_stop_known(self) -> frozenset[Address]:
        return frozenset(map(to_address, self._all("select * from to_stop")))


def to_pause(row: Row, run: Run) -> Pause:
    """One row of ``pauses``, of ``run``. This and the following raise ``StateError`` for a damaged row."""
    with intact(f"pause {row['plan']}"):
        at = parse_instant(row["at"])
    return Pause(row["plan"] or None, row["reason"], run.actor, run.host, at, run.id)


def to_conflict(row: Row) -> Conflict:
    address = to_address(row)
    with intact(f"conflict {address}"):
        call_ids, at = tuple(map(str, json.loads(row["call_ids"]))), parse_instant(row["at"])
    return Conflict(address, call_ids, row["target"], row["message"], at, row["run_id"])


def to_approval(row: Row) -> RowApproval:
    address = to_address(row)
    with intact(f"approval {address}"):
        at = parse_instant(row["at"])
    return RowApproval(address, row["content"], row["plan_id"], row["git_commit"], at, row["run_id"])


def to_commit(row: Row) -> AppliedCommit:
    with intact(f"applied commit {row['git_commit']}"):
        at = parse_instant(row["at"])
    return AppliedCommit(row["git_commit"], row["run_id"], at, row["reason"])


def to_fact(row: Row) -> ServiceFact:
    with intact(f"fact {row['name']} of {row['service']}"):
        verdict, evidence, at = Verdict(row["verdict"]), json.loads(row["evidence"]), parse_instant(row["at"])
        if not isinstance(evidence, dict):
            raise ValueError("its evidence is no object")
    return ServiceFact(row["service"], row["name"], verdict, evidence, at, row["run_id"])
