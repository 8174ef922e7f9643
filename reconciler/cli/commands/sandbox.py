"""``reconciler sandbox``: a local server that accepts calls and phones nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from reconciler.cli.app import App
from reconciler.cli.options import FILE, Integer, Number, with_options
from reconciler.domain.wire import ScheduleFields
from reconciler.quantities import MAX_INTEGER
from reconciler.sandbox import FaultPlan, Rate, SandboxConfig, SandboxError, serve

_EPILOG = """\b
Examples:
  reconciler sandbox
  reconciler sandbox --port 0 --db sandbox.db --seed 7
  reconciler sandbox --fault drop-after=0.1 --fault error-before=0.05
  reconciler sandbox --fault 'stall-after#3' --stall-seconds 5
  reconciler sandbox --rate-limit 5/s --latency 200 --list-lag 2
  curl -s http://127.0.0.1:8734/_sandbox/calls

\b
Faults for --fault RULE. The call is not recorded:
  drop-before   the connection is cut      bad-gateway   502
  error-before  500                        unavailable   503
  stall-before  no answer                  reject        400
  too-many      429 with Retry-After       unauthorized  401
  too-many-bare 429 without                forbidden     403
  redirect      307 to --redirect-to       not-found     404
The call is recorded:
  drop-after    the connection is cut      half-answer   cut within the body
  error-after   500                        not-json      200 with HTML
  stall-after   no answer                  no-call-id    200 without call_id
  same-call-id  200 with the id of the previous call
  stray-answer  200, followed by a 429 that belongs to no request
Lists that are well-formed but wrong, as get:NAME:
  empty-page    pages after the first      same-page     always the first
  short-page    one call less              wrong-count   half or twice as many
  hidden-call   another one at each GET    endless       always another page
  other-order   of calls of one second, at each GET
  empty-metadata  {} with --echo-metadata  some-metadata  {} for some calls

\b
A RULE selects POSTs, counted from 1 (those with a bad key or
above the rate limit do not count); the first rule that applies wins:
  drop-after        all of them
  drop-after=0.1    one in ten, by --seed
  'drop-after#3'    the third; also '#1,4' and '#2-5'
  get:unavailable   GETs instead, counted separately

\b
Control, without a key:
  GET    /_sandbox/calls     the recorded calls, in order
  POST   /_sandbox/calls     add a call as if placed in the dashboard
  GET    /_sandbox/requests  requests counted by path and answer
  GET    /_sandbox/health    {"ok": true}
  POST   /_sandbox/faults    {"faults": ["drop-after#1"], "seed": 7}
  DELETE /_sandbox/faults    no more faults
"""


def _schedule_fields(_: click.Context, __: click.Parameter, value: str) -> ScheduleFields:
    at, comma, timezone = (part.strip() for part in value.partition(","))
    if not (at and comma and timezone) or "," in timezone or at == timezone:
        raise click.BadParameter("expected two different names, like date,timezone")
    return ScheduleFields(at, timezone)


def _rate(_: click.Context, __: click.Parameter, value: str | None) -> Rate | None:
    try:
        return None if value is None or value == "none" else Rate.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _rules(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> FaultPlan:
    try:
        return FaultPlan.from_rules(*values)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _config(
    *,
    faults: FaultPlan,
    seed: int | None,
    stall_seconds: float,
    retry_after: int,
    redirect_to: str,
    latency: float,
    **others: Any,
) -> SandboxConfig:
    """The settings of the server. ``others`` are its members of the same names."""
    faults = replace(
        faults, seed=seed or 0, stall_seconds=stall_seconds, retry_after=retry_after, redirect_to=redirect_to
    )
    return SandboxConfig(faults=faults, seed=seed, latency=latency / 1000, **others)


def _announce(url: str) -> None:
    click.echo(f"sandbox listening on {url}")
    click.echo(f"  export CONTACTSHIP_BASE_URL={url}", err=True)
    click.echo("  export CONTACTSHIP_API_KEY=any", err=True)


@click.command(epilog=_EPILOG)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=Integer(0, 65_535), default=8734, show_default=True, help="Port; 0 chooses a free one."
)
@click.option("--api-key", metavar="KEY", help="The only accepted key. Default: any key.")
@click.option("--db", type=FILE, help="Store calls in this SQLite file.")
@click.option("--seed", type=Integer(-MAX_INTEGER), help="Make random faults and call ids repeatable.")
@click.option("--fault", "faults", metavar="RULE", multiple=True, callback=_rules, help="See below. Repeatable.")
@click.option("--stall-seconds", type=Number(), default=60, show_default=True, help="The longest stall.")
@click.option(
    "--retry-after", type=Integer(), default=1, show_default=True, help="Retry-After of too-many, in seconds."
)
@click.option("--redirect-to", metavar="URL", default="/elsewhere", show_default=True, help="Target of redirect.")
@click.option(
    "--rate-limit", metavar="N/s", callback=_rate, help="429 with Retry-After above it; also N/min, N/h."
)
@click.option("--latency", type=Number(), default=0, metavar="MS", help="Delay of each answer, in milliseconds.")
@click.option("--list-lag", type=Number(), default=0, metavar="SECONDS", help="Delay before new calls are listed.")
@click.option(
    "--get-lag", type=Number(), default=0, metavar="SECONDS", help="Delay before new calls are found by id."
)
@click.option("--lenient", is_flag=True, help="Ignore unknown names in schedule: the call rings at once.")
@click.option("--page-cap", type=Integer(1), metavar="N", help="The most calls in a page, whatever its limit.")
@click.option(
    "--schedule-fields", default="date,timezone", show_default=True, callback=_schedule_fields, help="Field names."
)
@click.option("--strict-ids", is_flag=True, help="Only the seeded agents, numbers and contacts exist.")
@click.option("--wrap", is_flag=True, help="Wrap answers to POSTs in {statusCode, data}.")
@click.option("--echo-metadata", is_flag=True, help="GETs return the metadata of calls.")
@with_options(_config)
def sandbox(_: App, config: SandboxConfig) -> None:
    """Run a local server with the ContactShip API, which can fail on demand.

    It phones nobody. Set CONTACTSHIP_BASE_URL to the URL that it prints. Stop it with Ctrl-C or SIGTERM.
    """
    try:
        serve(config, _announce)
    except SandboxError as error:
        raise click.ClickException("; ".join(filter(None, (error.message, error.hint)))) from error
