"""Ask a person on a terminal what a sheet does not say, and read what the account has to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reconciler.cli.account import read_account
from reconciler.cli.output import say
from reconciler.contactship.origin import API_KEY_VARIABLE, DEFAULT_BASE_URL, parse_origin, read_api_key
from reconciler.errors import LookupFailed, ReconcilerError
from reconciler.source.import_sheet.answers import AnswerProblem, Answers, Question, named_column
from reconciler.source.import_sheet.callers import Account
from reconciler.source.import_sheet.sample import read_sample
from reconciler.source.rows.parties import ID
from reconciler.source.sheets.grid import SheetProblem
from reconciler.source.sheets.workbook import SeveralSheets
from reconciler.system.environment import variable

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.sheet_import import SheetImport
    from reconciler.domain.settings import Project
    from reconciler.source.import_sheet.sample import Sample
    from reconciler.source.sheets.options import Options

# How hints name a setting of the plan file, and the option that sets it.
_OPTIONS = (
    ("set sheet: to one of ", "choose one with --sheet: "),
    ("hidden: ", "--hidden "),
    ("set delimiter: ", "pass --delimiter "),
    ("set encoding: ", "pass --encoding "),
)


class Terminal:
    """Asks one question after the other."""

    def __init__(self) -> None:
        self._first = True

    def __call__(self, question: Question, problem: AnswerProblem | None) -> str:
        """The answer; empty if the person leaves it open."""
        if self._first:
            say("Press Enter to take the answer in brackets. Ctrl-C ends without writing anything.", err=True)
            self._first = False
        if problem is None:
            say("", *question.text.splitlines(), err=True)
            for number, choice in enumerate(question.choices, start=1):
                say(f"{number if question.numbered else '':>3}  {choice}", err=True)
        else:
            say(f"  {problem.message.removeprefix(f'{question.option}: ')}", err=True)
            if problem.hint is not None:
                say(f"  hint: {problem.hint}", err=True)
        label = "Answer" if question.guess else "Answer (empty: decide later)"
        guess = question.guess or ""
        answer: str = click.prompt(label, default=guess, show_default=bool(guess), err=True)
        return answer.strip()


def read_sheet(options: Options, job: SheetImport, answers: Answers) -> Sample:
    """The sheet. On a terminal, asks which of several sheets to read, and what to do with hidden rows.

    Raises:
        ReconcilerError: it cannot be read.
    """
    try:
        return read_sample(options, job.open, job.plan_file)
    except SheetProblem as found:
        answered = _settled(found, options, answers)
        if answered is not None:
            return read_sheet(answered, job, answers)
        where = options.file.text if found.location is None else str(found.location)
        hint = found.hint
        for setting, option in _OPTIONS:
            hint = hint and hint.replace(setting, option)
        raise ReconcilerError(f"{where}: {found.message}", hint=hint) from found


def _settled(found: SheetProblem, options: Options, answers: Answers) -> Options | None:
    """The options with a person's answer that settles the problem; None without one."""
    if isinstance(found, SeveralSheets) and options.sheet is None and found.names:
        names = found.names
        text = "Which sheet contains the calls?"
        question = Question("--sheet", text, names[0], choices=tuple(names), numbered=True)
        sheet = answers.answer(question, lambda answer: _parse_sheet(answer, names))
        return None if sheet is None else replace(options, sheet=sheet)
    if found.code == "E609" and options.hidden is None:
        text = f"{found.location or options.file.text}: {found.message}.\nSkip or include?"
        hidden = answers.answer(Question("--hidden", text, "skip"), _parse_hidden)
        return None if hidden is None else replace(options, hidden=hidden)
    return None


def _parse_sheet(text: str, names: list[str]) -> str:
    number = int(text) if text.isdecimal() and len(text) < 4 else 0
    return names[number - 1] if 0 < number <= len(names) else named_column(text, names, "--sheet")


def _parse_hidden(text: str) -> str:
    answer = text.strip().lower()
    if answer not in {"skip", "include"}:
        raise AnswerProblem(f"--hidden: {text!r} is neither skip nor include")
    return answer


def offered_account(
    project: Project, base_url: str | None, key_file: Path | None, given: Mapping[str, str | None]
) -> Account:
    """The account's agents and numbers, if there is a key, and neither ``reconciler.yaml`` nor options name them.
    None, with a warning, if the service cannot be read."""
    agent, sender = given.get("--agent") or "", given.get("--from") or ""
    is_known = bool(project.agents or ID.fullmatch(agent)) and bool(project.numbers or sender.startswith("+"))
    key = variable(API_KEY_VARIABLE) if key_file is None else None
    if is_known or (key_file is None and key is None):
        return Account()
    try:
        found = read_account(parse_origin(base_url or DEFAULT_BASE_URL), read_api_key(key_file, key))
    except LookupFailed as error:
        say(f"warning: cannot read the account's agents and numbers: {error.message}", err=True)
        return Account()
    return Account(
        tuple((agent.id, agent.name or alias) for alias, agent in found.agents.items()),
        tuple((number.id, number.e164) for number in found.numbers.values()),
    )
