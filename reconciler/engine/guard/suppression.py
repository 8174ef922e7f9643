"""G010 and G011: no call to anybody on a suppression list, and no call at all by a list that is too old."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time

from reconciler.engine.guard.words import Candidate, Objection, Scene
from reconciler.times import exact_span


def check_listed(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """An objection to each call to a person on a list, or of whom nobody can tell."""
    for item in candidates if scene.people.suppressed else ():
        names = scene.people.names(item.call.target)
        for found in scene.people.suppressed:
            file = found.file.list.file
            if not found.persons.isdisjoint(names):
                yield Objection(item.address, f"the person is on the suppression list {file}")
            elif found.numbers_only and not names[-1].startswith("+"):
                message = (
                    f"nobody can tell whether this contact is on the suppression list {file}, which has numbers: "
                    "policy.contacts names no number for it (reconciler contacts pull FILE)"
                )
                yield Objection(item.address, message)


def check_age(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """An objection to the whole plan for each list that is too old, counted from the start of its day in UTC."""
    for found in scene.people.suppressed if candidates else ():
        file = found.file
        age = scene.now - datetime.combine(file.as_of, time(), UTC)
        if age > file.max_age:
            place = f"{file.list.source.file}:{file.list.source.line}"
            message = (
                f"the suppression list {file.list.file} ({place}) is of {file.as_of}, and may be "
                f"{exact_span(file.max_age)} old: fetch it again, and set as_of"
            )
            yield Objection(None, message)
