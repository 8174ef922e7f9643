"""Draft a plan file for a sheet. What is not certain is asked, or left for a person to fill in."""

from __future__ import annotations

from reconciler.domain.settings import Project
from reconciler.source.formulas.functions import slug
from reconciler.source.import_sheet import keys
from reconciler.source.import_sheet import values as looks
from reconciler.source.import_sheet.answers import AnswerProblem, Answers, Question
from reconciler.source.import_sheet.callers import Account, Callers
from reconciler.source.import_sheet.draft import Draft, DraftLine, cell_of, label
from reconciler.source.import_sheet.headers import Role, fit
from reconciler.source.import_sheet.phones import Phones, read_phones
from reconciler.source.import_sheet.roles import Roles
from reconciler.source.import_sheet.sample import Column, Sample
from reconciler.source.import_sheet.skipping import Skipped, apply_where, propose
from reconciler.source.import_sheet.timing import Timing, read_time
from reconciler.source.rows.cells import PHONE_ONLY
from reconciler.source.rows.fields import check_of
from reconciler.source.rows.zones import is_place, zone_problem
from reconciler.source.schema.wording import quoted
from reconciler.source.sheets.header import near_field

_DATED = "the date makes next month's export new calls"
_UNDATED = "next month's export will change these calls instead of adding new ones"
_LONGEST_NAME = 60
_COUNTS = "contains row numbers: if rows move, people are called again; use a permanent identifier"


def guess(sample: Sample, project: Project, answers: Answers, account: Account | None = None) -> Draft:
    """A draft for the sheet. ``account`` is what the service has, if that is known.

    Raises:
        AnswerProblem: an option's value cannot be used.
    """
    return _Guesser(sample, answers, Callers(project, account or Account(), answers)).draft()


