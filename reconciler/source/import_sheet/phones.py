"""The column of phone numbers, and the country in which they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.domain.plan import row_numbers
from reconciler.domain.times import zone_country
from reconciler.source.import_sheet import values as looks
from reconciler.source.import_sheet.answers import AnswerProblem, Answers, Question
from reconciler.source.import_sheet.draft import DraftLine, cell_of, label
from reconciler.source.import_sheet.sample import MOST_ROWS, Column, Sample
from reconciler.source.schema.wording import quoted


@dataclass(frozen=True, slots=True)
class Phones:
    """The numbers of a sheet. ``region`` is None until a person says it."""

    column: Column
    region: str | None
    line: DraftLine

    @property
    def zone(self) -> str | None:
        """The time zone of most numbers."""
        return None if self.region is None else looks.zone_of(self.column.with_digits, self.region)

    def describe_wrong(self, sample: Sample, rows: Sequence[int]) -> str:
        """The numbers in the first of these rows that a plan will refuse; empty if there are none."""
        if self.region is None:
            return ""
        wrong = [
            sample.numbers[index]
            for index in rows[:MOST_ROWS]
            if not looks.is_possible_in(self.column.cells[index], self.region)
        ]
        if not wrong:
            return ""
        verb = "has no number that is" if len(wrong) == 1 else "have no numbers that are"
        return f"{row_numbers(wrong)} {verb} possible in {self.region}: correct {label(self.column.name)}"


def read_phones(phone: Column, answers: Answers, country: str | None) -> Phones:
    """Ask for the country of the numbers, unless they have country codes, or exist in the time zone's country
    and fewer in any other. ``country`` is another likely one. One where most of them do not exist is not offered.
    """
    zone, own = answers.given.get("--timezone"), looks.region_of(phone.with_digits)
    zoned = zone_country(zone or "")
    fits = zoned is not None and looks.are_numbers_of(phone.with_digits, zoned)
    others = {*looks.possible_regions(phone.with_digits), country} - {zoned, None}
    counts = [looks.count_numbers_of(phone.with_digits, other) for other in others if other is not None]
    certain = (
        zoned is not None
        and fits
        and not looks.have_country_codes(phone.with_digits)  # of several countries: the next ones may be of any
        and looks.count_numbers_of(phone.with_digits, zoned) > max(counts, default=0)
    )
    if country is None or not looks.are_numbers_of(phone.with_digits, country):
        country = looks.likely_region(phone.with_digits)
    question = Question(
        "--region",
        f"In which country are the numbers in {label(phone.name)} written? Two letters, such as MX",
        guess=own or (zoned if fits else None) or country,
        certain=own is not None or certain,
    )
    region, cell = answers.answer(question, _parse_region), cell_of(phone.name)
    if region is None:
        note = f'set the country of the numbers in {label(phone.name)}: =e164({cell}, "MX")'
        return Phones(phone, None, DraftLine("to_number", None, note))
    why = f", the country of {zone}" if answers.given.get("--region") is None and own is None and certain else ""
    note = f"{label(phone.name)}, read as in {region}{why}"
    return Phones(phone, region, DraftLine("to_number", f'=e164({cell}, "{region}")', note))


def _parse_region(text: str) -> str:
    region = text.strip().upper()
    if not looks.is_region(region):
        raise AnswerProblem(f"--region: {quoted(text)} is not a region", "write two letters such as MX, US or ES")
    return region
