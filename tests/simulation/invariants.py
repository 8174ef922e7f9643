"""What must never happen, each with the sentence of the documentation that promises it.

``judge_*`` are called at the moment in which a promise could be broken; ``judge_end`` when a story is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from reconciler.domain.events import Event, EventKind
from reconciler.domain.model import Address, Status
from reconciler.errors import ReconcilerError
from reconciler.evidence.matching import LOOK_BACK, PENDING
from tests.simulation.disk import SimulatedState
from tests.simulation.machine import MOST_SKEW, Machine
from tests.simulation.project import CLOSE, OPEN, address_of, marker_of
from tests.simulation.service import ServiceCall
from tests.simulation.wire import Fault
from tests.simulation.world import FRESH, START, Session, World

TWICE = "A retry, a killed job or a lost answer never calls a person twice"
LOST = "No call is lost in silence: each row is placed or reported"
INTENT = "The intent of a call is on the disk before its request leaves"
OWNER = "Before each request, a run checks that the state and the intent are still its own"
APPROVED = "Only what was approved is placed"
FORBIDDEN = "Nobody on a suppression list is called, and no call of a paused plan is placed"
TIME = "No call is placed after its time"
HOURS = "Nobody is called outside the calling hours"
CLOCKS = "Nothing is sent while this machine's clock and the service's are more than a minute apart"
SCHEDULE = "If the service does not understand our schedules, one call rings at once, and no more"
NEWEST = "An older commit is not applied over a newer one"
REVISION = "A raised revision is not placed while the call of the earlier one is still to ring"
COPIES = "Nothing is sent while the service lists a call that another copy of the state placed"
RECORDED = "What a run reports is what the state has"
ADOPTED = "An adopted call is the row's own call"
LEDGER = "The ledger replays to the tables of the state"
ENDS = "Every run ends"
LIVELY = "What may be placed is placed"

PROMISES = (
    TWICE,
    LOST,
    INTENT,
    OWNER,
    APPROVED,
    FORBIDDEN,
    TIME,
    HOURS,
    CLOCKS,
    SCHEDULE,
    NEWEST,
    REVISION,
    COPIES,
    RECORDED,
    ADOPTED,
    LEDGER,
    LIVELY,
    ENDS,
)


@dataclass
class RunJudge:
    """Sees the requests of one run, as a ``wire.Judge``."""

    world: World
    session: Session

    def leaving(self, body: Mapping[str, Any]) -> None:
        judge_request(self.world, self.session, self.session.machine, body)

    def undone(self, body: Mapping[str, Any]) -> None:
        self.world.travelling[marker_of(body)] -= 1

    def mixed_up(self, body: Mapping[str, Any], other: ServiceCall) -> None:
        same = other.body["contact_id"] == body["contact_id"]
        if same and not _is_listed(self.world, self.session, other, body):
            for marker in filter(None, (marker_of(body), other.marker)):
                self.world.excuse(marker, "an answer that names another call of the same person looks right")

    def fault(self, fault: Fault, phase: str) -> None:
        self.world.happened(fault.value, phase)
        if fault is Fault.FORGETFUL:
            self.session.left_out = True
        elif fault is Fault.EMPTY_METADATA:
            self.session.without_tags.add(phase)


def judge_request(world: World, session: Session, machine: Machine, body: Mapping[str, Any]) -> None:
    """A request that places a call leaves the machine now."""
    address, marker = address_of(body), marker_of(body)
    world.senders[id(body)] = session
    world.travelling[marker] += 1
    world.say(f"{machine.name} sends {address} ({marker})")
    _judge_ownership(world, session, address)
    _judge_copies(world, session, address)
    allowed = [limit for approved, limit in session.allowed.get(str(address), ()) if approved == body]
    if not allowed:
        world.break_promise(APPROVED, f"{address} was sent in a form that no approved plan has")
    if not world.copies and session.commit is not None and session.commit < world.latest_commit:
        world.break_promise(NEWEST, f"{address} was sent from an older commit")
    world.latest_commit = max(world.latest_commit, session.commit or "")
    if body["contact_id"] in session.files.suppressed:
        world.break_promise(FORBIDDEN, f"{address} was sent to a person on the suppression list")
    now = world.loop.time()
    paused = [session.disk.state.paused.get(plan) for plan in (None, address.plan)] if session.disk.file else []
    if any(since is not None and now - since > FRESH for since in paused):
        world.break_promise(FORBIDDEN, f"{address} was sent although it is paused")
    if machine.wrong_since is not None and now - machine.wrong_since > FRESH:
        world.break_promise(CLOCKS, f"{address} was sent by a clock that is {machine.ahead:.0f} s ahead")
    ends = [limit for limit in allowed if limit is not None]
    if ends and (world.true_now() - max(ends)).total_seconds() > MOST_SKEW + FRESH:
        world.break_promise(TIME, f"{address} was sent after its time, {max(ends)}")
    if session.files.hours:
        _judge_hours(world, address, body)


def _judge_hours(world: World, address: Address, body: Mapping[str, Any]) -> None:
    """A call without a schedule rings when it is sent; then the clocks may differ."""
    scheduled, slack = body.get("schedule"), timedelta()
    if scheduled:
        rings_at = world.service.scheduled_for(scheduled)
    else:
        rings_at, slack = world.true_now(), timedelta(seconds=MOST_SKEW + FRESH)
    times = (rings_at - slack, rings_at, rings_at + slack)
    if not any(OPEN <= moment.hour * 60 + moment.minute < CLOSE for moment in times):
        world.break_promise(HOURS, f"{address} was sent to ring at {rings_at:%a %H:%M:%S}")


def _judge_copies(world: World, session: Session, address: Address) -> None:
    """With tags, a call that this state knows nothing of is another copy's."""
    if not world.copies or not world.service.traits.shows_tags:
        return
    if session.left_out or session.without_tags >= {"preflight", "list"}:
        return
    began = START + timedelta(seconds=session.began)
    for call in world.service.calls:
        if call.marker is None or not _is_listed(world, session, call, call.body):
            continue
        if "list" in session.without_tags and call.status(began) not in PENDING:
            continue  # only one listing had it, and that one had no tags
        other = address_of(call.body)
        attempts = session.store.attempts(other)  # an attempt that has a call of its own is not this one's
        known = session.store.entries_of_calls([call.id]) or any(
            item.call_id in {None, call.id} and item.status is not Status.MISSED for item in attempts
        )
        moved = other in session.store.renames() or other in session.store.cleared()
        if not known and not moved:
            world.break_promise(COPIES, f"{address} was sent although {call.id} of {other} is not in the state")


