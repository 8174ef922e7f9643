"""Members of a settings map by name, as values; a number out of its bounds is reported where it stands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from reconciler import quantities
from reconciler.source.report import Report
from reconciler.source.yaml.nodes import MapNode, Scalar

_T = TypeVar("_T")


def child_map(node: MapNode, name: str) -> MapNode:
    """The map that a map holds; an empty one where it holds none."""
    found = node.get(name)
    return found if isinstance(found, MapNode) else MapNode(1, 1)


def child_text(node: MapNode, name: str) -> str | None:
    """A value as it is written."""
    found = node.get(name)
    return found.text if isinstance(found, Scalar) else None


def read_integer(node: MapNode, name: str, report: Report) -> int | None:
    """A whole number; None where it is absent or wrong."""
    return _read(node, name, report, lambda text: quantities.parse_integer(text, most=10**12))


def read_seconds(
    node: MapNode,
    name: str,
    report: Report,
    *,
    least: float = quantities.MIN_DURATION,
    most: float = quantities.MAX_DURATION,
) -> float | None:
    """A duration in seconds; None where it is absent or wrong."""
    return _read(node, name, report, lambda text: quantities.parse_duration(text, least, most))


def read_span(
    node: MapNode, name: str, report: Report, *, least: float = quantities.MIN_DURATION
) -> timedelta | None:
    """The same as a timedelta."""
    seconds = read_seconds(node, name, report, least=least)
    return None if seconds is None else timedelta(seconds=seconds)


def read_rate(node: MapNode, name: str, report: Report, default: float | None) -> float | None:
    """Requests a second, None for no limit; ``default`` where it is absent or wrong."""
    found = _read(node, name, report, lambda text: (quantities.parse_rate(text),))
    return default if found is None else found[0]


def _read(node: MapNode, name: str, report: Report, parse: Callable[[str], _T]) -> _T | None:
    found = node.get(name)
    if not isinstance(found, Scalar):
        return None
    try:
        return parse(found.text)
    except ValueError as error:
        report.say("E204", f"{name}: {error}", found.line, found.column)
        return None
