"""Read delimited text (``.csv`` and ``.tsv``) line by line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from reconciler.domain.model import Location
from reconciler.source.sheets.formula_escape import unescape_formula
from reconciler.source.sheets.grid import MAX_CELL, MAX_COLUMNS, NO_FLAWS, Grid, SheetProblem, SheetRow, letters
from reconciler.source.sheets.positions import ByPosition

_HEAD = 64  # bytes; a first line that sets the delimiter is shorter
_SEPARATOR = re.compile(r"sep=([,;|\t])\r?\n", re.IGNORECASE)  # read, but not shown, by spreadsheet programs
# The error values of spreadsheets in English, Spanish, Portuguese, French and German.
_ERRORS = frozenset(
    {
        "#REF!",
        "#N/A",
        "#VALUE!",
        "#DIV/0!",
        "#NAME?",
        "#NUM!",
        "#NULL!",
        "#SPILL!",
        "#CALC!",
        "#FIELD!",
        "#BLOCKED!",
    }
    | {"#¡REF!", "#N/D", "#¡VALOR!", "#¡DIV/0!", "#¿NOMBRE?", "#¡NUM!", "#¡NULO!", "#VALOR!", "#NOME?", "#NÚM!"}
    | {"#NULO!", "#NOM?", "#VALEUR!", "#NOMBRE!", "#BEZUG!", "#WERT!", "#NV", "#ZAHL!", "#GETTING_DATA"}
)
_TOO_NARROW = re.compile(r"#{3,}")
_BUFFER = 1 << 20
_AFTER_QUOTE = re.compile(r'"(\s+|[,;|\t])')
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Delimited(Grid):
    """A text file of records, which may span several lines. ``raw`` is read once, from its start."""

    def __init__(
        self, raw: io.BufferedReader, name: str, encoding: str | None, delimiter: str | None, usual: str
    ) -> None:
        head = raw.peek(_HEAD)[:_HEAD]
        marked = head[:2] in _UTF16_MARKS
        if encoding == "utf-8" and marked:
            raise SheetProblem("E602", "the file is UTF-16", "set encoding: utf-16, or save it as CSV UTF-8")
        encoding = encoding or ("utf-16" if marked else "utf-8")
        self._name = name
        self._raw = raw
        self._options = (encoding, delimiter, usual)
        self._encoding = "utf-8-sig" if encoding == "utf-8" else encoding
        named = _SEPARATOR.match(head.decode(self._encoding, errors="ignore"))
        if named is not None and delimiter not in {None, named[1]}:
            message = f"the file has sep={named[1]}, but the plan file has delimiter: {delimiter!r}"
            raise SheetProblem("E602", message, "remove delimiter:", Location(name, 1, 1))
        self._names_delimiter = named is not None
        self._delimiter = named[1] if named is not None else delimiter or usual
        self._text: Iterator[str] = iter(())
        self._failed: UnicodeDecodeError | None = None
        self._lines: list[str] = []
        self._read = 0
        self._number = 0

    def reopened(self) -> Grid:
        raw: io.BufferedReader = io.BufferedReader(ByPosition(self._raw.fileno()), _BUFFER)
        return Delimited(raw, self._name, *self._options)

    def records(self) -> Iterator[SheetRow]:
        """Each record with its raw lines, from which the position of a cell can be computed."""
        self._text = io.TextIOWrapper(self._raw, encoding=self._encoding, newline="")
        if self._names_delimiter:
            next(self._text)
            self._read = 1
        yield from self._parsed(self._text)

    def take(self, records: Iterator[SheetRow], count: int) -> Iterator[SheetRow]:
        del records  # not used: this reads the following lines directly
        while count > 0 and (lines := self._next_lines(count)):
            if _are_bare(lines):
                count -= len(lines)
                for line, texts in zip(lines, csv.reader(lines, delimiter=self._delimiter), strict=True):
                    self._read += 1
                    yield self._record(self._read, texts, [line])
            else:
                for record in self._opened(lines):
                    count -= 1
                    yield record

    def pass_over(self, records: Iterator[SheetRow], count: int) -> tuple[int, int]:
        """Skips plain lines, which cannot have problems, without parsing them."""
        del records
        read = filled = 0
        while read < count and (lines := self._next_lines(count - read)):
            if _are_bare(lines):
                self._read += len(lines)
                self._number += len(lines)
                read += len(lines)
                filled += sum(1 for line in lines if line.replace(self._delimiter, "").strip())
            else:
                for record in self._opened(lines):
                    read += 1
                    filled += not record.blank
        return read, filled

    def _next_lines(self, count: int) -> list[str]:
        """Up to ``count`` lines. A decoding error is raised by the next call, after these lines."""
        if self._failed is not None:
            raise self._not_decoded(self._failed)
        lines: list[str] = []
        try:
            for line in islice(self._text, count):
                lines.append(line)  # noqa: PERF402 - lines before an error are kept
        except UnicodeDecodeError as error:
            if not lines:
                raise self._not_decoded(error) from error
            self._failed = error
        return lines

    def _unread(self) -> Iterator[str]:
        if self._failed is not None:
            raise self._failed
        for line in self._text:  # noqa: UP028 - yield from would close the file with this iterator
            yield line

    def _opened(self, lines: Sequence[str]) -> Iterator[SheetRow]:
        """The records that start in the given lines; the last may end in the following lines."""
        end = self._read + len(lines)
        for record in self._parsed(chain(lines, self._unread())):
            yield record
            if self._read >= end:
                return

    def _parsed(self, text: Iterable[str]) -> Iterator[SheetRow]:
        reader = csv.reader(self._seen(text), delimiter=self._delimiter, strict=True)
        while True:
            lines = self._lines = []
            line = self._read + 1
            try:
                texts = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise self._broken(error, line) from error
            except UnicodeDecodeError as error:
                raise self._not_decoded(error) from error
            yield self._record(line, texts, lines)

    def _record(self, line: int, texts: list[str], lines: list[str]) -> SheetRow:
        """The next record, which starts at ``line``."""
        self._number += 1
        record = SheetRow(self._number, line, texts, lines, NO_FLAWS)
        if len(lines) != 1 or len(texts) > MAX_COLUMNS or not _is_plain(lines[0]):
            self._look_into(record)
        return record

    def _seen(self, text: Iterable[str]) -> Iterator[str]:
        for line in text:
            self._lines.append(line)
            self._read += 1
            yield line

    def _look_into(self, record: SheetRow) -> None:
        """Remove protections against formulas, and refuse what exceeds a limit or is invalid."""
        texts = record.texts
        if len(texts) > MAX_COLUMNS:
            raise SheetProblem(
                "E603",
                f"{len(texts):,} columns; at most {MAX_COLUMNS:,} are allowed",
                None,
                self.locate(record, None),
            )
        record.texts = [unescape_formula(cell) for cell in texts]
        if flaws := {column: _flaw(cell) for column, cell in enumerate(texts) if _is_error(cell.strip())}:
            record.flaws = flaws
        for column, cell in enumerate(record.texts):
            if len(cell) > MAX_CELL:
                where = self.locate(record, column)
                raise SheetProblem(
                    "E603", f"a cell of {len(cell):,} characters; at most {MAX_CELL:,} are allowed", None, where
                )
            if "\0" in cell:
                raise SheetProblem("E102", "NUL character", "remove it", self.locate(record, column))

    def locate(self, record: SheetRow, column: int | None) -> Location:
        """Line and column of the cell's first character in the file."""
        if column is None:
            return Location(self._name, record.line, 1)
        lines = record.raw if isinstance(record.raw, list) else []
        line, at = _find(lines, column, self._delimiter)
        return Location(self._name, record.line + line, at + 1, f"{letters(column)}{record.number}")

    def _broken(self, error: csv.Error, line: int) -> SheetProblem:
        where = Location(self._name, line, 1)
        if "field limit" in str(error):
            return SheetProblem(
                "E603", f"a cell of more than {MAX_CELL:,} characters", "check for a missing quote", where
            )
        after = _AFTER_QUOTE.search(self._lines[-1]) if self._lines and "expected after" in str(error) else None
        if after is not None and after[1] != self._delimiter:
            is_tab = after[1].startswith("\t")
            rest = self._lines[-1][after.start(1) :].lstrip()
            if after[1].isspace() and (not is_tab or not rest or rest.startswith(self._delimiter)):
                blank = "tab" if is_tab else "blank"
                message = f"there is a {blank} between a closing quote and the delimiter"
                return SheetProblem("E602", message, f"remove the {blank}", where)
            mark = "a tab" if is_tab else repr(after[1])
            hint = 'set delimiter: "\\t"' if is_tab else f'set delimiter: "{after[1]}"'
            return SheetProblem("E602", f"a quoted cell is followed by {mark}", hint, where)
        hint = 'write a cell that contains quotes "like ""this"" one"'
        return SheetProblem("E602", f"the quotes of this record do not match: {error}", hint, where)

    def _not_decoded(self, error: UnicodeDecodeError) -> SheetProblem:
        line = self._read + 1
        self._raw.seek(0)
        column = 1
        for number, data in enumerate(self._raw if self._encoding != "utf-16" else (), start=1):
            try:
                data.decode(self._encoding)
            except UnicodeDecodeError as found:
                line, error = number, found
                column = len(data[: found.start].decode(self._encoding)) + 1
                break
        byte = error.object[error.start]
        is_utf8 = self._encoding == "utf-8-sig"
        hint = "save it as UTF-8, or set encoding: windows-1252" if is_utf8 else "save it as UTF-8"
        shown = "UTF-8" if is_utf8 else self._encoding
        return SheetProblem("E602", f"byte 0x{byte:02x} is not {shown}", hint, Location(self._name, line, column))


