"""The commands of a user, composed of the product's own parts as ``reconciler.cli`` composes them.

Files, arguments and output are left out; the plan, the state, what is placed and what is found out are real.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from io import BytesIO
from typing import Any, TypeAlias, cast

from reconciler.contactship.listing import CallListing
from reconciler.contactship.origin import ServiceOrigin
from reconciler.domain.clocks import ServiceClock
from reconciler.domain.entries import EntryIndex
from reconciler.domain.facts import Verdict, unresolved
from reconciler.domain.model import Address, Status
from reconciler.domain.plan import Action, Plan
from reconciler.domain.ports import Approval, Decision, Run
from reconciler.errors import ReconcilerError, StateError
from reconciler.evidence.conflicts import FileRows, end_conflicts
from reconciler.evidence.settle import settle
from reconciler.evidence.tagging import TAGS
from reconciler.planning.context import Context
from reconciler.planning.plan import make_plan
from reconciler.savedplan import planfile
from reconciler.state.reader import Reader
from reconciler.state.transfer.migrate import move
from tests.simulation.disk import Disk, MovableState
from tests.simulation.invariants import RunJudge
from tests.simulation.machine import Machine
from tests.simulation.project import Checkout
from tests.simulation.wire import Fault, Requests, SimulatedTransport
from tests.simulation.world import Session, World

ORIGIN = ServiceOrigin("https://service", loopback=False)
TIMEOUT = 10.0
MAX_AGE = timedelta(hours=72)
Faults: TypeAlias = Mapping[tuple[str, int], Fault]
_JUDGED = (Action.CREATE, Action.WAITING, Action.EXPIRED, Action.BLOCKED)


def make(world: World, machine: Machine, reader: Reader, checkout: Checkout) -> tuple[Plan, Context]:
    """The plan of the files against the state."""
    files = checkout.files
    context = Context(
        now=machine.now(),
        tool_version="0",
        lineage=reader.lineage,
        serial=reader.serial,
        fields=world.fields,
        git=checkout.revision,
        policy=files.policy,
        people=files.people,
        conflicts=unresolved(reader),
    )
    state = EntryIndex.from_entries(reader.entries())
    return make_plan(files.rows, state, context, (), files.moves), context


def save_plan(world: World, place: str, name: str, back: int) -> None:
    """``reconciler plan --out``."""
    machine = world.machine(place)
    with world.state(place).reader(machine) as reader:
        plan, _ = make(world, machine, reader, world.repository.checkout(back))
    file = BytesIO()
    planfile.write(plan, file)
    world.saved[name] = file.getvalue()
    counts = {action.value: number for action in Action if (number := plan.count(action))}
    world.say(f"{machine.name} saves plan {name}: {counts or 'nothing'}")


async def look_up(world: World, place: str, faults: Faults) -> None:
    """``reconciler resolve``: query the service about unknown outcomes."""
    machine = world.machine(place)
    session = Session(machine, world.disks[place], world.repository.files)
    run = new_run(machine, "resolve", None, ())
    try:
        with world.state(place).store(run, machine) as store:
            session.begin(store, run.id)
            judge = RunJudge(world, session)
            requests = Requests(machine, world.service, world.loop, world.random, faults, judge)
            clock = ServiceClock(machine.elapsed)
            listing = CallListing(ORIGIN, "key", TIMEOUT, clock, SimulatedTransport(requests))
            if store.conflicts():
                plan, _ = make(world, machine, store, world.repository.checkout())
                wanted = (change.address for change in plan.with_action(*_JUDGED))
                end_conflicts(store, run.id, wanted, FileRows(plan.changes), machine.now())
            matches = await settle(store, run.id, listing, machine)
            for match in matches:
                world.say(f"{machine.name} adopts {match.call_id} for {match.address}: {match.evidence}")
            store.end_run(run.id, machine.now(), 0, {"adopted": len(matches)})
    except ReconcilerError as error:
        machine.check_alive()
        world.say(f"{machine.name} cannot resolve: {error.message}")


def decide(world: World, place: str, address: Address, status: Status | None, call_id: str | None) -> bool:
    """``reconciler resolve ADDRESS``: a person's decision. Without a status, a conflict is about another call.

    Returns whether it was accepted.
    """
    machine = world.machine(place)
    run = new_run(machine, "resolve", None, ())
    at = machine.now()
    decision = Decision(address, at, "as the person saw it", status, call_id, distinct=status is None)
    try:
        with world.state(place).store(run, machine) as store:
            store.decide(run.id, [decision], ())
            store.end_run(run.id, machine.now(), 0, {"decided": 1})
    except ReconcilerError as error:
        world.say(f"{machine.name} cannot decide {address}: {error.message}")
        return False
    verdict = "distinct" if status is None else f"{status} {call_id or ''}"
    world.say(f"{machine.name} decides that {address} is {verdict}")
    return True


def set_pause(world: World, place: str, plan: str | None, *, on: bool) -> None:
    """``reconciler pause`` and ``reconciler resume``."""
    machine = world.machine(place)
    command = "pause" if on else "resume"
    run = new_run(machine, command, None, ())
    try:
        with world.state(place).unlocked(run, machine) as store:
            if on:
                store.pause(run.id, plan, "wait", machine.now())
            else:
                store.resume(run.id, plan, None, machine.now())
    except ReconcilerError as error:
        world.say(f"{machine.name} cannot {command}: {error.message}")
        return
    paused = world.disks[place].state.paused
    if on:
        paused[plan] = world.loop.time()
    else:
        paused.pop(plan, None)
    world.say(f"{machine.name}: {command} {plan or 'all plans'}")


def tags_are_proved(world: World, place: str) -> bool:
    """Whether the state has seen that the service returns the tags of calls."""
    if world.disks[place].file is None:
        return False
    try:
        with world.state(place).reader(world.machine(place)) as reader:
            fact = reader.facts(ORIGIN.base).get(TAGS)
    except StateError:  # it was migrated, and this place goes on with the old one
        return False
    return fact is not None and fact.verdict is Verdict.PROVED


def migrate(machine: Machine, old: Disk, new: Disk, name: str) -> None:
    """``reconciler state migrate``, to a new state of this name."""
    run = new_run(machine, "state migrate", None, ())
    source, target = MovableState(old, machine, "state.db"), MovableState(new, machine, name)
    move(cast("Any", source), cast("Any", target), run, machine.now(), 0.0)


def unknown_markers(world: World, place: str, person: str) -> list[str]:
    """The rows of a person whose outcome is unknown."""
    if world.disks[place].file is None:
        return []
    try:
        with world.state(place).reader(world.machine(place)) as reader:
            calls = [entry.call for entry in reader.unknown_entries()]
    except StateError:
        return []
    return [call.additional_data["marker"] for call in calls if call.contact_id == person]


def new_run(machine: Machine, command: str, plan: str | None, approvals: tuple[Approval, ...]) -> Run:
    return Run(machine.name, command, machine.now(), "host", 1, "somebody", "0", plan_id=plan, approvals=approvals)
