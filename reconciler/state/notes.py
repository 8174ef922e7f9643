"""What the ledger says of each thing a store does: the same for all of them, without anybody's data."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from reconciler.domain import identity
from reconciler.domain.blinding import is_partial
from reconciler.domain.canonical import canonical_json
from reconciler.domain.chain import EntryKind, Note
from reconciler.domain.facts import Conflict, RowApproval, ServiceFact
from reconciler.domain.model import Address, JsonObject, JsonValue, Status
from reconciler.domain.ports import Decision, Intent, Result, Run, Seen
from reconciler.domain.times import format_instant

PURPOSE = "audit"
_OUTCOMES = {
    Status.PLACED: EntryKind.PLACED,
    Status.FAILED: EntryKind.FAILED,
    Status.UNCERTAIN: EntryKind.UNCERTAIN,
    Status.RULED_OUT: EntryKind.RULED_OUT,
    Status.MISSED: EntryKind.MISSED,
}


def began(run: Run) -> Note:
    content: JsonObject = {
        "command": run.command,
        "host": run.host,
        "pid": run.pid,
        "actor": run.actor,
        "tool_version": run.tool_version,
        "plan_id": run.plan_id,
        "commit": run.commit,
        "approvals": [{"plan_id": item.plan_id, "commit": item.commit} for item in run.approvals],
        "overrides": [
            {"code": item.code, "plan_id": item.plan_id, "reason": item.reason} for item in run.overrides
        ],
        **run.details,
    }
    return Note(EntryKind.BEGAN, run.started_at, run.id, content)


def ended(run_id: str, at: datetime, exit_code: int, counts: Mapping[str, int]) -> Note:
    return Note(EntryKind.ENDED, at, run_id, {"exit_code": int(exit_code), "counts": dict(counts)})


def opened(run_id: str, intent: Intent, at: datetime, status: Status, key: bytes) -> Note:
    """A new attempt. Whom it rings is told by a pseudonym, the same each time for the same person.

    Where it was made before, by a state that is lost, ``attempted_at`` says when. Where the call is known only as
    the service lists it, ``call`` is the digest of what is stored of it.
    """
    content: JsonObject = {
        "address": str(intent.address),
        "digest": intent.digest,
        "endpoint": intent.endpoint,
        "rings_at": format_instant(intent.rings_at),
    }
    if intent.attempted_at is not None:
        content["attempted_at"] = format_instant(intent.attempted_at)
    if is_partial(intent.call):
        content["call"] = identity.digest(intent.call)
    kind = EntryKind.EXPIRED if status is Status.MISSED else EntryKind.INTENDED
    return Note(kind, at, run_id, content, {"person": pseudonym(key, intent.call.target)})


def pseudonym(key: bytes, target: str) -> str:
    """Whom a call rings, to be recognised and not to be read."""
    return hmac.digest(key, target.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()[:16]


def answered(run_id: str, result: Result) -> Note:
    content: JsonObject = {"address": str(result.address), "call_id": result.call_id}
    return Note(_OUTCOMES[result.status], result.at, run_id, content, _answer_texts(result))


def adopted(run_id: str, result: Result) -> Note:
    content: JsonObject = {"address": str(result.address), "call_id": result.call_id}
    return Note(EntryKind.ADOPTED, result.at, run_id, content, _answer_texts(result))


def _answer_texts(result: Result) -> dict[str, str]:
    texts = {"error": result.error, "evidence": result.evidence}
    return {name: text for name, text in texts.items() if text is not None}


def decided(run_id: str, decision: Decision, said: str) -> Note:
    """``said`` is the word that the decision is recorded under."""
    content: JsonObject = {"address": str(decision.address), "said": said, "call_id": decision.call_id}
    kind = EntryKind.FORGOTTEN if said == "forgotten" else EntryKind.DECIDED
    return Note(kind, decision.at, run_id, content, {"reason": decision.reason})


def cleared(run_id: str, address: Address, reason: str, at: datetime) -> Note:
    return Note(EntryKind.CLEARED, at, run_id, {"address": str(address)}, {"reason": reason})


def moved(run_id: str, old: Address, new: Address, at: datetime) -> Note:
    return Note(EntryKind.MOVED, at, run_id, {"address": str(new), "from": str(old)})


def looked(run_id: str, seen: Seen, at: datetime) -> Note:
    time = None if seen.server_time is None else format_instant(seen.server_time)
    content: JsonObject = {
        "calls": len(seen.call_ids),
        "digest": ids_digest(seen.call_ids),
        "server_time": time,
    }
    return Note(EntryKind.LOOKED, at, run_id, content)


def ids_digest(call_ids: Iterable[str]) -> str:
    """One hash for many call ids, in whatever order."""
    return "sha256:" + hashlib.sha256(canonical_json([*sorted(call_ids)])).hexdigest()


def redacted(run_id: str, address: Address, at: datetime) -> Note:
    return Note(EntryKind.REDACTED, at, run_id, {"address": str(address)})


def departed(run_id: str, to: str, at: datetime) -> Note:
    return Note(EntryKind.DEPARTED, at, run_id, {"to": to})


def arrived(run_id: str, source: str, at: datetime) -> Note:
    return Note(EntryKind.ARRIVED, at, run_id, {"from": source})


def paused(run_id: str, plan: str | None, reason: str, at: datetime) -> Note:
    return Note(EntryKind.PAUSED, at, run_id, {"plan": plan}, {"reason": reason})


def resumed(run_id: str, plan: str | None, reason: str | None, at: datetime) -> Note:
    return Note(EntryKind.RESUMED, at, run_id, {"plan": plan}, {} if reason is None else {"reason": reason})


def conflict(
    run_id: str, found: Conflict, call_ids: Sequence[str], message: str, at: datetime, key: bytes
) -> Note:
    """``call_ids`` and ``message`` are those of ``found`` as every store can write them."""
    content: JsonObject = {"address": str(found.address), "call_ids": list(call_ids)}
    texts = {"person": pseudonym(key, found.target), "message": message}
    return Note(EntryKind.CONFLICT, at, run_id, content, texts)


def conflict_ended(run_id: str, addresses: Iterable[Address], why: str, at: datetime) -> Note:
    return Note(EntryKind.CONFLICT_ENDED, at, run_id, {"addresses": list(map(str, addresses)), "why": why})


def approved(
    run_id: str, plan_id: str, commit: str | None, approvals: Iterable[RowApproval], at: datetime
) -> Note:
    """Rows that were approved with one plan."""
    rows: list[JsonValue] = [[str(item.address), item.content] for item in approvals]
    return Note(EntryKind.APPROVED, at, run_id, {"plan_id": plan_id, "commit": commit, "rows": rows})


def approval_ended(run_id: str, addresses: Iterable[Address], why: str, at: datetime) -> Note:
    return Note(EntryKind.APPROVAL_ENDED, at, run_id, {"addresses": list(map(str, addresses)), "why": why})


def applied_from(run_id: str, commit: str, reason: str | None, at: datetime) -> Note:
    texts = {} if reason is None else {"reason": reason}
    return Note(EntryKind.APPLIED_FROM, at, run_id, {"commit": commit}, texts)


def observed(run_id: str, fact: ServiceFact, at: datetime) -> Note:
    content: JsonObject = {
        "service": fact.service,
        "name": fact.name,
        "verdict": fact.verdict.value,
        "evidence": fact.evidence,
    }
    return Note(EntryKind.OBSERVED, at, run_id, content)


def to_stop(run_id: str, new: Iterable[Address], over: Iterable[Address], at: datetime) -> Note:
    """How the calls to stop by hand differ from those that were known."""
    content: JsonObject = {"new": list(map(str, new)), "over": list(map(str, over))}
    return Note(EntryKind.TO_STOP, at, run_id, content)
