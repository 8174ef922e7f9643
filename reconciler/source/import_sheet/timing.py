"""Decide when the calls of a sheet ring, and write that as formulas."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.source.import_sheet import values as looks
from reconciler.source.import_sheet import when
from reconciler.source.import_sheet.answers import Answers, Question
from reconciler.source.import_sheet.draft import DraftLine, cell_of, label
from reconciler.source.import_sheet.headers import Role, fit
from reconciler.source.import_sheet.roles import Roles
from reconciler.source.import_sheet.sample import Column, Sample
from reconciler.source.schema.wording import listed

_EXACTLY = 2  # the header is the word for a date, and nothing else


@dataclass(slots=True)
class Timing:
    """``lines`` set ``schedule.at``, with the helper column ``helper`` for its date. Each call needs a value in
    the columns ``day`` and ``clock``; None if there is none."""

    helper: str
    lines: list[DraftLine] = field(default_factory=list)
    day: Column | None = None
    clock: Column | None = None


def read_time(sample: Sample, roles: Roles, answers: Answers) -> Timing:
    """Ask when to call, unless the columns say it."""
    helper = "day"
    while any(column.name == helper for column in sample.columns):
        helper += "_"
    timing = Timing(helper)
    if not {"delay_minutes", "schedule.at"}.isdisjoint(roles.fields):
        return timing
    usable = [column for column in sample.columns if cell_of(column.name)]
    likely, why = _likely(roles)
    question = Question(
        when.OPTION,
        _question(sample),
        guess=likely,
        certain=likely is not None and not why,
        choices=when.FORMS,
    )
    found = answers.answer(question, lambda text: when.parse_when(text, usable))
    if found is None:
        note = f'{why}. Pass --when, such as --when "{likely or when.FORMS[0]}"'
        timing.lines.append(DraftLine("schedule.at", None, note))
    else:
        _schedule(found, roles, timing)
    return timing


def _question(sample: Sample) -> str:
    text = "When should each call ring?"
    for what, good in (("dates", looks.are_dates), ("times", looks.are_clocks)):
        names = [column.name for column in sample.columns if good(column.with_digits)]
        text += f"\nColumns with {what}: {listed(names)}" if names else ""
    return text


def _likely(roles: Roles) -> tuple[str | None, str]:
    """The likely sentence, and why it is not certain; empty if it is."""
    day, clock = next(roles.dates(), None), roles.clock()
    if day is None:
        return None, "no column looks like the time to call"
    name = day.name
    if fit(name, Role.REASON_DATE) and not fit(name, Role.CALL_DATE):
        return f"1 workday before {name} at 10:00", f"{label(name)} is what the call is about, not when to call"
    is_call_date = fit(name, Role.CALL_DATE) or fit(name, Role.DATE) == _EXACTLY
    unsure = "" if is_call_date else f"{label(name)} may be something else than when to call"
    if looks.are_datetimes(day.with_digits) and not looks.are_midnights(day.with_digits):
        return f"at {name}", unsure
    if clock is None:
        return f"on {name} at 10:00", "no column looks like the time of day"
    return f"on {name} at {clock.name}", unsure


def _schedule(found: when.When, roles: Roles, timing: Timing) -> None:
    """The formula of ``schedule.at``, and the helper column that it uses."""
    timing.day = roles.use(found.day) or found.day
    timing.lines.append(_date_line(found.day, timing.helper))
    clock = found.clock
    if clock is None:
        cell = cell_of(found.day.name)
        formula = f"={cell}" if looks.are_times(found.day.with_digits) else f"=datetime({cell})"
        timing.lines.append(DraftLine("schedule.at", formula, label(found.day.name)))
        return
    start = f"row.{timing.helper}"
    if found.workdays:
        start = f"workdays({start}, {found.shift})"
    elif found.shift:
        start = f"date({start}) {'-' if found.shift < 0 else '+'} days({abs(found.shift)})"
    note, time = label(found.day.name), f'"{clock}"'
    if isinstance(clock, Column):
        timing.clock = roles.use(clock) or clock
        note, time = f"{note}, {label(clock.name)}", cell_of(clock.name)
    timing.lines.append(DraftLine("schedule.at", f"=at({start}, {time})", note))


def _date_line(day: Column, helper: str) -> DraftLine:
    """``=date(row.x)``, with a format only if no cell shows whether the day or the month comes first."""
    forms, cell, note = looks.date_forms(day.with_digits), cell_of(day.name), label(day.name)
    if len(forms) < 2:
        return DraftLine(helper, f"=date({cell})", note)
    choose = f'every date can be read as DD/MM and as MM/DD; choose one: =date({cell}, "{forms[0]}")'
    return DraftLine(helper, None, f"{note}: {choose}")
