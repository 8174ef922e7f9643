"""``reconciler import-sheet``: write a first plan file for a spreadsheet."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App
from reconciler.cli.output import say
from reconciler.cli.output_files import write_text
from reconciler.cli.workspace import Workspace
from reconciler.domain.model import PLAN_NAME
from reconciler.errors import ReconcilerError, UsageError
from reconciler.quantities import format_count
from reconciler.render.escape import for_terminal
from reconciler.source.files import name_of, plan_files
from reconciler.source.formulas.functions import slug
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.import_sheet.guess import Answers, guess
from reconciler.source.import_sheet.sample import named, read_sample
from reconciler.source.import_sheet.writing import to_yaml
from reconciler.source.rows.zones import is_place, zone_problem
from reconciler.source.sheets.grid import SheetProblem
from reconciler.source.sheets.options import Options
from reconciler.system.files import exists

if TYPE_CHECKING:
    from reconciler.domain.settings import Project
    from reconciler.source.import_sheet.draft import Draft
    from reconciler.source.import_sheet.sample import Sample

_EPILOG = """\b
Examples:
  reconciler import-sheet calls/june.csv
  reconciler import-sheet calls/june.xlsx --sheet June --region MX --timezone America/Mexico_City
"""
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("import-sheet", epilog=_EPILOG)
@click.argument("file", type=_FILE)
@click.option("--plan", metavar="NAME", help="The plan's name. Default: the name of FILE.")
@click.option("--output", type=_FILE, help="The plan file to write. Default: next to FILE.")
@click.option("--region", metavar="XX", help="The country of the phone numbers, such as MX.")
@click.option("--timezone", metavar="ZONE", help="The time zone of all rows, such as America/Mexico_City.")
@click.option("--sheet", metavar="NAME", help="The sheet of a workbook.")
@click.option("--encoding", metavar="NAME", help="The encoding of a CSV file. Default: guessed.")
@click.option("--delimiter", metavar="CHAR", help="The delimiter of a CSV file. Default: guessed.")
@click.option(
    "--hidden", type=click.Choice(["include", "skip"]), help="How to treat hidden rows, columns and sheets."
)
@click.option("--force", is_flag=True, help="Replace an existing plan file.")
@click.pass_obj
def import_sheet(
    app: App,
    file: Path,
    plan: str | None,
    output: Path | None,
    region: str | None,
    timezone: str | None,
    sheet: str | None,
    encoding: str | None,
    delimiter: str | None,
    hidden: str | None,
    force: bool,
) -> None:
    """Write a plan file that reads FILE (.csv, .tsv, .xlsx, .ods), in the same folder of the project or below it.

    Its fields are guessed from the headers, in English, Spanish or Portuguese, and from the first rows. A field
    that cannot be guessed becomes a TODO, which validate reports as an error until you fill it in.
    """
    name = _plan_name(plan, file)
    _check_zone(timezone)
    target = app.directory / (output or file.with_name(f"{name}.yaml"))
    _check_target(target, force=force)
    workspace = Workspace.open(app, None)
    workspace.check()
    options = Options(
        named(_relative_name(app.directory / file, target)), sheet, encoding, delimiter, hidden=hidden
    )
    sample = _read(options, target, workspace.project)
    try:
        draft = guess(sample, workspace.project, Answers(timezone, lambda header: region or _ask_region(header)))
    except FormulaProblem as error:
        raise UsageError(f"--region: {error.message.removeprefix('e164: ')}", hint=error.hint) from error
    write_text(app.directory, target, to_yaml(draft, name, sample.options), replace=force)
    _print_draft(draft, sample)
    shown = os.path.relpath(target, app.directory)
    if target.resolve() not in map(Path.resolve, plan_files(workspace.project, None)[0]):
        say("note: plans: in reconciler.yaml does not match this file", err=True)
    say(f"Wrote {shown}: {_counts(draft)}.")
    say(f"Next: review it, then run: reconciler validate {shown}", err=True)


def _plan_name(plan: str | None, file: Path) -> str:
    if plan is None:
        return slug(file.stem)[:63].strip("-") or "sheet"
    if not PLAN_NAME.fullmatch(plan):
        raise UsageError(
            f"not a valid plan name: {plan!r}", hint="use up to 63 lowercase letters, digits and . _ -"
        )
    return plan


def _check_zone(timezone: str | None) -> None:
    if timezone is not None and not is_place(timezone):
        message, hint = zone_problem(timezone)
        raise UsageError(message, hint=hint)


def _check_target(target: Path, *, force: bool) -> None:
    if target.suffix not in {".yaml", ".yml"}:
        raise UsageError("--output must end in .yaml", hint="use a file name such as june.yaml")
    if exists(target) and not force:
        hint = "pass --force to replace it, or choose another name with --output or --plan"
        raise ReconcilerError(f"{target.name} already exists", hint=hint)


def _relative_name(file: Path, target: Path) -> str:
    """The sheet's path as written in the plan file. Its links are followed later, by the reader that knows the
    project.

    Raises:
        ReconcilerError: it is not in the plan file's folder or below it, or its name is not text.
    """
    sheet, folder = file.parent.resolve() / file.name, target.parent.resolve()
    if not sheet.is_relative_to(folder):
        hint = f"copy it to {target.parent}, or write the plan file to its folder"
        raise ReconcilerError(f"{file.name} is neither in the folder of {target.name} nor below it", hint=hint)
    name = sheet.relative_to(folder).as_posix()
    if not name.isprintable():
        raise ReconcilerError(
            f"a plan file cannot contain the name {name!r}", hint="rename the sheet to a plain name"
        )
    return name


def _read(options: Options, target: Path, project: Project) -> Sample:
    try:
        return read_sample(options, name_of(project, target.parent.resolve() / target.name), project)
    except SheetProblem as found:
        where = options.file.text if found.location is None else str(found.location)
        hint = found.hint and found.hint.replace("set sheet: to one of ", "choose one with --sheet: ").replace(
            "hidden: ", "--hidden "
        )
        raise ReconcilerError(f"{where}: {found.message}", hint=hint) from found


def _ask_region(header: str) -> str | None:
    """Ask for the region of a column's numbers, if there is a terminal."""
    if not sys.stdin.isatty():
        return None
    question = (
        f"In which country are the numbers of {for_terminal(repr(header))} written (such as MX; empty: later)"
    )
    said: str = click.prompt(question, default="", show_default=False, err=True)
    return said.strip().upper() or None


def _print_draft(draft: Draft, sample: Sample) -> None:
    """Print what was guessed, and what is left to fill in."""
    options = sample.options
    for what, value in (("encoding", options.encoding), ("delimiter", options.delimiter)):
        if value is not None:
            say(for_terminal(f"{what}: {value!r}"), err=True)
    for entry in (*draft.defaults, *draft.columns):
        if entry.live:
            said = f"{entry.field}: {entry.value}" if entry.value is not None else f"TODO {entry.field}"
            say(for_terminal(f"{said}  ({entry.note})"), err=True)
    for note in draft.notes:
        say(for_terminal(f"note: {note}"), err=True)


def _counts(draft: Draft) -> str:
    guessed = sum(entry.live and entry.value is not None for entry in (*draft.defaults, *draft.columns))
    missing = len(draft.missing)
    return f"{format_count(guessed, 'field')} guessed, {format_count(missing, 'TODO')}"
