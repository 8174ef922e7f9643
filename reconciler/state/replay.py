"""The state's tables as the ledger tells them: its entries are played again, one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from reconciler.domain.blinding import REDACTED
from reconciler.domain.chain import EntryKind, LedgerRecord, promised_texts
from reconciler.domain.model import Address, JsonValue, Status
from reconciler.state import facts, rules

Row: TypeAlias = dict[str, Any]  # a row's columns; what they hold is compared, not used
Key: TypeAlias = tuple[Any, ...]
KEYS: Mapping[str, tuple[str, ...]] = {
    "runs": ("id",),
    "approvals": ("run_id", "plan_id"),
    "overrides": ("run_id", "number"),
    "preflights": ("run_id",),
    "calls": facts.ADDRESS,
    "attempts": ("number",),
    "decisions": ("number",),
    "cleared": facts.ADDRESS,
    "renames": ("number",),
    **facts.KEYS,
}


class Replay:
    """The tables after the entries so far. ``redacted`` are the entries whose texts must be gone.

    ``texts_of`` are the entries that have texts, by the address that each now has.
    """

    def __init__(self) -> None:
        self.tables: dict[str, dict[Key, Row]] = {name: {} for name in KEYS}
        self._facts = facts.DictTables(self.tables)
        self.state: JsonValue = None
        self.moved_to: JsonValue = None
        self.redacted: set[int] = set()
        self.texts_of: defaultdict[str, list[int]] = defaultdict(list)
        self._attempts: defaultdict[Key, list[int]] = defaultdict(list)
        self._words: defaultdict[Key, list[Row]] = defaultdict(list)
        self._do: Mapping[str, Callable[[LedgerRecord, Mapping[str, str]], None]] = {
            EntryKind.CREATED: self._created,
            EntryKind.MIGRATED: self._created,
            EntryKind.INHERITED: self._inherited,
            EntryKind.BEGAN: self._began,
            EntryKind.ENDED: self._ended,
            EntryKind.LOOKED: self._looked,
            EntryKind.INTENDED: self._opened,
            EntryKind.EXPIRED: self._opened,
            EntryKind.PLACED: self._answered,
            EntryKind.FAILED: self._answered,
            EntryKind.UNCERTAIN: self._answered,
            EntryKind.RULED_OUT: self._answered,
            EntryKind.MISSED: self._answered,
            EntryKind.ADOPTED: self._adopted,
            EntryKind.DECIDED: self._decided,
            EntryKind.CLEARED: self._cleared,
            EntryKind.FORGOTTEN: self._forgotten,
            EntryKind.MOVED: self._moved,
            EntryKind.REDACTED: self._redacted,
            EntryKind.DEPARTED: self._departed,
            EntryKind.ARRIVED: self._arrived,
        }

    def step(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        """Play one entry.

        Raises:
            ValueError, TypeError, LookupError: it does not fit what came before it.
        """
        if promised_texts(record) and (address := record.content.get("address")):
            self.texts_of[str(address)].append(record.number)
        if record.kind in self._do:
            self._do[record.kind](record, texts)
        written = facts.Written(record.at, record.run, record.content, texts)
        facts.project(record.kind, written, self._facts)

    def _put(self, table: str, row: Row) -> None:
        self.tables[table][tuple(row[name] for name in KEYS[table])] = row
        if table == "attempts":
            self._attempts[_key(row)].append(row["number"])
        if table == "decisions":
            self._words[_key(row)].append(row)

    def _next(self, table: str) -> int:
        """The number that a table gives its next row."""
        rows = self.tables[table]
        return next(reversed(rows))[0] + 1 if rows else 1

    def _created(self, record: LedgerRecord, _: Mapping[str, str]) -> None:
        self.state = record.content["state"]

    def _inherited(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        content: Any = record.content
        row = content["row"] | {name: texts.get(name) for name in promised_texts(record)}
        if content["table"] == "calls":
            row = {"let_ring_at": None, **row, "redacted_at": None, "call": row["digest"]}
        self._put(content["table"], row)

    def _began(self, record: LedgerRecord, _: Mapping[str, str]) -> None:
        told: Any = record.content
        row = {name: told[name] for name in ("command", "host", "pid", "actor", "tool_version", "plan_id")}
        row |= {"id": record.run, "started_at": record.at, "git_commit": told["commit"]}
        self._put("runs", row | {"finished_at": None, "exit_code": None, "counts": None})
        for item in told["approvals"]:
            found = {"run_id": record.run, "plan_id": item["plan_id"], "git_commit": item["commit"]}
            self._put("approvals", found)
        for number, item in enumerate(told["overrides"], start=1):
            self._put("overrides", {"run_id": record.run, "number": number, **item})

    def _ended(self, record: LedgerRecord, _: Mapping[str, str]) -> None:
        row = self.tables["runs"][record.run,]
        row |= {"finished_at": record.at, **{name: record.content[name] for name in ("exit_code", "counts")}}

    def _looked(self, record: LedgerRecord, _: Mapping[str, str]) -> None:
        self._put("preflights", {"run_id": record.run, **record.content})

    def _opened(self, record: LedgerRecord, _: Mapping[str, str]) -> None:
        told: Any = record.content
        where = _columns(told["address"])
        status = Status.INTENDED if record.kind == EntryKind.INTENDED else Status.MISSED
        sent = {"status": status, "digest": told["digest"], "endpoint": told["endpoint"]}
        finished = None if status is Status.INTENDED else record.at
        attempted = told.get("attempted_at", record.at)
        before = self.tables["calls"].get(_key(where), {"rejected_digest": None, "rejections": 0})
        self._put(
            "calls",
            where
            | sent
            | {"attempted_at": attempted, "rings_at": told["rings_at"], "call_id": None, "error": None}
            | {name: before[name] for name in ("rejected_digest", "rejections")}
            | {
                "stopped_at": None,
                "let_ring_at": None,
                "redacted_at": None,
                "call": told.get("call", told["digest"]),
            },
        )
        attempt = {"number": self._next("attempts"), "run_id": record.run, **where, **sent}
        attempt |= {"intended_at": attempted, "finished_at": finished}
        self._put("attempts", attempt | {"call_id": None, "error": None, "evidence": None})

    def _answered(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        told: Any = record.content
        call, attempt = self._call(told["address"]), self._attempt(told["address"])
        answer = {"status": record.kind, "call_id": told["call_id"], "error": texts.get("error")}
        call |= answer
        if record.kind == EntryKind.MISSED:
            call["rings_at"] = min(call["rings_at"], record.at)
        attempt |= answer | {"finished_at": record.at, "evidence": texts.get("evidence")}
        if record.kind == EntryKind.FAILED:
            again = call["rejected_digest"] == call["digest"]
            call["rejections"] = call["rejections"] + 1 if again else 1
            call["rejected_digest"] = call["digest"]

    def _adopted(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        told: Any = record.content
        self._settle(record, Status.ADOPTED, told["call_id"], texts.get("evidence"))
        self._keep(record, "adopted", texts.get("evidence") or "")

    def _decided(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        told: Any = record.content
        reason = texts.get("reason", REDACTED)
        if told["said"] == "stopped":
            self._call(told["address"])["stopped_at"] = record.at
        elif told["said"] == "let-ring":
            self._call(told["address"])["let_ring_at"] = record.at
        else:
            status = Status.PLACED if told["said"] == "placed" else Status.RULED_OUT
            self._settle(record, status, told["call_id"], rules.a_persons_word(reason))
        self._keep(record, told["said"], reason)

    def _forgotten(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        key = _key(_columns(record.content["address"]))
        self._keep(record, "forgotten", texts.get("reason", REDACTED))
        del self.tables["calls"][key]
        self.tables["cleared"].pop(key, None)

    def _cleared(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        where = _columns(record.content["address"])
        told = {"run_id": record.run, "reason": texts.get("reason", REDACTED), "at": record.at}
        self._put("cleared", where | told)

    def _moved(self, record: LedgerRecord, _: Mapping[str, str]) -> None:
        old, new = _columns(record.content["from"]), _columns(record.content["address"])
        self._put("calls", self.tables["calls"].pop(_key(old)) | new)
        numbers = self._attempts.pop(_key(old), [])
        for number in numbers:
            self.tables["attempts"][number,] |= new
        self._attempts[_key(new)] = sorted([*self._attempts[_key(new)], *numbers])
        said = self._words.pop(_key(old), [])
        for row in said:
            row.update(new)
        self._words[_key(new)] += said
        if (note := self.tables["cleared"].pop(_key(old), None)) is not None:
            self._put("cleared", note | new)
        place = {"number": self._next("renames"), "run_id": record.run, "at": record.at}
        self._put("renames", place | new | {"old_plan": old["plan"], "old_key": old["key"]})
        moved = self.texts_of.pop(str(record.content["from"]), [])
        self.texts_of[str(record.content["address"])] += moved

    def _departed(self, record: LedgerRecord, _: Mapping[str, str]) -> None:
        self.moved_to = record.content["to"]

    def _arrived(self, _: LedgerRecord, __: Mapping[str, str]) -> None:
        self.moved_to = None

    def _redacted(self, record: LedgerRecord, _: Mapping[str, str]) -> None:
        address = str(record.content["address"])
        key = _key(_columns(address))
        self.redacted |= set(self.texts_of.pop(address, ()))
        for number in self._attempts[key]:
            self.tables["attempts"][number,] |= {"error": None, "evidence": None}
        if key in self.tables["calls"]:
            row = self.tables["calls"][key]
            row |= {"error": None, "redacted_at": record.at, "call": row["digest"]}
        for row in (*self._words[key], self.tables["cleared"].get(key, {})):
            row["reason"] = REDACTED

    def _call(self, address: str) -> Row:
        return self.tables["calls"][_key(_columns(address))]

    def _attempt(self, address: str) -> Row:
        """The latest attempt of an address."""
        return self.tables["attempts"][self._attempts[_key(_columns(address))][-1],]

    def _settle(self, record: LedgerRecord, status: Status, call_id: str | None, evidence: str | None) -> None:
        address = str(record.content["address"])
        self._call(address).update(status=status, call_id=call_id, error=None)
        attempt = self._attempt(address)
        attempt |= {"status": status, "call_id": call_id, "evidence": evidence}
        attempt["finished_at"] = attempt["finished_at"] or record.at

    def _keep(self, record: LedgerRecord, said: str, reason: str) -> None:
        told: Any = record.content
        row = {"number": self._next("decisions"), "run_id": record.run, **_columns(told["address"])}
        self._put(
            "decisions", row | {"said": said, "call_id": told.get("call_id"), "reason": reason, "at": record.at}
        )


def _columns(address: Any) -> Row:
    found = Address.parse(str(address))
    return {"plan": found.plan, "key": found.key, "revision": found.revision}


def _key(row: Row) -> Key:
    return tuple(row[name] for name in facts.ADDRESS)