class _Guesser:
    def __init__(self, sample: Sample, answers: Answers, callers: Callers) -> None:
        self._sample = sample
        self._answers = answers
        self._roles = Roles(sample)
        self._callers = callers
        self._columns: list[DraftLine] = []
        self._notes = [
            f"the header {quoted(column.name)} cannot be used in a formula: rename it"
            for column in self._roles.unusable
        ]
        self._contact = next((column for column in sample.columns if column.name == "contact_id"), None)
        self._phones: Phones | None = None

    def draft(self) -> Draft:
        is_contact = self._target()
        defaults = list(self._callers.lines(self._roles.fields, is_contact=is_contact))
        if not is_contact:
            self._person()
        defaults += self._zone()
        timing = read_time(self._sample, self._roles, self._answers)
        self._columns += timing.lines
        skipped = self._skip(timing)
        self._key(skipped, timing)
        self._rest(is_contact=is_contact)
        order = {"key": 0, timing.helper: 1}
        columns = sorted(self._used(timing.helper), key=lambda entry: order.get(entry.field, 2))
        wrong = self._phones.describe_wrong(self._sample, skipped.read) if self._phones is not None else ""
        rows = tuple(filter(None, (skipped.describe(), wrong)))
        return Draft(tuple(defaults), tuple(columns), tuple(self._notes), skipped.where, rows)

    def _used(self, helper: str) -> list[DraftLine]:
        """The columns without the helper, if no other one reads it."""
        cell = cell_of(helper)
        reads = any(cell in f"{entry.value} {entry.note}" for entry in self._columns if entry.field != helper)
        return [entry for entry in self._columns if reads or entry.field != helper]

    def _has(self, field: str) -> bool:
        return field in self._roles.fields or any(entry.field == field for entry in self._columns)

    def _add(self, field: str, value: str | None, note: str) -> None:
        self._columns.append(DraftLine(field, value, note))

    def _target(self) -> bool:
        """Find the target of the calls. Returns whether it is a contact."""
        if not {"contact_id", "to_number"}.isdisjoint(self._roles.fields):
            return "contact_id" in self._roles.fields
        contact = self._roles.take(Role.CONTACT, looks.are_ids) or self._roles.take_only(looks.are_ids)
        if contact is not None:
            self._contact = contact
            self._add("contact_id", f"={cell_of(contact.name)}", f"{label(contact.name)} contains ids of contacts")
        return contact is not None

    def _person(self) -> None:
        """The number and the name of a phone call."""
        if "to_number" not in self._roles.fields:
            phone = self._roles.phone()
            if phone is None:
                self._add("to_number", None, "no column looks like a contact_id or a phone number")
            else:
                self._phones = read_phones(phone, self._answers, self._callers.country())
                self._columns.append(self._phones.line)
        if "full_name" not in self._roles.fields:
            self._name()

    def _name(self) -> None:
        roles = self._roles
        last = roles.take(Role.LAST_NAME, looks.are_names)
        first = roles.take(Role.FIRST_NAME, looks.are_names) if last is not None else None
        if first is not None and last is not None:
            formula = f'={cell_of(first.name)} + " " + {cell_of(last.name)}'
            self._add("full_name", formula, f"{label(first.name)}, {label(last.name)}")
            return
        name = last or roles.take(Role.NAME, looks.are_names)
        if name is None:
            self._add("full_name", None, "no column looks like the person's name, which phone calls need")
        else:
            self._add("full_name", f"={cell_of(name.name)}", label(name.name))

    def _zone(self) -> list[DraftLine]:
        """The default time zone, unless a column has it."""
        if "schedule.timezone" in self._roles.fields:
            return []
        found = self._roles.take(Role.ZONE, looks.are_zones)
        if found is not None:
            self._add("schedule.timezone", f"={cell_of(found.name)}", label(found.name))
            return []
        likely = self._phones.zone if self._phones is not None else None
        question = Question("--timezone", "In which time zone are the times of the sheet?", guess=likely)
        zone = self._answers.answer(question, _parse_zone)
        note = "" if zone else "the time zone, such as America/Mexico_City"
        return [DraftLine("schedule.timezone", zone, note)]

    def _skip(self, timing: Timing) -> Skipped:
        """The rows that are not calls. A person may keep them, or write a formula."""
        fields = {column.name: column for column in self._sample.columns if column.name in self._roles.fields}
        phone = self._phones.column if self._phones is not None else fields.get("to_number")
        day = timing.day or fields.get("schedule.at")
        needed = {"contact": self._contact, "phone": phone, "date": day, "time": timing.clock}
        proposed = propose(self._sample, {what: column for what, column in needed.items() if column is not None})
        question = Question(
            "--where",
            f"{proposed.describe()}.\nSkip them? yes, no, or a formula that is true for the rows to keep",
            guess="yes",
            certain=self._answers.ask is None or not proposed.where,
        )

        def parse(text: str) -> Skipped:
            word = text.strip().lower()
            if word in {"yes", "y"}:
                return proposed
            return apply_where("" if word in {"no", "n"} else text, self._sample)

        return self._answers.answer(question, parse) or proposed

    def _key(self, skipped: Skipped, timing: Timing) -> None:
        if "key" in self._roles.fields:
            return
        sample, rows = self._sample, skipped.read
        likely, is_identifier = self._likely_key(timing, rows)
        certain = is_identifier and (timing.day is not None or "delay_minutes" in self._roles.fields)
        question = Question(
            keys.OPTION,
            "Which columns identify a call, and never change?",
            guess=likely.text if likely else None,
            certain=certain,
        )
        found = self._answers.answer(question, lambda text: keys.parse_key(text, sample, rows, timing.day))
        if found is None:
            such = f' Pass --key, such as --key "{likely.text}"' if likely else ""
            lacks = "no column looks like a unique identifier, such as an invoice number"
            if is_identifier:
                lacks = f"the date of the call is not known, and without it {_UNDATED}"
            self._add("key", None, f"{lacks}.{such}")
            return
        for column in found.columns:
            self._roles.use(column)
            if keys.is_row_number(column, rows):
                self._notes.append(f"{label(column.name)} {_COUNTS}")
        dated = timing.day in found.columns
        if not dated:
            self._notes.append(f"the key has no date: {_UNDATED}")
        note = f"{found.text}; {_DATED}" if dated else found.text
        self._add("key", found.formula(timing.helper), note)

    def _likely_key(self, timing: Timing, rows: tuple[int, ...]) -> tuple[keys.Key | None, bool]:
        """The likely key, and whether it is certain: it contains an identifier, not only a name."""
        others = [column for column in (timing.day, timing.clock) if column is not None]
        phone = self._phones.column if self._phones is not None else None
        columns = [item for item in self._sample.columns if cell_of(item.name) and item not in (*others, phone)]
        identifiers = [item for item in columns if fit(item.name, Role.KEY) and not looks.are_dates(item.values)]
        identifiers.sort(key=lambda item: -fit(item.name, Role.KEY))
        identifiers += [self._contact] if self._contact is not None else []
        certain = keys.guess_key(identifiers, others, self._sample, rows, timing.day)
        names = [item for item in columns if fit(item.name, Role.NAME) and looks.are_names(item.values)]
        return certain or keys.guess_key(names, others, self._sample, rows, timing.day), certain is not None

    def _rest(self, *, is_contact: bool) -> None:
        """The other columns: fields with similar names, and data for the agent."""
        for column in list(self._roles.free):
            field, cell = self._field_of(column, is_contact=is_contact), cell_of(column.name)
            if field is not None:
                self._add(field, f"={cell}", label(column.name))
                continue
            name = slug(column.name)[:_LONGEST_NAME].strip("-").replace("-", "_")
            if not name or self._has(f"additional_data.{name}"):
                name = f"column_{self._sample.columns.index(column) + 1}"
            amounts = column.whole and looks.are_amounts(column.values)
            self._add(f"additional_data.{name}", f"=money({cell})" if amounts else f"={cell}", "for the agent")

    def _field_of(self, column: Column, *, is_contact: bool) -> str | None:
        """The field with the name of a column, if it is not set and all values fit."""
        field, is_named = near_field(column.name) or ("", False)
        if not is_named or self._has(field) or (is_contact and field in PHONE_ONLY):
            return None
        return field if all(map(check_of(field), column.values)) else None


def _parse_zone(text: str) -> str:
    if not is_place(text.strip()):
        raise AnswerProblem(*zone_problem(text))
    return text.strip()
