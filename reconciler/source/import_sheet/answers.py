"""What a sheet does not say: questions, and where their answers come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

from reconciler.source.import_sheet.headers import words
from reconciler.source.schema.wording import listed, quoted

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """``option`` answers it on the command line. ``guess`` is the likely answer; a ``certain`` one is used without
    asking. ``choices`` are shown with the question; ``numbered`` ones can be chosen by their number."""

    option: str
    text: str
    guess: str | None = None
    certain: bool = False
    choices: tuple[str, ...] = ()
    numbered: bool = False


class AnswerProblem(Exception):  # noqa: N818 - a person's mistake, reported or asked about again
    """An answer that cannot be used, and a hint."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


Ask = Callable[[Question, AnswerProblem | None], str]


@dataclass(frozen=True, slots=True)
class Answers:
    """``given`` are the values of options. ``ask`` asks a person, and again after a problem; None without one."""

    given: Mapping[str, str | None]
    ask: Ask | None = None

    def answer(self, question: Question, parse: Callable[[str], T]) -> T | None:
        """The parsed answer; None if there is none, so that a person fills it in later.

        Raises:
            AnswerProblem: the option's value cannot be used.
        """
        given = self.given.get(question.option)
        if given is not None:
            return parse(given)
        if question.certain and question.guess is not None:
            return parse(question.guess)
        problem: AnswerProblem | None = None
        while self.ask is not None and (text := self.ask(question, problem)):
            try:
                return parse(text)
            except AnswerProblem as error:
                problem = error
        return None


def named_column(text: str, names: Iterable[str], option: str) -> str:
    """The column that a person names: case, accents and punctuation do not matter.

    Raises:
        AnswerProblem: there is none, or more than one.
    """
    known = list(names)
    exact = [name for name in known if name == text.strip()]
    alike = exact or [name for name in known if words(name) == words(text) and words(text).strip()]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise AnswerProblem(
            f"{option}: {quoted(text)} could be {listed(alike)}", "write it exactly as in the header"
        )
    by_words = {words(name): name for name in known}
    near = get_close_matches(words(text), by_words, n=1, cutoff=0.5)
    hint = f"did you mean {by_words[near[0]]!r}?" if near else f"the columns are {listed(known)}"
    raise AnswerProblem(f"{option}: the sheet has no column {quoted(text.strip())}", hint)
