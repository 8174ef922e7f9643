"""The source lines of problems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from reconciler.source.excerpt import Excerpts as DocumentExcerpts
from reconciler.source.excerpt import caret
from reconciler.system.files import open_in_project

if TYPE_CHECKING:
    from reconciler.domain.model import Location
    from reconciler.source.sources import Sources


@dataclass(frozen=True, slots=True)
class Excerpts:
    """The source line of a location, with a caret, if the file is available."""

    sources: Sources

    def reader(self, *, masked: bool) -> Callable[[Location], str | None]:
        quotes: dict[str, DocumentExcerpts] = {}

        def read(location: Location) -> str | None:
            document = self.sources.files.get(location.file)
            if document is None:
                return None if masked else self._sheet_line(location)
            if location.file not in quotes:
                quotes[location.file] = DocumentExcerpts(document, masked=masked)
            return quotes[location.file].excerpt(location)

        return read

    def _sheet_line(self, location: Location) -> str | None:
        """A line of a sheet, which is not held in memory. It is never shown masked, because all of it may be
        private.
        """
        path = self.sources.root / location.file
        if path.suffix.lower() not in {".csv", ".tsv"}:
            return None
        try:
            handle = open_in_project(self.sources.root, path)
        except OSError:
            return None
        with open(handle, encoding="utf-8-sig", errors="replace") as file:  # noqa: PTH123 - a descriptor
            line = next(islice(file, location.line - 1, None), None)
        return None if line is None else caret(line.rstrip("\r\n"), min(location.column - 1, len(line)))
