"""What users, machines and the world do: the steps of a story. Each says itself in a sentence.

A new step is a class here, a way to choose it in ``stories``, and what it may change in ``invariants``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol, TypeAlias

from reconciler.domain.model import Address, Location, Move, Status
from reconciler.domain.wire import ScheduleFields
from reconciler.errors import ReconcilerError
from tests.simulation import commands
from tests.simulation.commands import ApplyCommand
from tests.simulation.disk import Disk
from tests.simulation.loop import MACHINE, run_on
from tests.simulation.machine import Crash
from tests.simulation.project import AGENT, Wish
from tests.simulation.wire import Fault
from tests.simulation.world import World


class Step(Protocol):
    """One step. ``kind`` names it in the table of what was tried; its text is a sentence."""

    @property
    def kind(self) -> str: ...

    async def run(self, world: World) -> None: ...

    def __str__(self) -> str: ...


_OTHER_NAME = frozenset({"copy", "rename without saying so"})


@dataclass(frozen=True)
class Edit:
    """A change of one row of the files. ``how`` is the name of an edit below."""

    number: int
    how: str

    @property
    def kind(self) -> str:
        return f"edit: {self.how}"

    async def run(self, world: World) -> None:
        files = world.repository.files
        wish = files.wish(self.number)
        if wish is None:
            return
        if self.how in _OTHER_NAME and not _is_placed_as_it_is(wish, world):
            world.excuse(wish.marker, "two rows want a call, and nothing shows that it is the same one")
        changed = EDITS[self.how](wish, world)
        if self.how in _OTHER_NAME:
            world.renamed.add(self.number)
        elif self.number in world.renamed and changed is not None:
            for one in (wish, changed):
                world.excuse(one.marker, "a row with another name and other cells is another row")
        if changed is None:
            files = replace(files, wishes=tuple(item for item in files.wishes if item.number != self.number))
        else:
            files = files.with_wish(changed)
            if self.how == "rename":
                move = Move(wish.plan, wish.key, changed.plan, changed.key, Location("calls/june.yaml"))
                files = replace(files, moves=(*files.moves, move))
            elif self.how == "copy":
                files = replace(files, wishes=(*files.wishes, replace(wish, key=f"{wish.key}-copy")))
        if len({item.address for item in files.wishes}) == len(files.wishes):
            world.repository.commit(files)

    def __str__(self) -> str:
        return f"A user edits row {self.number}: {self.how}."


def _is_placed_as_it_is(wish: Wish, world: World) -> bool:
    """Whether the row's call was placed with everything that the row says now."""
    row = wish.row
    calls = [call.body for call in world.service.calls if call.marker == wish.marker]
    schedule = row.call.schedule
    return any(
        body["contact_id"] == wish.person
        and [*body.get("schedule", {}).values()] == ([schedule.at, schedule.timezone] if schedule else [])
        and {"key": "text", "value": wish.text} in body["additional_data"]
        for body in calls
    )


def _later(wish: Wish, world: World) -> Wish:
    at = max(wish.at or world.true_now(), world.true_now())
    return replace(wish, at=at.replace(microsecond=0) + timedelta(hours=3), place_by=None)


EDITS: dict[str, Callable[[Wish, World], Wish | None]] = {
    "remove": lambda wish, world: None,
    "disable": lambda wish, world: replace(wish, enabled=False),
    "enable": lambda wish, world: replace(wish, enabled=True),
    "another text": lambda wish, world: replace(wish, text=wish.text + "!"),
    "another time": _later,
    "another person": lambda wish, world: replace(wish, person=f"{wish.person}x"),
    "raise its revision": lambda wish, world: _later(replace(wish, revision=wish.revision + 1), world),
    "rename": lambda wish, world: replace(wish, key=f"{wish.key}-new"),
    "rename without saying so": lambda wish, world: replace(wish, key=f"{wish.key}-other"),
    "copy": lambda wish, world: wish,
}


@dataclass(frozen=True)
class Suppress:
    """A person is put on the suppression list."""

    person: str

    @property
    def kind(self) -> str:
        return "suppress"

    async def run(self, world: World) -> None:
        files = world.repository.files
        world.repository.commit(replace(files, suppressed=files.suppressed | {self.person}))

    def __str__(self) -> str:
        return f"{self.person} is put on the suppression list."


