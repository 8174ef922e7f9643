"""Decide when the calls of a sheet ring, and write that as formulas."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.source.formulas.date_functions import format_of_clock
from reconciler.source.import_sheet import values as looks
from reconciler.source.import_sheet import when
from reconciler.source.import_sheet.answers import Answers, Question
from reconciler.source.import_sheet.draft import DraftLine, cell_of, label
from reconciler.source.import_sheet.headers import Role, fit
from reconciler.source.import_sheet.roles import Roles
from reconciler.source.import_sheet.sample import Column, Sample
from reconciler.source.schema.wording import listed, quoted

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
    if "schedule.at" in roles.fields:
        timing.day = next(column for column in sample.columns if column.name == "schedule.at")
        timing.lines.append(DraftLine(helper, f"=date({cell_of('schedule.at')})", label("schedule.at")))
        return timing
    if "delay_minutes" in roles.fields:
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
        _schedule(found, sample, roles, timing)
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


def _schedule(found: when.When, sample: Sample, roles: Roles, timing: Timing) -> None:
    """The formula of ``schedule.at``, and the helper column that it uses."""
    timing.day = roles.use(found.day) or found.day
    timing.lines.append(_date_line(found.day, timing.helper, sample))
    clock = found.clock
    if clock is None:
        timing.lines.append(_moment_line(found.day, sample))
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
        doubt = _which_half(clock, sample, f"=at({start}, datetime({time}, {{}}))")
        if doubt is not None:
            timing.lines.append(doubt)
            return
    timing.lines.append(DraftLine("schedule.at", f"=at({start}, {time})", note))


def _moment_line(day: Column, sample: Sample) -> DraftLine:
    """``=datetime(row.x)``, unless what the column says is not certain."""
    cell = cell_of(day.name)
    if (swapped := _which_order("schedule.at", "datetime", day, sample)) is not None:
        return swapped
    doubt = _which_half(day, sample, f"=datetime({cell}, {{}})")
    return doubt or DraftLine("schedule.at", f"=datetime({cell})", label(day.name))


def _which_half(column: Column, sample: Sample, formula: str) -> DraftLine | None:
    """The line to fill in if a time of the column could be a.m. or p.m.; else None. ``formula`` is for a column on
    the 24-hour clock, with a place for its format."""
    text = looks.night_time(column.with_digits)
    if text is None:
        return None
    doubt = f"{label(column.name)}: {quoted(text)} in row {_row_of(text, column, sample)} could be a.m. or p.m."
    choose = "write am or pm in each cell, or if they are of the 24-hour clock"
    exact = formula.format(f'"{format_of_clock(text)}"')
    return DraftLine("schedule.at", None, f"{doubt}, because no time is after 12:59; {choose}: {exact}")


def _which_order(field: str, function: str, day: Column, sample: Sample) -> DraftLine | None:
    """The line to fill in if the day and the month of real dates may be swapped; else None."""
    found = looks.swapped_formats(day.with_digits)
    if found is None:
        return None
    text, formats = found
    right, swapped = (f'={function}({cell_of(day.name)}, "{texts}", "{dates}")' for texts, dates in formats)
    doubt = (
        f"{label(day.name)}: a spreadsheet program may have swapped day and month of {quoted(text)} in row "
        f"{_row_of(text, day, sample)} and the other real dates"
    )
    return DraftLine(field, None, f"{doubt}; choose one: {right} if they are right, {swapped} if they are swapped")


def _row_of(text: str, column: Column, sample: Sample) -> int:
    return sample.numbers[column.cells.index(text)]


def _date_line(day: Column, helper: str, sample: Sample) -> DraftLine:
    """``=date(row.x)``, with a format only if no cell shows whether the day or the month comes first."""
    if (swapped := _which_order(helper, "date", day, sample)) is not None:
        return swapped
    forms, cell, note = looks.date_forms(day.with_digits), cell_of(day.name), label(day.name)
    if len(forms) < 2:
        return DraftLine(helper, f"=date({cell})", note)
    choose = f'every date can be read as DD/MM and as MM/DD; choose one: =date({cell}, "{forms[0]}")'
    return DraftLine(helper, None, f"{note}: {choose}")
