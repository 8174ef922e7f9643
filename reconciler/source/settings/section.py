"""A map of ``reconciler.yaml`` that fits the schema. Values out of bounds are reported at their position."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

from reconciler import quantities
from reconciler.domain.model import Location
from reconciler.source.report import FileReport
from reconciler.source.yaml.nodes import ListNode, MapNode, Node, Scalar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Section:
    """Reads values by name: None, or nothing, if a value is absent or out of bounds."""

    node: MapNode
    report: FileReport

    def __contains__(self, name: str) -> bool:
        return name in self.node.items

    def __iter__(self) -> Iterator[tuple[str, Scalar, Node]]:
        """Each name with its position, and the value."""
        return ((name, key, value) for name, (key, value) in self.node.items.items())

    def by_name(self) -> dict[str, str]:
        """All values as written."""
        return {name: value.text for name, _, value in self if isinstance(value, Scalar)}

    def section(self, name: str) -> Section:
        """A map inside of the map; an empty one if there is none."""
        node = self.node.get(name)
        return Section(node if isinstance(node, MapNode) else MapNode(1, 1), self.report)

    def items(self, name: str) -> list[Node]:
        """The items of a list; a single value counts as a list of one."""
        node = self.node.get(name)
        if isinstance(node, ListNode):
            return node.items
        return [] if node is None else [node]

    def scalars(self, name: str) -> list[Scalar]:
        return [item for item in self.items(name) if isinstance(item, Scalar)]

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(item.text for item in self.scalars(name))

    def scalar(self, name: str) -> Scalar | None:
        node = self.node.get(name)
        return node if isinstance(node, Scalar) else None

    def text(self, name: str) -> str | None:
        """A value as written."""
        scalar = self.scalar(name)
        return None if scalar is None else scalar.text

    def location(self, node: Scalar | MapNode) -> Location:
        return Location(self.report.file, node.line, node.column)

    def decimal(self, name: str) -> Decimal | None:
        text = self.text(name)
        return None if text is None else Decimal(text)

    def integer(self, name: str) -> int | None:
        """A whole number."""
        return self._parsed(name, lambda text: quantities.parse_integer(text, most=10**12))

    def seconds(
        self, name: str, least: float = quantities.MIN_DURATION, most: float = quantities.MAX_DURATION
    ) -> float | None:
        """A duration in seconds."""
        return self._parsed(name, lambda text: quantities.parse_duration(text, least, most))

    def span(self, name: str, least: float = quantities.MIN_DURATION) -> timedelta | None:
        """A duration."""
        seconds = self.seconds(name, least)
        return None if seconds is None else timedelta(seconds=seconds)

    def rate(self, name: str, default: float | None) -> float | None:
        """Requests a second, None for no limit; ``default`` if it is absent or invalid."""
        rate = self._parsed(name, lambda text: (quantities.parse_rate(text),))
        return default if rate is None else rate[0]

    def _parsed(self, name: str, parse: Callable[[str], _T]) -> _T | None:
        scalar = self.scalar(name)
        if scalar is None:
            return None
        try:
            return parse(scalar.text)
        except ValueError as error:
            self.report.add_problem("E204", f"{name}: {error}", scalar.line, scalar.column)
            return None


def read_day(scalar: Scalar, report: FileReport) -> date | None:
    """A date in the correct form. One that does not exist is reported."""
    try:
        return date.fromisoformat(scalar.text)
    except ValueError:
        report.add_problem("E313", f"{scalar.text!r} is not a valid date", scalar.line, scalar.column)
        return None
