"""``reconciler doctor``: check the requirements of an apply, without changing anything."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, SystemClock
from reconciler.cli.doctor import machine, project, service, state
from reconciler.cli.doctor.check import CheckResult, Health, failed, skipped
from reconciler.cli.doctor.service import Access
from reconciler.cli.options import ReportsEnvironment, offline_option, service_options, state_option
from reconciler.cli.output import echo, echo_json, mask_public, say
from reconciler.cli.workspace import Workspace
from reconciler.errors import ExitCode, ReconcilerError
from reconciler.render.escape import for_terminal

if TYPE_CHECKING:
    from reconciler.source.sources import Sources

_EPILOG = """\b
Examples:
  reconciler doctor
  reconciler doctor --offline
  reconciler doctor --json --api-key-file key.txt

\b
Exit codes: 0 no check failed (there may be warnings), 1 a check failed.
"""
_COLOURS = {Health.OK: "green", Health.WARN: "yellow", Health.FAIL: "red", Health.SKIP: "white"}
_STATE = ("state", "state-mode", "state-lock", "state-integrity", "state-durability", "state-pauses")
_FILES = ("plans", "schema", "zones", *_STATE)
_REMOTE = ("service", "clock", "agents", "numbers")


@click.command(cls=ReportsEnvironment, epilog=_EPILOG)
@offline_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document (reconciler schema doctor).")
@service_options
@state_option
@click.pass_obj
def doctor(
    app: App,
    offline: bool,
    as_json: bool,
    api_key_file: Path | None,
    base_url: str | None,
    state_url: str | None,
) -> int:
    """Check settings, plan files, time zones, state, key, clock and service, and suggest the next step for each.

    It places and writes nothing: it queries the service with GETs only.
    """
    access = Access.from_options(base_url, api_key_file)
    found = list(_examine(app, state_url, access, offline=offline))
    if as_json:
        counts = Counter(item.health for item in found)
        summary = {health.value: counts[health] for health in Health}
        checks = [item.to_json() for item in found]
        echo_json({"ok": not counts[Health.FAIL], "summary": summary, "checks": checks})
    else:
        _print_results(app, found)
    return ExitCode.ERROR if any(item.health is Health.FAIL for item in found) else ExitCode.DONE


def _examine(app: App, state_url: str | None, access: Access, *, offline: bool) -> Iterator[CheckResult]:
    """Every check, in the order in which problems should be fixed."""
    yield machine.versions()
    yield machine.variables()
    now = SystemClock().now()
    try:
        workspace = Workspace.open(app, state_url, snapshot_does=True)
        sources = workspace.sources(app, ())
    except ReconcilerError as error:
        yield failed("config", error)
        yield from skipped("the project cannot be opened", *_FILES)
        yield from access.findings
        yield from skipped("the project cannot be opened", *_REMOTE)
        return
    yield project.config(workspace)
    yield project.plans(sources)
    yield project.schema(workspace)
    yield project.zones(sources, now)
    yield from state.examine(workspace, now)
    yield from access.findings
    yield from skipped("offline", *_REMOTE) if offline else _remote(workspace, sources, access)


def _remote(workspace: Workspace, sources: Sources, access: Access) -> list[CheckResult]:
    agents = [row.call.agent for row in sources.rows]
    senders = [row.call.sender for row in sources.rows]
    wanted = service.named(workspace.project, agents, senders)
    return asyncio.run(service.examine(access, workspace.project.provider.timeout, wanted))


def _print_results(app: App, found: list[CheckResult]) -> None:
    look = app.look(sys.stdout)
    names = max(len(item.check) for item in found)
    margin = " " * (names + len("warn") + 4)
    for item in found:
        word = f"{item.health.value:<4}"
        shown = click.style(word, fg=_COLOURS[item.health], bold=True) if look.color else word
        lines = _wrapped(item.message, look.width - len(margin))
        if item.next is not None:
            lines += _wrapped(f"next: {item.next}", look.width - len(margin))
        echo(mask_public(f"{shown}  {item.check:<{names}}  " + f"\n{margin}".join(lines)) + "\n")
    counts = Counter(item.health for item in found)
    parts = [f"{counts[health]} {health.value}" for health in Health if counts[health]]
    say(f"{', '.join(parts)}.")


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(for_terminal(text), max(width, 40), break_long_words=False, break_on_hyphens=False)
