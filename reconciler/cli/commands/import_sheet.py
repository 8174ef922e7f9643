"""``reconciler import-sheet``: write a first plan file for a spreadsheet."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App
from reconciler.cli.options import FILE, Integer, service_options, with_options
from reconciler.cli.output import say
from reconciler.cli.sheet_import import check_target, locate_import, write_files
from reconciler.cli.sheet_questions import Terminal, offered_account, read_sheet
from reconciler.cli.workspace import Workspace
from reconciler.domain.model import PLAN_NAME
from reconciler.domain.settings import EDITOR_SCHEMA
from reconciler.errors import UsageError
from reconciler.quantities import format_count
from reconciler.source.files import plan_files
from reconciler.source.formulas.functions import slug
from reconciler.source.import_sheet.answers import AnswerProblem, Answers
from reconciler.source.import_sheet.guess import guess
from reconciler.source.import_sheet.sample import named
from reconciler.source.import_sheet.writing import to_yaml
from reconciler.source.sheets.options import Options
from reconciler.system.files import exists

if TYPE_CHECKING:
    from reconciler.source.import_sheet.draft import Draft

_EPILOG = """\b
Examples:
  reconciler import-sheet agenda.xlsx
  reconciler import-sheet agenda.xlsx --when "3 workdays before Due date at 10:00"
  reconciler import-sheet calls/june.csv --timezone America/Mexico_City --key "Invoice + Due date"

\b
--when takes one of:
  3 workdays before COLUMN at 10:00
  2 days after COLUMN at COLUMN
  on COLUMN at 10:00
  at COLUMN                          (a column with date and time)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """The options of an import; None where a person is asked, or where the sheet shows it."""

    file: Path
    agent: str | None
    sender: str | None
    region: str | None
    timezone: str | None
    when: str | None
    where: str | None
    key: str | None
    plan: str | None
    output: Path | None
    sheet: str | None
    header: int | None
    encoding: str | None
    delimiter: str | None
    hidden: str | None
    force: bool
    api_key_file: Path | None
    base_url: str | None

    @property
    def answers(self) -> dict[str, str | None]:
        """The answers to the questions, by option."""
        given = {"--agent": self.agent, "--from": self.sender, "--region": self.region}
        return given | {"--timezone": self.timezone, "--when": self.when, "--where": self.where, "--key": self.key}

    def settings(self, name: str) -> Options:
        """How to read the sheet, as in a plan file."""
        return Options(
            named(name), self.sheet, self.encoding, self.delimiter, hidden=self.hidden, header=self.header
        )


@click.command("import-sheet", epilog=_EPILOG)
@click.argument("file", type=FILE)
@click.option("--agent", metavar="NAME", help="The AI agent that makes the calls: a name or an id.")
@click.option("--from", "sender", metavar="NAME", help="The number to call from: a name, an id or +525512345678.")
@click.option("--region", metavar="XX", help="The country of the phone numbers, such as MX.")
@click.option("--timezone", metavar="ZONE", help="The time zone of all rows, such as America/Mexico_City.")
@click.option("--when", metavar="SENTENCE", help="When each call rings; see below.")
@click.option(
    "--where", metavar="FORMULA", help="True for the rows that are calls. Default: those that can be called."
)
@click.option("--key", metavar="COLUMNS", help='What identifies a call: "Invoice + Due date".')
@click.option("--plan", metavar="NAME", help="The plan's name. Default: the name of FILE.")
@click.option("--output", type=FILE, help="The plan file to write. Default: in calls/, or next to FILE there.")
@click.option("--sheet", metavar="NAME", help="The sheet of a workbook. Default: the only one with rows.")
@click.option("--header", type=Integer(1), metavar="N", help="The row with the column names. Default: found.")
@click.option("--encoding", metavar="NAME", help="The encoding of a CSV file. Default: guessed.")
@click.option("--delimiter", metavar="CHAR", help="The delimiter of a CSV file. Default: guessed.")
@click.option(
    "--hidden", type=click.Choice(["include", "skip"]), help="How to treat hidden rows, columns and sheets."
)
@click.option("--force", is_flag=True, help="Replace an existing plan file.")
@service_options
@with_options(ImportOptions)
def import_sheet(app: App, options: ImportOptions) -> None:
    """Write a plan file that reads FILE (.csv, .tsv, .xlsx, .ods).

    It finds the sheet, the header row and the purpose of each column, in English, Spanish and Portuguese. On a
    terminal it asks for the rest; elsewhere, what no option answers becomes a TODO, which validate reports as an
    error. A sheet that is not below the plan file's folder is copied there.
    """
    name = _plan_name(options.plan, options.file)
    workspace = Workspace.open(app, None)
    workspace.check()
    job = locate_import(app, workspace.project, options.file, options.output, name)
    check_target(job, force=options.force)
    given = options.answers
    answers = Answers(given, Terminal() if sys.stdin.isatty() else None)
    try:
        sample = read_sheet(options.settings(job.name), job, answers)
        account = offered_account(workspace.project, options.base_url, options.api_key_file, given)
        draft = guess(sample, workspace.project, answers, account)
    except AnswerProblem as error:
        raise UsageError(error.message, hint=error.hint) from error
    schema = EDITOR_SCHEMA if exists(job.target.parent / EDITOR_SCHEMA) else None
    write_files(app, job, to_yaml(draft, name, sample.options, schema=schema), force=options.force)
    _print_draft(draft, sample.options)
    shown = os.path.relpath(job.target, app.directory)
    if job.target.resolve() not in map(Path.resolve, plan_files(workspace.project, None)[0]):
        say("note: plans: in reconciler.yaml does not match this file", err=True)
    say(f"Wrote {shown}: {_counts(draft)}.")
    step = "replace each TODO" if draft.missing else "review it"
    say(f"Next: {step}, then run: reconciler plan {shown}", err=True)


def _plan_name(plan: str | None, file: Path) -> str:
    if plan is None:
        return slug(file.stem)[:63].strip("-") or "sheet"
    if not PLAN_NAME.fullmatch(plan):
        raise UsageError(
            f"not a valid plan name: {plan!r}", hint="use up to 63 lowercase letters, digits and . _ -"
        )
    return plan


def _print_draft(draft: Draft, options: Options) -> None:
    """Print what was decided, and what is left to fill in."""
    for what in ("sheet", "hidden", "header", "encoding", "delimiter"):
        value = getattr(options, what)
        if value is not None:
            say(f"{what}: {value!r}", err=True)
    if draft.where:
        say(f"where: {draft.where}", err=True)
    for entry in (*draft.defaults, *draft.columns):
        text = f"{entry.field}: {entry.value}" if entry.value is not None else f"TODO {entry.field}"
        say(f"{text}  ({entry.note})" if entry.note else text, err=True)
    for note in (*draft.notes, *draft.rows):
        say(f"note: {note}", err=True)


def _counts(draft: Draft) -> str:
    filled = sum(entry.value is not None for entry in (*draft.defaults, *draft.columns))
    return f"{format_count(filled, 'field')} filled in, {format_count(len(draft.missing), 'TODO')}"
