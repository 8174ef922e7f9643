"""G010, G011 and G016: no call to a person on a suppression list, and no calls at all if a list is too old."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time

from reconciler.domain.times import exact_span
from reconciler.planning.guards.base import Candidate, GuardFinding, GuardInput

_TAIL = 4  # digits: the shortest number without its country code


def check_listed(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each call to a person on a list, or to a contact whose number is unknown."""
    for item in candidates if scene.people.suppressed else ():
        names = scene.people.names(item.call.target)
        for suppressed in scene.people.suppressed:
            file = suppressed.file.list.file
            if not suppressed.persons.isdisjoint(names):
                yield GuardFinding(item.address, f"the person is on the suppression list {file}")
            elif suppressed.numbers_only and not names[-1].startswith("+"):
                message = (
                    f"this contact cannot be checked against the suppression list {file}, which has numbers: "
                    "policy.contacts has no number for it. Run: reconciler contacts pull FILE"
                )
                yield GuardFinding(item.address, message)


def check_similar(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each call to a number that may be on a list, written with more or fewer digits."""
    if not scene.people.suppressed:
        return
    numbers = {item.address: _number(item, scene) for item in candidates}
    tails = {number[-_TAIL:] for number in numbers.values() if number is not None}
    for suppressed in scene.people.suppressed:
        listed: defaultdict[str, list[str]] = defaultdict(list)
        for name in suppressed.persons:
            if name.startswith("+") and name[-_TAIL:] in tails:
                listed[name[-_TAIL:]].append(name)
        similar = {number: _is_similar(number, listed) for number in {*numbers.values()} if number is not None}
        file = suppressed.file.list.file
        for address, number in numbers.items() if any(similar.values()) else ():
            if number is not None and similar[number] and number not in suppressed.persons:
                message = (
                    f"its number may be one on the suppression list {file}, with more or fewer digits: "
                    "compare the two numbers"
                )
                yield GuardFinding(address, message)


def _number(item: Candidate, scene: GuardInput) -> str | None:
    """The number that a call rings, if it is known."""
    name = scene.people.names(item.call.target)[-1]
    return name if name.startswith("+") else None


def _is_similar(number: str, listed: Mapping[str, Iterable[str]]) -> bool:
    """Whether the phone library considers a listed number a shorter or longer form of ``number``."""
    import phonenumbers  # noqa: PLC0415 - 27 ms, only where numbers are compared

    return any(
        phonenumbers.is_number_match(number, other) >= phonenumbers.MatchType.SHORT_NSN_MATCH
        for other in listed.get(number[-_TAIL:], ())
        if _may_match(*sorted((number, other), key=len))
    )


def _may_match(shorter: str, longer: str) -> bool:
    """Whether one number equals the other after a country code of one to three digits."""
    return any(longer.startswith(shorter[:end]) and longer.endswith(shorter[end:]) for end in (2, 3, 4))


def check_age(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to the whole plan for each list that is too old, counted from the start of its day in UTC."""
    for suppressed in scene.people.suppressed if candidates else ():
        file = suppressed.file
        age = scene.now - datetime.combine(file.as_of, time(), UTC)
        if age > file.max_age:
            place = f"{file.list.source.file}:{file.list.source.line}"
            message = (
                f"the suppression list {file.list.file} ({place}) is from {file.as_of} and may be at most "
                f"{exact_span(file.max_age)} old: download it again and update as_of"
            )
            yield GuardFinding(None, message)
