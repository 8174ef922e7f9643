"""``reconciler audit``: what happened, who did it, and whether the ledger was changed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, SystemClock
from reconciler.cli.completions import addresses_of_state
from reconciler.cli.lazy import examples
from reconciler.cli.options import (
    FILE,
    FILE_OR_STDOUT,
    Instant,
    Integer,
    json_option,
    read_address,
    reveal_option,
    state_option,
    with_options,
)
from reconciler.cli.output import echo, echo_file, echo_json, say, wrapped
from reconciler.cli.output_files import write_private
from reconciler.cli.workspace import Workspace
from reconciler.domain.ledger import EntryKind, Head, read
from reconciler.domain.model import Address, JsonObject
from reconciler.domain.times import parse_instant
from reconciler.errors import ExitCode, ReconcilerError, StateError, UsageError
from reconciler.quantities import format_count
from reconciler.render.csv import to_csv
from reconciler.render.escape import for_json
from reconciler.render.ledger import LedgerLine, LedgerMask, ledger_table, render_text
from reconciler.state.ledger import export as ledger_file
from reconciler.state.ledger.export import line as document
from reconciler.system.files import MAX_SETTINGS, read_named

if TYPE_CHECKING:
    from reconciler.domain.ports import StateReader
    from reconciler.state.ledger.audit import AuditResult

_EPILOG = """\b
Examples:
  reconciler audit log --plan june --since 2026-06-01T00:00:00Z
  reconciler audit show june/inv-1001
  reconciler audit head                    # store its output where this machine cannot write
  reconciler audit verify --head anchors.txt
  reconciler audit export ledger.jsonl && reconciler audit verify --file ledger.jsonl
"""
_ANCHOR = re.compile(r"(?:([0-9]{1,15})[ :])?([0-9a-f]{64})")


@click.group(epilog=_EPILOG)
def audit() -> None:
    """The ledger: every run, call and decision, each entry with the hash of the one before it.

    Anyone who can write the state's file can rewrite it completely. Keep heads elsewhere, and check them with
    audit verify --head.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """Which entries to list, and how; None and empty match all."""

    plan: str | None
    address: Address | None
    kinds: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    run: str | None
    limit: int | None
    form: str
    as_json: bool
    state_url: str | None
    reveal: bool

    def matches(self, line: LedgerLine) -> bool:
        record = line.record
        at = parse_instant(record.at)
        addresses = {line.content.get("address"), line.content.get("from")}
        return (
            (self.address is None or str(self.address) in addresses)
            and (self.plan is None or self._matches_plan(line, addresses))
            and (not self.kinds or record.kind in self.kinds)
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
            and (self.run is None or record.run == self.run)
        )

    def _matches_plan(self, line: LedgerLine, addresses: Iterable[object]) -> bool:
        names = {item.partition("/")[0] for item in addresses if isinstance(item, str)}
        return self.plan in names or self.plan == line.run.get("plan_id")


def _parse_address(_: click.Context, __: click.Parameter, text: str | None) -> Address | None:
    return None if text is None else read_address(text)


