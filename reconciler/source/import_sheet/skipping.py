"""Find the rows of a sheet that are not calls: rows of totals, and rows without a number, a date or a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from reconciler.domain.plan import row_numbers
from reconciler.source.formulas.functions import library
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.formulas.program import Engine, Program
from reconciler.source.import_sheet.answers import AnswerProblem
from reconciler.source.import_sheet.draft import cell_of, text_literal
from reconciler.source.import_sheet.sample import Column, Sample
from reconciler.source.import_sheet.values import FEWEST_DIGITS, has_digit, is_phone
from reconciler.source.schema.wording import listed, quoted
from reconciler.source.sheets.filtering import is_true


@dataclass(frozen=True, slots=True)
class Skipped:
    """``where`` is the formula, empty if all rows are read. ``read`` are the indexes of the rows that it keeps,
    ``reasons`` the numbers of the others by reason."""

    where: str
    read: tuple[int, ...]
    reasons: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def describe(self) -> str:
        """``3 rows are skipped: row 14 (TOTAL); rows 9 and 11 (no phone)``; empty if there are none."""
        count = sum(map(len, self.reasons.values()))
        if not count:
            return ""
        verb = "1 row is" if count == 1 else f"{count:,} rows are"
        return f"{verb} skipped: {'; '.join(f'{row_numbers(rows)} ({why})' for why, rows in self.reasons.items())}"


def propose(sample: Sample, needed: Mapping[str, Column]) -> Skipped:
    """The rows to skip; none if that were all of them. ``needed`` are the columns that each call needs, by what
    they contain: ``phone``.

    A cell without a digit is empty there, whatever it says: ``sin teléfono``, ``n/a``, ``-``.
    """
    read = list(range(len(sample.numbers)))
    conditions: list[str] = []
    reasons: dict[str, list[int]] = {}
    for what, column in needed.items():
        without = [index for index in read if not has_digit(column.cells[index])]
        if without:
            conditions.append(f'{cell_of(column.name)}.matches("[0-9]")')
            read = [index for index in read if has_digit(column.cells[index])]
        for index in without:
            reasons.setdefault(sample.totals.get(index, f"no {what}"), []).append(sample.numbers[index])
    phone = needed.get("phone")
    totals = [index for index in read if index in sample.totals and phone and not is_phone(phone.cells[index])]
    for index in totals:
        label = sample.totals[index]
        condition = _without_label(sample, index, phone) if phone is not None else None
        if condition is not None:
            conditions += [] if condition in conditions else [condition]
            reasons.setdefault(label, []).append(sample.numbers[index])
            read.remove(index)
    if not read:
        return Skipped("", tuple(range(len(sample.numbers))))
    return Skipped(" && ".join(conditions), tuple(read), reasons)


def _without_label(sample: Sample, index: int, phone: Column) -> str | None:
    """The condition that a row does not have the label of this row of totals, or has a phone number: a customer of
    that name must not be skipped. None if no formula can say it."""
    column = next((item for item in sample.columns if item.cells[index].strip() == sample.totals[index]), None)
    if column is None or not cell_of(column.name) or not text_literal(column.cells[index]):
        return None
    has_number = f'{cell_of(phone.name)}.matches("{".*".join(["[0-9]"] * FEWEST_DIGITS)}")'
    return f"({cell_of(column.name)} != {text_literal(column.cells[index])} || {has_number})"


def apply_where(text: str, sample: Sample) -> Skipped:
    """The rows that a formula skips.

    Raises:
        AnswerProblem: it is invalid, or fails on a row.
    """
    if not text.strip():
        return Skipped("", tuple(range(len(sample.numbers))))
    program = _compiled(text, {column.name for column in sample.columns})
    read: list[int] = []
    skipped: list[int] = []
    for index, number in enumerate(sample.numbers):
        values = {column.name: column.cells[index] for column in sample.columns if column.cells[index].strip()}
        try:
            (read if is_true(program, values) else skipped).append(index)
        except FormulaProblem as problem:
            raise AnswerProblem(f"--where: row {number}: {problem.message}", problem.hint) from problem
    if not read:
        raise AnswerProblem("--where: no row is left", 'it names the rows to keep: row.status == "open"')
    return Skipped(text, tuple(read), {"where": [sample.numbers[index] for index in skipped]} if skipped else {})


def _compiled(text: str, names: Collection[str]) -> Program:
    def no_table(name: object) -> None:
        raise FormulaProblem("E703", f"unknown table {name}", "use lookup in the plan file instead")

    try:
        program = Engine(library(frozenset(), no_table), no_table).compile(text.removeprefix("="), {})
    except FormulaProblem as problem:
        hint = problem.hint or 'write a formula such as row.status == "open"'
        raise AnswerProblem(f"--where: {problem.message}", hint) from problem
    unknown = next((name for name in program.variables.values() if name not in names), None)
    if unknown is not None:
        near = get_close_matches(unknown, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the columns are {listed(sorted(names))}"
        raise AnswerProblem(f"--where: the sheet has no column {quoted(unknown)}", hint)
    return program
