"""Headings for people, and typed cells, from the names and texts of a table.

A text becomes a number or a date only in a column that holds such values, and only if the cell then shows exactly
the same characters: ``0042``, ``+52155...`` and ``1e5`` stay texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from reconciler.domain.masking import METADATA, PRIVATE_MAP
from reconciler.domain.plan import Action
from reconciler.render.labels import word

VALUE = "value"
_INSTANTS = frozenset({"scheduled_at", "rings_at", "rings_local", "place_by", "attempted_at", "stopped_at"})
_VALUES = frozenset({VALUE, "schedule.at", "revision", "delay_minutes", "duration", "rejections"})
_HEADINGS = {
    "target": "Number or contact",
    "person": "Number or contact",
    "full_name": "Name",
    "schedule.at": "Rings (local time)",
    "rings_local": "Rings (local time)",
    "schedule.timezone": "Time zone",
    "timezone": "Time zone",
    "scheduled_at": "Rings (UTC)",
    "rings_at": "Rings (UTC)",
    "attempted_at": "Attempted (UTC)",
    "stopped_at": "Stopped (UTC)",
    "place_by": "Place by (UTC)",
    "delay_minutes": "Delay (minutes)",
    "duration": "Duration (seconds)",
    "email": "E-mail",
    "webhook_url": "Webhook URL",
    "from": "Calls from",
    "changed": "Edited fields",
    "introduced": "Added by this branch",
    "source": "Row",
    "to_do": "What to do",
    "drift": "Difference from the service",
    "stop_call_id": "Call id to stop",
    "stop_person": "Person to stop calling",
    "stop_rings": "Still rings",
    "stop_by_hand": "Why and how to stop it",
}
_NUMBER = re.compile(r"(?!-0(?:\.0*)?$)-?(?:0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?: ([0-9]{2}:[0-9]{2}(:[0-9]{2})?))?", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)
_MOST_DIGITS = 15  # a spreadsheet rounds longer numbers
_FIRST_YEAR = 1901  # spreadsheets disagree about earlier dates, because 1900 was no leap year


class Typed(NamedTuple):
    """The content of a cell, and the number format that shows it."""

    value: str | float | datetime
    number_format: str = "@"


def heading(column: str) -> str:
    """The heading of a column for people: ``Rings (UTC)``, and ``amount`` for ``additional_data.amount``."""
    group, _, name = column.partition(".")
    if column in _HEADINGS:
        return _HEADINGS[column]
    if name and group == PRIVATE_MAP:
        return name
    return f"{name} ({METADATA})" if name and group == METADATA else column.replace("_", " ").capitalize()


def cell_type(column: str) -> Callable[[str], Typed | None]:
    """How the texts of a column become typed cells; None for a text that stays text."""
    if column == "action":
        return _action
    if column in _INSTANTS:
        return _instant
    if column in _VALUES or column.startswith((f"{PRIVATE_MAP}.", f"{METADATA}.")):
        return _value
    return _text


def _text(_: str) -> None:
    return None


def _action(text: str) -> Typed:
    return Typed(word(Action(text)))


def _value(text: str) -> Typed | None:
    if not text[-1:].isdigit():
        return None
    return _number(text) or _date(text)


def _number(text: str) -> Typed | None:
    match = _NUMBER.fullmatch(text)
    if match is None or sum(map(str.isdigit, text)) > _MOST_DIGITS:
        return None
    return Typed(float(text), "0" if match[1] is None else f"0.{'0' * len(match[1])}")


def _date(text: str) -> Typed | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    clock = "" if match[1] is None else f" hh:mm{':ss' if match[2] else ''}"
    return _moment(text, f"yyyy-mm-dd{clock}")


def _instant(text: str) -> Typed | None:
    """The date and time without the offset, which the heading or the column beside it says."""
    return _moment(text, "yyyy-mm-dd hh:mm:ss") if _INSTANT.fullmatch(text) else None


def _moment(text: str, number_format: str) -> Typed | None:
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=None, microsecond=0)
    except ValueError:
        return None
    return Typed(moment, number_format) if moment.year >= _FIRST_YEAR else None
