"""Completion in real shells on a terminal: Tab, then Enter, and what the command was given."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import socketserver
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.conftest import ZYGOTE, Workbench, clean_environment, plan_text

# Completes as the command does, in a fork of the zygote, and else writes down what it was given.
COMMAND = """\
#!{python} -IS
import json, os, socket, sys
if "_RECONCILER_COMPLETE" in os.environ:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect({desk!r})
        channel.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
        channel.shutdown(socket.SHUT_WR)
        while data := channel.recv(65536):
            sys.stdout.buffer.write(data)
    sys.exit()
with open({given!r}, "w") as file:
    json.dump(sys.argv[1:], file)
print("DO" + "NE")
"""
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "--interactive"],
}
SETUP = {
    "bash": 'eval "$(cat script)"',
    "zsh": 'unsetopt prompt_sp; autoload -U compinit; compinit -u -D; eval "$(cat script)"',
    "fish": "source script",
}
NAMES = [
    "$(touch PWNED).yaml",
    "`touch PWNED`.yaml",
    "x;touch PWNED;.yaml",
    "x&touch PWNED&.yaml",
    "a b.yaml",
    "it's.yaml",
    'say "hi".yaml',
    "~.yaml",
    "~root.yaml",
    "#x.yaml",
    "*.yaml",
    "[ab]?.yaml",
    "{a,b}.yaml",
    "a\\nb.yaml",
    "back\\.yaml",
    "!!.yaml",
    "!touch.yaml",
    "=ls.yaml",
    "%1.yaml",
    "a,b.yaml",
    "a:b@c.yaml",
    ">PWNED.yaml",
    "<(touch PWNED).yaml",
    "|touch PWNED.yaml",
    "ünï.yaml",
    "^x^y.yaml",
    "$HOME.yaml",
    "(touch PWNED).yaml",
    "plain.yaml",
]


class Completer(socketserver.StreamRequestHandler):
    """Runs the command for a completion, and answers with what it printed."""

    def handle(self) -> None:
        args, folder, env = json.loads(self.rfile.read())
        self.wfile.write(ZYGOTE.run(args, Path(folder), env).stdout.encode())


class Terminal:
    """A shell on a terminal of its own, in the folder of a project."""

    def __init__(self, shell: str, bench: Workbench, folder: Path) -> None:
        program = folder / "bin" / "reconciler"
        program.parent.mkdir()
        self.given = folder / "given.json"
        desk = str(folder / "desk")
        self._desk = socketserver.UnixStreamServer(desk, Completer)
        Thread(target=self._desk.serve_forever, args=(0.05,), daemon=True).start()
        program.write_text(COMMAND.format(python=sys.executable, given=str(self.given), desk=desk))
        program.chmod(0o755)
        (bench.root / "script").write_text(bench.ok("completion", shell).out)
        there = {"TERM": "dumb", "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "LC_ALL": "C.UTF-8"}
        there |= {"PATH": f"{program.parent}:{os.environ['PATH']}", "XDG_DATA_HOME": str(folder)}
        self.screen = ""
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(bench.root)
            os.execvpe(SHELLS[shell][0], SHELLS[shell], clean_environment() | bench.env | there)
        self.type(f"{SETUP[shell]}; echo REA''DY\r")
        assert self.wait_for("READY"), self.screen

    def type(self, text: str) -> None:
        self.screen = ""
        os.write(self._terminal, os.fsencode(text))

    def wait_for(self, text: str, seconds: float = 20) -> bool:
        """Read until ``text`` is on the screen."""
        end = time.monotonic() + seconds
        while text not in self.screen:
            if not select.select([self._terminal], [], [], max(0, end - time.monotonic()))[0]:
                return False
            self.screen += os.read(self._terminal, 65536).decode(errors="replace")
        return True

    def complete(self, typed: str) -> list[str] | None:
        """What the command is given for ``reconciler plan TYPED``, Tab, Enter; None where it does not run."""
        self.given.unlink(missing_ok=True)
        self.type(f"reconciler plan {typed}\t\r")
        if not self.wait_for("DONE"):
            return None
        given: list[str] = json.loads(self.given.read_text())
        return given[1:]

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._terminal)
        self._desk.shutdown()
        self._desk.server_close()


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture
def terminal(shell: str, bench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    bench.write("reconciler.yaml", "version: 1\n")
    for number, name in enumerate(NAMES):
        (bench.root / "calls" / f"{number:02}").mkdir(parents=True)
        (bench.root / "calls" / f"{number:02}" / name).write_text(plan_text(f"p{number}"))
    bench.write("reconciler.yaml", 'version: 1\nplans: ["calls/*/*.yaml"]\n')
    terminal = Terminal(shell, bench, tmp_path_factory.mktemp("home"))
    yield terminal
    terminal.close()


def test_every_name_arrives_as_it_is(terminal: Terminal, bench: Workbench) -> None:
    for number, name in enumerate(NAMES):
        assert terminal.complete(f"calls/{number:02}/") == [f"calls/{number:02}/{name}"], terminal.screen
    assert not list(bench.root.rglob("PWNED*"))


@pytest.mark.parametrize(
    "typed",
    ["'calls/00/", '"calls/00/', "calls/'00/", "calls/00/\\$\\(to", "'calls/00/$(to", '"calls/00/\\$(to'],
)
def test_a_word_that_was_begun_with_quotes_is_gone_on_with(
    terminal: Terminal, bench: Workbench, typed: str
) -> None:
    assert terminal.complete(typed) == [f"calls/00/{NAMES[0]}"], terminal.screen
    assert not list(bench.root.rglob("PWNED*"))