def _judge_ownership(world: World, session: Session, address: Address) -> None:
    now = world.loop.time()
    taken = session.taken_at()
    if taken is not None:
        if now - taken > FRESH:
            world.break_promise(OWNER, f"{address} was sent {now - taken:.0f} s after the state was taken away")
        return
    entry = session.store.entry(address)
    attempts = session.store.attempts(address)
    if entry is None or entry.status is not Status.INTENDED or attempts[-1].run_id != session.run_id:
        world.break_promise(INTENT, f"{address} was sent, but the state has {entry and entry.status}")


def judge_call(world: World, call: ServiceCall) -> None:
    """The service creates a call now."""
    if call.marker is None:
        return
    session = world.senders[id(call.body)]
    world.travelling[call.marker] -= 1
    earlier = [other for other in world.service.calls if other.marker == call.marker and other is not call]
    if earlier and call.marker not in world.excused:
        if world.copies and not any(_is_listed(world, session, other, call.body) for other in earlier):
            world.excused[call.marker] = "copies of the state see each other only through the service's list"
        else:
            world.break_promise(TWICE, f"{call.marker} has {earlier[0].id} and now {call.id}")
    row = call.marker.partition(" revision ")[0]
    ahead = [
        other.id
        for other in world.service.calls
        if other.marker not in (None, call.marker)
        and str(other.marker).partition(" revision ")[0] == row
        and other.rings_at > world.true_now()
    ]
    if ahead and not world.copies and call.marker not in world.excused:
        world.break_promise(REVISION, f"{call.marker} is placed while {ahead[0]} is still ahead")
    scheduled = call.body.get("schedule")
    if call.marker in world.excused or world.copies:
        return
    if scheduled and (world.service.scheduled_for(scheduled) - call.rings_at).total_seconds() > 60:
        world.rang_at_once.append(call.id)
        if len(world.rang_at_once) > 1:
            world.break_promise(SCHEDULE, f"{len(world.rang_at_once)} scheduled calls rang at once")


