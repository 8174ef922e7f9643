"""Plans made by hand, for what renders them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import structs

from reconciler.domain import identity, wire
from reconciler.domain.changes import Changes
from reconciler.domain.model import Address, Call, Diagnostic, Entry, Location, Schedule, Severity, Status
from reconciler.domain.plan import Action, Base, CellDiff, Change, GitRevision, Plan
from reconciler.domain.service import RemoteCall
from reconciler.domain.times import scheduled_instant
from reconciler.evidence.outcomes import CallOutcome, Drift, DriftKind, OutcomeReport
from reconciler.render.load_context import LoadContext
from reconciler.render.origins import Origins
from reconciler.source.provenance import Field, Input, Provenance, ValueOrigin

NOW = datetime(2031, 5, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FILE = "calls/june.yaml"
AGENT = "agent-a1b2c3d4-e5f6-7890-abcd-ef1234567890"
BASE = Base("origin/main", "5f2c" * 10, (CellDiff("policy.plan_max_age", "72h", "1000h"),))


def address(text: str) -> Address:
    return Address.parse(text)


def make_plan(*changes: Change, **more: Any) -> Plan:
    given: dict[str, Any] = {
        "lineage": "lin-1",
        "serial": 12,
        "zone_rules": "2031a",
        "git": GitRevision("0a1b" * 10, dirty=False),
    } | more
    return Plan(
        NOW, "0.1.0", changes=Changes.from_items(sorted(changes, key=lambda change: change.address)), **given
    )


def create(name: str, at: str | None = "2031-06-01 14:30:00", line: int = 8, **more: Any) -> Change:
    """A call to place to +14155550123, at a wall time in Mexico City, or at once."""
    call = Call(
        agent=AGENT,
        sender="+525512345678",
        to_number="+14155550123",
        full_name="Jane Smith",
        schedule=Schedule(at, "America/Mexico_City") if at else None,
        additional_data={"amount_debt": "14058"},
    )
    return Change(
        address(name),
        Action.CREATE,
        identity.digest(call),
        Location(FILE, line, 5),
        call=call,
        request=wire.to_request(call, {}, wire.ScheduleFields()),
        scheduled_at=scheduled_instant(at, "America/Mexico_City") if at else None,
        **more,
    )


def other(name: str, action: Action, message: str | None = None, line: int = 8, **more: Any) -> Change:
    source = Location(FILE, line, 5)
    return Change(address(name), action, f"d1:sha256:{'0' * 64}", **({"source": source} | more), message=message)


def problem(message: str, code: str = "E201", line: int = 11, **more: Any) -> Diagnostic:
    severity = Severity.WARNING if code.startswith("W") else Severity.ERROR
    return Diagnostic(severity, code, message, Location(FILE, line, 5), **more)


def everything() -> Plan:
    """A pull request's plan with something of each kind in it."""
    still_rings = "june/inv-2 (call-7) still rings at 2031-06-01T20:30:00Z: the API cannot change or cancel it"
    moved = (CellDiff("schedule.at", "2031-06-01 14:30:00", "2031-06-02 09:00:00"),)
    return make_plan(
        create("june/inv-1", line=8, introduced=True),
        create("june/inv-3", line=20, introduced=True),
        create("june/inv-4", "2031-06-02 09:00:00", line=26, introduced=True),
        create("june/inv-5", "2031-06-02 09:00:00", line=32, introduced=True, diff=moved),
        create("june/lead-7", None, line=38, introduced=True, message="refused before (1x): no such agent"),
        create("june/inv-6", line=44, introduced=False),
        create("june/inv-7", line=50, introduced=False),
        other("june/inv-2", Action.CHANGED, still_rings, 14, introduced=True, diff=moved),
        other("june/inv-8", Action.CHANGED, "edited after it rang", 56, introduced=True, reasons=("past",)),
        other("june/inv-9", Action.BLOCKED, "the same call was placed as may/inv-9", 62, introduced=True),
        other("may/inv-1", Action.REMOVED, "may/inv-1 still rings", source=None, introduced=True),
        other(
            "june/inv-10", Action.HELD, "enabled: false, so it is kept in the file and not placed", introduced=True
        ),
        other("june/inv-11", Action.UNCHANGED, introduced=False),
        diagnostics=(
            problem("unknown field 'additonal_data' in calls[9]", hint="did you mean additional_data?"),
            problem("missing field 'place_by'", "W201", 38),
        ),
        moves=((address("may/inv-20"), address("june/inv-20")),),
        base=BASE,
        snapshot_at=datetime(2031, 5, 30, 9, tzinfo=UTC),
    )


