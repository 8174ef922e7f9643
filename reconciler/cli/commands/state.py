"""``reconciler state``: create the state, list it, show one address."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, SystemClock
from reconciler.cli.completions import addresses_of_state
from reconciler.cli.lazy import LazyCommand, LazyGroup, examples
from reconciler.cli.options import json_option, read_address, reveal_option, state_option
from reconciler.cli.output import echo_json, say
from reconciler.cli.runs import creation_details
from reconciler.cli.workspace import Workspace
from reconciler.domain.masking import mask_entry, private_texts
from reconciler.domain.model import JsonObject, JsonValue
from reconciler.domain.sensitive import mask_text
from reconciler.domain.times import UNKNOWN_TIME, format_instant
from reconciler.errors import ReconcilerError, StateError
from reconciler.render.documents import address_document, pause_document
from reconciler.render.formats import zone_place
from reconciler.render.labels import standing
from reconciler.render.subject import Display

if TYPE_CHECKING:
    from reconciler.domain.model import Entry
    from reconciler.domain.ports import Attempt, Run

_EVERY_RUN = 1_000_000


_COMMANDS = {
    "backup": LazyCommand("state_care:backup", "Copy the state to a file, also while an apply runs."),
    "check": LazyCommand("state_care:check", "Look for damage, orphans and clocks that ran backwards."),
    "export": LazyCommand("state_care:export", "Write a snapshot to plan against elsewhere."),
    "forget": LazyCommand("state_care:forget", "Drop what is known of an address."),
    "import": LazyCommand("state_care:import_call", "Record that a row is a call that exists already."),
    "init": LazyCommand("state:init", "Make an empty state."),
    "list": LazyCommand("state:list_entries", "List every address that the state knows."),
    "lock": LazyCommand("state_care:lock", "Show who holds the lock."),
    "migrate": LazyCommand("state_moving:migrate", "Bring the state to this version, or move it."),
    "pull": LazyCommand("state_moving:pull", "Replace the state by one that was pushed to a file."),
    "push": LazyCommand("state_moving:push", "Write the state to a file, for another machine."),
    "rebuild": LazyCommand("state_rebuild:rebuild", "Rebuild a lost state from the service and the files."),
    "redact": LazyCommand("state_redact:redact", "Remove personal data of old calls for good."),
    "show": LazyCommand("state:show", "Show one address and its attempts, or the state itself."),
}
_EPILOG = examples("reconciler state list --json", "reconciler state show june/inv-1001")


@click.group(cls=LazyGroup, table=_COMMANDS, epilog=_EPILOG)
def state() -> None:
    """The record of what was placed."""


@click.command(
    "init", epilog=examples("reconciler state init", "reconciler state init --state /srv/calls/state.db")
)
@state_option
@click.pass_obj
def init(app: App, state_url: str | None) -> None:
    """Create an empty state. Refused if reconciler.yaml pins a lineage, because that state already exists."""
    workspace = Workspace.open(app, state_url)
    workspace.check()
    if workspace.lineage is not None:
        raise StateError(
            f"this project is pinned to state {workspace.lineage}: an empty state would place every call again",
            hint="restore that state, or rebuild it from the service: reconciler state rebuild. If nothing was "
            "placed with it, remove `lineage` and run this command again",
        )
    place = workspace.place
    lineage = place.create(creation_details("state init"))
    say(f"Created {place} (lineage {lineage}).")
    say("Pin it in reconciler.yaml:", "  state:", f"    lineage: {lineage}", err=True)


@click.command("list", epilog=examples("reconciler state list", "reconciler state list --json"))
@json_option
@state_option
@reveal_option
@click.pass_obj
def list_entries(app: App, as_json: bool, state_url: str | None, reveal: bool) -> None:
    """List every address in the state."""
    with Workspace.open(app, state_url).reader() as reader:
        entries = list(reader.entries())
        lineage, serial = reader.lineage, reader.serial
    if as_json:
        listed = [_entry_json(item, masked=not reveal) for item in entries]
        echo_json({"lineage": lineage, "serial": serial, "entries": listed})
        return
    masked, display = app.look(sys.stdout, reveal=reveal).masked, Display(now=SystemClock().now())
    for item in entries:
        shown, rings = mask_entry(item) if masked else item, display.subject(item.call, item.rings_at)
        when = f"{rings.rings} {zone_place(rings.zone)}" if rings.rings_at != UNKNOWN_TIME else rings.rings
        say(f"{shown.address}  {standing(item)}  {when}  {item.call_id or '-'}")
    counts = Counter(standing(item) for item in entries)
    summary = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "no calls"
    say(f"State {lineage}, serial {serial}: {summary}.")


@click.command("show", epilog=examples("reconciler state show", "reconciler state show june/inv-1001 --json"))
@click.argument("address", required=False, shell_complete=addresses_of_state)
@json_option
@state_option
@reveal_option
@click.pass_obj
def show(app: App, address: str | None, as_json: bool, state_url: str | None, reveal: bool) -> None:
    """Show one address and its attempts; without ADDRESS, the state itself."""
    workspace = Workspace.open(app, state_url)
    masked = not reveal if as_json else app.look(sys.stdout, reveal=reveal).masked
    if address is None:
        with workspace.reader() as reader:
            document: JsonObject = {"lineage": reader.lineage, "serial": reader.serial}
            runs = reader.runs(10)
            first = reader.runs(_EVERY_RUN)[-1:]
            pauses = reader.pauses()
        document["path"] = str(workspace.place)
        document["rebuilt"] = _rebuilt(first[0]) if first else None
        document["pauses"] = [pause_document(pause, masked=masked) for pause in pauses]
        document["runs"] = [_run_json(run, masked=masked) for run in runs]
    else:
        document = _show_address(workspace, address, masked=masked)
    if as_json:
        echo_json(document)
    else:
        say(*_lines(document))


def _rebuilt(first: Run) -> JsonObject | None:
    """When and by whom the state was rebuilt; None if it is the first of its lineage."""
    if first.command != "state rebuild":
        return None
    return {"at": format_instant(first.started_at), "actor": first.actor, "run": first.id}


def _run_json(run: Run, *, masked: bool) -> JsonObject:
    return {
        "id": run.id,
        "command": run.command,
        "started_at": format_instant(run.started_at),
        "actor": run.actor,
        "plan_id": run.plan_id,
        "commit": run.commit,
        "approved": [{"plan_id": item.plan_id, "commit": item.commit} for item in run.approvals],
        "overrides": [
            {"code": item.code, "plan_id": item.plan_id, "reason": _words(item.reason, masked=masked)}
            for item in run.overrides
        ],
    }


def _show_address(workspace: Workspace, text: str, *, masked: bool) -> JsonObject:
    address = read_address(text)
    with workspace.reader() as reader:
        entry = reader.entry(address)
        attempts = reader.attempts(address)
    if entry is None:
        raise ReconcilerError(
            f"the state has no entry for {address}", hint="run reconciler state list to list the addresses"
        )
    private = private_texts(entry.call) if masked else ()
    return _entry_json(entry, masked=masked) | {
        "attempts": [_attempt_json(item, private, masked=masked) for item in attempts]
    }


def _entry_json(entry: Entry, *, masked: bool) -> JsonObject:
    shown = mask_entry(entry) if masked else entry
    return {
        **address_document(shown.address),
        "status": standing(entry),
        "digest": entry.digest,
        "target": shown.call.target,
        "attempted_at": format_instant(entry.attempted_at),
        "rings_at": format_instant(entry.rings_at),
        "call_id": entry.call_id,
        "rejections": entry.rejections,
        "stopped_at": None if entry.stopped_at is None else format_instant(entry.stopped_at),
        "error": shown.error,
    }


def _attempt_json(attempt: Attempt, private: Sequence[str], *, masked: bool) -> JsonObject:
    return {
        "number": attempt.number,
        "run": attempt.run_id,
        "status": attempt.status.value,
        "digest": attempt.digest,
        "endpoint": attempt.endpoint,
        "intended_at": format_instant(attempt.intended_at),
        "finished_at": None if attempt.finished_at is None else format_instant(attempt.finished_at),
        "call_id": attempt.call_id,
        "error": _words(attempt.error, private, masked=masked),
        "evidence": _words(attempt.evidence, private, masked=masked),
    }


def _words(text: str | None, private: Sequence[str] = (), *, masked: bool) -> str | None:
    """The message of a person or the service."""
    return mask_text(text, private) if masked and text is not None else text


def _lines(document: JsonObject) -> list[str]:
    """Names and values, one on each line; lists of records indented."""
    rows: list[str] = []
    for name, value in document.items():
        if isinstance(value, list):
            rows.append(f"{name}:")
            for item in value:
                members = item.items() if isinstance(item, dict) else ()
                summary = ", ".join(
                    f"{key} {_value_text(member)}" for key, member in members if member not in (None, [])
                )
                rows.append(f"  - {summary}")
        elif value is not None:
            rows.append(f"{name}: {_value_text(value)}")
    return rows


def _value_text(value: JsonValue) -> str:
    if isinstance(value, list):
        return " + ".join(_value_text(item) for item in value)
    return " ".join(str(item) for item in value.values() if item) if isinstance(value, dict) else str(value)
