"""``reconciler apply``, composed of the product's own parts as ``reconciler.cli`` composes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from io import BytesIO
from typing import Any

from reconciler.contactship.client import ContactShip
from reconciler.contactship.listing import CallListing
from reconciler.domain.clocks import ServiceClock
from reconciler.domain.events import Event, Tally
from reconciler.domain.model import Address
from reconciler.domain.plan import Action, Plan
from reconciler.domain.ports import Approval, Run
from reconciler.errors import ReconcilerError
from reconciler.evidence.conflicts import FileRows
from reconciler.placing.admission import Job, admit
from reconciler.placing.commit_order import CommitOrigin, find_objection
from reconciler.placing.plan_checks import check_age, check_applicable, check_verdict
from reconciler.placing.schedule_check import ScheduleSettings
from reconciler.placing.service import Service
from reconciler.placing.workflow import Apply, outcome
from reconciler.planning.context import Context
from reconciler.savedplan import planfile, planreader
from reconciler.state.store import Store
from tests.simulation.commands import MAX_AGE, ORIGIN, TIMEOUT, Faults, make, new_run
from tests.simulation.invariants import RunJudge, judge_event
from tests.simulation.wire import Requests, SimulatedTransport
from tests.simulation.world import Session, World


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
