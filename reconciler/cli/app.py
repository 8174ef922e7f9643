"""What every command needs: its folder, its output, and the clock."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import click

from reconciler.domain.masking import mask_json
from reconciler.domain.sensitive import mask_text
from reconciler.domain.times import parse_instant
from reconciler.errors import UsageError
from reconciler.quantities import MAX_DURATION, MAX_INTEGER, parse_duration, parse_integer, parse_number
from reconciler.render.console import OutputStyle
from reconciler.render.escape import for_json, inert_json
from reconciler.state.postgres.url import is_server, parse
from reconciler.system.environment import BASE_URL, STATE, empty_variables, variable


class SystemClock:
    """The current time, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class App:
    """``directory`` is the folder in which the command works; ``color`` is false if colour is disabled."""

    directory: Path
    color: bool

    @classmethod
    def from_options(cls, directory: str, *, no_color: bool) -> App:
        path = Path(directory)
        if not path.is_dir():
            raise UsageError(f"no such folder: {directory}")
        return cls(path.resolve(), not no_color and not os.environ.get("NO_COLOR"))

    def look(self, stream: TextIO, *, reveal: bool = False) -> OutputStyle:
        """The output settings for ``stream``: private values are shown only on a terminal, or with ``reveal``."""
        if not stream.isatty():
            return OutputStyle(masked=not reveal)
        return OutputStyle(
            width=shutil.get_terminal_size().columns,
            color=self.color and os.environ.get("TERM") != "dumb",
            masked=is_public(stream) and not reveal,
            now=SystemClock().now(),
        )


class Instant(click.ParamType[datetime]):
    """An RFC 3339 time with its offset."""

    name = "RFC 3339"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return parse_instant(str(value))
        except ValueError as error:
            self.fail(f"{error}, such as 2026-06-15T14:30:00Z", param, ctx)


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


now_option = click.option("--now", type=Instant(), metavar="TIME", help="Plan as of this time (RFC 3339).")
reveal_option = click.option(
    "--reveal", is_flag=True, help="Show numbers, names and data, which are masked by default."
)


def _without_password(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    given = ctx.get_parameter_source(param.name or "") is click.core.ParameterSource.COMMANDLINE
    if value and given:
        refuse_password(value, "--state")
    return value


def refuse_password(url: str, where: str) -> None:
    """Raise ``UsageError`` for a password on the command line, because every user of a machine can read
    arguments.
    """
    if is_server(url) and parse(url).secret:
        hint = "set it with PGPASSWORD, PGPASSFILE or a service file, or in RECONCILER_STATE"
        raise UsageError(f"{where} contains a password, which every user of this machine could read", hint=hint)


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


def revealed() -> bool:
    """Whether the command was called with ``--reveal``."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.params.get("reveal"))


def is_public(stream: TextIO) -> bool:
    """Whether others may read what is printed there: true for everything except a terminal outside of CI."""
    return not stream.isatty() or bool(os.environ.get("CI"))


def say(text: str = "", *, err: bool = False) -> None:
    """Print a message and a line break, masked except on a terminal or with ``--reveal``."""
    public = is_public(sys.stderr if err else sys.stdout) and not revealed()
    click.echo(mask_text(text) if public else text, err=err)


def echo(text: str | bytes, *, err: bool = False) -> None:
    """Print unchanged, without an added line break; flushed, so that a script sees each line at once."""
    click.echo(text, err=err, nl=False)
    (sys.stderr if err else sys.stdout).flush()


def echo_file(document: bytes) -> None:
    """Print one of our JSON files in a form that can be read again; on a terminal, with control characters
    escaped.
    """
    echo(inert_json(document) if sys.stdout.isatty() else document)


def echo_json(document: object, *, indent: int | None = 2) -> None:
    """Print a JSON document."""
    echo(to_json(document, indent=indent))


def to_json(document: object, *, indent: int | None = 2) -> str:
    """A JSON document as it is printed, with a line break: escaped, and its texts masked unless ``--reveal`` is
    set.
    """
    document = document if revealed() else mask_json(document)
    return for_json(json.dumps(document, ensure_ascii=False, indent=indent)) + "\n"


class Duration(click.ParamType[float]):
    """``30s``, ``2m``: seconds, from ``least`` to ``most``."""

    name = "duration"

    def __init__(self, least: float = 0.0, most: float = MAX_DURATION) -> None:
        self._least = least
        self._most = most

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return value if isinstance(value, float) else parse_duration(str(value), self._least, self._most)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Integer(click.ParamType[int]):
    """A whole number in plain digits. ``click.INT`` also accepts ``1_000`` and digits of other scripts."""

    name = "integer"

    def __init__(self, least: int = 0, most: int = MAX_INTEGER) -> None:
        self._least = least
        self._most = most

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_integer(str(value), self._least, self._most)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Number(click.ParamType[float]):
    """A number in plain digits, 0 or more. ``click.FLOAT`` also accepts ``nan``, ``inf`` and ``1e3``."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return value if isinstance(value, float) else parse_number(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


lock_option = click.option(
    "--lock-timeout", type=Duration(), default="0s", show_default=True, help="How long to wait for the lock."
)
key_option = click.option(
    "--api-key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with the key, or a pipe such as <(pass show key).",
)
url_option = click.option(
    "--base-url",
    cls=EnvironmentOption,
    metavar="URL",
    envvar=BASE_URL,
    help="URL of the API: https, or http on loopback. [env: CONTACTSHIP_BASE_URL]",
)
