"""The command line. It reads options, connects the adapters, prints, and maps errors to exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import StringIO

import click

from reconciler import __version__
from reconciler.cli.lazy import LazyCommand, LazyGroup, examples
from reconciler.errors import ExitCode, ReconcilerError
from reconciler.system.failures import error_message, next_step

_COMMANDS = {
    "init": LazyCommand("init:init", "Make a project here: reconciler.yaml and an empty state."),
    "validate": LazyCommand("validate:validate", "Check plan files and report every problem."),
    "plan": LazyCommand("plan:plan", "Show what apply would do, offline."),
    "explain": LazyCommand("explain:explain", "Show where each value of a call came from."),
    "show": LazyCommand("show:show", "Show a saved plan."),
    "apply": LazyCommand("apply:apply", "Place the calls of a plan, each at most once."),
    "pause": LazyCommand("pause:pause", "Send nothing more until it is resumed."),
    "resume": LazyCommand("resume:resume", "End a pause."),
    "resolve": LazyCommand("resolve:resolve", "Settle unknown outcomes and conflicts."),
    "status": LazyCommand("status:status", "Show the outcomes of calls, and what is overdue."),
    "export": LazyCommand("export:export", "Export placed calls to a spreadsheet or JSON."),
    "import-sheet": LazyCommand("import_sheet:import_sheet", "Write a first plan file for a spreadsheet."),
    "agents": LazyCommand("account:agents", "List the account's agents."),
    "numbers": LazyCommand("account:numbers", "List the account's phone numbers."),
    "contacts": LazyCommand("contacts:contacts", "Download the service's contacts."),
    "state": LazyCommand("state:state", "The record of what was placed."),
    "audit": LazyCommand("audit:audit", "Show who placed what, and verify the ledger."),
    "schema": LazyCommand("schema:schema", "Print a JSON Schema (2020-12), or the names of all."),
    "doctor": LazyCommand("doctor:doctor", "Check the requirements of an apply."),
    "sandbox": LazyCommand("sandbox:sandbox", "Run a local server that phones nobody."),
    "demo": LazyCommand("demo:demo", "Take a tour on a sandbox, in seconds."),
    "help": LazyCommand("help:help_command", "Show a guide, or explain a word, a code or a command."),
    "completion": LazyCommand("completion:completion", "Print a shell completion script."),
}

_EPILOG = examples(
    "reconciler demo                # a tour on a sandbox, in seconds",
    "reconciler init",
    "reconciler plan",
    "reconciler apply",
    "reconciler help                # the guides: spreadsheets, guards ...",
)


@click.group(
    cls=LazyGroup,
    table=_COMMANDS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="reconciler %(version)s")
@click.option("-C", "--directory", metavar="DIR", default=".", help="Work as if started in DIR.")
@click.option("--no-color", is_flag=True, help="Disable colour, like NO_COLOR.")
@click.pass_context
def cli(ctx: click.Context, directory: str, no_color: bool) -> None:
    """Declare outbound calls in YAML, review the plan, place each call at most once."""
    from reconciler.cli.app import App  # noqa: PLC0415 - what --version and --help do without

    ctx.obj = App.from_options(directory, no_color=no_color, args=ctx.obj)


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    if "_RECONCILER_COMPLETE" in os.environ:
        from reconciler.cli import shell_completion  # noqa: F401, PLC0415 - it tells click how shell_completion ask

    try:
        args = sys.argv[1:] if args is None else args
        result = cli.main(args, prog_name="reconciler", standalone_mode=False, obj=args)
    except click.ClickException as error:
        _show(error)
        return ExitCode.USAGE if isinstance(error, click.UsageError) else ExitCode.ERROR
    except ReconcilerError as error:
        _complain(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _print("interrupted")
        return ExitCode.INTERRUPTED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            where = "the output" if error.filename is None else str(error.filename)
            _complain(ReconcilerError(f"{where}: {error_message(error)}", hint=next_step(error)))
        # If writing our output failed, print nothing more to it, and keep Python from flushing it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.ERROR
    return int(result) if isinstance(result, int) else ExitCode.DONE


def _show(error: click.ClickException) -> None:
    """Click's own message, which quotes arguments: a script may have passed names it found in a folder."""
    text = StringIO()
    error.show(text)
    _print(*text.getvalue().splitlines())


def _complain(error: ReconcilerError) -> None:
    _print(f"error: {error.message}", *([] if error.hint is None else [f"hint: {error.hint}"]))


def _print(*lines: str) -> None:
    from reconciler.cli.output import say  # noqa: PLC0415 - as in cli

    say(*lines, err=True)
