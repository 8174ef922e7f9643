"""The errors and warnings of a plan, in one group for each code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from reconciler.domain.model import Diagnostic, Location, Severity
from reconciler.domain.policy import GUARD_CODES
from reconciler.quantities import format_count
from reconciler.source.codes import CODES

MOST_LISTED = 100
Excerpt = Callable[[Location], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem. ``source`` is its line in the file, ``caret`` the line below it, if the file is available."""

    place: str
    message: str
    hint: str
    source: str
    caret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemGroup:
    """The problems with one code: ``total`` of them, of which the first are listed. ``hint`` is what all share."""

    severity: str
    code: str
    heading: str
    explanation: str
    hint: str
    problems: tuple[Problem, ...]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.problems)


def problem_groups(
    diagnostics: Iterable[Diagnostic], severity: Severity, excerpt: Excerpt
) -> Iterator[ProblemGroup]:
    """The groups in the order in which their first problems occur."""
    groups: dict[str, list[Diagnostic]] = {}
    for item in diagnostics:
        if item.severity is severity:
            groups.setdefault(item.code, []).append(item)
    for code, items in groups.items():
        hints = {item.hint or "" for item in items}
        hint = hints.pop() if len(hints) == 1 else ""
        explanation = (CODES | GUARD_CODES).get(code, "")
        yield ProblemGroup(
            severity=severity.value,
            code=code,
            heading=f"{format_count(len(items), severity.value)} {code}",
            explanation=explanation,
            hint=hint,
            problems=tuple(_problem(item, excerpt, hint) for item in items[:MOST_LISTED]),
            total=len(items),
        )


def _problem(item: Diagnostic, excerpt: Excerpt, shared_hint: str) -> Problem:
    source, _, caret = ((excerpt(item.location) if item.location is not None else None) or "").partition("\n")
    return Problem(
        place="" if item.location is None else str(item.location),
        message=item.message,
        hint="" if item.hint == shared_hint else item.hint or "",
        source=source,
        caret=caret,
    )
