"""``state migrate``: a state is whole where it went, closed where it was, and never open in two places."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from typing import Any

import pytest

from reconciler.state.tables import TABLES, TRANSIENT
from tests.conftest import Workbench, clean_environment

FILE = ".reconciler/state.db"


def entries(bench: Workbench) -> Any:
    return bench.ok("state", "list", "--json").json["entries"]


def nothing_to_do(bench: Workbench, sandbox: Any) -> None:
    assert set(bench.actions().values()) == {"unchanged"}
    assert bench.apply().code == 0
    bench.ok("audit", "verify")
    bench.ok("state", "check")
    assert len(sandbox.calls()) == 3


def test_a_state_moves_to_a_server_and_back_and_places_nothing_again(
    placed: Workbench, sandbox: Any, postgres: Any
) -> None:
    before, server = entries(placed), postgres.url()
    told = placed.ok("state", "migrate", FILE, server)
    assert told.out.startswith("Moved 3 calls and ")
    placed.env["RECONCILER_STATE"] = server
    assert entries(placed) == before
    nothing_to_do(placed, sandbox)
    placed.env.pop("RECONCILER_STATE")
    for command in (["plan"], ["apply", "--auto-approve"], ["state", "list"]):
        closed = placed.run(*command)
        assert closed.code == 1
        assert "was moved to postgresql:///calls?host=" in closed.err
    placed.ok("audit", "verify")
    placed.ok("state", "migrate", server, "back.db")
    placed.env["RECONCILER_STATE"] = "back.db"
    assert entries(placed) == before
    nothing_to_do(placed, sandbox)
    kinds = [line.split()[2] for line in placed.ok("audit", "log").out.splitlines()]
    assert [kinds.count(kind) for kind in ("departed", "arrived")] == [2, 2]


def test_every_table_of_a_state_is_copied(placed: Workbench) -> None:
    with sqlite3.connect(placed.root / FILE) as connection:
        found = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
    assert found - {"_sqlite_migrations"} == {*TABLES, *TRANSIENT}


def test_a_target_that_is_taken_leaves_the_state_where_it_is(placed: Workbench, sandbox: Any) -> None:
    (placed.root / "other.db").write_bytes(b"")
    refused = placed.run("state", "migrate", FILE, "other.db")
    assert refused.code == 1
    assert "exists already" in refused.err
    nothing_to_do(placed, sandbox)
    assert placed.run("state", "migrate", FILE).code == 64
    assert placed.run("state", "migrate", FILE, FILE).code == 64
    assert placed.run("state", "migrate", FILE, "postgresql://me:secret@localhost/calls").code == 64


KILLED = """
import os, signal, sys
from reconciler.state.transfer import migrate
from reconciler.state.store import Store

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[1] == "copying":
    migrate.copying.copy = die
elif sys.argv[1] == "checking":
    migrate.audit.examine = die
else:
    ended = Store.end_run
    def end_run(store, *args):
        die() if type(store._session).__name__ != "NestedSession" else ended(store, *args)
    Store.end_run = end_run
from reconciler.cli import main
sys.exit(main(["state", "migrate", *sys.argv[2:]]))
"""


@pytest.mark.parametrize("moment", ["copying", "checking", "committed"])
@pytest.mark.parametrize("to", ["file", "server"])
def test_a_move_that_is_killed_goes_on_when_it_is_run_again(
    placed: Workbench, sandbox: Any, postgres: Any, moment: str, to: str
) -> None:
    before = entries(placed)
    target = "new.db" if to == "file" else postgres.url()
    command = [sys.executable, "-c", KILLED, moment, FILE, target]
    died = subprocess.run(command, cwd=placed.root, env=clean_environment() | placed.env, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    assert "run the same state migrate again" in placed.run("plan").err
    elsewhere = placed.run("state", "migrate", FILE, "third.db")
    assert elsewhere.code == 1, "it may be where it was going"
    told = placed.ok("state", "migrate", FILE, target).out
    assert told.startswith("An earlier move" if moment == "committed" else "Moved 3 calls")
    placed.env["RECONCILER_STATE"] = target
    assert entries(placed) == before
    nothing_to_do(placed, sandbox)


def test_a_copy_that_differs_is_refused_and_the_state_stays(placed: Workbench, sandbox: Any) -> None:
    with sqlite3.connect(placed.root / FILE) as connection:
        connection.execute("update calls set call_id = call_id || 'x'")
    refused = placed.run("state", "migrate", FILE, "new.db")
    assert refused.code == 1
    assert "ledger is not intact" in refused.err
    assert not (placed.root / "new.db").exists()
    assert placed.run("state", "list").code == 0


def test_without_arguments_the_tables_are_brought_to_this_version(placed: Workbench, sandbox: Any) -> None:
    with sqlite3.connect(placed.root / FILE) as connection:
        connection.execute("alter table meta drop column moved_to")
        connection.execute("delete from _sqlite_migrations where name = 'add_moved_to'")
    older = placed.run("plan")
    assert older.code == 1
    assert "reconciler state migrate" in older.err
    placed.ok("state", "migrate")
    nothing_to_do(placed, sandbox)
