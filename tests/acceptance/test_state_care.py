"""Looking after the state: copies, checks, and a person's word on single addresses."""

from __future__ import annotations

import fcntl
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.domain.ports import Run
from reconciler.state.sqlite.state import SqliteState
from tests.conftest import Workbench, clean_environment, plan_text

PLAN = "calls/june.yaml"
STATE = ".reconciler/state.db"


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write(PLAN, plan_text())
    project.apply()
    return project


def test_a_backup_is_a_whole_state(june: Workbench, sandbox: Any) -> None:
    june.ok("state", "backup", "copy.db")
    assert (june.root / "copy.db").stat().st_mode & 0o777 == 0o600
    assert june.run("state", "backup", "copy.db").code == 1, "never overwritten"
    (june.root / "copy.db").rename(june.root / STATE)
    assert june.run("plan", "--detailed-exitcode").code == 0
    assert june.apply().code == 0
    assert len(sandbox.calls()) == 3


_KILLED = """
import os, signal, sys
from pathlib import Path
from reconciler.cli import main
Path.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main(sys.argv[1:])
"""
_SYNCED = """
import os, stat, sys
from reconciler.cli import main
sync = os.fsync
def fsync(handle):
    if stat.S_ISDIR(os.fstat(handle).st_mode):
        print("synced", os.readlink(f"/proc/self/fd/{handle}"))
    sync(handle)
os.fsync = fsync
sys.exit(main(sys.argv[1:]))
"""


def run_script(bench: Workbench, script: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *args],
        cwd=bench.root,
        env=clean_environment() | bench.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_backup_that_was_killed_keeps_none_from_being_made(june: Workbench) -> None:
    """What it left is removed; the file of a backup that runs now is not."""
    killed = run_script(june, _KILLED, "state", "backup", "copy.db")
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in june.root.iterdir() if path.name.endswith(".tmp")]
    running = june.root / ".copy.db.0123abcd.tmp"
    with running.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = run_script(june, _SYNCED, "state", "backup", "copy.db")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"synced {june.root}" in done.stdout
    assert [path for path in june.root.iterdir() if path.name.endswith(".tmp")] == [running]


def test_a_state_in_order(june: Workbench) -> None:
    assert june.ok("state", "check", "--json").json == {"ok": True, "problems": []}


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("update calls set call_id = null where key = 'inv-1'", "without a call id"),
        ("update calls set status = 'failed' where key = 'inv-1'", "is not placed"),
        ("delete from attempts where key = 'inv-1'", "no attempt"),
        ("update attempts set intended_at = '2099-01-01T00:00:00Z' where key = 'inv-1'", "in the future"),
        ("update attempts set finished_at = '2001-01-01T00:00:00Z' where key = 'inv-1'", "before it began"),
        ("update calls set digest = 'd1:sha256:00' where key = 'inv-1'", "digest"),
        ("update attempts set run_id = 'nobody' where key = 'inv-1'", "does not exist"),
    ],
)
def test_what_cannot_be_is_found(june: Workbench, sql: str, words: str) -> None:
    with closing(sqlite3.connect(june.root / STATE)) as db, db:
        db.execute(sql)
    found = june.run("state", "check")
    assert found.code == 1
    assert words in found.out


def test_forgetting_an_address_places_its_row_again_unless_preflight_sees_it(
    june: Workbench, sandbox: Any
) -> None:
    june.ok("state", "forget", "june/inv-2", "--reason", "a test")
    assert june.actions()["june/inv-2"] == "create"
    assert june.apply().summary["conflicts"] == 1
    assert june.run("state", "forget", "june/inv-2", "--reason", "again").code == 1
    assert june.run("state", "forget", "june/inv-3").code == 64, "a reason is needed"
    assert len(sandbox.calls()) == 3


def test_importing_a_call(june: Workbench, sandbox: Any) -> None:
    june.ok("state", "forget", "june/inv-2", "--reason", "a test")
    call_id = next(item.call_id for item in sandbox.calls() if item.body["metadata"]["reconciler_key"] == "inv-2")
    june.ok("state", "import", "june/inv-2", call_id)
    assert june.run("plan", "--detailed-exitcode").code == 0
    assert june.run("state", "import", "june/inv-2", call_id).code == 1, "placed already"
    assert june.run("state", "import", "june/nowhere", "call-x").code == 1
    taken = june.run("state", "import", "june/inv-1", call_id)
    assert taken.code == 1
    june.ok("state", "check")


@pytest.mark.parametrize("command", [("state", "import"), ("resolve",)], ids=["import", "resolve"])
def test_a_call_of_another_address_is_refused_and_leaves_nothing_behind(
    june: Workbench, sandbox: Any, command: tuple[str, ...]
) -> None:
    june.ok("state", "forget", "june/inv-2", "--reason", "a test")
    other = june.ok("state", "show", "june/inv-1", "--json").json["call_id"]

    def say(call_id: str) -> int:
        named = ("--placed", call_id) if command == ("resolve",) else (call_id,)
        return june.run(*command, "june/inv-2", *named, "--reason", "a test").code

    assert say(other) == 1
    assert say(" ") == 64
    assert june.actions()["june/inv-2"] == "create", "no intent was left open"


def test_who_holds_the_lock(june: Workbench) -> None:
    free = june.ok("state", "lock")
    assert free.out == "The lock is not held.\n"
    run = Run("run-1", "apply", datetime(2026, 6, 1, tzinfo=UTC), "some-host", 7, "somebody", "0")
    with SqliteState(june.root / STATE).store(run):
        held = june.run("state", "lock")
        assert (held.code, "Locked by apply (host some-host, pid 7, somebody" in held.out) == (4, True)
        as_json = june.run("state", "lock", "--json")
        assert (as_json.code, as_json.json["locked"]) == (4, True)
        assert as_json.json["holder"] == {
            "run": "run-1",
            "command": "apply",
            "host": "some-host",
            "pid": 7,
            "actor": "somebody",
            "started_at": "2026-06-01T00:00:00Z",
        }
        assert june.run("plan").code == 0, "reading goes on"
    assert june.ok("state", "lock", "--json").json == {
        "locked": False,
        "holder": None,
        "runners": [],
    }
    (june.root / STATE).unlink()
    assert june.run("state", "lock").code == 1
