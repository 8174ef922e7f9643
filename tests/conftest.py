"""A project folder, the real command line in it, and a real sandbox on loopback."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import settings

from reconciler.sandbox import SandboxConfig, running
from tests.new_project import new_project
from tests.ramdisk import MEMORY
from tests.settings_file import keep_only_the_state
from tests.warm import shorten_pauses
from tests.zygote import Forked, Zygote, clean_environment, suits

settings.register_profile("shared", deadline=None)  # machines are shared: a slow moment is no failure
settings.load_profile("shared")

if MEMORY is not None:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))  # where pytest makes each test's folder
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each new interpreter compiles the whole package
sys.dont_write_bytecode = False  # or each worker compiles all tests

ZYGOTE = Zygote()
shorten_pauses()

KEY = "canary-key-8c1f0a"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """For ``-n auto``, two workers for each core: for more than a third of its time a test only waits."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 * cores


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Neighbours stay together, unless a worker has nothing to do: what a module's tests share is made once."""
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


@dataclass(frozen=True)
class Result:
    """What a command did: its exit code and both its streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        last = self.events[-1]
        assert last["type"] == "summary"
        return last


@dataclass
class Workbench:
    """A folder, and the command run in it as a user would, with an environment of its own."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *args: str, stdin: str | None = None) -> Result:
        env = clean_environment() | self.env
        if suits(env):
            done = ZYGOTE.run(list(args), self.root, env, stdin or "")
        else:
            done = subprocess.run(
                [sys.executable, "-m", "reconciler", *args],
                cwd=self.root,
                env=env,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        result = Result(done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in result.err, result.err
        return result

    def fork(self, *args: str) -> Forked:
        """Start the command and leave it running; what it writes is known at its end."""
        return ZYGOTE.start(list(args), self.root, clean_environment() | self.env)

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """The same in a new interpreter, with pipes; ``options`` are those of ``Popen``."""
        return subprocess.Popen(
            [sys.executable, "-m", "reconciler", *args],
            cwd=self.root,
            env=clean_environment() | self.env,
            stdout=subprocess.PIPE,
            text=True,
            **{"stderr": subprocess.PIPE, **options},
        )

    def open_terminal(self, *args: str, **env: str) -> tuple[int, Forked]:
        """Start the command on a terminal of 80 columns and 24 lines: our side of it, and the process."""
        ours, theirs = pty.openpty()
        env = clean_environment() | self.env | {"TERM": "dumb", "COLUMNS": "80", "LINES": "24"} | env
        assert suits(env)
        run = ZYGOTE.start(list(args), self.root, env, terminal=theirs)
        os.close(theirs)
        return ours, run

    def on_terminal(self, *args: str, answer: str | None = None, **env: str) -> str:
        """What the command prints on a terminal of 80 columns and 24 lines, where somebody types ``answer``."""
        ours, run = self.open_terminal(*args, **env)
        if answer is not None:
            os.write(ours, f"{answer}\n".encode())
        screen = b""
        try:
            while piece := os.read(ours, 4096):
                screen += piece
        except OSError:  # the other side is closed
            pass
        finally:
            run.communicate()
            os.close(ours)
        return screen.decode()

    def reviewed(self, name: str) -> str:
        """The path of a copy of a saved plan, outside the checkout, as a review leaves it."""
        path = self.root.parent / f"{self.root.name}-reviewed" / Path(name).name
        path.parent.mkdir(exist_ok=True)
        return str(shutil.copy(self.root / name, path))

    def ok(self, *args: str) -> Result:
        """Run, and insist on exit 0."""
        result = self.run(*args)
        assert result.code == 0, (result.code, result.out, result.err)
        return result

    def create_project(self) -> None:
        """``init``, with settings that allow calls at any hour; in this process, if it can."""
        if self.env.keys() <= {"CONTACTSHIP_API_KEY", "CONTACTSHIP_BASE_URL"}:
            new_project(self.root, clean_environment())
            return
        without_key = {name: value for name, value in self.env.items() if name != "CONTACTSHIP_API_KEY"}
        Workbench(self.root, without_key).ok("init")
        keep_only_the_state(self.root)

    def plan(self, *args: str) -> dict[str, Any]:
        """The plan as JSON, whatever its exit code."""
        return self.run("plan", "--format", "json", *args).json

    def actions(self, *args: str) -> dict[str, str]:
        return {change["address"]: change["action"] for change in self.plan(*args)["changes"]}

    def apply(self, *args: str, schedule_check: bool = False) -> Result:
        """Without the schedule check, which would send one call before the others, and look it up."""
        options = () if schedule_check else ("--no-schedule-check",)
        return self.run("apply", "--auto-approve", "--json", "--rate", "none", *options, *args)


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """An empty folder."""
    return Workbench(tmp_path)


@pytest.fixture
def sandbox() -> Iterator[Any]:
    """A sandbox on a free port, with a key that must never show up anywhere."""
    with running(SandboxConfig(port=0, api_key=KEY)) as handle:
        yield handle


@pytest.fixture
def blind(bench: Workbench) -> Iterator[Any]:
    """A sandbox whose list never shows a new call, and a project that talks to it."""
    with running(SandboxConfig(port=0, api_key=KEY, list_lag=10_000_000)) as handle:
        bench.env |= {"CONTACTSHIP_BASE_URL": handle.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        yield handle


@pytest.fixture
def project(bench: Workbench, sandbox: Any) -> Workbench:
    """An initialised project that talks to the sandbox."""
    bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
    bench.create_project()
    return bench


@pytest.fixture
def placed(bench: Workbench, sandbox: Any) -> Workbench:
    """A project with three calls placed, its state in a file."""
    bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
    bench.create_project()
    bench.write("calls/june.yaml", plan_text())
    assert bench.apply().summary["placed"] == 3
    return bench


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A PostgreSQL server, of this process's own."""
    from tests.postgres import PostgresServer

    server = PostgresServer()
    yield server
    server.close()


AGENT = "agent-a1b2c3d4-e5f6-7890-abcd-ef1234567890"
NUMBER = "pn-a1b2c3d4-e5f6-7890-abcd-ef1234567890"


def contact(number: int) -> str:
    return f"c1d2e3f4-a5b6-7890-cdef-{number:012d}"


def foreign(sandbox: Any, number: int, **body: Any) -> str:
    """A call to the same person by the same agent, placed by somebody in the dashboard; its id."""
    wanted = {"contact_id": contact(number), "agent_id": AGENT, "from_number_id": NUMBER} | body
    answer = httpx.post(f"{sandbox.url}/_sandbox/calls", json=wanted, verify=False)  # reads no certificates
    assert answer.status_code == 200, answer.text
    return str(answer.json()["call_id"])


def plan_text(name: str = "june", rows: int = 3, *, first: int = 1, extra: str = "") -> str:
    """A plan file of scheduled contact calls, a minute apart, far ahead."""
    lines = [
        "version: 1",
        f"plan: {name}",
        "defaults:",
        f"  agent: {AGENT}",
        f"  from: {NUMBER}",
        "  schedule: {timezone: America/Mexico_City}",
        "calls:",
    ]
    for number in range(first, first + rows):
        lines += [
            f"  - key: inv-{number}",
            f"    contact_id: {contact(number)}",
            f"    schedule: {{at: {datetime(2031, 6, 1) + timedelta(minutes=number)}}}",
            f"    additional_data: {{amount_debt: {14000 + number}}}",
        ]
    return "\n".join(lines) + "\n" + extra