def _is_error(text: str) -> bool:
    return text in _ERRORS or _TOO_NARROW.fullmatch(text) is not None


def _flaw(text: str) -> str:
    return f"the spreadsheet program showed {text.strip()} here"


def _is_plain(line: str) -> bool:
    """Whether a line needs no further checks: no special characters, and not too long."""
    return len(line) <= MAX_CELL and "'" not in line and "\0" not in line and "#" not in line


def _are_bare(lines: Sequence[str]) -> bool:
    """Whether each line is one record without quotes, and within the limits."""
    text = "".join(lines)
    return '"' not in text and "\0" not in text and max(map(len, lines)) <= MAX_COLUMNS


def _find(lines: list[str], column: int, delimiter: str) -> tuple[int, int]:
    """The position of a cell in a record: line and character, both from 0."""
    if len(lines) == 1 and '"' not in lines[0]:
        line = lines[0].rstrip("\r\n")
        cells = line.split(delimiter, column)
        return 0, len(line) - (len(cells[-1]) if len(cells) > column else 0)
    inside, cell, fresh = False, 0, True
    for number, text in enumerate(lines):
        for at, char in enumerate(text):
            if cell == column and fresh:
                return number, at
            if char == '"' and (inside or fresh):
                inside = not inside
            fresh = char == delimiter and not inside
            cell += fresh
    last = max(len(lines) - 1, 0)
    return (last, len(lines[last].rstrip("\r\n"))) if lines and column else (0, 0)