def origins() -> Origins:
    """Where the values of june/inv-1 came from: a row, a sheet's cell, a default behind an alias, a formula."""
    default = ValueOrigin("default", "collections", Location(FILE, 4, 10))
    alias = ValueOrigin("alias", AGENT, Location("reconciler.yaml", 3, 5), inputs=(Input("agent", default),))
    due = ValueOrigin("sheet", "2031-06-04", Location("calls/june.xlsx", 2, 6, "Due!F2"), private=True)
    made = ValueOrigin(
        "formula",
        "2031-06-01 14:30:00",
        Location(FILE, 6, 9),
        formula='=at(date(row.due) - days(3), "14:30")',
        masked_formula="=at(date(row.due) - days(3), ***)",
        inputs=(Input("due", due), Input("note", None)),
    )
    number = ValueOrigin("row", "+14155550123", Location(FILE, 8, 16), private=True)
    fields = (
        Field("key", "inv-1", ValueOrigin("row", "inv-1", Location(FILE, 8, 10))),
        Field("agent", AGENT, alias, "agent_id"),
        Field("to_number", "+14155550123", number, "to_number", private=True),
        Field("schedule.at", "2031-06-01 14:30:00", made, "date"),
        Field("metadata.reconciler_key", "inv-1", ValueOrigin("tag", "inv-1", None)),
    )
    return {address("june/inv-1"): Provenance(Location(FILE, 8, 5), fields, 12)}


def load_context() -> LoadContext:
    """Two calls a minute are allowed, and june/inv-2 rings as it was asked for before somebody edited its row."""
    call = create("june/inv-2").call
    assert call is not None
    rings = datetime(2031, 6, 1, 20, 30, tzinfo=UTC)
    entry = Entry(address("june/inv-2"), Status.PLACED, call, "d1:", NOW, rings, "call-7")
    return LoadContext((entry,), per_minute=2, per_number=9)


def report() -> OutcomeReport:
    """Calls that came to all there is, two hours before the last of them; and what the service and the state
    disagree about."""
    call = create("june/inv-1").call
    assert call is not None
    words = (
        "answered",
        "answered",
        "voicemail",
        "no-answer",
        "busy",
        "failed",
        "stopped",
        "unlisted",
        "scheduled",
    )
    standings = []
    for number, word in enumerate(words * 3):
        rings = NOW + timedelta(hours=number % 9 - 6)
        name, agent = address(f"{'june' if number % 3 else 'may'}/inv-{number}"), f"agent-{number % 2}"
        entry = Entry(
            name, Status.PLACED, structs.replace(call, agent=agent), "d1:", NOW - DAY, rings, f"call-{number}"
        )
        if word == "stopped":
            entry = structs.replace(entry, stopped_at=NOW)
        remote = RemoteCall(f"call-{number}", "completed", NOW, result=word, reason="hung up", duration=61.5)
        standings.append(CallOutcome(entry, word, remote))
    for number, (status, word) in enumerate(((Status.FAILED, "refused"), (Status.UNCERTAIN, "uncertain"))):
        said = "422: no such agent" if word == "refused" else None
        entry = Entry(address(f"may/odd-{number}"), status, call, "d1:", NOW, NOW + DAY, error=said)
        standings.append(CallOutcome(entry, word))
    message = "placed twice: the state has call-1, and the tags of call-99 (scheduled) name it too"
    drift = [
        Drift(DriftKind.DUPLICATE, address("june/inv-1"), "call-99", message, "scheduled"),
        Drift(
            DriftKind.NOT_STOPPED,
            address("may/inv-6"),
            "call-6",
            "recorded as stopped by hand, but scheduled",
            "scheduled",
        ),
    ]
    return OutcomeReport(NOW, "lin-1", 12, standings, drift)
