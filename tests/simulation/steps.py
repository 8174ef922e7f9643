"""The other steps of a story: what users, machines and the world do. Each says itself in a sentence.

A new step is a class here, a way to choose it in ``stories``, and what it may change in ``invariants``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from reconciler.domain.model import Address, Status
from reconciler.domain.wire import ScheduleFields
from reconciler.errors import ReconcilerError
from tests.simulation import commands
from tests.simulation.applies import WrongRequest, describe_wrong, put_back
from tests.simulation.disk import Disk
from tests.simulation.machine import Crash
from tests.simulation.project import AGENT
from tests.simulation.world import World


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

    kind: ClassVar = "resolve"

    async def run(self, world: World) -> None:
        await commands.look_up(world, self.place, {(phase, number): fault for phase, number, fault in self.faults})

    def __str__(self) -> str:
        return " ".join([f"On {self.place}, resolve.", *describe_wrong(self.faults)])


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

    kind: ClassVar = "wait"

    async def run(self, world: World) -> None:
        await asyncio.sleep(self.seconds)

    def __str__(self) -> str:
        return f"{self.seconds:,.0f} s pass."


@dataclass(frozen=True)
class SetClock:
    """A machine's clock is wrong from now on."""

    place: str
    ahead: float

    kind: ClassVar = "set the clock"

    async def run(self, world: World) -> None:
        world.ahead[self.place] = self.ahead

    def __str__(self) -> str:
        return f"The clock of {self.place} is {self.ahead:,.0f} s ahead."


@dataclass(frozen=True)
class Stranger:
    """Somebody calls a person from the dashboard."""

    person: str

    kind: ClassVar = "a call from the dashboard"

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

    kind: ClassVar = "correct the schedule fields"

    async def run(self, world: World) -> None:
        world.fields = ScheduleFields(*world.service.traits.schedule_fields)
        world.rang_at_once.clear()
        if world.disks[self.place].file is not None:
            commands.set_pause(world, self.place, None, on=False)

    def __str__(self) -> str:
        return "A user corrects provider.schedule_fields, and resumes."
