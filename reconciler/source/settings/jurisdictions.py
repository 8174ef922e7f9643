"""Legal calling hours: the packaged presets, each with its citation. Not legal advice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib import resources

from reconciler.domain.documents import items, members, text
from reconciler.domain.model import JsonObject, JsonValue
from reconciler.domain.policy import Hours, Jurisdiction, Window, days_of


@cache
def jurisdictions() -> dict[str, Jurisdiction]:
    """All presets in ``data/jurisdictions.json``, by code."""
    data = resources.files("reconciler").joinpath("data", "jurisdictions.json").read_bytes()
    listed = members(members(json.loads(data))["jurisdictions"])
    return {code: _jurisdiction(code, members(value)) for code, value in listed.items()}


def _jurisdiction(code: str, item: JsonObject) -> Jurisdiction:
    return Jurisdiction(
        code=code,
        country=text(item["country"]),
        hours=Hours(_week(members(item["windows"])), tuple(map(text, items(item["holidays"])))),
        citation=text(item["citation"]),
        checked=date.fromisoformat(text(item["checked"])),
    )


def _week(windows: JsonObject) -> tuple[tuple[Window, ...], ...]:
    week = {day: tuple(_windows(value)) for name, value in windows.items() for day in days_of(name)}
    return tuple(week.get(day, ()) for day in range(7))


def _windows(value: JsonValue) -> Iterator[Window]:
    for item in items(value):
        yield Window.parse(text(item))
