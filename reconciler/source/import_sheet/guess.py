"""Map the columns of a spreadsheet to the fields of a plan file. A person must decide what is not certain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reconciler.domain.settings import Project
from reconciler.source.formulas.functions import slug
from reconciler.source.import_sheet import values as looks
from reconciler.source.import_sheet.draft import Draft, DraftLine, cell_of
from reconciler.source.import_sheet.headers import Role, day_comes_first, fit, is_other_date
from reconciler.source.import_sheet.sample import Column, Sample
from reconciler.source.rows.cells import PHONE_ONLY
from reconciler.source.rows.fields import schema_of
from reconciler.source.schema.wording import quoted
from reconciler.source.sheets.header import near_field


@dataclass(frozen=True, slots=True)
class Answers:
    """A person's answers: the timezone, and the region of a column's phone numbers. None: not decided yet."""

    timezone: str | None
    region: Callable[[str], str | None]


def guess(sample: Sample, project: Project, answers: Answers) -> Draft:
    """A draft for the sheet.

    Raises:
        FormulaProblem: the region is unknown.
    """
    return _Guesser(sample, project, answers).draft()


class _Guesser:
    def __init__(self, sample: Sample, project: Project, answers: Answers) -> None:
        self._project = project
        self._answers = answers
        self._set = {column.name for column in sample.columns if schema_of(column.name) is not None}
        others = [column for column in sample.columns if column.name not in self._set]
        self._free = [column for column in others if cell_of(column.name)]
        self._entries: list[DraftLine] = []
        self._notes = [
            f"the header {quoted(column.name)} cannot be used in a formula: rename it"
            for column in others
            if not cell_of(column.name)
        ]
        self._rows = sample.rows
        self._day: Column | None = None
        self._contact = next((column for column in sample.columns if column.name == "contact_id"), None)

    def draft(self) -> Draft:
        is_contact = self._target()
        self._when()
        self._key()
        self._zone()
        self._rest(is_contact=is_contact)
        order = {"key": 0, "day": 1}
        columns = sorted(self._entries, key=lambda entry: (not entry.live, order.get(entry.field, 2)))
        return Draft(tuple(self._defaults(is_contact=is_contact)), tuple(columns), tuple(self._notes))

    def _has(self, field: str) -> bool:
        return field in self._set or any(entry.field == field and entry.live for entry in self._entries)

    def _add(self, field: str, value: str | None, note: str) -> None:
        self._entries.append(DraftLine(field, value, note))

    def _take(self, role: Role, good: Callable[[looks.Values], object]) -> Column | None:
        """Assign the column with the best matching header and valid values, or None."""
        fitting = [column for column in self._free if fit(column.name, role) and good(column.values)]
        best = max(fitting, key=lambda column: fit(column.name, role), default=None)
        return self._assign(best)

    def _take_only(self, good: Callable[[looks.Values], object]) -> Column | None:
        """Assign the only column with valid values, whatever its header, or None."""
        fitting = [column for column in self._free if good(column.values) and near_field(column.name) is None]
        return self._assign(fitting[0]) if len(fitting) == 1 else None

    def _assign(self, column: Column | None) -> Column | None:
        if column is not None:
            self._free.remove(column)
        return column

    def _target(self) -> bool:
        """Find the target of the calls. Returns whether it is a contact."""
        if "contact_id" in self._set:
            return True
        if "to_number" not in self._set:
            contact = self._take(Role.CONTACT, looks.are_ids) or self._take_only(looks.are_ids)
            if contact is not None:
                self._contact = contact
                self._add("contact_id", f"={cell_of(contact.name)}", f"{_label(contact)} contains ids of contacts")
                return True
            self._phone()
        if "full_name" not in self._set:
            self._name()
        return False

    def _phone(self) -> None:
        phone = self._take(Role.PHONE, looks.are_phones) or self._take_only(looks.region_of)
        if phone is None:
            self._add("to_number", None, "no column looks like a contact_id or a phone number")
            return
        cell = cell_of(phone.name)
        region = looks.region_of(phone.values) or self._answers.region(phone.name)
        if region is None:
            note = f'set the country of the numbers in {_label(phone)}: =e164({cell}, "MX")'
            self._add("to_number", None, note)
            return
        wrong = looks.impossible_in(phone.values, region)
        warning = f"; {wrong} of the first {len(phone.values)} are not possible there" if wrong else ""
        self._add("to_number", f'=e164({cell}, "{region}")', f"{_label(phone)}, read as in {region}{warning}")

    def _name(self) -> None:
        last = self._take(Role.LAST_NAME, looks.are_names)
        first = self._take(Role.FIRST_NAME, looks.are_names) if last is not None else None
        if first is not None and last is not None:
            self._add(
                "full_name",
                f'={cell_of(first.name)} + " " + {cell_of(last.name)}',
                f"{_label(first)}, {_label(last)}",
            )
            return
        name = last or self._take(Role.NAME, looks.are_names)
        if name is None:
            self._add("full_name", None, "no column looks like the person's name, which phone calls need")
        else:
            self._add("full_name", f"={cell_of(name.name)}", _label(name))

    def _when(self) -> None:
        if "delay_minutes" in self._set or "schedule.at" in self._set:
            return
        dates = [item for item in self._free if not is_other_date(item.name) and _is_date(item)]
        reasons = [item for item in dates if fit(item.name, Role.REASON_DATE)]
        plain = [item for item in dates if item not in reasons]
        for role in (Role.CALL_DATE, Role.DATE):
            for item in plain:
                if fit(item.name, role):
                    self._scheduled(item, is_call=True)
                    return
        if reasons or len(plain) == 1:
            self._scheduled((*reasons, *plain)[0], is_call=False)
            return
        mixed = next((item for item in self._free if looks.are_mixed(item.values)), None)
        if mixed is not None:
            note = "has date and time in a form that no formula can read: use 2031-06-16 14:30, or two columns"
            self._add("schedule.at", None, f"{_label(mixed)} {note}")
            return
        note = "no column looks like the time to call; to call when the plan is applied, use place_by instead"
        self._add("schedule.at", None, note)

    def _scheduled(self, date: Column, *, is_call: bool) -> None:
        self._day = self._assign(date)
        if self._day_of(date) is None:
            note = "the first rows match both DD/MM and MM/DD; choose one"
            self._add("day", None, f'{_label(date)}: {note}: =date({cell_of(date.name)}, "DD/MM/YYYY")')
        clock = None if looks.are_times(date.values) else self._take(Role.CLOCK, looks.are_clocks)
        if not is_call:
            note = f'{_label(date)} is what the call is about; set the time: =at(workdays(row.day, -1), "10:00")'
            self._add("schedule.at", None, note)
        elif looks.are_times(date.values):
            self._add("schedule.at", f"={cell_of(date.name)}", _label(date))
        elif clock is None:
            self._add("schedule.at", None, 'no column looks like the time of day: =at(row.day, "10:00")')
        else:
            cell = cell_of(clock.name)
            padded = (
                cell if looks.all_two_digits(clock.values) else f'({cell}.matches("^[0-9]:") ? "0" : "") + {cell}'
            )
            self._add("schedule.at", f"=at(row.day, {padded})", f"{_label(date)}, {_label(clock)}")

    def _day_of(self, date: Column) -> str | None:
        """Add the helper ``day``. None if the order of day and month is ambiguous."""
        forms = looks.date_forms(date.values)
        cell = cell_of(date.name)
        if not forms or forms[0] == "":
            self._add("day", f"=date({cell})", _label(date))
            return ""
        if len(forms) > 1 and not day_comes_first(date.name):
            return None
        self._add("day", f'=date({cell}, "{forms[0]}")', f"{_label(date)}, in the format {forms[0]}")
        return forms[0]

    def _key(self) -> None:
        if "key" in self._set:
            return
        found = self._take(Role.KEY, lambda values: len(values) == self._rows) or self._contact
        if found is None or not found.whole:
            self._add("key", None, "no column without gaps looks like an identifier, such as an invoice number")
            return
        cell, dated = cell_of(found.name), self._day is not None
        days = self._day.values if self._day is not None and self._day.whole else ()
        names = set(zip(found.values, days, strict=True)) if days else set(found.values)
        if len(names) < self._rows:
            self._add("key", None, f"{_label(found)} has duplicate values: add a column that makes them unique")
            return
        plain = cell if looks.are_keys(found.values) else f"slug({cell})"
        self._add(
            "key", f'={plain} + "/" + row.day' if dated else f"={plain}", f"{_label(found)}; it must never change"
        )
        if found.values == tuple(map(str, range(1, self._rows + 1))):
            note = "contains row numbers: if rows move, people are called again. Use a permanent identifier"
            self._notes.append(f"{_label(found)} {note}")

    def _zone(self) -> None:
        if "schedule.timezone" not in self._set and (found := self._take(Role.ZONE, looks.are_zones)) is not None:
            self._add("schedule.timezone", f"={cell_of(found.name)}", _label(found))

    def _rest(self, *, is_contact: bool) -> None:
        """The other columns: map or report those with names similar to a field; suggest the rest for the agent."""
        for column in self._free:
            near = near_field(column.name)
            cell = cell_of(column.name)
            if near is not None and near[1]:
                if self._has(near[0]) or (is_contact and near[0] in PHONE_ONLY):
                    self._notes.append(f"{_label(column)} is similar to the field {near[0]}: rename the header")
                else:
                    self._add(near[0], f"={cell}", _label(column))
                continue
            name = slug(column.name).replace("-", "_")
            value = f"=money({cell})" if looks.are_amounts(column.values) else f"={cell}"
            if name and all(entry.field != f"additional_data.{name}" for entry in self._entries):
                note = "remove the # to pass it to the agent"
                self._entries.append(DraftLine(f"additional_data.{name}", value, note, live=False))

    def _defaults(self, *, is_contact: bool) -> Iterator[DraftLine]:
        if not self._has("agent"):
            yield _alias("agent", list(self._project.agents), "agents", "the AI agent that makes the call")
        if not self._has("from"):
            numbers = self._project.numbers.items()
            fitting = [name for name, number in numbers if (number.id if is_contact else number.e164)]
            yield _alias("from", fitting, "numbers", "the number to call from")
        if not self._has("schedule.timezone"):
            note = "for all rows" if self._answers.timezone else "the time zone, such as America/Mexico_City"
            yield DraftLine("schedule.timezone", self._answers.timezone, note)


def _alias(field: str, names: list[str], section: str, meaning: str) -> DraftLine:
    if len(names) == 1:
        return DraftLine(field, names[0], "the only one in reconciler.yaml")
    known = f" ({', '.join(sorted(names)[:8])})" if names else ""
    return DraftLine(field, None, f"{meaning}: a name from {section} in reconciler.yaml{known}, or an id")


def _is_date(column: Column) -> bool:
    return looks.are_times(column.values) or bool(looks.date_forms(column.values))


def _label(column: Column) -> str:
    return f"column {quoted(column.name)}"
