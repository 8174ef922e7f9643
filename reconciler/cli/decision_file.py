"""Decisions in a CSV file: write the unknown outcomes, and read the decisions back, all or none."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from shlex import quote

from reconciler.cli.output_files import write_private
from reconciler.domain.facts import Conflict, check_candidate
from reconciler.domain.model import Address, Entry, Status
from reconciler.domain.ports import Decision
from reconciler.domain.sensitive import MASK
from reconciler.domain.times import format_instant
from reconciler.errors import ReconcilerError
from reconciler.quantities import format_count
from reconciler.render.csv import to_csv
from reconciler.render.table import Table, TableRow
from reconciler.system.failures import error_message, next_step
from reconciler.system.files import read_named

COLUMNS = (
    *("address", "attempted_at", "rings_at", "contact_id", "problem", "candidates"),
    *("decision", "call_id", "reason"),
)
WORDS = ("placed", "not-placed", "stopped", "let-ring")
CONFLICT_WORDS = ("placed", "distinct")
_SHOWN_PROBLEMS = 20


def export_decisions(directory: Path, file: Path, unknown: Iterable[Entry], conflicts: Iterable[Conflict]) -> None:
    """Write a line for each unknown outcome and each conflict, with empty cells for the decision. Mode 0600."""
    rows = [*map(_unknown_cells, unknown), *map(_conflict_cells, conflicts)]
    lines = [TableRow(tuple(cells.get(name, "") for name in COLUMNS)) for cells in rows]
    write_private(directory, file, to_csv(Table("Decisions", COLUMNS, lines, len(lines))))


def _unknown_cells(entry: Entry) -> dict[str, str]:
    return {
        "address": str(entry.address),
        "attempted_at": format_instant(entry.attempted_at),
        "rings_at": format_instant(entry.rings_at),
        "contact_id": entry.call.contact_id or "",
        "problem": entry.error or "the run ended before an answer was recorded",
    }


def _conflict_cells(item: Conflict) -> dict[str, str]:
    return {
        "address": str(item.address),
        "contact_id": "" if item.target.startswith("+") else item.target,
        "problem": f"in conflict ({' or '.join(CONFLICT_WORDS)}): {item.message}",
        "candidates": " ".join(item.call_ids),
    }


def read_decisions(
    path: Path, known: Mapping[Address, Entry], conflicts: Mapping[Address, Conflict], now: datetime
) -> list[Decision]:
    """The decisions in a file that ``export_decisions`` wrote and a person filled in; empty ones are skipped.

    Raises:
        ReconcilerError: the file has errors; every one is reported with its line.
    """
    try:
        text = read_named(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReconcilerError(f"{path.name} is not text in UTF-8", hint="save it as CSV in UTF-8") from error
    except OSError as error:
        raise ReconcilerError(
            f"{path.name} cannot be read: {error_message(error)}", hint=next_step(error)
        ) from error
    decisions, problems = _decisions(_lines(path, text), known, conflicts, now)
    if problems:
        details = [f"{path.name}:{problem}" for problem in problems[:_SHOWN_PROBLEMS]]
        if len(problems) > _SHOWN_PROBLEMS:
            details.append(f"and {len(problems) - _SHOWN_PROBLEMS:,} more")
        message = f"nothing was recorded: {format_count(len(problems), 'error')} in {path.name}"
        hint = f"correct them, then run: reconciler resolve --from {quote(path.name)}"
        raise ReconcilerError(message, hint=hint, details=details)
    return list(decisions.values())


def _lines(path: Path, text: str) -> list[tuple[int, dict[str, str]]]:
    """The lines with their numbers, each with a text for every column. A workbook has the heading ``Call id`` for
    ``call_id``.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        reader.fieldnames = [name.strip().lower().replace(" ", "_") for name in reader.fieldnames or ()]
        missing = {"address", "decision", "call_id", "reason"} - set(reader.fieldnames)
        rows = [] if missing else [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise ReconcilerError(f"{path.name}:{reader.line_num}: {error}") from error
    if missing:
        hint = "save it as CSV with commas; some spreadsheets use semicolons" if ";" in text else None
        raise ReconcilerError(f"{path.name} has no column {', '.join(sorted(missing))}", hint=hint)
    return [(line, {name: (cells.get(name) or "").strip() for name in COLUMNS}) for line, cells in rows]


def _decisions(
    lines: Iterable[tuple[int, Mapping[str, str]]],
    known: Mapping[Address, Entry],
    conflicts: Mapping[Address, Conflict],
    now: datetime,
) -> tuple[dict[Address, Decision], list[str]]:
    """The decisions in the lines, and the errors, each with its line."""
    decisions: dict[Address, Decision] = {}
    problems: list[str] = []
    owners = {entry.call_id: entry.address for entry in known.values() if entry.call_id}
    for line, cells in lines:
        try:
            decision = _read(cells, known, conflicts, owners, now)
            if decision is not None:
                _check_new(decision, decisions, owners)
                if not (decision.address in known and known[decision.address].unknown):
                    check_candidate(conflicts.get(decision.address), decision.call_id)
                decisions[decision.address] = decision
        except ValueError as error:
            problems.append(f"{line}: {error}")
    return decisions, problems


def _check_new(decision: Decision, decisions: Mapping[Address, Decision], owners: dict[str, Address]) -> None:
    """Record the owner of the call. Raises ``ValueError`` for an address with two decisions, or a call of another
    address.
    """
    if decision.address in decisions:
        raise ValueError(f"{decision.address} has two decisions")
    if decision.call_id is not None:
        owner = owners.setdefault(decision.call_id, decision.address)
        if owner != decision.address:
            raise ValueError(f"{decision.call_id} is the call of {owner} already")


def _read(
    cells: Mapping[str, str],
    known: Mapping[Address, Entry],
    conflicts: Mapping[Address, Conflict],
    owners: Mapping[str, Address],
    now: datetime,
) -> Decision | None:
    """Read one line. Raises ``ValueError`` if it is wrong; returns None if it has no decision."""
    word, call_id, reason = cells["decision"].lower(), cells["call_id"], cells["reason"]
    if not word and not call_id:
        return None
    address = _address(cells["address"], call_id, owners)
    entry = known.get(address)
    in_conflict = address in conflicts and (entry is None or not (entry.placed or entry.unknown))
    if entry is None and not in_conflict:
        raise ValueError(f"the state has no entry for {address}")
    if not word and entry is not None and call_id == entry.call_id:
        return None  # a list of calls to stop contains their ids
    words = CONFLICT_WORDS if in_conflict else WORDS
    if word not in words:
        raise ValueError(f"decision {cells['decision']!r}; expected {', '.join(words)}, or an empty cell")
    if word in {"stopped", "let-ring"}:
        ahead = Decision(address, now, reason, stopped=word == "stopped", let_ring=word == "let-ring")
        return _read_ahead(ahead, entry, call_id)
    if (word == "placed") is not bool(call_id):
        raise ValueError(f"{address}: call_id is required for placed, and not allowed otherwise")
    _check_reason(address, reason)
    if word == "distinct":
        return Decision(address, now, reason, distinct=True)
    if entry is not None and not entry.unknown and not in_conflict:
        raise ValueError(f"{address} is {entry.status}: there is nothing to resolve")
    status = Status.PLACED if word == "placed" else Status.RULED_OUT
    return Decision(address, now, reason, status, call_id or None)


def _address(text: str, call_id: str, owners: Mapping[str, Address]) -> Address:
    """The address of a line. A masked one is found by the id of its call."""
    if MASK not in text:
        return Address.parse(text)
    if call_id not in owners:
        which = f"the state has no call {call_id}" if call_id else "the line has no call_id"
        raise ValueError(f"{text} is masked, and {which}; export the list again with --reveal")
    return owners[call_id]


def _read_ahead(decision: Decision, entry: Entry | None, call_id: str) -> Decision:
    """A decision about a pending placed call. Raises ``ValueError`` if there is none."""
    address = decision.address
    if entry is None or not entry.placed:
        status = "not in the state" if entry is None else entry.status
        raise ValueError(f"{address} is {status}: only a placed call can be stopped or allowed to ring")
    if call_id not in {"", entry.call_id}:
        raise ValueError(f"{address}: the call in the state is {entry.call_id}, not {call_id}")
    _check_reason(address, decision.reason)
    return decision


def _check_reason(address: Address, reason: str) -> None:
    if not reason:
        raise ValueError(f"{address}: a decision needs a reason")
