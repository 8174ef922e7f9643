"""Approved rows, as an allow-list for rows that are planned again from the merged files.

A reviewed plan is never the source of a request. Requests come from the files, so a forged plan cannot add a call.
Its approvals are kept in the state for each row, until the row is removed.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from reconciler.domain import identity, wire
from reconciler.domain.canonical import canonical_json
from reconciler.domain.documents import optional_instant
from reconciler.domain.events import Event, EventKind
from reconciler.domain.facts import RowApproval
from reconciler.domain.ledger import EntryKind, LedgerRecord
from reconciler.domain.model import Address, JsonObject, Row
from reconciler.domain.plan import Action, Change, Plan
from reconciler.errors import Refused

PURPOSE = "approved-rows"
_TO_PLACE = (Action.CREATE, Action.WAITING)


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests of rows as a reviewer sees them. They are keyed with ``key``, because a 9-digit number is easily
    guessed.
    """

    key: bytes
    lineage: str
    fields: wire.ScheduleFields

    def digest(self, change: Change) -> str:
        """Covers the request, the times and the conditions of a call to place, now or later."""
        tags = identity.tags(self.lineage, change.address, change.digest)
        request = change.request or wire.to_request(change.required_call, tags, self.fields)
        seen: JsonObject = {
            "endpoint": request.endpoint,
            "body": request.body,
            "at": optional_instant(change.scheduled_at),
            "place_by": optional_instant(change.place_by),
            "called_timezone": change.called_timezone,
            "distinct": change.distinct,
        }
        return f"a1:hmac-sha256:{hmac.digest(self.key, canonical_json(seen), sha256).hex()}"


def check_moves(plan: Plan, approved: Iterable[Plan]) -> None:
    """Raise ``Refused`` if the files move an address that no approved plan moves."""
    approved_moves = {pair for one in approved for pair in one.moves}
    for old, new in plan.moves:
        if (old, new) not in approved_moves:
            raise Refused(f"the files move {old} to {new}, but no approved plan has this move: nothing was placed")


def newly_approved(
    plan: Plan,
    approved: Mapping[str, Plan],
    digests: Digests,
    run_id: str,
    at: datetime,
    withdrawn: Collection[tuple[str, str]] = (),
) -> list[RowApproval]:
    """An approval for each row of ``plan`` that is identical in one of the ``approved`` plans (by plan id).

    ``withdrawn`` contains plans and rows whose approval has ended: the same plan does not approve them again.
    """
    commits = {plan_id: one.git.commit if one.git else None for plan_id, one in approved.items()}
    rows: dict[Address, list[tuple[str, Change]]] = {}
    for plan_id, one in approved.items():
        for change in one.with_action(*_TO_PLACE):
            if (plan_id, str(change.address)) not in withdrawn:
                rows.setdefault(change.address, []).append((plan_id, change))
    approvals: list[RowApproval] = []
    for change in plan.with_action(*_TO_PLACE) if rows else ():
        by = next((plan_id for plan_id, seen in rows.get(change.address, ()) if _same(change, seen)), None)
        if by is not None:
            digest = digests.digest(change)
            approvals.append(RowApproval(change.address, digest, by, commits[by], at, run_id))
    return approvals


def _same(change: Change, approved: Change) -> bool:
    """Whether two changes have the same call, times and conditions, and the same request if both have one."""
    if None not in (change.request, approved.request) and change.request != approved.request:
        return False

    def seen(item: Change) -> tuple[object, ...]:
        return (item.digest, item.scheduled_at, item.place_by, item.called_timezone, item.distinct)

    return seen(change) == seen(approved)


def allow(
    plan: Plan,
    approvals: Mapping[Address, RowApproval],
    approved: Mapping[str, Plan],
    digests: Digests,
    withdrawn: Collection[tuple[str, str]] = (),
) -> tuple[Plan, list[Event]]:
    """The approved part of ``plan``, and a ``stale`` event for each call that was not approved, or not in this
    form.
    """
    known = approvals.keys() | addresses(approved.values())
    withdrawn_rows = {address for plan_id, address in withdrawn if plan_id in approved}
    stale: list[Event] = []

    def keep(change: Change) -> bool:
        if change.action is not Action.CREATE:
            return True
        approval = approvals.get(change.address)
        if approval is not None and approval.content == digests.digest(change):
            return True
        message = "not placed, because it was not approved. Plan it in a separate pull request"
        if change.address not in approvals and str(change.address) in withdrawn_rows:
            message = (
                "not placed: its approval ended when the row was removed or disabled. Get a new plan approved"
            )
        elif change.address in known:
            message = (
                "not placed, because it differs from the approved plan. Plan again and get the new plan approved"
            )
        stale.append(Event(EventKind.STALE, change.address, message=message))
        return False

    return replace(plan, changes=plan.changes.filtered(keep)), stale


def dropped(plan: Plan, approved: Iterable[Plan], scope: frozenset[str] | None) -> Iterable[Event]:
    """A ``stale`` event for each approved call that the files no longer contain.

    ``scope`` names the plans whose rows are judged (None: all).
    """
    current = {change.address: change.action for change in plan.changes}
    for address in sorted(addresses(approved)):
        in_scope = scope is None or address.plan in scope
        if in_scope and current.get(address, Action.REMOVED) in (Action.HELD, Action.REMOVED):
            yield Event(EventKind.STALE, address, message="it was approved, but the files no longer contain it")


def find_gone(
    approved: Mapping[str, Plan],
    rows: Sequence[Row],
    scope: frozenset[str] | None,
    digests: Digests,
    run_id: str,
    at: datetime,
) -> dict[str, list[RowApproval]]:
    """By plan id, the rows in ``scope`` that ``approved`` plans approve and that are now removed or disabled."""
    gone = ended(addresses(approved.values()), rows, scope)
    found: dict[str, list[RowApproval]] = {}
    for plan_id, one in approved.items() if gone else ():
        commit = one.git.commit if one.git else None
        for change in one.with_action(*_TO_PLACE):
            if change.address in gone:
                item = RowApproval(change.address, digests.digest(change), plan_id, commit, at, run_id)
                found.setdefault(plan_id, []).append(item)
    return found


def find_withdrawn(ledger: Iterable[LedgerRecord]) -> set[tuple[str, str]]:
    """Plan id and address of each approval that ended because its row was removed or disabled."""
    latest: dict[str, str] = {}
    withdrawn: set[tuple[str, str]] = set()
    for record in ledger:
        content: Mapping[str, Any] = record.content
        if record.kind == EntryKind.APPROVED:
            latest |= {address: content["plan_id"] for address, _ in content["rows"]}
        elif record.kind == EntryKind.APPROVAL_ENDED:
            gone = [address for address in content["addresses"] if address in latest]
            withdrawn |= {(latest[address], address) for address in gone}
    return withdrawn


def addresses(approved: Iterable[Plan]) -> set[Address]:
    """The rows that the plans would place, now or later."""
    return {change.address for one in approved for change in one.with_action(*_TO_PLACE)}


def ended(approvals: Collection[Address], rows: Sequence[Row], scope: frozenset[str] | None) -> set[Address]:
    """The approved rows in ``scope`` that the files no longer contain, or contain with ``enabled: false``."""
    judged = {address for address in approvals if scope is None or address.plan in scope}
    if judged:
        judged.difference_update(row.address for row in rows if row.enabled)
    return judged
