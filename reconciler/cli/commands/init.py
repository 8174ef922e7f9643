"""``reconciler init``: create a project file and a state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.account import Account, read_account
from reconciler.cli.app import App
from reconciler.cli.options import service_options, state_option
from reconciler.cli.output import say
from reconciler.cli.output_files import write_text
from reconciler.cli.runs import creation_details
from reconciler.cli.workspace import locate_server, postgres_state
from reconciler.contactship.origin import API_KEY_VARIABLE, DEFAULT_BASE_URL, parse_origin, read_api_key
from reconciler.domain.settings import DEFAULT_STATE, EDITOR_SCHEMA, PROJECT_FILE
from reconciler.errors import LookupFailed, ReconcilerError, UsageError
from reconciler.quantities import format_count
from reconciler.source.schema.packaged import schema_text
from reconciler.state.postgres.url import is_server
from reconciler.state.sqlite.state import SqliteState
from reconciler.system.environment import STATE, variable
from reconciler.system.files import exists

if TYPE_CHECKING:
    from reconciler.state.backend import StateBackend

CALLS = "calls"
TEMPLATE = """\
# Settings of this project, owned by its operators. Plan files are in calls/*.yaml.
# The API key and the base URL are never in a file: set CONTACTSHIP_API_KEY, CONTACTSHIP_BASE_URL.
version: 1

state:{path}
  lineage: {lineage}  # pins the state: any other state is refused

policy:
  calling_hours:                   # in the called person's time zone. Other times are blocked
    windows: {{mon-sun: 09:00-20:00}}
  # holidays: [2026-12-25]         # the days that workdays() skips
  # per_person: {{per_day: 1, per_week: 3, min_gap: 4h}}
  # max_new_calls: {{per_run: 500}}  # an override needs a reason: --override G006=REASON
  # suppression: [{{file: lists/dnc.csv, as_of: 2026-11-01}}]
  # consent: {{field: metadata.consent_at, max_age: 365d}}
  # webhook_hosts: [hooks.example.com]   # where webhook_url may point

# Names for agent ids, used as `agent:` in plan files. To list them, run: reconciler agents list
{agents}
# Names for your numbers, used as `from:` in plan files. To list them, run: reconciler numbers list
# `id` is for calls to contacts, `e164` for calls to phone numbers.
{numbers}
# plans: ["calls/**/*.{{yaml,yml}}"]   # which files are plan files

# provider:
#   rate: 5/s                      # N/s, N/min, N/h or none
#   concurrency: 8
#   timeout: 30s
#   schedule_fields: {{at: date, timezone: timezone}}
"""
SAMPLE_AGENTS = """\
# agents:
#   collections: agent-a1b2c3d4-e5f6-7890-abcd-ef1234567890
"""
SAMPLE_NUMBERS = """\
# numbers:
#   us-main: {id: pn-a1b2c3d4-e5f6-7890-abcd-ef1234567890, e164: "+12125550100"}
"""


@click.command(epilog="\b\nExamples:\n  reconciler init\n  reconciler -C campaigns init\n")
@state_option
@service_options
@click.pass_obj
def init(app: App, state_url: str | None, api_key_file: Path | None, base_url: str | None) -> None:
    """Create a project here: reconciler.yaml, an empty state, and calls/ for plan files.

    The state is a file or, with --state URL, in PostgreSQL. If there is an API key, reconciler.yaml also gets the
    account's agents and numbers.
    """
    settings = app.directory / PROJECT_FILE
    if exists(settings):
        hint = "to see whether something is missing, run: reconciler doctor"
        raise ReconcilerError(f"this folder is already a project: {PROJECT_FILE} exists", hint=hint)
    place = _place(state_url, app.directory / DEFAULT_STATE)
    account = _account(base_url, api_key_file)
    lineage = place.create(creation_details("init"))
    path = f"\n  path: {DEFAULT_STATE}" if isinstance(place, SqliteState) else ""
    text = TEMPLATE.format(
        path=path,
        lineage=lineage,
        agents=(account and account.agents_yaml()) or SAMPLE_AGENTS,
        numbers=(account and account.numbers_yaml()) or SAMPLE_NUMBERS,
    )
    write_text(app.directory, PROJECT_FILE, text, replace=False)
    write_text(app.directory, f"{CALLS}/{EDITOR_SCHEMA}", schema_text("callplan"), replace=True)
    state = DEFAULT_STATE if path else place
    say(f"Created {PROJECT_FILE} and {state} (lineage {lineage}), and the folder {CALLS}/.")
    if account is not None:
        agents, numbers = format_count(len(account.agents), "agent"), format_count(len(account.numbers), "number")
        say(f"{PROJECT_FILE} has the {agents} and {numbers} of the account.")
    say("Calls are allowed from 9:00 to 20:00 in the called person's time zone (policy.calling_hours).")
    say(
        "Next: write the calls to calls/first.yaml (reconciler help plan-files), or start from a spreadsheet: "
        "reconciler import-sheet FILE",
        err=True,
    )


def _account(base_url: str | None, key_file: Path | None) -> Account | None:
    """The account's agents and numbers; None if there is no key, or if the service does not answer."""
    key = variable(API_KEY_VARIABLE) if key_file is None else None
    if key_file is None and key is None:
        return None
    try:
        return read_account(parse_origin(base_url or DEFAULT_BASE_URL), read_api_key(key_file, key))
    except LookupFailed as error:
        say(f"warning: cannot read the account's agents and numbers: {error.message}", err=True)
        say("To add them later, run: reconciler agents list, and reconciler numbers list", err=True)
        return None


def _place(state_url: str | None, file: Path) -> StateBackend:
    """Where to create the state: on the named server, else in the project's own file."""
    if state_url is None or not is_server(state_url):
        if state_url != variable(STATE):
            hint = "for a file, set state.path in reconciler.yaml, then run: reconciler state init"
            raise UsageError("init --state must be the URL of a server", hint=hint)
        return SqliteState(file)

    return postgres_state(locate_server(state_url))
