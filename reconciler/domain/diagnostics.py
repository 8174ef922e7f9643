"""Order diagnostics, and group those that have one cause in many rows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reconciler.domain.model import Diagnostic, Location
from reconciler.domain.settings import PROJECT_FILE

_MAX_TEXTS = 3  # different values that are shown in groups of their own
_POSITION = re.compile(r"\[\d+\]|\bin line \d+|\bin [A-Z]{1,3}\d+\b|\bin [^,;]*![A-Z]{1,3}\d+\b")
# A text in quotes, a masked value, a number, or the address of another row.
_VALUE = re.compile(r"""(?<!\w)'(?:[^'\\]|\\.)*'|(?<!\w)"(?:[^"\\]|\\.)*"|\*{3}|\d+|[\w.@-]+/[\w.:/@-]+""")
_CELL = re.compile(r"(?:(.*)!)?([A-Z]+)(\d+)")


@dataclass(slots=True)
class DiagnosticGroup:
    """Diagnostics of one cause in order. ``first`` is shown with the places of all; ``omitted`` further ones were
    only counted.
    """

    first: Diagnostic
    places: list[Location] = field(default_factory=list)
    omitted: int = 0


class _Kind(NamedTuple):
    """What the diagnostics of one cause have in common. ``text`` is their message and hint without values."""

    code: str
    is_error: bool
    file: str
    cause: str
    text: str


def by_place(items: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted by file, line, column and code: first those of ``reconciler.yaml``, on which the others may depend,
    then those without a location.
    """

    def place(item: Diagnostic) -> tuple[bool, str, int, int, str, str]:
        where = item.location or Location("", 0, 0)
        return (where.file != PROJECT_FILE, where.file, where.line, where.column, item.code, item.message)

    return tuple(sorted(items, key=place))


def has_errors(items: Iterable[Diagnostic]) -> bool:
    return any(item.is_error for item in items)


def problem_count(items: Iterable[Diagnostic]) -> int:
    """The number of problems, including those that were only counted."""
    return sum(item.omitted or 1 for item in items)


def grouped(items: Iterable[Diagnostic]) -> list[DiagnosticGroup]:
    """Diagnostics of one cause as one group, in the order of their first ones.

    They have the same code, file and field, and their texts differ only in positions and values. Up to
    ``_MAX_TEXTS`` different values make groups of their own, so that each of a few wrong names is shown.
    """
    kinds, summaries = [], []
    texts: dict[_Kind, set[str]] = defaultdict(set)
    for item in items:
        if item.omitted:
            summaries.append(item)
            continue
        kind = _kind(item)
        kinds.append((item, kind))
        texts[kind].add(_text(item))
    groups: dict[tuple[_Kind, str], DiagnosticGroup] = {}
    for item, kind in kinds:
        text = _text(item) if len(texts[kind]) <= _MAX_TEXTS else ""
        group = groups.setdefault((kind, text), DiagnosticGroup(item))
        if item.location is not None:
            group.places.append(item.location)
    result = list(groups.values())
    for item in summaries:
        same = next((group for group in reversed(result) if _summarizes(item, group.first)), None)
        if same is None:
            result.append(DiagnosticGroup(item))
        else:
            same.omitted += item.omitted
    return result


def _kind(item: Diagnostic) -> _Kind:
    text = _text(item)
    for value in filter(None, item.private):
        text = text.replace(value, "")
    file = "" if item.location is None else _file(item.location)
    return _Kind(item.code, item.is_error, file, item.cause, _VALUE.sub("", text))


def _text(item: Diagnostic) -> str:
    """The message and the hint without the row's position and address."""
    text = f"{item.message}\n{item.hint or ''}"
    return _POSITION.sub("", text if item.address is None else text.replace(str(item.address), ""))


def _summarizes(summary: Diagnostic, item: Diagnostic) -> bool:
    """Whether ``summary`` is about further diagnostics like this one."""
    if (summary.code, summary.is_error, summary.cause) != (item.code, item.is_error, item.cause):
        return False
    return summary.location is None or (item.location is not None and summary.location.file == item.location.file)


def _file(location: Location) -> str:
    """The file, or the worksheet of a workbook."""
    match = _CELL.fullmatch(location.cell or "")
    return location.file if match is None or match[1] is None else f"{location.file}!{match[1]}"


def describe_places(places: Sequence[Location], most: int, omitted: int = 0) -> str:
    """``calls/june.csv: D2, D5-D9 and 40 more``, at most ``most`` cells or ranges of them; without a sheet, lines.
    ``places`` are of one file and not empty; ``omitted`` further ones are only counted.
    """
    ranges: list[tuple[str, int, int]] = []  # column, first and last row or line
    for place in places:
        cell = _CELL.fullmatch(place.cell or "")
        column, row = ("", place.line) if cell is None else (cell[2], int(cell[3]))
        if ranges and ranges[-1][0] == column and ranges[-1][2] in {row, row - 1}:
            ranges[-1] = (column, ranges[-1][1], row)
        else:
            ranges.append((column, row, row))
    shown = [f"{column}{first}" + (f"-{column}{last}" if last > first else "") for column, first, last in ranges]
    rest = omitted + sum(last - first + 1 for _, first, last in ranges[most:])
    last = f"{rest:,} more" if rest else shown.pop()
    names = f"{', '.join(shown[:most])} and {last}" if shown else last
    return f"{_file(places[0])}: {names if ranges[0][0] else f'lines {names}'}"
