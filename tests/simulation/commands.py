"""The commands of a user, composed of the product's own parts as ``reconciler.cli`` composes them.

Files, arguments and output are left out; the plan, the state, what is placed and what is found out are real.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any, TypeAlias, cast

from reconciler.contactship.client import ContactShip
from reconciler.contactship.listing import CallListing
from reconciler.contactship.origin import ServiceOrigin
from reconciler.domain.clocks import ServiceClock
from reconciler.domain.entries import EntryIndex
from reconciler.domain.events import Event, Tally
from reconciler.domain.facts import Verdict, unresolved
from reconciler.domain.model import Address, Status
from reconciler.domain.plan import Action, Plan
from reconciler.domain.ports import Approval, Decision, Run
from reconciler.errors import ReconcilerError, StateError
from reconciler.evidence.conflicts import FileRows, end_conflicts
from reconciler.evidence.settle import settle
from reconciler.evidence.tagging import TAGS
from reconciler.placing.admission import Job, admit
from reconciler.placing.commit_order import CommitOrigin, find_objection
from reconciler.placing.plan_checks import check_age, check_applicable, check_verdict
from reconciler.placing.schedule_check import ScheduleSettings
from reconciler.placing.service import Service
from reconciler.placing.workflow import Apply, outcome
from reconciler.planning.context import Context
from reconciler.planning.plan import make_plan
from reconciler.savedplan import planfile, planreader
from reconciler.state.reader import Reader
from reconciler.state.store import Store
from reconciler.state.transfer.migrate import move
from tests.simulation.disk import Disk, MovableState
from tests.simulation.invariants import RunJudge, judge_event
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


class ApplyCommand:
    """``reconciler apply``: of the files, of a saved plan, or of the files as far as plans were approved."""

    def __init__(
        self,
        world: World,
        place: str,
        *,
        saved: str | None,
        approved: str | None,
        back: int,
        faults: Faults,
    ) -> None:
        self.world = world
        self.machine = world.machine(place)
        self._place = place
        self._saved = saved
        self._approved = approved
        self._checkout = world.repository.checkout(back)
        self._faults = faults
        self.apply: Apply | None = None
        self.tally = Tally()
        disk = world.disks[place]
        self.session = Session(self.machine, disk, self._checkout.files)
        self.ended = False
        self.refused = False

    async def run(self) -> None:
        """Run to the end, or until it is refused. Raises ``Crash``."""
        world, machine = self.world, self.machine
        try:
            await self._apply()
        except ReconcilerError as error:
            machine.check_alive()
            self.refused = True
            world.say(f"{machine.name} is refused: {error.message}")
        finally:
            self.ended = True

    def _job(self) -> Job:
        world, machine = self.world, self.machine
        if self._saved is not None:
            plan = planreader.read(BytesIO(world.saved[self._saved]))
            check_age(plan, MAX_AGE, machine.now())
            check_verdict(plan)
            self.session.allowed = _bodies([plan])
            origin = CommitOrigin(self._checkout, plan.git.commit if plan.git else None, saved=True)
            self.session.commit = origin.commit
            return Job(plan, origin)
        with world.state(self._place).reader(machine) as reader:
            plan, _ = make(world, machine, reader, self._checkout)
            origin = CommitOrigin(self._checkout, self._checkout.head(), saved=False)
            self.session.commit = origin.commit
            objection = find_objection(origin, reader.applied_commits())
        if objection is not None:
            raise ReconcilerError(objection.message)
        check_verdict(plan)
        approved = {}
        if self._approved is not None:
            approved_plan = planreader.read(BytesIO(world.saved[self._approved]))
            check_age(approved_plan, MAX_AGE, machine.now())
            approved = {planfile.plan_id(approved_plan): approved_plan}
            self.session.allowed = self._approved_bodies()
        else:
            self.session.allowed = _bodies([plan])
        rows = self._checkout.files.rows
        files = FileRows(plan.changes)
        return Job(plan, origin, rows, None, approved, only_approved=bool(approved), files=files)

    async def _apply(self) -> None:
        world, machine = self.world, self.machine
        job = self._job()
        own_id = planfile.plan_id(job.plan)
        approvals = tuple(
            Approval(name, plan.git.commit if plan.git else None) for name, plan in job.approved.items()
        )
        run = new_run(machine, "apply", own_id, approvals)
        tally = self.tally
        with world.state(self._place).store(run, machine) as store:
            self.session.begin(store, run.id)
            code = 1
            try:
                code = await self._under_lock(job, store, run, tally)
            finally:
                if not machine.dead:
                    store.end_run(run.id, machine.now(), code, tally.summary())
        counts = {name: count for name, count in tally.summary().items() if count}
        world.say(f"{machine.name} ends with {code}: {counts or 'nothing'}" + _because(tally))

    async def _under_lock(self, job: Job, store: Store, run: Run, tally: Tally) -> int:
        world, machine = self.world, self.machine
        now = machine.now()
        for plan in (job.plan, *job.approved.values()):
            check_applicable(plan, store, now)
        admitted = admit(job, store, run.id, now, world.fields, lambda text: None)
        self._note_approvals(job, store)
        job = admitted
        context = Context(
            now=now,
            tool_version="0",
            lineage=store.lineage,
            serial=store.serial,
            fields=world.fields,
            git=self._checkout.revision,
            policy=self._checkout.files.policy,
            people=self._checkout.files.people,
        )
        self.apply = Apply(job.plan, store, run.id, context, machine, tally, job.stale, job.files)
        service = self._service(min(2, self.apply.orders))
        await self.apply.run(service, self._emit)
        return outcome(tally)

    def _approved_bodies(self) -> dict[str, list[tuple[Mapping[str, Any], datetime | None]]]:
        """What the plans of reviewers approve."""
        plans = [planreader.read(BytesIO(self.world.saved[name])) for name in sorted(self.world.approved)]
        return _bodies(plans, self.world.withdrawn)

    def _note_approvals(self, job: Job, store: Store) -> None:
        """A plan no longer approves a row that a run found removed or disabled, even if the row returns."""
        world = self.world
        if job.rows is None or world.copies:
            return
        here = {row.address for row in job.rows if row.enabled}
        gone = [(plan_id, address) for address, plan_id in world.granted.items() if address not in here]
        for plan_id, plan in job.approved.items():
            changes = plan.with_action(Action.CREATE, Action.WAITING)
            gone += [(plan_id, change.address) for change in changes if change.address not in here]
        world.withdrawn.update(gone)
        world.granted = {address: item.plan_id for address, item in store.approved().items() if address in here}
        if job.approved:
            self.session.allowed = self._approved_bodies()

    def _service(self, workers: int) -> Service:
        world, machine = self.world, self.machine
        judge = RunJudge(world, self.session)
        requests = Requests(machine, world.service, world.loop, world.random, self._faults, judge)
        clock = ServiceClock(machine.elapsed)
        transport = partial(SimulatedTransport, requests)
        providers = [ContactShip(ORIGIN, "key", TIMEOUT, clock, transport()) for _ in range(workers)]
        directory = CallListing(ORIGIN, "key", TIMEOUT, clock, transport())
        schedule = ScheduleSettings(ORIGIN.base, world.fields)
        return Service(providers, directory, None, self._note, schedule=schedule, clock=clock)

    def _note(self, text: str) -> None:
        self.machine.check_alive()
        self.world.say(f"{self.machine.name} notes: {text}")

    def _emit(self, event: Event) -> None:
        """An output: a line that a person, or the next program, can read."""
        self.machine.step()
        address = str(event.address)
        self.world.say(
            f"{self.machine.name} reports {address}: {event.kind} {event.call_id or event.message or ''}"
        )
        judge_event(self.world, self.session, event)

    def left_to_place(self) -> list[str]:
        """The rows that could be placed after the run; none if it said why it placed nothing more."""
        if self.refused or self.tally.stopped or self.tally.unproved:
            return []
        with self.world.state(self._place).reader(self.machine) as reader:
            plan, _ = make(self.world, self.machine, reader, self._checkout)
        return [str(change.address) for change in plan.with_action(Action.CREATE)]

    def stop(self) -> None:
        """What SIGTERM does."""
        if self.apply is not None:
            self.apply.stop("interrupted")


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


def _bodies(
    plans: Iterable[Plan], withdrawn: Collection[tuple[str, Address]] = ()
) -> dict[str, list[tuple[Mapping[str, Any], datetime | None]]]:
    """The requests that plans contain, and until when each may be sent, by address.

    ``withdrawn`` names those that are left out, by the plan's id and the address.
    """
    bodies: dict[str, list[tuple[Mapping[str, Any], datetime | None]]] = {}
    for plan in plans:
        plan_id = planfile.plan_id(plan) if withdrawn else ""
        for change in plan.with_action(Action.CREATE):
            if (plan_id, change.address) in withdrawn:
                continue
            until = change.place_by if change.scheduled_at is None else change.scheduled_at
            bodies.setdefault(str(change.address), []).append((change.required_request.body, until))
    return bodies


def _because(tally: Tally) -> str:
    return f", because {tally.stopped}" if tally.stopped else ""
