"""Collect diagnostics: each problem once, and no further ones for a field that fails the schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from reconciler.domain.model import Address, Diagnostic, Location, Severity
from reconciler.domain.plan import SkippedRows
from reconciler.source.codes import CODES

MAX_PER_KIND = 200
Hint: TypeAlias = "str | Callable[[], str | None] | None"


class ProblemKind(NamedTuple):
    """Similar problems: those of one file with one code, about one ``cause`` (a field)."""

    file: str
    code: str
    cause: str = ""


@dataclass(slots=True)
class ProblemCounts:
    """The number of problems of each kind, and the identities of those that were kept."""

    counts: Counter[ProblemKind] = field(default_factory=Counter)
    marks: set[tuple[str, Location | None, str]] = field(default_factory=set)

    def admits(self, kind: ProblemKind, item: Diagnostic) -> bool:
        """Count a problem. Returns whether it is kept. An identical one (a mistake in defaults) is not counted
        again."""
        mark = (item.code, item.location, item.message)
        if mark in self.marks:
            return False
        self.counts[kind] += 1
        if self.counts[kind] > MAX_PER_KIND:
            return False
        self.marks.add(mark)
        return True

    def summaries(self) -> Iterator[Diagnostic]:
        """For each kind with omitted problems, a diagnostic with their number."""
        for kind, count in self.counts.items():
            if count > MAX_PER_KIND:
                about = f" for {kind.cause!r}" if kind.cause else ""
                meaning = f": {CODES[kind.code]}" if kind.code in CODES else ""
                message = f"and {count - MAX_PER_KIND:,} more of these{about} in the file{meaning}"
                yield Diagnostic(
                    _severity(kind.code),
                    kind.code,
                    message,
                    Location(kind.file),
                    cause=kind.cause,
                    omitted=count - MAX_PER_KIND,
                )


@dataclass(slots=True)
class WorkerProblems:
    """Problems of a worker process, to be added to the report of the main one. ``omitted`` are only counted."""

    items: list[tuple[ProblemKind, Diagnostic]] = field(default_factory=list)
    omitted: Counter[ProblemKind] = field(default_factory=Counter)
    filtered: list[tuple[str, int]] = field(default_factory=list)


@dataclass(slots=True)
class FileReport:
    """The diagnostics of one file. ``bad`` holds the field paths that fail the schema, ``skipped`` the rows whose
    problems were only counted.

    ``MAX_PER_KIND`` problems of each kind are kept and the others are counted, so that a file may have an error
    in every row. In a worker process, problems go to ``elsewhere``, for ``receive`` in the main process.
    If ``kinds`` is a list, the kind of each problem is appended to it. ``filtered`` are the rows that ``where``
    skipped, by the name of their sheet.
    """

    file: str
    diagnostics: list[Diagnostic] = field(default_factory=list)
    bad: set[tuple[str | int, ...]] = field(default_factory=set)
    skipped: set[tuple[str | int, ...]] = field(default_factory=set)
    elsewhere: WorkerProblems | None = None
    kinds: list[ProblemKind] | None = None
    filtered: dict[str, SkippedRows] = field(default_factory=dict)
    _bad_in: dict[tuple[str | int, ...], set[str]] = field(default_factory=dict)
    _bad_known: int = 0
    _tally: ProblemCounts = field(default_factory=ProblemCounts)
    _sent: ProblemCounts = field(default_factory=ProblemCounts)

    def add(self, item: Diagnostic) -> None:
        """Keep or count a diagnostic, unless an identical one was kept before."""
        self._add(
            ProblemKind(self.file if item.location is None else item.location.file, item.code, item.cause), item
        )

    def _add(self, kind: ProblemKind, item: Diagnostic) -> None:
        if self.kinds is not None:
            self.kinds.append(kind)
        if self.elsewhere is None:
            if self._tally.admits(kind, item):
                self.diagnostics.append(item)
            return
        before = self._sent.counts[kind]
        if self._sent.admits(kind, item):
            self.elsewhere.items.append((kind, item))
        elif self._sent.counts[kind] > before:
            self.elsewhere.omitted[kind] += 1

    def is_full(self, kind: ProblemKind) -> bool:
        """Whether another problem of this kind would only be counted, and so needs no message."""
        tally = self._tally if self.elsewhere is None else self._sent
        return tally.counts[kind] >= MAX_PER_KIND

    def omit(self, kind: ProblemKind) -> None:
        """Count a problem of a full kind."""
        if self.elsewhere is None:
            self._tally.counts[kind] += 1
        else:
            self.elsewhere.omitted[kind] += 1

    def receive(self, sent: WorkerProblems) -> None:
        """Add the problems of a worker process."""
        for kind, item in sent.items:
            self._add(kind, item)
        self._tally.counts.update(sent.omitted)
        for sheet, number in sent.filtered:
            self.add_filtered(sheet, number)

    def add_filtered(self, sheet: str, number: int) -> None:
        """Count a row that ``where`` skipped."""
        if self.elsewhere is not None:
            self.elsewhere.filtered.append((sheet, number))
            return
        known = self.filtered.get(sheet, SkippedRows(sheet))
        rows = known.rows if known.count >= MAX_PER_KIND else (*known.rows, number)
        self.filtered[sheet] = SkippedRows(sheet, known.count + 1, rows)

    def bad_in(self, path: tuple[str | int, ...]) -> set[str]:
        """The fields at ``path`` that are bad, or contain something bad."""
        if self._bad_known != len(self.bad):
            self._bad_in.clear()
            for bad in self.bad:
                for depth, name in enumerate(bad):
                    self._bad_in.setdefault(bad[:depth], set()).add(str(name))
            self._bad_known = len(self.bad)
        return set(self._bad_in.get(path, ()))

    def add_problem(
        self,
        code: str,
        message: str,
        line: int,
        column: int,
        hint: Hint = None,
        *,
        private: tuple[str, ...] = (),
        address: Address | None = None,
        cause: str = "",
    ) -> None:
        """Add an error (``E...``) or a warning (``W...``) at a position in this file."""
        self.add_problem_at(
            code, message, Location(self.file, line, column), hint, private=private, address=address, cause=cause
        )

    def add_problem_at(
        self,
        code: str,
        message: str,
        location: Location,
        hint: Hint = None,
        *,
        private: tuple[str, ...] = (),
        address: Address | None = None,
        cause: str = "",
    ) -> None:
        """The same at a location that may be in a sheet. A hint may be a function, if it takes long to compute."""
        if callable(hint):
            hint = None if self.is_full(ProblemKind(location.file, code, cause)) else hint()
        self.add(Diagnostic(_severity(code), code, message, location, hint, private, address, cause))

    def finish(self) -> None:
        """Add the numbers of omitted problems."""
        self.diagnostics += self._tally.summaries()
        self._tally.counts.clear()

    @property
    def errors(self) -> bool:
        return any(item.is_error for item in self.diagnostics)


def _severity(code: str) -> Severity:
    return Severity.WARNING if code.startswith("W") else Severity.ERROR
