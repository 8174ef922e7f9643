"""``reconciler init``: a project file and a state."""

from __future__ import annotations

import click

from reconciler.cli.app import App
from reconciler.errors import ReconcilerError

TEMPLATE = """\
# Settings of this project: owned by those who operate it. Plan files stand in calls/*.yaml.
# The API key and the base URL never stand in a file: CONTACTSHIP_API_KEY, CONTACTSHIP_BASE_URL.
version: 1

state:
  path: {path}
  lineage: {lineage}  # pins the state: another or a new one is refused

# plans: ["calls/**/*.yaml"]      # which files are plan files

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
@click.pass_obj
def init(app: App) -> None:
    """Make a project here: reconciler.yaml and an empty state."""
    from reconciler.cli.runs import founder
    from reconciler.settings import DEFAULT_STATE, PROJECT_FILE
    from reconciler.state.sqlite import create

    settings = app.directory / PROJECT_FILE
    if settings.exists():
        hint = "this is a project already; to make its state: reconciler state init"
        raise ReconcilerError(f"{PROJECT_FILE} exists", hint=hint)
    lineage = create(app.directory / DEFAULT_STATE, by=founder("init"))
    try:
        with settings.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE.format(path=DEFAULT_STATE, lineage=lineage))
    except OSError as error:
        raise ReconcilerError(f"cannot write {PROJECT_FILE}: {error.strerror}") from error
    click.echo(f"Made {PROJECT_FILE} and {DEFAULT_STATE} (lineage {lineage}).")
    click.echo("Next: write a plan file in calls/, such as calls/first.yaml, then run: reconciler plan", err=True)
