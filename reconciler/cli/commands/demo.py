"""``reconciler demo``: a tour on the embedded sandbox, without an account or a network."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click

from reconciler.cli.app import App, SystemClock
from reconciler.cli.lazy import examples
from reconciler.cli.output import wrapped
from reconciler.errors import ExitCode, ReconcilerError
from reconciler.sandbox import RunningSandbox, SandboxConfig, running
from reconciler.state.sqlite.state import SqliteState
from reconciler.system import programs
from reconciler.system.failures import error_message, next_step

PLAN_FILE = "calls/renewals.yaml"
_ROW = """\
  - key: {key}
    contact_id: c1d2e3f4-a5b6-7890-cdef-{number:012d}
    schedule: {{at: {day} {time}}}
    additional_data: {{amount_debt: {amount}}}
"""
_PLAN = """\
version: 1
plan: renewals
defaults:
  agent: collections
  from: us-0100
  schedule: {timezone: America/Mexico_City}
  additional_data: {currency: MXN}
calls:
"""


@click.command(
    epilog=examples("reconciler demo", "reconciler demo --keep demo-project", "reconciler demo my-project"),
)
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option(
    "--keep", metavar="DIR", type=click.Path(path_type=Path), help="Keep the project in the new folder DIR."
)
@click.pass_obj
def demo(app: App, project: Path | None, keep: Path | None) -> int:
    """Plan, place and plan again on a sandbox in this process. It needs no account or network, and calls nobody.

    With PROJECT, the folder of your own project, it uses that project's plan files. The folder is not changed, and
    the state of its real calls is neither read nor written.
    """
    if project is not None and keep is not None:
        raise click.UsageError("--keep needs the demo's own project, without PROJECT")
    with ExitStack() as open_:
        folder = open_.enter_context(_folder(app, keep))
        sandbox = open_.enter_context(running(SandboxConfig(port=0)))
        environment = programs.environment()
        environment = {name: value for name, value in environment.items() if not name.startswith("RECONCILER_")}
        environment |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": "sandbox"}
        environment.pop("CI", None)
        if project is not None:
            state = Path(folder, "state.db").absolute()
            environment |= {"RECONCILER_STATE": str(state), "RECONCILER_LINEAGE": SqliteState(state).create({})}
            return _try(_Commands(app.directory, environment, color=app.color), project)
        _Tour(Path(folder), _Commands(Path(folder), environment, color=app.color), sandbox).run_all()
    if keep is not None:
        click.echo(f"The project is in {keep}.")
    return ExitCode.DONE


def _folder(app: App, keep: Path | None) -> AbstractContextManager[str]:
    if keep is None:
        return tempfile.TemporaryDirectory(prefix="reconciler-demo-")
    path = app.directory / keep
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise ReconcilerError(
            f"cannot create the folder {keep}: {error_message(error)}", hint=next_step(error)
        ) from error
    return nullcontext(str(path))


def _try(commands: _Commands, project: Path) -> int:
    """Validate, plan, place and plan again, until a command fails; returns the exit code of the last one."""
    for args in (["validate"], ["plan"], ["apply", "--auto-approve"], ["plan"]):
        code = commands.run(["-C", str(project), *args])
        if code != ExitCode.DONE:
            return code
    return ExitCode.DONE


@dataclass(frozen=True, slots=True)
class _Commands:
    """Runs our own commands in a folder and prints each command line before its output."""

    folder: Path
    environment: dict[str, str]
    color: bool

    @property
    def styled(self) -> bool:
        return self.color and sys.stdout.isatty()

    def run(self, args: Sequence[str]) -> int:
        """Run the command and return its exit code."""
        shown = shlex.join(["reconciler", *args])
        click.echo()
        click.echo(click.style(f"$ {shown}", bold=True) if self.styled else f"$ {shown}")
        sys.stdout.flush()
        command = [sys.executable, "-m", "reconciler", *([] if self.color else ["--no-color"]), *args]
        return subprocess.run(command, cwd=self.folder, env=self.environment, check=False).returncode


@dataclass(frozen=True, slots=True)
class _Tour:
    folder: Path
    commands: _Commands
    sandbox: RunningSandbox

    def run_all(self) -> None:
        """Run all steps; each one checks its result.

        Raises:
            ReconcilerError: a command ended with an unexpected exit code.
        """
        self._say("A project: settings with the account's agents and numbers, and an empty state.")
        self._run(["init"])
        self._say(f"The calls we want, as rows: {PLAN_FILE}")
        self._write([("inv-1001", 1, "10:30:00", "14058"), ("inv-1002", 2, "10:45:00", "902.50")])
        self._show_file()
        self._say("Validate it, and see what would happen. This needs no network and no key.")
        self._run(["validate"])
        self._run(["plan"])
        self._say("Place the calls on a sandbox with the ContactShip API.")
        self._run(["apply", "--auto-approve"])
        self._expect_calls(2)
        self._say("Plan again: nothing to place. Running it twice calls nobody twice.")
        self._run(["plan", "--detailed-exitcode"])
        self._change_and_lose()
        self._say("That is all. Next steps:")
        click.echo("  reconciler demo PROJECT   the same with the plan files of your own project")
        click.echo("  reconciler sandbox        your own sandbox, to try plans")
        click.echo("  reconciler init           create a project in this folder")
        click.echo("  reconciler help           the guides, such as: reconciler help spreadsheets")

    def _change_and_lose(self) -> None:
        rows = [("inv-1001", 1, "10:30:00", "15000"), ("inv-1002", 2, "10:45:00", "902.50")]
        self._say("Edit an amount: the API cannot change a call, so the plan reports it and places nothing.")
        self._write(rows)
        self._run(["plan"])
        self._say("Add a row, and cut the network right after the service has accepted the call.")
        rows[0] = ("inv-1001", 1, "10:30:00", "14058")
        self._write([*rows, ("inv-1003", 3, "11:00:00", "77")])
        self.sandbox.set_faults("drop-after")
        self._run(["apply", "--auto-approve"])
        self.sandbox.set_faults()
        self._expect_calls(3)
        self._say("It was not sent again: it was looked up, and the only matching call was adopted.")
        self._run(["plan", "--detailed-exitcode"])

    def _say(self, text: str) -> None:
        click.echo()
        for line in wrapped(f"# {text}").split("\n"):
            click.echo(click.style(line, bold=True, fg="cyan") if self.commands.styled else line)

    def _write(self, rows: Sequence[tuple[str, int, str, str]]) -> None:
        day = f"{SystemClock().now() + timedelta(days=7):%Y-%m-%d}"
        listed = [
            _ROW.format(key=key, number=number, day=day, time=time, amount=amount)
            for key, number, time, amount in rows
        ]
        path = self.folder / PLAN_FILE
        path.parent.mkdir(exist_ok=True)
        path.write_text(_PLAN + "".join(listed), encoding="utf-8")

    def _show_file(self) -> None:
        click.echo()
        click.echo((self.folder / PLAN_FILE).read_text(encoding="utf-8").rstrip())

    def _run(self, args: Sequence[str]) -> None:
        code = self.commands.run(args)
        if code != ExitCode.DONE:
            raise ReconcilerError(f"the demo expected exit code 0 here, but got {code}")

    def _expect_calls(self, count: int) -> None:
        """Check that the sandbox recorded exactly ``count`` calls."""
        calls = self.sandbox.calls()
        if len(calls) != count:
            raise ReconcilerError(f"the demo expected {count} calls on the sandbox, but found {len(calls)}")
        click.echo()
        click.echo(f"The sandbox recorded {len(calls)} calls.")