@dataclass(frozen=True)
class Save:
    """A plan is saved, and perhaps approved by a reviewer."""

    place: str
    name: str
    approve: bool
    back: int = 0

    @property
    def kind(self) -> str:
        return "save an older plan" if self.back else "save a plan"

    async def run(self, world: World) -> None:
        try:
            commands.save_plan(world, self.place, self.name, self.back)
        except ReconcilerError as error:
            world.say(f"no plan: {error.message}")
            return
        if self.approve:
            world.approved.add(self.name)

    def __str__(self) -> str:
        files = f" of {self.back} commits ago" if self.back else ""
        return f"On {self.place}, plan --out {self.name}{files}{', which a reviewer approves' * self.approve}."


@dataclass(frozen=True)
class Happening:
    """Something that happens to a run at one of its steps, or ``delay`` seconds after it."""

    phase: str
    at: int
    what: str
    value: float = 0.0
    step: Step | None = None
    delay: float = 0.0

    def __str__(self) -> str:
        what = str(self.step).rstrip(".") if self.step is not None else f"{self.what} {self.value or ''}".strip()
        later = f", {self.delay:g} s later" if self.delay else ""
        return f"At step {self.at} of {self.phase!r}{later}: {what}"


WrongRequest: TypeAlias = tuple[str, int, Fault]
"""The phase, the number of the request in it, and what goes wrong."""


def _wrong(faults: Iterable[WrongRequest]) -> list[str]:
    return [f"Request {number + 1} of {phase!r}: {fault.value}." for phase, number, fault in faults]


@dataclass(frozen=True)
class Apply:
    """An apply of the files, of a saved plan, or of the files as far as a plan approves them."""

    place: str
    saved: str | None = None
    approved: str | None = None
    back: int = 0
    faults: tuple[WrongRequest, ...] = ()
    happenings: tuple[Happening, ...] = ()

    @property
    def kind(self) -> str:
        return (
            "apply a saved plan"
            if self.saved
            else "apply what is approved"
            if self.approved
            else "apply an older commit"
            if self.back
            else "apply"
        )

    async def run(self, world: World) -> None:
        if any(name is not None and name not in world.saved for name in (self.saved, self.approved)):
            return
        faults = {(phase, number): fault for phase, number, fault in self.faults}
        command = ApplyCommand(
            world, self.place, saved=self.saved, approved=self.approved, back=self.back, faults=faults
        )
        beside: list[asyncio.Task[None]] = []
        for item in self.happenings:
            command.machine.at_step[item.phase, item.at] = _happen(world, command, item, beside)
        try:
            await run_on(command.machine, command.run())
        except Crash:
            world.say(f"{command.machine.name} crashes")
        except asyncio.CancelledError:
            world.say(f"{command.machine.name} is cancelled")
        while beside:
            await beside.pop()
        world.last_apply = command

    def __str__(self) -> str:
        what = f" {self.saved}" if self.saved else f" --approved {self.approved}" if self.approved else ""
        files = f", with the files of {self.back} commits ago" if self.back else ""
        parts = [f"On {self.place}, apply{what}{files}."]
        parts += _wrong(self.faults)
        parts += [f"{item}." for item in self.happenings]
        return " ".join(parts)


def _happen(
    world: World, command: ApplyCommand, item: Happening, beside: list[asyncio.Task[None]]
) -> Callable[[], None]:
    """What to call at the step of a happening."""

    def happen() -> None:
        if command.machine.dead or command.ended:
            return
        world.happened(item.what, command.machine.phase)
        world.say(f"{command.machine.name}: {item}")
        if item.step is not None:
            token = MACHINE.set(None)
            beside.append(asyncio.get_running_loop().create_task(_coroutine(item.step, world)))
            MACHINE.reset(token)
        else:
            ACCIDENTS[item.what](world, command, item.value)

    return (lambda: world.loop.in_world(item.delay, happen)) if item.delay else happen


async def _coroutine(step: Step, world: World) -> None:
    await step.run(world)