def _is_listed(world: World, session: Session, call: ServiceCall, wanted: Mapping[str, Any]) -> bool:
    """Whether the preflight of a run must have found a call that fulfils the same wish as the body ``wanted``."""
    began = START + timedelta(seconds=session.began)
    pending = call.status(began) != "completed"
    recent = began - call.created_at < LOOK_BACK
    listed = call.created_at + timedelta(seconds=world.service.traits.lag) <= began
    shown = listed and (pending or recent) and not session.left_out
    return shown and (world.service.traits.shows_tags or call.body["contact_id"] == wanted["contact_id"])


def judge_event(world: World, session: Session, event: Event) -> None:
    """A command reports the outcome of an address now."""
    if session.taken_at() is not None:
        return
    entry = session.store.entry(event.address)
    status = None if entry is None else entry.status
    if event.kind in {EventKind.PLACED, EventKind.ADOPTED}:
        if entry is None or not entry.placed or entry.call_id != event.call_id:
            world.break_promise(RECORDED, f"{event.address} is reported as {event.kind}, and recorded as {status}")
            return
        call = next((call for call in world.service.calls if call.id == event.call_id), None)
        marker = entry.call.additional_data["marker"]
        if (call is None or call.marker != marker) and marker not in world.excused:
            promise = ADOPTED if event.kind is EventKind.ADOPTED else RECORDED
            world.break_promise(
                promise, f"{event.address} ({marker}) was given {event.call_id} of {call and call.marker}"
            )
    elif event.kind is EventKind.FAILED and status is not Status.FAILED:
        world.break_promise(RECORDED, f"{event.address} is reported as failed, and recorded as {status}")
    elif event.kind is EventKind.UNCERTAIN and (entry is None or not entry.unknown):
        world.break_promise(RECORDED, f"{event.address} is reported as uncertain, and recorded as {status}")
    elif event.kind is EventKind.NOT_SENT and entry is not None and entry.unknown:
        world.break_promise(RECORDED, f"{event.address} is reported as not sent, and recorded as {status}")


def judge_end(world: World, place: str) -> None:
    """The story is over, and the service has answered everything."""
    machine, state = world.machine(place), SimulatedState(world.disks[place])
    try:
        problems = state.verify(machine).problems if world.replays else ()
        with state.reader(machine) as reader:
            entries = list(reader.entries())
            conflicts = reader.conflicts()
            forgotten = reader.cleared()
    except ReconcilerError:
        return
    left = world.last_apply.left_to_place() if world.last_apply is not None else []
    if left:
        world.break_promise(LIVELY, f"{left[0]} can be placed, and the last apply did not place it")
    if problems:
        world.break_promise(LEDGER, problems[0])
    calls = {call.id: call for call in world.service.calls}
    for entry in entries:
        call = calls.get(entry.call_id or "")
        marker = entry.call.additional_data["marker"]
        if entry.placed and marker not in world.excused and (call is None or call.marker != marker):
            world.break_promise(
                LOST, f"{entry.address} ({marker}) is recorded as {entry.call_id} of {call and call.marker}"
            )
    known = {entry.call_id for entry in entries}
    open_markers = {entry.call.additional_data["marker"] for entry in entries if entry.unknown}
    disputed = {call_id for item in conflicts.values() for call_id in item.call_ids}
    for call in calls.values():
        if call.marker is None or call.id in known or call.id in disputed or forgotten:
            continue
        if call.marker not in open_markers and call.marker not in world.excused and not world.copies:
            world.break_promise(LOST, f"{call.id} of {call.marker} exists, and the state knows nothing of it")
