"""Read typed values from a settings map by name. Numbers out of range are reported at their position."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from reconciler import quantities
from reconciler.source.report import FileReport
from reconciler.source.yaml.nodes import MapNode, Scalar

_T = TypeVar("_T")


def child_map(node: MapNode, name: str) -> MapNode:
    """A map inside of a map; an empty one if there is none."""
    found = node.get(name)
    return found if isinstance(found, MapNode) else MapNode(1, 1)


def child_text(node: MapNode, name: str) -> str | None:
    """A value as written."""
    found = node.get(name)
    return found.text if isinstance(found, Scalar) else None


def read_integer(node: MapNode, name: str, report: FileReport) -> int | None:
    """A whole number; None if it is absent or invalid."""
    return _read(node, name, report, lambda text: quantities.parse_integer(text, most=10**12))


def read_seconds(
    node: MapNode,
    name: str,
    report: FileReport,
    *,
    least: float = quantities.MIN_DURATION,
    most: float = quantities.MAX_DURATION,
) -> float | None:
    """A duration in seconds; None if it is absent or invalid."""
    return _read(node, name, report, lambda text: quantities.parse_duration(text, least, most))


def read_span(
    node: MapNode, name: str, report: FileReport, *, least: float = quantities.MIN_DURATION
) -> timedelta | None:
    """The same as a timedelta."""
    seconds = read_seconds(node, name, report, least=least)
    return None if seconds is None else timedelta(seconds=seconds)


def read_rate(node: MapNode, name: str, report: FileReport, default: float | None) -> float | None:
    """Requests a second, None for no limit; ``default`` if it is absent or invalid."""
    found = _read(node, name, report, lambda text: (quantities.parse_rate(text),))
    return default if found is None else found[0]


def _read(node: MapNode, name: str, report: FileReport, parse: Callable[[str], _T]) -> _T | None:
    found = node.get(name)
    if not isinstance(found, Scalar):
        return None
    try:
        return parse(found.text)
    except ValueError as error:
        report.add_problem("E204", f"{name}: {error}", found.line, found.column)
        return None
