"""What each ledger entry changes in the state's tables: the only place where a write is defined.

A store runs these statements in the transaction that adds the entry to the ledger. A replay runs the same
statements in its own database, and the two are compared. The ledger has only a hash of some texts (``clear``); the
replay stores the hash instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from reconciler.domain.blinding import REDACTED
from reconciler.domain.canonical import canonical_json
from reconciler.domain.ledger import EntryKind
from reconciler.domain.model import Address, Status
from reconciler.state.ledger import statements
from reconciler.state.session import Connection, Value
from reconciler.state.tables import ADDRESS

Key: TypeAlias = tuple[str, str, int]
_SETTLED = {"placed": Status.PLACED, "not placed": Status.RULED_OUT}


class Change(Struct, frozen=True):
    """One statement, run once for each of ``rows``. ``must_match``: it changes a row, unless an entry is
    missing."""

    sql: str
    rows: Sequence[Sequence[Value]]
    must_match: bool = False


class LedgerEntry(Struct, frozen=True):
    """An entry, from the ledger or about to be added. ``at`` is the stored text; the texts in ``clear`` are not in
    the ledger."""

    kind: str
    at: str
    run_id: str | None
    content: Mapping[str, Any]
    texts: Mapping[str, str]
    clear: Mapping[str, str]

    @property
    def key(self) -> Key:
        return _key(self.content["address"])

    @property
    def origin(self) -> dict[str, Value]:
        return {"run_id": self.run_id, "at": self.at}

    def text(self, name: str) -> str:
        """A text for a column that cannot be null."""
        return self.texts.get(name, REDACTED)


def project(entry: LedgerEntry) -> Iterator[Change]:
    """The changes of an entry, in order.

    Raises:
        ValueError, TypeError, LookupError: this version does not write such an entry.
    """
    return PROJECTIONS[entry.kind](entry)


def apply_change(connection: Connection, change: Change) -> None:
    """Run a change in the caller's transaction."""
    if len(change.rows) == 1:
        connection.execute(change.sql, change.rows[0])
    else:
        connection.executemany(change.sql, change.rows)


def _key(address: object) -> Key:
    parsed = Address.parse(str(address))
    return (parsed.plan, parsed.key, parsed.revision)


def _columns(key: Key) -> dict[str, Value]:
    return dict(zip(ADDRESS, key, strict=True))


def _insert(table: str, *rows: Mapping[str, Value], replace: Sequence[str] = ()) -> Change:
    """New rows, all with the same columns. They replace rows that have the same values in the columns
    ``replace``."""
    return Change(statements.insert(table, tuple(rows[0]), tuple(replace)), [tuple(row.values()) for row in rows])


def _delete(table: str, columns: Sequence[str], *keys: Sequence[Value]) -> Change:
    return Change(statements.delete(table, tuple(columns)), keys)


def _began(entry: LedgerEntry) -> Iterator[Change]:
    content = entry.content
    columns = ("command", "host", "pid", "actor", "tool_version", "plan_id")
    run = {name: content[name] for name in columns}
    yield _insert("runs", {"id": entry.run_id, "started_at": entry.at, "git_commit": content["commit"], **run})
    for item in content["approvals"]:
        approval = {"run_id": entry.run_id, "plan_id": item["plan_id"], "git_commit": item["commit"]}
        yield _insert("approvals", approval)
    for number, item in enumerate(content["overrides"], start=1):
        override = {name: item[name] for name in ("code", "plan_id", "reason")}
        yield _insert("overrides", {"run_id": entry.run_id, "number": number, **override})


def _ended(entry: LedgerEntry) -> Iterator[Change]:
    counts = json.dumps(entry.content["counts"])
    yield Change(
        statements.END_RUN, [(entry.at, entry.content["exit_code"], counts, entry.run_id)], must_match=True
    )


def _looked(entry: LedgerEntry) -> Iterator[Change]:
    """The ledger has one hash of the calls that were seen; the store adds the calls themselves."""
    yield _insert("preflights", {"run_id": entry.run_id, "server_time": entry.content["server_time"]})


