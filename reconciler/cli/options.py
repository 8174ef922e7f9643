"""Options that commands share, the types of their values, and how a command receives all of them as one object."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import update_wrapper
from pathlib import Path
from typing import TypeVar, cast

import click

from reconciler.cli.app import App
from reconciler.domain.model import Address
from reconciler.domain.times import parse_instant
from reconciler.errors import UsageError
from reconciler.quantities import (
    MAX_DURATION,
    MAX_INTEGER,
    parse_duration,
    parse_integer,
    parse_number,
    parse_rate,
)
from reconciler.state.postgres.url import is_server, parse
from reconciler.system.environment import BASE_URL, CHECKPOINT, STATE, empty_variables, variable

_T = TypeVar("_T")
_R = TypeVar("_R")
_F = TypeVar("_F", bound=Callable[..., object])
FILE = click.Path(path_type=Path, dir_okay=False)
FILE_OR_STDOUT = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


def with_options(kind: Callable[..., _T]) -> Callable[[Callable[[App, _T], _R]], Callable[..., _R]]:
    """Pass the values of a command's options as one object: each is a member of ``kind``."""

    def decorate(function: Callable[[App, _T], _R]) -> Callable[..., _R]:
        def command(app: App, **values: object) -> _R:
            return function(app, kind(**values))

        return click.pass_obj(update_wrapper(command, function))

    return decorate


class TextType(click.ParamType[_T]):
    """A value that is read from text by ``parse``, which raises ``ValueError`` or ``UsageError``."""

    def parse(self, text: str) -> _T:
        raise NotImplementedError

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> _T:
        try:
            return self.parse(value) if isinstance(value, str) else cast("_T", value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Instant(TextType[datetime]):
    """An RFC 3339 time with its offset."""

    name = "RFC 3339"

    def parse(self, text: str) -> datetime:
        try:
            return parse_instant(text)
        except ValueError as error:
            raise ValueError(f"{error}, such as 2026-06-15T14:30:00Z") from error


class Duration(TextType[float]):
    """``30s``, ``2m``: seconds, from ``least`` to ``most``."""

    name = "duration"

    def __init__(self, least: float = 0.0, most: float = MAX_DURATION) -> None:
        self._least = least
        self._most = most

    def parse(self, text: str) -> float:
        return parse_duration(text, self._least, self._most)


class Integer(TextType[int]):
    """A whole number in plain digits. ``click.INT`` also accepts ``1_000`` and digits of other scripts."""

    name = "integer"

    def __init__(self, least: int = 0, most: int = MAX_INTEGER) -> None:
        self._least = least
        self._most = most

    def parse(self, text: str) -> int:
        return parse_integer(text, self._least, self._most)


class Number(TextType[float]):
    """A number in plain digits, 0 or more. ``click.FLOAT`` also accepts ``nan``, ``inf`` and ``1e3``."""

    name = "number"

    def parse(self, text: str) -> float:
        return parse_number(text)


class RateOption(TextType[float]):
    """``5/s``, ``300/min``, ``none``: requests a second, infinite for none."""

    name = "rate"

    def parse(self, text: str) -> float:
        rate = parse_rate(text)
        return float("inf") if rate is None else rate


def read_address(text: str) -> Address:
    """An address from the command line. Raises ``UsageError`` if it is not one."""
    try:
        return Address.parse(text)
    except ValueError as error:
        raise UsageError(str(error), hint="to list the addresses, run: reconciler plan") from error


def read_call_id(text: str) -> str:
    """A call id from the command line. Raises ``UsageError`` if it is empty."""
    if not text.strip():
        raise UsageError("the call id is empty")
    return text.strip()


class ReportsEnvironment(click.Command):
    """A command that reports empty variables as check results, where other commands fail."""


class EnvironmentOption(click.Option):
    """An option with an environment variable of ours. Click treats an empty variable as unset; this reports it."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        if not isinstance(self.envvar, str) or ctx.resilient_parsing:
            return None
        if isinstance(ctx.command, ReportsEnvironment) and self.envvar in empty_variables():
            return None
        return variable(self.envvar)

    def type_cast_value(self, ctx: click.Context, value: object) -> object:
        if isinstance(value, str) and not value.strip() and not ctx.resilient_parsing:
            raise UsageError(f"{self.opts[0]} is empty", hint="omit it, or check the variable that sets it")
        return super().type_cast_value(ctx, value)


def refuse_password(url: str, where: str) -> None:
    """Raise ``UsageError`` for a password on the command line, because every user of a machine can read
    arguments.
    """
    if is_server(url) and parse(url).secret:
        hint = "set it with PGPASSWORD, PGPASSFILE or a service file, or in RECONCILER_STATE"
        raise UsageError(f"{where} contains a password, which every user of this machine could read", hint=hint)


def _without_password(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    given = ctx.get_parameter_source(param.name or "") is click.core.ParameterSource.COMMANDLINE
    if value and given:
        refuse_password(value, "--state")
    return value


def _in_directory(ctx: click.Context, _: click.Parameter, value: Path | None) -> Path | None:
    app = ctx.find_object(App)
    return value if value is None or app is None else app.directory / value


now_option = click.option("--now", type=Instant(), metavar="TIME", help="Plan as of this time (RFC 3339).")
reveal_option = click.option(
    "--reveal", is_flag=True, help="Show numbers, names and data, which are masked by default."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
full_option = click.option("--full", is_flag=True, help="Do not shorten long lists on a terminal.")
retry_option = click.option("--retry-failed", is_flag=True, help="Retry rows that the service rejected twice.")
plans_option = click.option(
    "--plan", "plans", metavar="NAME", multiple=True, help="Only calls of this plan. Repeatable."
)
output_option = click.option(
    "--output", metavar="FILE", default="-", help="The output file; - is the standard output."
)
offline_option = click.option("--offline", is_flag=True, help="Do not query the service.")
approve_option = click.option("--auto-approve", is_flag=True, help="Do not ask for confirmation.")
override_option = click.option(
    "--override",
    "overrides",
    multiple=True,
    metavar="CODE=REASON",
    help="Override a guard for this plan, with a reason. Recorded with the plan and the run. Repeatable.",
)
state_option = click.option(
    "--state",
    "state_url",
    cls=EnvironmentOption,
    metavar="PATH|URL",
    envvar=STATE,
    callback=_without_password,
    help="The state file, postgresql://…, or snapshot:FILE to plan only. Overrides reconciler.yaml. "
    "[env: RECONCILER_STATE]",
)
lock_option = click.option(
    "--lock-timeout", type=Duration(), default="0s", show_default=True, help="How long to wait for the lock."
)
_key_option = click.option(
    "--api-key-file",
    type=FILE,
    callback=_in_directory,
    help="A file with the key, or a pipe such as <(pass show key).",
)
_url_option = click.option(
    "--base-url",
    cls=EnvironmentOption,
    metavar="URL",
    envvar=BASE_URL,
    help="URL of the API: https, or http on loopback. [env: CONTACTSHIP_BASE_URL]",
)


def service_options(command: _F) -> _F:
    """``--api-key-file`` and ``--base-url``."""
    return _key_option(_url_option(command))


def checkpoint_option(when: str) -> Callable[[_F], _F]:
    """``--checkpoint``; ``when`` says when its command runs."""
    return click.option(
        "--checkpoint",
        cls=EnvironmentOption,
        envvar=CHECKPOINT,
        metavar="CMD",
        help=f"Run CMD {when}, to save the state where it outlives this machine. [env: RECONCILER_CHECKPOINT]",
    )
