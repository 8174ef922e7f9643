"""A story from a seed: how the service behaves, the rows, and what users, machines and the world do.

``story(seed)`` is always the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tests.simulation.applies import Apply, Happening, WrongRequest
from tests.simulation.edits import EDITS, Edit, Suppress
from tests.simulation.machine import START_PHASE
from tests.simulation.project import CLOSE, OPEN, Wish, instants
from tests.simulation.service import Traits
from tests.simulation.step import Step
from tests.simulation.steps import (
    CorrectFields,
    Decide,
    MoveState,
    Pause,
    Resolve,
    Save,
    SetClock,
    Stranger,
    Wait,
)
from tests.simulation.wire import PHASES, Fault, possible
from tests.simulation.world import START

_BAD_DAY = (Fault.LOST, Fault.ANSWER_LOST, Fault.RESET, Fault.ERROR, Fault.ERROR_AFTER, Fault.ANOTHERS)
_WAITS = (1, 30, 240, 1800, 4000, 20_000, 90_000)
_LONG = 180_000
HAPPENINGS: dict[str, tuple[float, ...]] = {
    "crash": (0,),
    "power loss": (1, 2, 3),
    "interrupt": (0,),
    "clock": (-3700, -90, 20, 90, 3700),
    "suspend": (3, 20, 900, 4000),
    "overwrite": (1, 2, 4),
    "replace": (1, 2, 4),
    "full disk": (1, 1, 2, 3),
}


@dataclass(frozen=True)
class Story:
    """``seed`` decides what is not said here: how long things take. ``hours``: the policy has calling hours."""

    seed: int
    traits: Traits
    wishes: tuple[Wish, ...]
    steps: tuple[Step, ...]
    hours: bool = False

    def __str__(self) -> str:
        traits = self.traits
        metadata = "does not return metadata" if not traits.tags else "returns metadata"
        metadata = "returns empty metadata" if traits.empty_metadata else metadata
        fields = ", ".join(traits.schedule_fields)
        lines = [
            f"The service {metadata}, lists calls after {traits.lag:g} s, and knows the schedule fields {fields}.",
            *(["Calls are allowed from 10:00 to 13:05 only."] * self.hours),
            *(_row(wish) for wish in self.wishes),
            *(f"{number}. {step}" for number, step in enumerate(self.steps, start=1)),
        ]
        return "\n".join(lines)


def _row(wish: Wish) -> str:
    when = f"at {wish.at:%a %H:%M}" if wish.at else f"at once, before {wish.place_by:%a %H:%M}"
    return f"Row {wish.number}, {wish.address}: call {wish.person} {when}."


def story(seed: int) -> Story:
    """The story of a seed, always the same."""
    return _Author(random.Random(seed)).write(seed)


class _Author:
    def __init__(self, source: random.Random) -> None:
        self.random = source
        self.saved = 0
        self.wild = source.random() < 0.3  # copies of the state, and persons who decide wrongly
        self.persons = source.choice((1, 2, 4, 4))
        self.hours = source.random() < 0.12

    def write(self, seed: int) -> Story:
        traits = Traits(
            tags=self.chance(0.5),
            lag=self.random.choice((0, 0, 0, 2, 45, 600)),
            schedule_fields=("date", "timezone") if self.chance(0.85) else ("at", "tz"),
            empty_metadata=self.chance(0.05),
            queue=self.random.choice((0, 0, 30)),
        )
        wishes = tuple(self.wish(number) for number in range(1, self.random.randint(2, 5)))
        steps: list[Step] = []
        for _ in range(self.random.choice((1, 1, 2, 2, 3, 4))):
            steps += self.scene(wishes)
        return Story(seed, traits, wishes, tuple(steps), self.hours)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def wish(self, number: int) -> Wish:
        at = self.random.choice([*self.instants()]) if self.chance(0.7) else None
        place_by = None if at else START + timedelta(hours=self.random.choice((1, 4, 40)))
        person = f"contact-{self.random.randint(1, self.persons)}"
        return Wish(number, f"inv-{number}", person, at, place_by)

    def instants(self) -> Iterator[datetime]:
        """Times of rows; with calling hours, hardly any outside them, because these hold the whole plan back."""
        for at in instants(START):
            if not self.hours or OPEN <= at.hour * 60 + at.minute < CLOSE or self.chance(0.3):
                yield at

    def scene(self, wishes: tuple[Wish, ...]) -> list[Step]:
        """Some steps that belong together."""
        kinds: list[tuple[float, Callable[[tuple[Wish, ...]], list[Step]]]] = [
            (5, lambda wishes: [self.apply()]),
            (2, self.reviewed),
            (2, lambda wishes: [self.edit(wishes), *([self.apply()] * self.chance(0.6))]),
            (1, lambda wishes: [Wait(self.random.choice(_WAITS))]),
            (0.7, lambda wishes: [Resolve(self.place(), self.faults(0.5))]),
            (0.5, lambda wishes: [Decide(self.place(), right=not self.wild or self.chance(0.6))]),
            (0.4, lambda wishes: [Suppress(self.random.choice(wishes).person)]),
            (0.4, lambda wishes: [Pause(self.place(), on=True), self.apply(), Pause(self.place(), on=False)]),
            (0.3, lambda wishes: [SetClock(self.place(), self.random.choice((-4000, -50, 0, 50, 70, 4000)))]),
            (0.3, lambda wishes: [Stranger(self.random.choice(wishes).person)]),
            (0.3, lambda wishes: [CorrectFields(self.place())]),
            (0.3, lambda wishes: [self.apply(), self.migration(), self.apply()]),
            (0.6, lambda wishes: [self.edit(wishes), self.apply(), self.apply(back=self.random.randint(1, 2))]),
            (0.3, lambda wishes: [Stranger(self.random.choice(wishes).person), self.lossy_apply()]),
            (0.3, lambda wishes: [self.throttled_apply()]),
            (0.3, self.renamed_while_unknown),
            (0.3, self.withdrawn),
            (2 if self.wild else 0, lambda wishes: self.other_copy()),
            (0.5 if self.wild else 0, lambda wishes: [self.moved_state(), self.apply()]),
        ]
        [kind] = self.random.choices([kind for _, kind in kinds], [weight for weight, _ in kinds])
        return kind(wishes)

    def place(self) -> str:
        return "ci" if self.chance(0.75) else "laptop"

    def edit(self, wishes: tuple[Wish, ...]) -> Step:
        return Edit(self.random.choice(wishes).number, self.random.choice([*EDITS]))

    def moved_state(self) -> Step:
        how = self.random.choice(("fork", "restore", "restore", "delete"))
        return MoveState(self.place(), how, self.random.choice((1, 2, 5, 9)))

    def migration(self) -> Step:
        return MoveState(self.place(), "migrate", self.random.randint(0, 8))

    def reviewed(self, wishes: tuple[Wish, ...]) -> list[Step]:
        """A plan is saved, time passes or something changes, and it is applied, or what it approves."""
        self.saved += 1
        name, approved = f"plan-{self.saved}", self.chance(0.8)
        steps: list[Step] = [Save(self.place(), name, approved, back=int(self.chance(0.1)))]
        apply = self.apply(saved=name) if self.chance(0.5) or not approved else self.apply(approved=name)
        if apply.approved and self.chance(0.4):
            happening = Happening(self.random.choice(("ask the time", "preflight", "place")), 0, "crash")
            steps.append(replace(apply, happenings=(happening,)) if self.chance(0.6) else apply)
        between: list[Step] = [
            Wait(self.random.choice(_WAITS)),
            self.edit(wishes),
            Suppress(self.random.choice(wishes).person),
        ]
        steps += self.random.sample(between, self.random.choice((0, 1, 1, 2)))
        return [*steps, apply]

    def faults(self, share: float) -> tuple[WrongRequest, ...]:
        if not self.chance(share):
            return ()
        if self.chance(0.2):  # a bad day: every call of the run
            return tuple(("place", number, self.random.choice(_BAD_DAY)) for number in range(4))
        return tuple(self.fault() for _ in range(self.random.choice((1, 1, 2, 4))))

    def fault(self) -> WrongRequest:
        phase = self.phase()
        fault = self.random.choice([fault for fault in Fault if possible(fault, phase)])
        return phase, self.random.choice((0, 0, 1, 2)), fault

    def phase(self) -> str:
        return "place" if self.chance(0.45) else self.random.choice(PHASES)

    def other_copy(self) -> list[Step]:
        """An apply, a copy of the state without what it wrote, and an apply with that."""
        moved = MoveState(
            self.place(), self.random.choice(("restore", "restore", "fork")), self.random.choice((5, 9))
        )
        wait = [Wait(_LONG)] * self.chance(0.2)  # longer than the preflight looks back
        return [self.plain_apply(), moved, *wait, self.suspicious_apply()]

    def throttled_apply(self) -> Apply:
        """An apply that waits with recorded intents, and something that happens meanwhile."""
        place, at = self.place(), self.random.randint(1, 6)
        numbers = self.random.sample(range(7), self.random.choice((2, 4, 6)))
        faults = tuple(("place", number, Fault.THROTTLED) for number in sorted(numbers))
        pause = Happening("place", at, "beside", step=Pause(place, on=True))
        return Apply(
            place,
            faults=faults,
            happenings=(self.random.choice((pause, pause, Happening("place", at, "suspend", 4000))),),
        )

    def renamed_while_unknown(self, wishes: tuple[Wish, ...]) -> list[Step]:
        """A row gets another name while the outcome of its call is unknown."""
        faults = tuple(("place", number, Fault.ANSWER_LOST) for number in range(3))
        rename = self.random.choice(("rename", "rename without saying so", "rename without saying so"))
        rows = self.random.sample(wishes, min(2, len(wishes)))
        return [
            Apply(self.place(), faults=faults),
            *(Edit(row.number, rename) for row in rows),
            self.plain_apply(),
        ]

    def withdrawn(self, wishes: tuple[Wish, ...]) -> list[Step]:
        """A row is disabled after its approval, and enabled again."""
        self.saved += 1
        name, place, row = f"plan-{self.saved}", self.place(), self.random.choice(wishes)
        approved = Apply(place, approved=name)
        crash = Happening(self.random.choice(("ask the time", "preflight")), 0, "crash")
        return [
            Save(place, name, approve=True),
            replace(approved, happenings=(crash,)),
            Edit(row.number, "disable"),
            self.random.choice((approved, Apply(place))),
            Edit(row.number, "enable"),
            approved,
        ]

    def lossy_apply(self) -> Apply:
        return replace(self.plain_apply(), faults=(("place", 0, self.random.choice((Fault.LOST, Fault.ERROR))),))

    def suspicious_apply(self) -> Apply:
        """An apply with a state that may be another copy, and perhaps a listing that does not show it."""
        apply = self.apply()
        if self.chance(0.4):
            fault = self.random.choice((Fault.CUT, Fault.CUT, Fault.REPEATED, Fault.GROWING, Fault.EMPTY_METADATA))
            count = self.random.choice((5, 9))
            faults = tuple((phase, number, fault) for phase in ("preflight", "list") for number in range(count))
            apply = replace(apply, faults=(*apply.faults, *faults))
        return apply

    def happenings(self) -> tuple[Happening, ...]:
        if self.chance(0.35):
            return ()
        chosen = [self.happening() for _ in range(self.random.choice((1, 1, 2)))]
        if chosen[0].what in {"overwrite", "replace"} and self.chance(0.6):  # and this is noticed late
            chosen.append(Happening("place", chosen[0].at + self.random.choice((1, 2)), "suspend", 20))
        return tuple(chosen)

    def happening(self) -> Happening:
        phase = START_PHASE if self.chance(0.15) else self.phase()
        at = self.random.choice((0, 1, 2, 3, 4, 5, 7, 10))
        if self.chance(0.2):
            beside = self.random.choice((Pause(self.place(), on=True), self.plain_apply(), self.plain_apply()))
            return Happening(phase, at, "beside", step=beside, delay=self.delay())
        names = [name for name in HAPPENINGS if self.wild or name not in {"power loss", "overwrite", "replace"}]
        what = self.random.choice(["crash", *names])
        return Happening(phase, at, what, self.random.choice(HAPPENINGS[what]), delay=self.delay())

    def delay(self) -> float:
        return self.random.choice((0, 0, 0, 0.05, 2, 8))

    def plain_apply(self) -> Apply:
        return Apply(self.place(), faults=self.faults(0.3))

    def apply(self, saved: str | None = None, approved: str | None = None, back: int = 0) -> Apply:
        return replace(
            self.plain_apply(),
            saved=saved,
            approved=approved,
            back=back,
            faults=self.faults(0.6),
            happenings=self.happenings(),
        )
