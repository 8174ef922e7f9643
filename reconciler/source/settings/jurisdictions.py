"""Legal calling hours: the packaged presets, each with its citation. Not legal advice."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib import resources

from msgspec import Struct, json

from reconciler.domain.policy import Hours, Jurisdiction, Window, days_of


class _Preset(Struct):
    country: str
    windows: dict[str, list[str]]
    holidays: tuple[str, ...]
    citation: str
    checked: date


class _Presets(Struct):
    jurisdictions: dict[str, _Preset]


@cache
def jurisdictions() -> dict[str, Jurisdiction]:
    """All presets in ``data/jurisdictions.json``, by code."""
    data = resources.files("reconciler").joinpath("data", "jurisdictions.json").read_bytes()
    presets = json.decode(data, type=_Presets).jurisdictions
    return {
        code: Jurisdiction(
            code=code,
            country=preset.country,
            hours=Hours(_week(preset.windows), preset.holidays),
            citation=preset.citation,
            checked=preset.checked,
        )
        for code, preset in presets.items()
    }


def _week(windows: dict[str, list[str]]) -> tuple[tuple[Window, ...], ...]:
    week = {day: tuple(map(Window.parse, texts)) for name, texts in windows.items() for day in days_of(name)}
    return tuple(week.get(day, ()) for day in range(7))
