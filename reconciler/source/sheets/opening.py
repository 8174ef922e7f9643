"""Open the sheet that ``file:`` in a plan file names. Files outside of the project are never opened."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
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
from reconciler.source.sheets.workbook import Workbook
from reconciler.system.failures import FileRefused, error_message
from reconciler.system.files import open_in_project

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
    suffix = path.suffix.lower()
    name = name_of(project, path)
    with _open(path, project) as raw:
        _check_size(raw, project)
        if options.sha256 is not None:
            _check_content(raw, options.sha256)
        if suffix in _TEXTS:
            if options.sheet is not None:
                raise SheetProblem("E602", f"a {suffix} file has no sheets", "remove sheet:")
            if (kind := kind_of_container(raw)) is not None:
                raise SheetProblem(
                    "E602", f"this is {kind}, not text", "rename it with the correct ending, such as .xlsx"
                )
            if options.hidden is not None:
                raise SheetProblem("E602", f"a {suffix} file has no hidden rows", "remove hidden:")
            yield Delimited(raw, name, options.encoding, options.delimiter, _TEXTS[suffix])
        else:
            if options.encoding is not None or options.delimiter is not None:
                raise SheetProblem("E602", "a workbook has no encoding and no delimiter", "remove them")
            yield Workbook(raw, name, options.sheet, options.hidden, project.limits.sheet_bytes)


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
    suffix = wanted.suffix.lower()
    if suffix not in {*_TEXTS, ".xlsx", ".ods"}:
        others = {".xls", ".xlsm", ".xlsb", ".fods", ".numbers"}
        hint = "save it as .xlsx or .csv" if suffix in others else "use a .csv, .tsv, .xlsx or .ods file"
        message = f"{suffix} files are not supported" if suffix else "the file's name has no ending"
        raise SheetProblem("E602", message, hint)
    try:
        path = (project.root / PurePosixPath(plan_file).parent / wanted).resolve(strict=True)
        if not path.is_relative_to(project.root.resolve()):
            raise SheetProblem("E601", "the path leads out of the project", "copy the file into the project")
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SheetProblem("E602", f"cannot be read: {reason}", "check the name") from error
    return path


@contextmanager
def _open(path: Path, project: Project) -> Iterator[io.BufferedReader]:
    """Open a regular file of the project."""
    try:
        handle = open_in_project(project.root, path)
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
