"""Run a story, and make a story that breaks a promise as short as possible."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from unittest.mock import patch

from reconciler.contactship import listing, paging, reader, transport
from reconciler.placing import schedule_check
from tests.simulation.applies import Apply
from tests.simulation.invariants import ENDS, judge_call, judge_end
from tests.simulation.loop import SimulatedLoop, Stuck
from tests.simulation.project import Files
from tests.simulation.service import ServiceCall
from tests.simulation.step import Step
from tests.simulation.steps import CorrectFields, SetClock, Wait
from tests.simulation.stories import Story
from tests.simulation.world import World

REPLAYED = 4  # the ledger of one in so many stories is replayed
SMALL_PAGE = 3  # calls, so that a listing of a story has several pages
_CONSTANTS = (
    (paging, "PAGE", SMALL_PAGE),
    (listing, "PAGE", SMALL_PAGE),
    (transport, "_STEPS", 1),  # turns of the loop that a real socket needs to deliver an early answer
    (reader, "PAUSE", 0.2),  # seconds; the product's own, which other tests make shorter
    (paging, "PAUSE", 0.1),
    (schedule_check, "FIRST_PAUSE", 0.25),
    (schedule_check, "PATIENCE", 60.0),
)


@dataclass
class Report:
    """What a story came to. ``wrong`` are broken promises, and how; ``trace`` is everything that happened."""

    story: Story
    wrong: list[tuple[str, str]] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    met: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    placed: int = 0
    excused: int = 0

    @property
    def text(self) -> str:
        broken = "\n".join(f"Broken: {promise}.\n  {how}" for promise, how in self.wrong)
        return "\n".join([f"Seed {self.story.seed}.", str(self.story), broken, *self.trace])


def run(story: Story) -> Report:
    """Run a story to its end, in simulated time."""
    loop = SimulatedLoop(random.Random(story.seed))
    asyncio.set_event_loop(loop)
    world = World(loop, random.Random(story.seed + 1), replace(story.traits), replays=story.seed % REPLAYED == 0)
    random.seed(story.seed)  # the product's own waits

    def placed(call: ServiceCall) -> None:
        world.say(f"the service creates {call.id} for {call.marker or 'somebody else'}")
        judge_call(world, call)

    world.service.placed = placed
    with ExitStack() as stack:
        for owner, name, value in _CONSTANTS:
            stack.enter_context(patch.object(owner, name, value))
        try:
            loop.run_until_complete(_tell(world, story))
        except Stuck:
            world.break_promise(ENDS, "something waits for ever")
        except Exception as error:  # noqa: BLE001 - of the product or of the simulation
            world.break_promise(ENDS, f"{type(error).__name__}: {error}")
            world.trace += traceback.format_exc().splitlines()
        finally:
            loop.close()
            asyncio.set_event_loop(None)
    placed_calls = sum(call.marker is not None for call in world.service.calls)
    return Report(story, world.wrong, world.trace, world.met, placed_calls, len(world.excused))


async def _tell(world: World, story: Story) -> None:
    world.repository.commit(Files(story.wishes, hours=story.hours))
    for step in story.steps:
        world.say(f"--- {step}")
        world.happened(step.kind, "between runs")
        await step.run(world)
    await _end(world)


async def _end(world: World) -> None:
    """Everything on its way arrives, the clocks are right, and the files are applied until nothing changes."""
    last = Apply("ci")
    for step in (Wait(700), SetClock("ci", 0), CorrectFields("ci"), last):
        world.say(f"--- {step}")
        await step.run(world)
    judge_end(world, "ci")


def shorten(story: Story, promise: str) -> Story:
    """The shortest story found that still breaks the promise."""
    found = True
    while found:
        found = False
        for shorter in _shorter(story):
            if any(broken == promise for broken, _ in run(shorter).wrong):
                story, found = shorter, True
                break
    return story


def _shorter(story: Story) -> Iterator[Story]:
    for place in range(len(story.steps)):
        yield replace(story, steps=(*story.steps[:place], *story.steps[place + 1 :]))
    if len(story.wishes) > 1:
        for place in range(len(story.wishes)):
            yield replace(story, wishes=(*story.wishes[:place], *story.wishes[place + 1 :]))
    for place, step in enumerate(story.steps):
        for simpler in _simpler(step):
            yield replace(story, steps=(*story.steps[:place], simpler, *story.steps[place + 1 :]))
    if story.traits.lag:
        yield replace(story, traits=replace(story.traits, lag=0))


def _simpler(step: Step) -> Iterator[Step]:
    if isinstance(step, Apply):
        for number in range(len(step.faults)):
            yield replace(step, faults=(*step.faults[:number], *step.faults[number + 1 :]))
        for number in range(len(step.happenings)):
            yield replace(step, happenings=(*step.happenings[:number], *step.happenings[number + 1 :]))
        if step.back:
            yield replace(step, back=0)