@audit.command("log", epilog=examples("reconciler audit log --plan june --since 2026-06-01T00:00:00Z"))
@click.option("--plan", metavar="PLAN", help="Only this plan: its name, or the id of an applied plan.")
@click.option("--address", metavar="ADDRESS", callback=_parse_address, help="Only this address.")
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice([item.value for item in EntryKind]), metavar="KIND"
)
@click.option("--since", type=Instant(), metavar="TIME", help="From this time on (RFC 3339).")
@click.option("--until", type=Instant(), metavar="TIME", help="Before this time (RFC 3339).")
@click.option("--run", metavar="RUN", help="Only this run.")
@click.option("--limit", type=Integer(1), metavar="N", help="Only the latest N entries.")
@click.option("--format", "form", type=click.Choice(["text", "json", "csv"]), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON entry per line, as in an export.")
@state_option
@reveal_option
@with_options(LogOptions)
def log(app: App, options: LogOptions) -> None:
    """List the ledger, oldest first."""
    lines, mask = _read(app, options.state_url)
    matches = list(filter(options.matches, lines))
    form = "json" if options.as_json else options.form
    _print(app, matches[-options.limit :] if options.limit else matches, form, mask, reveal=options.reveal)


def _read(app: App, state_url: str | None) -> tuple[list[LedgerLine], LedgerMask]:
    """The entries of the ledger, and what masks them."""
    with Workspace.open(app, state_url).reader() as reader:
        lines = list(_lines(reader))
        return lines, LedgerMask(list(reader.entries()), lines)


@audit.command("show", epilog=examples("reconciler audit show june/inv-1001"))
@click.argument("address", shell_complete=addresses_of_state)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON entry per line, as in an export.")
@state_option
@reveal_option
@click.pass_obj
def show(app: App, address: str, as_json: bool, state_url: str | None, reveal: bool) -> None:
    """Show the history of one call: its runs, what they did, and the decisions about it.

    An address that was moved is shown under all its names.
    """
    where = read_address(address)
    lines, mask = _read(app, state_url)
    found = _life(lines, where)
    if not found:
        raise ReconcilerError(
            f"the ledger has no entries for {where}", hint="run reconciler audit log to list all entries"
        )
    _print(app, found, "json" if as_json else "text", mask, reveal=reveal)


def _life(lines: Iterable[LedgerLine], address: Address) -> list[LedgerLine]:
    """The entries about the call of an address, under all its names, each after the start of its run."""
    began: dict[str | None, LedgerLine] = {}
    lives: dict[str, list[LedgerLine]] = {}
    went = str(address)
    for line in lines:
        name, origin = line.content.get("address"), line.content.get("from")
        if line.record.kind == EntryKind.BEGAN:
            began[line.record.run] = line
        if name is None:
            continue
        if line.record.kind == EntryKind.MOVED and isinstance(origin, str):
            lives[str(name)] = [*lives.get(str(name), ()), *lives.pop(origin, ())]
            went = str(name) if went == origin else went
        lives.setdefault(str(name), []).append(line)
    own = lives.get(str(address)) or lives.get(went, [])
    runs = [began[run] for run in {line.record.run for line in own} if run in began]
    return sorted([*own, *runs], key=lambda line: line.record.number)


def _lines(reader: StateReader) -> Iterable[LedgerLine]:
    runs: dict[str | None, JsonObject] = {}
    for link in reader.ledger():
        try:
            record = read(link.entry)
        except ValueError as error:
            hint = "run reconciler audit verify for all problems"
            raise StateError(f"ledger entry {link.number} cannot be read: {error}", hint=hint) from error
        if record.kind == EntryKind.BEGAN:
            runs[record.run] = record.content
        yield LedgerLine(link, record, runs.get(record.run, {}))


def _print(app: App, lines: Iterable[LedgerLine], form: str, mask: LedgerMask, *, reveal: bool) -> None:
    """Numbers in messages are shown on a terminal in text form, or with ``reveal``."""
    masked = app.look(sys.stdout, reveal=reveal).masked if form == "text" else not reveal
    lines = map(mask.line, lines) if masked else lines
    if form == "csv":
        echo(to_csv(ledger_table(lines)))
    elif form == "json":
        for item in lines:
            text = json.dumps(document(item.link, item.record), ensure_ascii=False)
            echo(for_json(text) + "\n")
    else:
        echo(wrapped(render_text(lines)))


@audit.command("head", epilog=examples("reconciler audit head >> anchors.txt"))
@json_option
@state_option
@click.pass_obj
def head(app: App, as_json: bool, state_url: str | None) -> None:
    """Print the head of the ledger: the number and the hash of its latest entry.

    Store it where users of the state cannot write. audit verify --head then detects a rewritten ledger.
    """
    with Workspace.open(app, state_url).reader() as reader:
        found, lineage = reader.head, reader.lineage
    if as_json:
        echo_json({"lineage": lineage, "number": found.number, "hash": found.hash})
    else:
        say(str(found))


@audit.command("export", epilog=examples("reconciler audit export ledger.jsonl"))
@click.argument("file", type=FILE_OR_STDOUT)
@state_option
@click.pass_obj
def export(app: App, file: Path, state_url: str | None) -> None:
    """Write the whole ledger to FILE (- for standard output), to verify it without the state.

    It contains addresses, call ids, and messages of the service and of persons, but no numbers. Check it with
    audit verify --file FILE.
    """
    with Workspace.open(app, state_url).reader() as reader:
        data = ledger_file.export(reader, SystemClock().now())
    if str(file) == "-":
        echo_file(data)
        return
    write_private(app.directory, file, data)
    say(f"Wrote the ledger to {file}.")


@audit.command(
    "verify",
    epilog=examples("reconciler audit verify --head anchors.txt", "reconciler audit verify --file ledger.jsonl"),
)
@click.option("--file", type=FILE, help="An exported ledger, not the state.")
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="HEAD|FILE",
    help="An earlier output of audit head, or a file of such lines. Repeatable.",
)
@json_option
@state_option
@click.pass_obj
def verify(app: App, file: Path | None, heads: tuple[str, ...], as_json: bool, state_url: str | None) -> int:
    """Check that nothing in the ledger or the state was changed, removed or reordered. Exit 1 if anything was."""
    anchors = [anchor for text in heads for anchor in _anchors(app, text)]
    found = _check(app, file, anchors, state_url)
    if as_json:
        head: JsonObject = {"number": found.head.number, "hash": found.head.hash}
        echo_json({"ok": found.ok, "lineage": found.lineage, "head": head, "problems": list(found.problems)})
    else:
        say(*found.problems)
        entries = "1 entry" if found.head.number == 1 else f"{found.head.number:,} entries"
        sound = f"The ledger is intact: {entries}, head {found.head.hash}."
        say(sound if found.ok else f"{format_count(len(found.problems), 'problem')}.")
    return ExitCode.DONE if found.ok else ExitCode.ERROR


def _check(app: App, file: Path | None, anchors: list[Head], state_url: str | None) -> AuditResult:
    if file is not None:
        return ledger_file.verify(app.directory / file, anchors)
    return Workspace.open(app, state_url).place.verify(anchors)


def _anchors(app: App, text: str) -> list[Head]:
    """A head from the command line, or those of a file, one on each line."""
    if match := _ANCHOR.fullmatch(text.strip()):
        return [Head(int(match[1] or 0), match[2])]
    try:
        lines = read_named(app.directory / text, MAX_SETTINGS).decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"--head: {text} is neither an output of audit head nor a readable file") from error
    found = [_ANCHOR.fullmatch(line.strip()) for line in lines if line.strip()]
    if not found or None in found:
        raise UsageError(f"--head: {text} has a line that is not an output of audit head")
    return [Head(int(match[1] or 0), match[2]) for match in found if match is not None]
