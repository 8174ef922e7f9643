"""The command line. Thin: it reads options, wires adapters, prints, and maps errors to exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from io import StringIO

import click

from reconciler import __version__
from reconciler.cli.app import App, examples, say
from reconciler.errors import ExitCode, ReconcilerError

_COMMANDS = (
    "init",
    "validate",
    "plan",
    "explain",
    "show",
    "apply",
    "pause",
    "resume",
    "resolve",
    "status",
    "export",
    "import-sheet",
    "contacts",
    "state",
    "audit",
    "schema",
    "doctor",
    "sandbox",
    "demo",
    "help",
    "completion",
)


class _LazyGroup(click.Group):
    """Imports the module of a command when that command is asked for, and lists them in the order of use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        module = importlib.import_module(f"reconciler.cli.commands.{name}")
        command = getattr(module, name, None) or getattr(module, f"{name}_command")
        if not isinstance(command, click.Command):
            raise TypeError(f"reconciler.cli.commands.{name} holds no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], _COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


_EPILOG = examples(
    "reconciler demo                # the whole story on a sandbox, in seconds",
    "reconciler init",
    "reconciler plan",
    "reconciler apply",
    "reconciler help                # topics: formulas, state, ci ...",
)


@click.group(
    cls=_LazyGroup,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="reconciler %(version)s")
@click.option("-C", "--directory", metavar="DIR", default=".", help="Work as if started in DIR.")
@click.option("--no-color", is_flag=True, help="No colour. NO_COLOR does the same.")
@click.pass_context
def cli(ctx: click.Context, directory: str, no_color: bool) -> None:
    """Declare outbound calls in YAML, review the plan, place each call at most once."""
    ctx.obj = App.of(directory, no_color=no_color)


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line; the result is its exit code."""
    if "_RECONCILER_COMPLETE" in os.environ:
        from reconciler.cli import shells  # noqa: F401 - it tells click how shells ask

    try:
        result = cli.main(args, prog_name="reconciler", standalone_mode=False)
    except click.ClickException as error:
        _show(error)
        return ExitCode.USAGE if isinstance(error, click.UsageError) else ExitCode.ERROR
    except ReconcilerError as error:
        _complain(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("interrupted", err=True)
        return ExitCode.INTERRUPTED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            from reconciler.system.failures import next_step, told

            where = "the output" if error.filename is None else str(error.filename)
            _complain(ReconcilerError(f"{where}: {told(error)}", hint=next_step(error)))
        # Where it was our output, say nothing more on it, and keep Python from flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.ERROR
    return int(result) if isinstance(result, int) else ExitCode.DONE


def _show(error: click.ClickException) -> None:
    """Click's own message, which quotes arguments: a script may have passed names it found in a folder."""
    from reconciler.render.escape import for_terminal

    text = StringIO()
    error.show(text)
    for line in text.getvalue().splitlines():
        say(for_terminal(line), err=True)


def _complain(error: ReconcilerError) -> None:
    from reconciler.render.escape import for_terminal

    say(f"error: {for_terminal(error.message)}", err=True)
    if error.hint is not None:
        say(f"hint: {for_terminal(error.hint)}", err=True)