def _opened(entry: LedgerEntry) -> Iterator[Change]:
    """A new attempt. Earlier rejections stay counted."""
    content, key = entry.content, entry.key
    status = Status.INTENDED if entry.kind == EntryKind.INTENDED else Status.MISSED
    digest, endpoint = content["digest"], content["endpoint"]
    attempted_at = content.get("attempted_at", entry.at)
    call = entry.clear.get("call", content.get("call", digest))
    yield Change(statements.OPEN_CALL, [(*key, status, digest, call, endpoint, attempted_at, content["rings_at"])])
    finished_at = None if status is Status.INTENDED else entry.at
    yield Change(
        statements.OPEN_ATTEMPT, [(entry.run_id, *key, status, digest, endpoint, attempted_at, finished_at)]
    )


def _answered(entry: LedgerEntry) -> Iterator[Change]:
    key, status, call_id = entry.key, entry.kind, entry.content["call_id"]
    error, evidence = entry.texts.get("error"), entry.texts.get("evidence")
    answer = (status, entry.at, call_id, error, evidence)
    yield Change(statements.CLOSE_ATTEMPT, [(*answer, entry.run_id, *key)], must_match=True)
    yield Change(statements.CLOSE_CALL, [(status, call_id, error, *key)], must_match=True)
    if status == EntryKind.FAILED:
        yield Change(statements.COUNT_REJECTION, [key])
    if status == EntryKind.MISSED:  # it will never ring
        yield Change(statements.END_MISSED, [(entry.at, entry.at, *key)])


def _settled(entry: LedgerEntry, status: Status, evidence: str | None) -> Iterator[Change]:
    call_id = entry.content["call_id"]
    yield Change(statements.SETTLE_ATTEMPT, [(status, call_id, evidence, entry.at, *entry.key)], must_match=True)
    yield Change(statements.CLOSE_CALL, [(status, call_id, None, *entry.key)], must_match=True)


def _decision(entry: LedgerEntry, said: str, reason: str) -> Change:
    decision = {"said": said, "call_id": entry.content.get("call_id"), "reason": reason}
    return _insert("decisions", {"run_id": entry.run_id, **_columns(entry.key), **decision, "at": entry.at})


def _adopted(entry: LedgerEntry) -> Iterator[Change]:
    evidence = entry.texts.get("evidence")
    yield from _settled(entry, Status.ADOPTED, evidence)
    yield _decision(entry, "adopted", evidence or "")


def _decided(entry: LedgerEntry) -> Iterator[Change]:
    said, reason = entry.content["said"], entry.text("reason")
    if said == "stopped":
        yield Change(statements.STOP_CALL, [(entry.at, *entry.key)], must_match=True)
    elif said == "let-ring":
        yield Change(statements.LET_RING, [(entry.at, *entry.key)], must_match=True)
    else:
        yield from _settled(entry, _SETTLED[said], f"a person's word: {reason}")
    yield _decision(entry, said, reason)


def _cleared(entry: LedgerEntry) -> Iterator[Change]:
    row = {**_columns(entry.key), "reason": entry.text("reason"), **entry.origin}
    yield _insert("cleared", row, replace=ADDRESS)


def _forgotten(entry: LedgerEntry) -> Iterator[Change]:
    """A conflict remains, because the service still has those calls."""
    yield _decision(entry, "forgotten", entry.text("reason"))
    yield Change(statements.delete("calls", ADDRESS), [entry.key], must_match=True)
    for table in ("cleared", "approved_rows", "to_stop"):
        yield _delete(table, ADDRESS, entry.key)


def _moved(entry: LedgerEntry) -> Iterator[Change]:
    """An approval is for the address that the reviewer saw, so it does not follow a rename."""
    old, new = _key(entry.content["from"]), entry.key
    values = (new[0], new[1], *old)
    yield Change(statements.move("calls"), [values], must_match=True)
    for table in ("attempts", "decisions"):
        yield Change(statements.move(table), [values])
    for table in ("cleared", "conflicts", "to_stop"):
        yield Change(statements.delete_before_move(table), [(*new, *old)])
        yield Change(statements.move(table), [values])
    yield _delete("approved_rows", ADDRESS, old)
    names = {"old_plan": old[0], "old_key": old[1], **_columns(new)}
    yield _insert("renames", {**names, **entry.origin})