def _lose_power(world: World, command: ApplyCommand, value: float) -> None:
    command.machine.crash()
    lose_writes(world, command, int(value))


def _suspend(world: World, command: ApplyCommand, value: float) -> None:
    command.machine.sleep = value


ACCIDENTS: dict[str, Callable[[World, ApplyCommand, float], None]] = {
    "crash": lambda world, command, value: command.machine.crash(),
    "power loss": _lose_power,
    "interrupt": lambda world, command, value: command.stop(),
    "clock": lambda world, command, value: command.machine.set_clock(command.machine.ahead + value),
    "suspend": _suspend,
    "overwrite": lambda world, command, value: overwrite(world, command.session.disk, int(value)),
    "full disk": lambda world, command, value: _fill(command.session.disk, int(value)),
    "replace": lambda world, command, value: put_back(world, command.session.disk, int(value)),
}


def lose_writes(world: World, command: ApplyCommand, number: int) -> None:
    """A disk that lies: its latest writes were not on it."""
    file = command.session.disk.file
    if file is not None and file.versions:
        world.copies = True
        file.content = file.versions[max(0, len(file.versions) - number)]
        file.changes += 1


def overwrite(world: World, disk: Disk, number: int) -> None:
    """Another program writes an older content over the state."""
    file = disk.file
    if file is not None and file.versions:
        world.copies = True
        file.write(file.versions[max(0, len(file.versions) - number)])
        file.paused.clear()
        file.overwritten_at = world.loop.time()


def _fill(disk: Disk, commits: int) -> None:
    """The next commits fail, and later ones succeed again."""
    if disk.file is not None:
        disk.file.failing = commits


def put_back(world: World, disk: Disk, number: int) -> None:
    """The state's file is replaced by an older copy of it."""
    file = disk.file
    if file is not None and file.versions:
        world.copies = True
        older = file.copy()
        older.content = file.versions[max(0, len(file.versions) - number)]
        older.paused.clear()
        disk.file, disk.replaced_at = older, world.loop.time()


@dataclass(frozen=True)
class MoveState:
    """What becomes of the state's file between two runs."""

    place: str
    how: str
    value: int = 1

    @property
    def kind(self) -> str:
        return f"state: {self.how}"

    async def run(self, world: World) -> None:
        disk = world.disks[self.place]
        if self.how == "fork":
            world.copies = True
            world.disks[self.place] = Disk(None if disk.file is None else disk.file.copy())
        elif self.how == "restore":
            put_back(world, disk, self.value)
        elif self.how == "migrate":
            await _migrate(world, self.place, self.value)
        elif self.how == "delete":
            disk.file, disk.replaced_at = None, world.loop.time()

    def __str__(self) -> str:
        return {
            "fork": f"{self.place} goes on with a copy of the state.",
            "restore": f"On {self.place}, the state of {self.value} writes ago is restored.",
            "delete": f"On {self.place}, the state is deleted.",
            "migrate": f"On {self.place}, the state is migrated; a crash at step {self.value}, and once more.",
        }[self.how]


async def _migrate(world: World, place: str, crash_at: int) -> None:
    """``state migrate``, interrupted by a crash, and the same once more. Only this place goes on with the copy."""
    old, new, name = world.disks[place], Disk(None), f"state-{world.runs}.db"
    for attempt in (crash_at, None):
        machine = world.machine(place)
        if attempt is not None:
            machine.at_step["start", attempt] = machine.crash
        try:
            commands.migrate(machine, old, new, name)
            world.disks[place] = new
        except Crash:
            world.say(f"{machine.name} crashes")
        except ReconcilerError as error:
            world.say(f"{machine.name} cannot migrate: {error.message}")
            if not machine.dead:
                return
        else:
            world.say(f"{machine.name} has migrated the state")
            return


@dataclass(frozen=True)
class Resolve:
    """Unknown outcomes are looked up."""

    place: str
    faults: tuple[WrongRequest, ...] = ()

    @property
    def kind(self) -> str:
        return "resolve"

    async def run(self, world: World) -> None:
        await commands.look_up(world, self.place, {(phase, number): fault for phase, number, fault in self.faults})

    def __str__(self) -> str:
        return " ".join([f"On {self.place}, resolve.", *_wrong(self.faults)])


