"""The user's files: rows, renames and a suppression list, in commits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from reconciler.domain.history import Relation
from reconciler.domain.model import Address, Call, Location, Move, Row, Schedule
from reconciler.domain.people import ListFile, People, Suppressed, SuppressionFile, person
from reconciler.domain.plan import GitRevision
from reconciler.domain.policy import Hours, Policy, Window

AGENT, SENDER = "agent-1", "pn-1"
_LIST = SuppressionFile(ListFile("lists/stop.csv", Location("reconciler.yaml")), date(2026, 5, 25))
OPEN, CLOSE = 10 * 60, 13 * 60 + 5  # minutes of a day, in UTC
_HOURS = Hours(((Window(OPEN, CLOSE),),) * 7)
_ZONE = "Africa/Abidjan"  # always UTC, and unlike UTC a place


@dataclass(frozen=True, slots=True)
class Wish:
    """A row of the files: a call that the user wants. ``number`` stays the same through all edits of the row.

    ``at`` is when it rings, None for a call that rings when it is placed, until ``place_by``.
    """

    number: int
    key: str
    person: str
    at: datetime | None
    place_by: datetime | None = None
    text: str = "hello"
    revision: int = 1
    enabled: bool = True
    plan: str = "june"

    @property
    def marker(self) -> str:
        """Names the one call that this row and its revision stand for."""
        return f"row {self.number} revision {self.revision}"

    @property
    def address(self) -> Address:
        return Address(self.plan, self.key, self.revision)

    @property
    def row(self) -> Row:
        schedule = None if self.at is None else Schedule(f"{self.at:%Y-%m-%d %H:%M:%S}", "UTC")
        data = {"marker": self.marker, "text": self.text}
        call = Call(AGENT, SENDER, contact_id=self.person, schedule=schedule, additional_data=data)
        return Row(
            self.address,
            call,
            Location("calls/june.yaml"),
            self.at,
            self.enabled,
            self.place_by,
            called_timezone=_ZONE,
        )


@dataclass(frozen=True, slots=True)
class Files:
    """One version of the files. ``hours``: calls are allowed between ``OPEN`` and ``CLOSE`` only."""

    wishes: tuple[Wish, ...] = ()
    moves: tuple[Move, ...] = ()
    suppressed: frozenset[str] = frozenset()
    hours: bool = False

    @property
    def policy(self) -> Policy:
        return Policy(suppression=(_LIST,), hours=_HOURS if self.hours else None)

    @property
    def rows(self) -> Sequence[Row]:
        return [wish.row for wish in sorted(self.wishes, key=lambda wish: wish.address)]

    @property
    def people(self) -> People:
        persons = frozenset(map(person, self.suppressed))
        return People((Suppressed(_LIST, persons),)) if persons else People()

    def wish(self, number: int) -> Wish | None:
        return next((wish for wish in self.wishes if wish.number == number), None)

    def with_wish(self, changed: Wish) -> Files:
        return replace(
            self, wishes=tuple(changed if wish.number == changed.number else wish for wish in self.wishes)
        )


@dataclass
class Repository:
    """All versions of the files, oldest first; each is a commit."""

    versions: list[Files] = field(default_factory=lambda: [Files()])

    @property
    def files(self) -> Files:
        return self.versions[-1]

    def commit(self, files: Files) -> None:
        if files != self.files:
            self.versions.append(files)

    def checkout(self, back: int = 0) -> Checkout:
        """The files of so many commits before the latest."""
        return Checkout(self, max(0, len(self.versions) - 1 - back))


@dataclass(frozen=True)
class Checkout:
    """A version of the files on a machine, as a ``History``."""

    repository: Repository
    number: int

    @property
    def files(self) -> Files:
        return self.repository.versions[self.number]

    @property
    def revision(self) -> GitRevision:
        return GitRevision(self.head(), dirty=False)

    def head(self) -> str:
        return f"{self.number + 1:040x}"

    def relation(self, commit: str, descendant: str) -> Relation:
        return Relation.ANCESTOR if int(commit, 16) <= int(descendant, 16) else Relation.NOT_ANCESTOR


def instants(start: datetime) -> Iterator[datetime]:
    """Times at which calls may ring, in minutes after ``start``."""
    for minutes in (30, 65, 130, 260, 600, 1500, 2900, 7000):
        yield datetime.fromtimestamp(start.timestamp() + 60 * minutes, UTC)


def address_of(body: Mapping[str, Any]) -> Address:
    """The address in the tags of a request."""
    tags = body["metadata"]
    return Address(tags["reconciler_plan"], tags["reconciler_key"], int(tags["reconciler_revision"]))


def marker_of(body: Mapping[str, Any]) -> str:
    """What a request's call stands for (``Wish.marker``)."""
    return next(item["value"] for item in body["additional_data"] if item["key"] == "marker")
