"""The step in which a run places calls, and what may happen to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from tests.simulation.apply_command import ApplyCommand
from tests.simulation.disk import Disk
from tests.simulation.loop import MACHINE, run_on
from tests.simulation.machine import Crash
from tests.simulation.step import Step
from tests.simulation.wire import Fault
from tests.simulation.world import World


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


def describe_wrong(faults: Iterable[WrongRequest]) -> list[str]:
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
        parts += describe_wrong(self.faults)
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
        file.content = file.before(number)
        file.changes += 1


def overwrite(world: World, disk: Disk, number: int) -> None:
    """Another program writes an older content over the state."""
    file = disk.file
    if file is not None and file.versions:
        world.copies = True
        file.taken_from |= dict.fromkeys(file.writers[-number:], world.loop.time())
        file.write(file.before(number), "another program")
        file.paused.clear()


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
        older.content = file.before(number)
        older.paused.clear()
        disk.file, disk.replaced_at = older, world.loop.time()
