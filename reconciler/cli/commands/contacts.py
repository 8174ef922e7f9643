"""``reconciler contacts``: the service's contacts, as a table for ``lookup`` in formulas."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from reconciler.cli.app import App
from reconciler.cli.lazy import examples
from reconciler.cli.options import FILE, service_options
from reconciler.cli.output import say
from reconciler.cli.output_files import write_private
from reconciler.cli.target import Target
from reconciler.cli.workspace import Workspace
from reconciler.contactship.account import list_contacts
from reconciler.contactship.reader import Reader
from reconciler.errors import ExitCode, UsageError
from reconciler.quantities import format_count
from reconciler.source.sheets.formula_escape import escape_formula

if TYPE_CHECKING:
    from reconciler.contactship.account import RemoteContact

COLUMNS = ("phone_number", "id", "full_name", "email", "country")  # lookup() compares the first


@click.group(
    epilog=examples("reconciler contacts pull calls/contacts.csv"),
)
def contacts() -> None:
    """The service's contacts."""


@contacts.command(
    epilog="\b\nExamples:\n  reconciler contacts pull calls/contacts.csv\n",
    short_help="Write the contacts to a CSV file.",
)
@click.argument("file", type=FILE)
@service_options
@click.pass_obj
def pull(app: App, file: Path, api_key_file: Path | None, base_url: str | None) -> int:
    """Write all contacts to FILE, a CSV file with mode 0600 for tables: in plan files.

    A cell that a spreadsheet would read as a formula starts with an apostrophe, which plan files remove.
    """
    if file.suffix.lower() != ".csv":
        raise UsageError("FILE must end in .csv")
    workspace = Workspace.open(app, None)
    workspace.check()
    found = asyncio.run(_fetch(Target.from_options(workspace, base_url, api_key_file)))
    write_private(app.directory, file, to_csv(found))
    say(f"Wrote {format_count(len(found), 'contact')} to {file}.")
    return ExitCode.DONE


async def _fetch(target: Target) -> Sequence[RemoteContact]:
    async with aclosing(Reader(target.origin, target.key(), target.timeout)) as reader:
        return await list_contacts(reader)


def to_csv(found: Sequence[RemoteContact]) -> bytes:
    """UTF-8 with a byte order mark, so that spreadsheets detect the encoding."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for contact in found:
        cells = {name: escape_formula(text) for name, text in asdict(contact).items()}
        writer.writerow([cells[name] for name in COLUMNS])
    return text.getvalue().encode("utf-8-sig")
