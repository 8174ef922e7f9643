"""Reads what a state stores besides calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from reconciler.domain.facts import AppliedCommit, Conflict, Pause, RowApproval, ServiceFact, Verdict
from reconciler.domain.ledger import EntryKind
from reconciler.domain.model import Address
from reconciler.domain.times import parse_instant
from reconciler.errors import StateError
from reconciler.state.records import intact, to_address, to_run
from reconciler.state.session import Connection, Row, Value


class ConnectionFacts:
    """Implements ``facts.FactReader`` on any connection. ``translated`` translates the database's own errors to
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
        return [self._pause(row) for row in self._all("select * from pauses order by plan")]

    def _pause(self, row: Row) -> Pause:
        runs = self._all("select * from runs where id = ?", (row["run_id"],))
        if not runs:
            raise StateError(f"the state is damaged: run {row['run_id']} is missing")
        run = to_run(runs[0])
        with intact(f"pause {row['plan']}"):
            return Pause(row["plan"] or None, row["reason"], run.actor, run.host, parse_instant(row["at"]), run.id)

    def conflicts(self) -> Mapping[Address, Conflict]:
        return {item.address: item for item in map(_conflict, self._all("select * from conflicts"))}

    def approved(self) -> Mapping[Address, RowApproval]:
        return {item.address: item for item in map(_approval, self._all("select * from approved_rows"))}

    def applied_commits(self) -> Sequence[AppliedCommit]:
        rows = self._all("select * from applied_commits order by number desc")
        latest: dict[str, AppliedCommit] = {}
        for item in map(_commit, rows):
            latest.setdefault(item.commit, item)
        return list(latest.values())

    def facts(self, service: str) -> Mapping[str, ServiceFact]:
        rows = self._all("select * from service_facts where service = ?", (service,))
        return {item.name: item for item in map(_fact, rows)}

    def last_service(self) -> str | None:
        latest = self._all("select run_id from attempts where status = 'placed' order by number desc limit 1")
        if not latest:
            return None
        began = f'%"kind":"{EntryKind.BEGAN.value}",%"run":"{latest[0]["run_id"]}",%'
        entries = self._all("select entry from ledger where entry like ? order by number desc limit 1", (began,))
        service = json.loads(entries[0]["entry"])["content"].get("service") if entries else None
        return service if isinstance(service, str) else None

    def to_stop_known(self) -> frozenset[Address]:
        return frozenset(map(to_address, self._all("select * from to_stop")))


def _conflict(row: Row) -> Conflict:
    address = to_address(row)
    with intact(f"conflict {address}"):
        call_ids, at = tuple(map(str, json.loads(row["call_ids"]))), parse_instant(row["at"])
    return Conflict(address, call_ids, row["target"], row["message"], at, row["run_id"])


def _approval(row: Row) -> RowApproval:
    address = to_address(row)
    with intact(f"approval {address}"):
        at = parse_instant(row["at"])
    return RowApproval(address, row["content"], row["plan_id"], row["git_commit"], at, row["run_id"])


def _commit(row: Row) -> AppliedCommit:
    with intact(f"applied commit {row['git_commit']}"):
        at = parse_instant(row["at"])
    return AppliedCommit(row["git_commit"], row["run_id"], at, row["reason"])


def _fact(row: Row) -> ServiceFact:
    with intact(f"fact {row['name']} of {row['service']}"):
        verdict, evidence, at = Verdict(row["verdict"]), json.loads(row["evidence"]), parse_instant(row["at"])
        if not isinstance(evidence, dict):
            raise ValueError("its evidence is not an object")
    return ServiceFact(row["service"], row["name"], verdict, evidence, at, row["run_id"])
