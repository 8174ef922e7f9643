"""Whom calls reach, and on which clocks their days are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from reconciler.engine.guard.places import zones_of
from reconciler.engine.guard.words import Candidate, Scene
from reconciler.model import Call, Entry

# Where a person's zone is not known, any clock on Earth may be theirs: all are a multiple of 15 minutes from UTC.
EVERYWHERE: tuple[tzinfo, ...] = tuple(timezone(timedelta(minutes=offset)) for offset in range(-720, 855, 15))


def persons(candidates: Sequence[Candidate], scene: Scene) -> Callable[[Call], str]:
    """The one name of the person whom a call rings, for calls of rows and of the state alike."""
    names, target = scene.people.names, scene.view.target
    known: dict[str, str] = {}
    for contact, number in scene.people.numbers.items():
        known |= {target(contact): number, target(number): number}
    for item in candidates:
        known[target(item.call.target)] = known[item.call.target] = names(item.call.target)[-1]

    def name(call: Call) -> str:
        return known.get(call.target) or names(call.target)[-1]

    return name


def counts(entry: Entry) -> bool:
    """Whether the person was, will be or may have been called: all but what a person stopped before it rang."""
    stopped = entry.stopped_at is not None and entry.stopped_at < entry.rings_at
    return entry.unknown or (entry.placed and not stopped)


def clocks(item: Candidate) -> tuple[tzinfo, ...]:
    """The zones in which the called person may be."""
    return zones_of(item) or EVERYWHERE


def local(moment: datetime, clock: tzinfo) -> datetime:
    """The moment on a clock. At the ends of the calendar, where clocks end too, it stays in UTC."""
    try:
        return moment.astimezone(clock)
    except OverflowError:
        return moment.astimezone(UTC)


def tell_local(item: Candidate) -> str:
    """``2026-06-01 10:30 America/Mexico_City``: when a call rings where the person is, or may be; else in UTC."""
    zones = zones_of(item)
    clock, name = (zones[0], zones[0].key) if zones else (UTC, "UTC")
    return f"{local(item.rings_at, clock):%Y-%m-%d %H:%M} {name}"