@dataclass(frozen=True)
class Decide:
    """A person decides about everything that is open, correctly or not."""

    place: str
    right: bool

    @property
    def kind(self) -> str:
        return "decide correctly" if self.right else "decide wrongly"

    async def run(self, world: World) -> None:
        machine = world.machine(self.place)
        try:
            with world.state(self.place).reader(machine) as reader:
                unknown = list(reader.unknown_entries())
                conflicts = list(reader.conflicts().values())
                owned = {entry.call_id for entry in reader.entries()}
        except ReconcilerError:
            return
        for entry in unknown:
            marker = entry.call.additional_data["marker"]
            self._decide(world, entry.address, marker, owned)
        for item in conflicts:
            wish = next((wish for wish in world.repository.files.wishes if wish.address == item.address), None)
            calls = [call for call in world.service.calls if call.id in item.call_ids]
            if wish is not None and not any(call.marker == wish.marker for call in calls):
                commands.decide(world, self.place, item.address, None, None)

    def _decide(self, world: World, address: Address, marker: str, owned: set[str | None]) -> None:
        found = next(
            (call for call in world.service.calls if call.marker == marker and call.id not in owned), None
        )
        if not self.right:
            world.excuse(marker, "a person decided wrongly")
            found = None if found is not None else next(iter(world.service.calls), None)
        elif found is None:
            world.excuse_if_travelling(marker)
        if found is None:
            commands.decide(world, self.place, address, Status.RULED_OUT, None)
        else:
            commands.decide(world, self.place, address, Status.PLACED, found.id)

    def __str__(self) -> str:
        return f"On {self.place}, a person decides what is uncertain, {'correctly' if self.right else 'wrongly'}."


@dataclass(frozen=True)
class Pause:
    """All plans, or one, are paused or resumed."""

    place: str
    on: bool
    plan: str | None = None

    @property
    def kind(self) -> str:
        return "pause" if self.on else "resume"

    async def run(self, world: World) -> None:
        commands.set_pause(world, self.place, self.plan, on=self.on)

    def __str__(self) -> str:
        return f"On {self.place}, {'pause' if self.on else 'resume'} {self.plan or 'all plans'}."


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    seconds: float

    @property
    def kind(self) -> str:
        return "wait"

    async def run(self, world: World) -> None:
        await asyncio.sleep(self.seconds)

    def __str__(self) -> str:
        return f"{self.seconds:,.0f} s pass."


@dataclass(frozen=True)
class SetClock:
    """A machine's clock is wrong from now on."""

    place: str
    ahead: float

    @property
    def kind(self) -> str:
        return "set the clock"

    async def run(self, world: World) -> None:
        world.ahead[self.place] = self.ahead

    def __str__(self) -> str:
        return f"The clock of {self.place} is {self.ahead:,.0f} s ahead."


@dataclass(frozen=True)
class Stranger:
    """Somebody calls a person from the dashboard."""

    person: str

    @property
    def kind(self) -> str:
        return "a call from the dashboard"

    async def run(self, world: World) -> None:
        world.service.place({"agent_id": AGENT, "contact_id": self.person, "from_number_id": "pn-1"})
        if not commands.tags_are_proved(world, "ci"):
            for marker in commands.unknown_markers(world, "ci", self.person):
                world.excuse(marker, "without tags, a call from the dashboard looks like a lost attempt")

    def __str__(self) -> str:
        return f"Somebody calls {self.person} from the dashboard."


@dataclass(frozen=True)
class CorrectFields:
    """The user learns the service's names of the schedule's fields, and resumes."""

    place: str

    @property
    def kind(self) -> str:
        return "correct the schedule fields"

    async def run(self, world: World) -> None:
        world.fields = ScheduleFields(*world.service.traits.schedule_fields)
        world.rang_at_once.clear()
        if world.disks[self.place].file is not None:
            commands.set_pause(world, self.place, None, on=False)

    def __str__(self) -> str:
        return "A user corrects provider.schedule_fields, and resumes."
