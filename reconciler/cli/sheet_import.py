"""The files of ``import-sheet``: the plan file to write, and the sheet, which may have to be copied to it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.app import App
from reconciler.cli.output import say
from reconciler.cli.output_files import write_private, write_text
from reconciler.domain.settings import PROJECT_FILE
from reconciler.errors import ReconcilerError, UsageError
from reconciler.source.files import name_of, plan_folder
from reconciler.source.sheets.opening import open_named_sheet, open_sheet
from reconciler.system.failures import error_message, next_step
from reconciler.system.files import exists, make_folders, read_named

if TYPE_CHECKING:
    from reconciler.domain.settings import Project
    from reconciler.source.sheets.grid import Grid
    from reconciler.source.sheets.options import Options


@dataclass(frozen=True, slots=True)
class SheetImport:
    """The plan file to write, ``target``, and the sheet that it reads. ``copied``: the sheet is not below the plan
    file's folder, and is copied there."""

    project: Project
    sheet: Path
    target: Path
    copied: bool

    @property
    def plan_file(self) -> str:
        return name_of(self.project, self.target.parent.resolve() / self.target.name)

    @property
    def name(self) -> str:
        """The sheet's path as written in the plan file."""
        if self.copied:
            return self.sheet.name
        return (self.sheet.parent.resolve() / self.sheet.name).relative_to(self.target.parent.resolve()).as_posix()

    def open(self, options: Options) -> AbstractContextManager[Grid]:
        if self.copied:
            return open_named_sheet(options, self.sheet, self.project)
        return open_sheet(options, self.plan_file, self.project)


def locate_import(app: App, project: Project, file: Path, output: Path | None, name: str) -> SheetImport:
    """Where to write the plan file, and whether the sheet must be copied to it."""
    sheet = app.directory / file
    folder, calls = sheet.parent.resolve(), plan_folder(project)
    if output is not None:
        target = app.directory / output
    else:
        target = (sheet.parent if folder.is_relative_to(calls.resolve()) else calls) / f"{name}.yaml"
    if target.suffix not in {".yaml", ".yml"}:
        raise UsageError("--output must end in .yaml", hint="use a file name such as june.yaml")
    job = SheetImport(project, sheet, target, copied=not folder.is_relative_to(target.parent.resolve()))
    if not job.name.isprintable():
        hint = "rename the sheet to a plain name"
        raise ReconcilerError(f"a plan file cannot contain the name {job.name!r}", hint=hint)
    return job


def check_target(job: SheetImport, *, force: bool) -> None:
    if job.target.name == PROJECT_FILE:
        raise ReconcilerError(
            f"{PROJECT_FILE} is no plan file", hint="choose another name with --output or --plan"
        )
    if exists(job.target) and not force:
        hint = "pass --force to replace it, or choose another name with --output or --plan"
        raise ReconcilerError(f"{job.target.name} already exists", hint=hint)
    copy = job.target.parent / job.sheet.name
    if job.copied and exists(copy) and not force and _content(copy, job) != _content(job.sheet, job):
        hint = f"pass --force to replace it, or rename {job.sheet.name}"
        raise ReconcilerError(f"{copy} already exists with other content", hint=hint)


def _content(path: Path, job: SheetImport) -> bytes:
    try:
        return read_named(path, job.project.limits.sheet_bytes, pipe=False)
    except OSError as error:
        message = f"{path.name}: cannot be read: {error_message(error)}"
        raise ReconcilerError(message, hint=next_step(error)) from error


def write_files(app: App, job: SheetImport, text: str, *, force: bool) -> None:
    """Write the plan file, and the copy of the sheet before it."""
    if job.copied:
        copy = job.target.parent / job.sheet.name
        data = _content(job.sheet, job)
        make_folders(copy.parent)
        write_private(app.directory, copy, data)
        say(f"Copied {job.sheet.name} to {os.path.relpath(copy, app.directory)}.", err=True)
    write_text(app.directory, job.target, text, replace=force)
