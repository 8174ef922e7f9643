"""The ledger for people, spreadsheets and scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.domain.ledger import EntryKind, LedgerRecord, Link
from reconciler.domain.masking import personal_values, private_texts
from reconciler.domain.model import Address, Entry
from reconciler.domain.sensitive import mask_text
from reconciler.domain.times import format_utc, parse_instant
from reconciler.render.address_mask import AddressMask
from reconciler.render.escape import for_terminal
from reconciler.render.table import Table, TableRow

COLUMNS = (
    *("number", "at", "kind", "run", "command", "actor", "plan_id", "address", "digest", "call_id", "person"),
    *("error", "evidence", "reason", "hash"),
)
_SHORT = 19  # "sha256:" and twelve digits


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One entry with its context. ``run`` is the ledger's entry for the start of its run."""

    link: Link
    record: LedgerRecord
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> Mapping[str, Any]:
        """The content of an entry; for an inherited one, the row that it took over."""
        content: Mapping[str, Any] = self.record.content
        return {**content, **content["row"]} if self.record.kind == EntryKind.INHERITED else content

    @property
    def texts(self) -> Mapping[str, str]:
        return self.link.texts or {}


class LedgerMask:
    """Masks the entries of a ledger by the calls of the state; a moved address by the calls of its latest name."""

    def __init__(self, entries: Iterable[Entry], lines: Iterable[LedgerLine]) -> None:
        self._private: dict[str, list[str]] = {}
        self._addresses = AddressMask()
        calls = {str(entry.address): entry.call for entry in entries}
        later = {str(line.content["from"]): str(line.content["address"]) for line in lines if _is_move(line)}
        for name in {*calls, *later}:
            last = _last_name(name, later)
            if last in calls:
                self._private[name] = private_texts(calls[last])
                self._addresses.add(Address.parse(name), personal_values(calls[last]))

    def line(self, line: LedgerLine) -> LedgerLine:
        """The entry with its texts masked, except for the keyed digest of the called person."""
        private = self._private.get(str(line.content.get("address")), ())
        texts = {name: self._text(name, text, private) for name, text in line.texts.items()}
        link = line.link if line.link.texts is None else replace(line.link, texts=texts)
        content = self._addresses.json(line.record.content)
        return LedgerLine(link, replace(line.record, content=content), self._addresses.json(line.run))

    def _text(self, name: str, text: str, private: Iterable[str]) -> str:
        return text if name == "person" else mask_text(self._addresses.text(text), private)


def _is_move(line: LedgerLine) -> bool:
    return line.record.kind == EntryKind.MOVED and {"from", "address"} <= line.content.keys()


def _last_name(name: str, later: Mapping[str, str]) -> str:
    seen = {name}
    while (after := later.get(name)) is not None and after not in seen:
        name = after
        seen.add(name)
    return name


def render_text(lines: Iterable[LedgerLine]) -> str:
    """One line for each entry: number, time to the second, kind, address, and details."""
    return "".join(for_terminal(_text(line)) + "\n" for line in lines)


def _text(line: LedgerLine) -> str:
    details = _DETAILS.get(line.record.kind, _default_text)(line)
    address = line.content.get("address")
    at = format_utc(parse_instant(line.record.at))
    parts = [f"{line.record.number:>5}", at, f"{line.record.kind:<9}", address, details]
    return "  ".join(str(part) for part in parts if part).rstrip()


def _began(line: LedgerLine) -> str:
    content = line.content
    commit = content.get("commit")
    approved = [item["plan_id"] for item in content.get("approvals", ())]
    parts = [
        f"{content['command']} by {content['actor']} on {content['host']}",
        content.get("plan_id") and f"plan {_short(content['plan_id'])}",
        commit and f"commit {commit[:12]}{' (dirty)' if content.get('dirty') else ''}",
        approved and "approved " + ", ".join(map(_short, approved)),
        content.get("preflight") is False and "without preflight",
        *(f"override {item['code']}: {item['reason']}" for item in content.get("overrides", ())),
        content.get("url"),
    ]
    return ", ".join(str(part) for part in parts if part)


def _created(line: LedgerLine) -> str:
    """For a state that was lost and rebuilt, what it was rebuilt from."""
    rebuilt = line.content.get("rebuilt")
    if rebuilt is None:
        return ""
    counts = ", ".join(f"{count} {name}" for name, count in rebuilt["found"].items() if count)
    return f"rebuilt from {rebuilt['listed']} listed calls" + (f": {counts}" if counts else "")


def _ended(line: LedgerLine) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in line.content["counts"].items() if count)
    return f"exit {line.content['exit_code']}" + (f": {counts}" if counts else "")


def _intended(line: LedgerLine) -> str:
    person = line.texts.get("person", "redacted")
    return f"rings {line.content['rings_at']}, person {person}, {line.content['digest']}"


def _decided(line: LedgerLine) -> str:
    said = line.content.get("said") or line.record.kind
    return ": ".join(filter(None, (" ".join(filter(None, (said, line.content.get("call_id")))), _words(line))))


def _inherited(line: LedgerLine) -> str:
    content = line.content
    return " ".join(str(content[name]) for name in ("table", "status", "call_id") if content.get(name))


def _default_text(line: LedgerLine) -> str:
    call_id, origin = line.content.get("call_id"), line.content.get("from")
    return ": ".join(filter(None, (call_id or (origin and f"from {origin}"), _words(line))))


def _words(line: LedgerLine) -> str:
    return "; ".join(line.texts[name] for name in ("error", "evidence", "reason") if line.texts.get(name))


def _short(digest: str) -> str:
    return digest[:_SHORT]


_DETAILS: Mapping[str, Callable[[LedgerLine], str]] = {
    EntryKind.CREATED: _created,
    EntryKind.BEGAN: _began,
    EntryKind.ENDED: _ended,
    EntryKind.INTENDED: _intended,
    EntryKind.EXPIRED: _intended,
    EntryKind.DECIDED: _decided,
    EntryKind.FORGOTTEN: _decided,
    EntryKind.INHERITED: _inherited,
}


def ledger_table(lines: Iterable[LedgerLine]) -> Table:
    """One row for each entry."""
    rows = [TableRow(_cells(line)) for line in lines]
    return Table("Ledger", COLUMNS, rows, len(rows))


def _cells(line: LedgerLine) -> tuple[str, ...]:
    record, run, content = line.record, line.run, line.content
    cells = {name: content.get(name) for name in ("address", "digest", "call_id")}
    cells |= {name: run.get(name) for name in ("command", "actor", "plan_id")}
    cells |= {name: line.texts.get(name) for name in ("person", "error", "evidence", "reason")}
    cells |= {"number": record.number, "at": record.at, "kind": record.kind, "run": record.run}
    cells["hash"] = line.link.hash
    return tuple("" if cells[name] is None else str(cells[name]) for name in COLUMNS)
