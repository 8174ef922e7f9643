"""Calls, entries and a scene for the tests of guards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from reconciler.domain import identity
from reconciler.domain.model import Address, Call, Entry, Schedule, Status
from reconciler.domain.people import People
from reconciler.domain.plan import Action
from reconciler.domain.policy import Policy
from reconciler.domain.times import format_wall, zone
from reconciler.planning.guards.base import Candidate, GuardFinding, GuardInput
from tests.conftest import AGENT, NUMBER, contact

NOW = datetime(2031, 6, 1, tzinfo=UTC)
MEXICO = "America/Mexico_City"


def call(
    person: str | int = 1, *, wall: datetime | None = None, zone_name: str = MEXICO, **members: object
) -> Call:
    """A call to a number or to the contact of that number."""
    schedule = None if wall is None else Schedule(format_wall(wall), zone_name)
    who = {"contact_id": contact(person)} if isinstance(person, int) else {"to_number": person, "full_name": "A"}
    return Call(AGENT, NUMBER, schedule=schedule, **who, **members)  # type: ignore[arg-type]


def at(wall: str, zone_name: str = MEXICO) -> datetime:
    """The instant of ``2031-06-01 10:00`` on the clocks of a zone."""
    return datetime.fromisoformat(wall).replace(tzinfo=zone(zone_name)).astimezone(UTC)


def wanted(
    key: str, rings_at: datetime, person: str | int = 1, zone_name: str | None = MEXICO, **more: object
) -> Candidate:
    """A call that would be placed, in a zone or, without one, in as many minutes as it takes."""
    address = Address.parse(key if "/" in key else f"june/{key}")
    if zone_name is None:
        return Candidate(address, call(person, **more), Action.CREATE, rings_at, scheduled=False)
    wall = rings_at.astimezone(zone(zone_name)).replace(tzinfo=None)
    made = call(person, wall=wall, zone_name=zone_name, **more)
    return Candidate(address, made, Action.CREATE, rings_at, scheduled=True)


def known(
    key: str,
    rings_at: datetime,
    person: str | int = 1,
    status: Status = Status.PLACED,
    stopped: datetime | None = None,
) -> Entry:
    """A call that the state has."""
    made = call(person)
    address = Address.parse(key if "/" in key else f"may/{key}")
    return Entry(
        address, status, made, identity.digest(made), rings_at - timedelta(minutes=5), rings_at, stopped_at=stopped
    )


def scene(
    policy: Policy, entries: Sequence[Entry] = (), people: People | None = None, now: datetime = NOW
) -> GuardInput:
    return GuardInput(now, policy, entries, people=people or People())


def keys(found: Iterable[GuardFinding]) -> list[str]:
    """The keys of the calls that were objected to, in the order of the objections; empty for the whole plan."""
    return [item.address.key if item.address else "" for item in found]