def _redacted(entry: LedgerEntry) -> Iterator[Change]:
    for statement in statements.REDACT_TEXTS:
        yield Change(statement, [entry.key])
    yield Change(statements.REDACT_CALL, [(entry.clear.get("call"), entry.at, *entry.key)])


def _departed(entry: LedgerEntry) -> Iterator[Change]:
    yield Change("update meta set moved_to = ?", [(entry.content["to"],)])


def _arrived(_: LedgerEntry) -> Iterator[Change]:
    yield Change("update meta set moved_to = ?", [(None,)])


def _paused(entry: LedgerEntry) -> Iterator[Change]:
    row = {"plan": entry.content["plan"] or "", "reason": entry.text("reason"), **entry.origin}
    yield _insert("pauses", row, replace=("plan",))


def _resumed(entry: LedgerEntry) -> Iterator[Change]:
    yield _delete("pauses", ("plan",), (entry.content["plan"] or "",))


def _conflict(entry: LedgerEntry) -> Iterator[Change]:
    """The ledger has only a pseudonym of the target."""
    target = entry.clear.get("target", entry.text("person"))
    row = {**_columns(entry.key), "call_ids": json.dumps(entry.content["call_ids"]), "target": target}
    yield _insert("conflicts", {**row, "message": entry.text("message"), **entry.origin}, replace=ADDRESS)


def _conflict_ended(entry: LedgerEntry) -> Iterator[Change]:
    yield _delete("conflicts", ADDRESS, *map(_key, entry.content["addresses"]))


def _approved(entry: LedgerEntry) -> Iterator[Change]:
    plan = {"plan_id": entry.content["plan_id"], "git_commit": entry.content["commit"], **entry.origin}
    rows = [{**_columns(_key(address)), "content": content, **plan} for address, content in entry.content["rows"]]
    yield _insert("approved_rows", *rows, replace=ADDRESS)


def _approval_ended(entry: LedgerEntry) -> Iterator[Change]:
    yield _delete("approved_rows", ADDRESS, *map(_key, entry.content["addresses"]))


def _applied_from(entry: LedgerEntry) -> Iterator[Change]:
    row = {"git_commit": entry.content["commit"], "reason": entry.texts.get("reason")}
    yield _insert("applied_commits", {**row, **entry.origin})


def _observed(entry: LedgerEntry) -> Iterator[Change]:
    row = {name: entry.content[name] for name in ("service", "name", "verdict")}
    evidence = canonical_json(entry.content["evidence"]).decode()
    yield _insert("service_facts", {**row, "evidence": evidence, **entry.origin}, replace=("service", "name"))


def _to_stop(entry: LedgerEntry) -> Iterator[Change]:
    rows = [{**_columns(_key(address)), **entry.origin} for address in entry.content["new"]]
    if rows:
        yield _insert("to_stop", *rows, replace=ADDRESS)
    yield _delete("to_stop", ADDRESS, *map(_key, entry.content["over"]))


PROJECTIONS: Mapping[str, Callable[[LedgerEntry], Iterator[Change]]] = {
    EntryKind.BEGAN: _began,
    EntryKind.ENDED: _ended,
    EntryKind.LOOKED: _looked,
    EntryKind.INTENDED: _opened,
    EntryKind.EXPIRED: _opened,
    EntryKind.PLACED: _answered,
    EntryKind.FAILED: _answered,
    EntryKind.UNCERTAIN: _answered,
    EntryKind.RULED_OUT: _answered,
    EntryKind.MISSED: _answered,
    EntryKind.ADOPTED: _adopted,
    EntryKind.DECIDED: _decided,
    EntryKind.CLEARED: _cleared,
    EntryKind.FORGOTTEN: _forgotten,
    EntryKind.MOVED: _moved,
    EntryKind.REDACTED: _redacted,
    EntryKind.DEPARTED: _departed,
    EntryKind.ARRIVED: _arrived,
    EntryKind.PAUSED: _paused,
    EntryKind.RESUMED: _resumed,
    EntryKind.CONFLICT: _conflict,
    EntryKind.CONFLICT_ENDED: _conflict_ended,
    EntryKind.APPROVED: _approved,
    EntryKind.APPROVAL_ENDED: _approval_ended,
    EntryKind.APPLIED_FROM: _applied_from,
    EntryKind.OBSERVED: _observed,
    EntryKind.TO_STOP: _to_stop,
}
