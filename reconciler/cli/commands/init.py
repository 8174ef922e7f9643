"""``reconciler init``: create a project file and a state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, say, state_option
from reconciler.cli.output import write_text
from reconciler.cli.runs import creation_details
from reconciler.cli.workspace import locate_server, postgres_state
from reconciler.domain.settings import DEFAULT_STATE, PROJECT_FILE
from reconciler.errors import ReconcilerError, UsageError
from reconciler.state.postgres.url import is_server
from reconciler.state.sqlite.state import SqliteState
from reconciler.system.environment import STATE, variable
from reconciler.system.files import exists

if TYPE_CHECKING:
    from reconciler.state.backend import StateBackend

TEMPLATE = """\
# Settings of this project, owned by its operators. Plan files are in calls/*.yaml.
# The API key and the base URL are never in a file: set CONTACTSHIP_API_KEY, CONTACTSHIP_BASE_URL.
version: 1

state:{path}
  lineage: {lineage}  # pins the state: any other state is refused

# plans: ["calls/**/*.{{yaml,yml}}"]   # which files are plan files

# agents:                          # names for agent ids, used as `agent:` in plan files
#   collections: agent-a1b2c3d4-e5f6-7890-abcd-ef1234567890

# numbers:                         # names for your numbers, used as `from:` in plan files
#   mx-main:
#     id: pn-a1b2c3d4-e5f6-7890-abcd-ef1234567890   # for calls to contacts
#     e164: "+525512345678"                         # for calls to phone numbers

# policy:
#   webhook_hosts: [hooks.example.com]   # where webhook_url may point
#   max_new_calls: {{per_run: 500}}        # an override needs a reason: --override G006=REASON
#   per_person: {{per_day: 1, per_week: 3, min_gap: 4h}}
#   suppression: [{{file: lists/dnc.csv, as_of: 2026-11-01}}]
#   consent: {{field: metadata.consent_at, max_age: 365d}}

# provider:
#   rate: 5/s                      # N/s, N/min, N/h or none
#   concurrency: 8
#   timeout: 30s
#   schedule_fields: {{at: date, timezone: timezone}}
"""


@click.command(epilog="\b\nExamples:\n  reconciler init\n  reconciler -C campaigns init\n")
@state_option
@click.pass_obj
def init(app: App, state_url: str | None) -> None:
    """Create a project here: reconciler.yaml and an empty state, in a file or, with --state URL, in PostgreSQL."""
    settings = app.directory / PROJECT_FILE
    if exists(settings):
        hint = "this folder is already a project. To create its state, run: reconciler state init"
        raise ReconcilerError(f"{PROJECT_FILE} already exists", hint=hint)
    place = _place(state_url, app.directory / DEFAULT_STATE)
    lineage = place.create(creation_details("init"))
    path = f"\n  path: {DEFAULT_STATE}" if isinstance(place, SqliteState) else ""
    write_text(app.directory, PROJECT_FILE, TEMPLATE.format(path=path, lineage=lineage), replace=False)
    say(f"Created {PROJECT_FILE} and {DEFAULT_STATE if path else place} (lineage {lineage}).")
    say("Next: create a plan file in calls/, such as calls/first.yaml, then run: reconciler plan", err=True)


def _place(state_url: str | None, file: Path) -> StateBackend:
    """Where to create the state: on the named server, else in the project's own file."""
    if state_url is None or not is_server(state_url):
        if state_url != variable(STATE):
            hint = "for a file, set state.path in reconciler.yaml, then run: reconciler state init"
            raise UsageError("init --state must be the URL of a server", hint=hint)
        return SqliteState(file)

    return postgres_state(locate_server(state_url))
