"""Gathering diagnostics: each mistake once, and nothing said of a field whose shape was found wrong already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.model import Address, Diagnostic, Location, Severity
from reconciler.source.codes import CODES

MOST_OF_A_KIND = 20

# Values of these fields may be shown in public; of everything else they are masked there. Fails closed.
PUBLIC_FIELDS = frozenset(
    {
        "version",
        "plan",
        "plans",
        "key",
        "identity",
        "agent",
        "contact_id",
        "at",
        "timezone",
        "delay_minutes",
        "place_by",
        "called_timezone",
        "revision",
        "enabled",
        "distinct",
        "country",
        "webhook_url",
        "path",
        "lineage",
        "id",
        "rate",
        "concurrency",
        "timeout",
        "plan_max_age",
        "webhook_hosts",
        "holidays",
        "file",
        "sheet",
        "encoding",
        "delimiter",
        "sha256",
        "sheet_rows",
        "sheet_bytes",
    }
)
PUBLIC_MAPS = frozenset({"metadata", "agents", "repeat"})


def is_public(path: Iterable[str | int]) -> bool:
    """Whether the value at ``path`` may be quoted where anybody reads it."""
    names = [part for part in path if isinstance(part, str)]
    if not names or "additional_data" in names:
        return False
    if names[0] in {"moved", "policy"}:
        return True
    return names[-1] in PUBLIC_FIELDS or bool(PUBLIC_MAPS.intersection(names[:-1]))


@dataclass(slots=True)
class Report:
    """The diagnostics of one file. ``bad`` holds the field paths whose shape is wrong.

    Where there is ``elsewhere``, they go there as they are told, for the report of another process (``retell``).
    """

    file: str
    found: list[Diagnostic] = field(default_factory=list)
    bad: set[tuple[str | int, ...]] = field(default_factory=set)
    elsewhere: list[Diagnostic] | None = None
    _bad_in: dict[tuple[str | int, ...], set[str]] = field(default_factory=dict)
    _bad_known: int = 0
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _seen: set[tuple[str, Location | None, str]] = field(default_factory=set)

    def add(self, item: Diagnostic) -> None:
        """Keep a diagnostic, unless the very same was kept before (a default's mistake met by many rows)."""
        mark = (item.code, item.location, item.message)
        if mark not in self._seen:
            self._seen.add(mark)
            self.found.append(item)

    def bad_in(self, path: tuple[str | int, ...]) -> set[str]:
        """The fields at ``path`` that are bad, or hold anything that is."""
        if self._bad_known != len(self.bad):
            self._bad_in.clear()
            for found in self.bad:
                for depth, name in enumerate(found):
                    self._bad_in.setdefault(found[:depth], set()).add(str(name))
            self._bad_known = len(self.bad)
        return set(self._bad_in.get(path, ()))

    def say(
        self,
        code: str,
        message: str,
        line: int,
        column: int,
        hint: str | None = None,
        *,
        private: tuple[str, ...] = (),
        address: Address | None = None,
    ) -> None:
        """An error (``E...``) or a warning (``W...``) at a place of this file."""
        self.tell(code, message, Location(self.file, line, column), hint, private=private, address=address)

    def tell(
        self,
        code: str,
        message: str,
        location: Location,
        hint: str | None = None,
        *,
        private: tuple[str, ...] = (),
        address: Address | None = None,
    ) -> None:
        """The same at a place that may be in a sheet. Of those only the first of a kind are kept."""
        severity = Severity.WARNING if code.startswith("W") else Severity.ERROR
        self.retell(Diagnostic(severity, code, message, location, hint, private, address))

    def retell(self, item: Diagnostic) -> None:
        """The same of a diagnostic that was told already, in another process."""
        if self.elsewhere is not None:
            self.elsewhere.append(item)
            return
        file = self.file if item.location is None else item.location.file
        if file != self.file:
            self._counts[file, item.code] += 1
            if self._counts[file, item.code] > MOST_OF_A_KIND:
                return
        self.add(item)

    def finish(self) -> None:
        """Say how many were left out."""
        for (file, code), count in self._counts.items():
            if count > MOST_OF_A_KIND:
                severity = Severity.WARNING if code.startswith("W") else Severity.ERROR
                message = f"and {count - MOST_OF_A_KIND} more of these in the file ({CODES[code]})"
                self.add(Diagnostic(severity, code, message, Location(file)))
        self._counts.clear()

    @property
    def errors(self) -> bool:
        return any(item.is_error for item in self.found)


def by_place(items: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted by file, line, column and code; what has no place comes first."""

    def place(item: Diagnostic) -> tuple[str, int, int, str, str]:
        where = item.location or Location("", 0, 0)
        return (where.file, where.line, where.column, item.code, item.message)

    return tuple(sorted(items, key=place))
