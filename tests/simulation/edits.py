"""Steps in which users change their files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from reconciler.domain.model import Location, Move
from tests.simulation.project import Wish
from tests.simulation.world import World

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

    kind: ClassVar = "suppress"

    async def run(self, world: World) -> None:
        files = world.repository.files
        world.repository.commit(replace(files, suppressed=files.suppressed | {self.person}))

    def __str__(self) -> str:
        return f"{self.person} is put on the suppression list."
