"""Look up unknown outcomes and conflicts, and list what is left."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.cli.app import App, SystemClock, is_public
from reconciler.cli.output import echo_json, say
from reconciler.cli.planner import PlanRequest, intent_of, load_plan
from reconciler.cli.runs import new_run
from reconciler.domain.facts import Conflict, unresolved
from reconciler.domain.model import Address, Entry, JsonObject
from reconciler.domain.plan import Action
from reconciler.domain.ports import StateReader, StateStore
from reconciler.errors import ExitCode
from reconciler.evidence.conflicts import FileRows, end_conflicts, settle_conflicts
from reconciler.evidence.settle import settle
from reconciler.planning import reasons
from reconciler.render.address_mask import AddressMask
from reconciler.render.formats import in_words, parts_text

if TYPE_CHECKING:
    from reconciler.cli.target import Target
    from reconciler.cli.workspace import Workspace
    from reconciler.domain.ports import Intent
    from reconciler.evidence.matching import Match

_JUDGED = frozenset({Action.CREATE, Action.WAITING, Action.EXPIRED, Action.BLOCKED})


@dataclass(frozen=True, slots=True)
class Unresolved:
    """The outcomes and conflicts that are left for a person."""

    unknown: Sequence[Entry]
    conflicts: Sequence[Conflict]

    @classmethod
    def from_reader(cls, reader: StateReader) -> Unresolved:
        kept = unresolved(reader)
        return cls(reader.unknown_entries(), [kept[address] for address in sorted(kept)])

    @property
    def count(self) -> int:
        return len(self.unknown) + len(self.conflicts)

    @property
    def counts(self) -> JsonObject:
        return {"unknown": len(self.unknown), "conflicts": len(self.conflicts)}

    @property
    def text(self) -> str:
        """`` 2 left unknown, 1 in conflict.``, or nothing."""
        parts = [f"{len(self.unknown):,} left unknown"] * bool(self.unknown)
        parts += [f"{len(self.conflicts):,} left in conflict"] * bool(self.conflicts)
        return f" {', '.join(parts)}." if parts else ""

    @property
    def code(self) -> ExitCode:
        return ExitCode.INCOMPLETE if self.count else ExitCode.DONE


def look_up(app: App, workspace: Workspace, target: Target, lock_timeout: float, *, as_json: bool) -> int:
    """Query the service about all unknown outcomes and conflicts, and show the results and what is left.

    Without a key, conflicts are still listed.
    """
    with workspace.reader() as reader:
        left = Unresolved.from_reader(reader)
        begun = left.count or reader.conflicts()
    adopted: list[Match] = []
    rows: FileRows | None = None
    key = target.key() if left.unknown or (left.conflicts and target.has_key) else None
    if begun:
        run = new_run("resolve")
        with workspace.store(run, lock_timeout) as store:
            code = ExitCode.ERROR
            try:
                rows = _end_conflicts(app, workspace, store, run.id)
                if key is not None:
                    adopted = asyncio.run(_settle(store, run.id, target, key, rows))
                left = Unresolved.from_reader(store)
                code = left.code
            finally:
                store.end_run(run.id, SystemClock().now(), code, {"adopted": len(adopted)})
    _show(adopted, left, _addresses(left, rows), as_json=as_json)
    return left.code


def _addresses(left: Unresolved, rows: FileRows | None) -> AddressMask:
    """The masked addresses of what is left. The call of a conflict is known only from its row."""
    found = () if rows is None else (rows.at(item.address) for item in left.conflicts)
    return AddressMask(filter(None, found), left.unknown)


def _end_conflicts(app: App, workspace: Workspace, store: StateStore, run_id: str) -> FileRows | None:
    """End the conflicts that no longer apply. Returns the rows of the files, None if they cannot be read."""
    if not store.conflicts():
        return None
    now = SystemClock().now()
    plan, _ = load_plan(app, workspace, PlanRequest((), now))
    if plan.errors:
        return None
    rows = FileRows(plan.changes)
    end_conflicts(store, run_id, (change.address for change in plan.with_action(*_JUDGED)), rows, now)
    return rows


async def _settle(store: StateStore, run_id: str, target: Target, key: str, rows: FileRows | None) -> list[Match]:
    async with target.listing(key) as listing:
        adopted = await settle(store, run_id, listing, SystemClock())
        if rows is not None:
            now = SystemClock().now()
            adopted += await settle_conflicts(store, run_id, listing, _intents(rows), now)
        return adopted


def _intents(rows: FileRows) -> Callable[[Address, datetime], Intent | None]:
    """The attempt for a row in conflict at a given moment."""

    def intent(address: Address, at: datetime) -> Intent | None:
        change = rows.at(address)
        if change is None or change.action is not Action.CONFLICT or change.call is None:
            return None
        return intent_of(address, change.call, change.scheduled_at, at)

    return intent


def _message(reason: reasons.Reason, now: datetime, *, as_json: bool) -> str:
    """The sentence and its advice; for people, with times in the called person's zone."""
    if as_json or not isinstance(reason.sentence, tuple):
        return reason.text if as_json else in_words(reason.text, now)
    return in_words(parts_text(reason.sentence, now) + reason.advice, now)


def _show(adopted: Sequence[Match], left: Unresolved, addresses: AddressMask, *, as_json: bool) -> None:
    now = SystemClock().now()
    unknown = [(item.address, _message(reasons.uncertain(item), now, as_json=as_json)) for item in left.unknown]
    conflicts = [(item, _message(reasons.conflict(item), now, as_json=as_json)) for item in left.conflicts]
    if as_json:
        document = {
            "adopted": [
                {"address": str(item.address), "call_id": item.call_id, "evidence": item.evidence}
                for item in adopted
            ],
            "unknown": [{"address": str(address), "message": message} for address, message in unknown],
            "conflicts": [
                {"address": str(item.address), "call_ids": list(item.call_ids), "message": message}
                for item, message in conflicts
            ],
        }
        echo_json(addresses.json(document))
        return
    lines = [(item.address, f"adopted {item.call_id}, {in_words(item.evidence, now)}") for item in adopted]
    lines += [*unknown, *((item.address, message) for item, message in conflicts)]
    for address, text in lines:
        public = is_public(sys.stdout)
        named = f"{addresses.address(address)}: {addresses.text(text)}" if public else f"{address}: {text}"
        say(named)
    if unknown or not conflicts:
        say(f"{len(unknown):,} with an unknown outcome." if unknown else "No unknown outcomes.")
    if conflicts:
        say(f"{len(conflicts):,} in conflict.")
