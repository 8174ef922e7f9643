"""Open the sheet that ``file:`` in a plan file names. Files outside of the project are never opened."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from reconciler.domain.settings import Project
from reconciler.source.files import name_of
from reconciler.source.sheets.delimited import Delimited
from reconciler.source.sheets.grid import Grid, SheetProblem
from reconciler.source.sheets.package import kind_of_container
from reconciler.source.sheets.positions import ByPosition
from reconciler.system.failures import FileRefused, error_message
from reconciler.system.files import open_in_project, open_named

if TYPE_CHECKING:
    from reconciler.source.sheets.options import Options

_TEXTS = {".csv": ",", ".tsv": "\t"}
_CHUNK = 1 << 20


@contextmanager
def open_sheet(options: Options, plan_file: str, project: Project) -> Iterator[Grid]:
    """Open the sheet that a plan file names; ``plan_file`` is relative to the project.

    Raises:
        SheetProblem: it may not be read, cannot be read, or is too large.
    """
    path = _resolve(options.file.text, plan_file, project)
    with _open(lambda: open_in_project(project.root, path)) as raw:
        yield _grid(raw, name_of(project, path), options, project)


@contextmanager
def open_named_sheet(options: Options, path: Path, project: Project) -> Iterator[Grid]:
    """Open a sheet that a person names, which may be outside of the project. Raises as ``open_sheet``."""
    _check_kind(path.suffix.lower())
    with _open(lambda: _open_named(path)) as raw:
        yield _grid(raw, path.name, options, project)


def _open_named(path: Path) -> int:
    with open_named(path) as file:
        return os.dup(file.fileno())


def _grid(raw: io.BufferedReader, name: str, options: Options, project: Project) -> Grid:
    """The sheet in an open file."""
    suffix = PurePosixPath(name).suffix.lower()
    _check_size(raw, project)
    if options.sha256 is not None:
        _check_content(raw, options.sha256)
    if suffix not in _TEXTS:
        if options.encoding is not None or options.delimiter is not None:
            raise SheetProblem("E602", "a workbook has no encoding and no delimiter", "remove them")
        from reconciler.source.sheets.workbook import Workbook  # noqa: PLC0415 - only where a workbook is read

        return Workbook(raw, name, options.sheet, options.hidden, project.limits.sheet_bytes)
    if options.sheet is not None:
        raise SheetProblem("E602", f"a {suffix} file has no sheets", "remove sheet:")
    if (kind := kind_of_container(raw)) is not None:
        raise SheetProblem("E602", f"this is {kind}, not text", "rename it with the correct ending, such as .xlsx")
    if options.hidden is not None:
        raise SheetProblem("E602", f"a {suffix} file has no hidden rows", "remove hidden:")
    return Delimited(raw, name, options.encoding, options.delimiter, _TEXTS[suffix])


def _resolve(text: str, plan_file: str, project: Project) -> Path:
    """The path of the file. It must be relative, without ``..``, and inside the project after resolving links."""
    wanted = PurePosixPath(text)
    if wanted.is_absolute() or "\\" in text or (len(text) > 1 and text[1] == ":"):
        raise SheetProblem(
            "E601", "the path is absolute, or not written with /", "write a path relative to this file"
        )
    if ".." in wanted.parts:
        raise SheetProblem(
            "E601", "the path contains ..", "keep sheets in the folder of the plan file or below it"
        )
    _check_kind(wanted.suffix.lower())
    try:
        path = (project.root / PurePosixPath(plan_file).parent / wanted).resolve(strict=True)
        if not path.is_relative_to(project.root.resolve()):
            raise SheetProblem("E601", "the path leads out of the project", "copy the file into the project")
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SheetProblem("E602", f"cannot be read: {reason}", "check the name") from error
    return path


def _check_kind(suffix: str) -> None:
    """Raise ``SheetProblem`` for a file that is not a supported sheet, by its name."""
    if suffix not in {*_TEXTS, ".xlsx", ".ods"}:
        others = {".xls", ".xlsm", ".xlsb", ".fods", ".numbers"}
        hint = "save it as .xlsx or .csv" if suffix in others else "use a .csv, .tsv, .xlsx or .ods file"
        message = f"{suffix} files are not supported" if suffix else "the file's name has no ending"
        raise SheetProblem("E602", message, hint)


@contextmanager
def _open(opening: Callable[[], int]) -> Iterator[io.BufferedReader]:
    """Open a regular file with ``opening``, which returns a descriptor."""
    try:
        handle = opening()
        try:
            yield io.BufferedReader(ByPosition(handle), _CHUNK)
        finally:
            os.close(handle)
    except FileRefused as error:
        raise SheetProblem("E601", f"cannot be read: {error_message(error)}", error.hint) from error
    except OSError as error:
        raise SheetProblem("E602", f"cannot be read: {error_message(error)}", "check the permissions") from error


def _check_size(raw: io.BufferedReader, project: Project) -> None:
    size, limit = os.fstat(raw.fileno()).st_size, project.limits.sheet_bytes
    if size > limit:
        hint = "raise limits.sheet_bytes in reconciler.yaml, or split the file"
        raise SheetProblem("E603", f"the file has {size:,} bytes; at most {limit:,} are allowed", hint)


def _check_content(raw: io.BufferedReader, pinned: str) -> None:
    found = sha256()
    while chunk := raw.read(_CHUNK):
        found.update(chunk)
    raw.seek(0)
    if found.hexdigest() != pinned:
        hint = f"if the new content is correct, set sha256: {found.hexdigest()}"
        raise SheetProblem("E604", f"the file does not match the pinned sha256: it is {found.hexdigest()}", hint)
