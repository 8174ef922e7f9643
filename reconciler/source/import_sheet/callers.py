"""Who makes the calls, and from which number: names in ``reconciler.yaml``, or what the account has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from difflib import get_close_matches

from reconciler.domain.settings import Project
from reconciler.source.import_sheet.answers import AnswerProblem, Answers, Question
from reconciler.source.import_sheet.draft import DraftLine
from reconciler.source.import_sheet.values import region_of
from reconciler.source.rows.parties import ID
from reconciler.source.schema.wording import listed, quoted

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """An agent or a number to choose: what is written in the plan file, and how a person may call it."""

    value: str
    name: str
    names: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.value if self.name in {"", self.value} else f"{self.name} ({self.value})"


@dataclass(frozen=True, slots=True)
class Account:
    """The account's agents (id, name) and numbers (id, E.164), if they are known."""

    agents: tuple[tuple[str, str], ...] = ()
    numbers: tuple[tuple[str, str], ...] = ()


class Callers:
    """Answers the questions about agent and number."""

    def __init__(self, project: Project, account: Account, answers: Answers) -> None:
        self._project = project
        self._account = account
        self._answers = answers

    def country(self) -> str | None:
        """The country of the first number to call from, as a guess for the numbers in a sheet."""
        known = [number.e164 for number in self._project.numbers.values() if number.e164]
        return region_of([*known, *(e164 for _, e164 in self._account.numbers)][:1])

    def lines(self, fields: Set[str], *, is_contact: bool) -> Iterator[DraftLine]:
        """The lines of ``defaults`` for those that are not columns of the sheet."""
        if "agent" not in fields:
            yield self._line("agent", self._agents(), "Which AI agent makes the calls? A name or an id.", ID)
        if "from" not in fields:
            wanted, form = ("an id", ID) if is_contact else ("a number with + and its country code", _E164)
            text = f"Which number do the calls come from? A name or {wanted}."
            yield self._line("from", self._numbers(is_contact=is_contact), text, form)

    def _agents(self) -> list[Caller]:
        """The named agents; if there are none, those of the account."""
        named = [Caller(name, name, (id_,)) for name, id_ in self._project.agents.items()]
        return named or [Caller(id_, name, (name,)) for id_, name in self._account.agents]

    def _numbers(self, *, is_contact: bool) -> list[Caller]:
        numbers = self._project.numbers.items()
        named = [
            Caller(name, name, tuple(filter(None, (number.id, number.e164))))
            for name, number in numbers
            if (number.id if is_contact else number.e164)
        ]
        return named or [
            Caller(id_ if is_contact else e164, e164, (id_, e164)) for id_, e164 in self._account.numbers
        ]

    def _line(self, field: str, choices: list[Caller], text: str, form: re.Pattern[str]) -> DraftLine:
        option = f"--{field}"
        question = Question(
            option,
            text,
            guess=choices[0].name if choices else None,
            certain=len(choices) == 1,
            choices=tuple(choice.label for choice in choices),
            numbered=True,
        )

        def parse(answer: str) -> Caller:
            return _choose(answer.strip(), choices, option, form)

        found = self._answers.answer(question, parse)
        if found is None:
            names = f" ({', '.join(sorted(choice.name for choice in choices)[:8])})" if choices else ""
            return DraftLine(field, None, f"{text}{names}")
        return DraftLine(field, found.value, found.name if found.name != found.value else "")


def _choose(answer: str, choices: list[Caller], option: str, form: re.Pattern[str]) -> Caller:
    """The choice with that name, id or position; an id or a number that is not in the list is used as it is."""
    folded, position = answer.casefold(), int(answer) if answer.isdecimal() and len(answer) < 4 else 0
    numbered = choices[position - 1] if 1 <= position <= len(choices) else None
    for choice in choices:
        if folded in {choice.value.casefold(), choice.name.casefold(), *map(str.casefold, choice.names)}:
            if numbered not in {None, choice}:
                message = f"{option}: {quoted(answer)} is the name of one choice and the position of another"
                raise AnswerProblem(message, f"write an id: {choice.value} or {numbered.value}")
            return choice
    if numbered is not None:
        return numbered
    if form.fullmatch(answer):
        return Caller(answer, answer)
    names = [choice.name for choice in choices]
    near = get_close_matches(answer, names, n=1)
    wanted = "an id" if form is ID else "a number with + and its country code"
    hint = (
        f"did you mean {near[0]!r}?"
        if near
        else f"use {wanted}" + (f", or one of {listed(names)}" if names else "")
    )
    raise AnswerProblem(f"{option}: unknown {quoted(answer)}", hint)
