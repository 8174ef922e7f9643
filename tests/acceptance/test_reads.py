"""How often an apply reads all that the state knows: to plan, and once more under the lock."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.domain import identity
from reconciler.domain.model import Address, Call, Schedule, Status
from reconciler.domain.ports import Intent, Result, Run
from reconciler.state.backend import StateBackend
from reconciler.state.postgres.server import resolve
from reconciler.state.postgres.state import PostgresState
from reconciler.state.sqlite.state import SqliteState
from tests.conftest import AGENT, KEY, NUMBER, ZYGOTE, Workbench, clean_environment, contact, plan_text

LONG_AGO = datetime(2026, 1, 5, 15, tzinfo=UTC)
RUN = Run("earlier", "apply", LONG_AGO, "host", 1, "tester", "0")
OWN_INDEXES = ("calls_unknown", "calls_ahead")
HOURS = "version: 1\npolicy:\n  calling_hours: {windows: {mon-sun: 00:00-24:00}}\n"


def fill(place: StateBackend, count: int) -> None:
    """Calls that another run placed, and that have rung."""
    when = Schedule(f"{LONG_AGO:%Y-%m-%d %H:%M:%S}", "UTC")
    calls = [Call(AGENT, NUMBER, contact_id=contact(900_000 + number), schedule=when) for number in range(count)]
    intents = [
        Intent(Address("past", f"p-{number:05}"), call, identity.digest(call), "single-contact-call", LONG_AGO)
        for number, call in enumerate(calls)
    ]
    answers = [Result(item.address, Status.PLACED, LONG_AGO, f"old-{item.address.key}") for item in intents]
    with place.store(RUN, 0.0) as store:
        store.intend(RUN.id, intents, LONG_AGO)
        store.record(RUN.id, answers)
        store.end_run(RUN.id, LONG_AGO, 0, {})


def traced(bench: Workbench, *args: str) -> list[str]:
    """Run the command; what its statements do to the table of calls, as SQLite plans them."""
    trace = bench.root / "trace.jsonl"
    env = clean_environment() | bench.env
    done = ZYGOTE.run([str(trace), *args], bench.root, env, module="tests.traced")
    assert done.returncode == 0, (done.stdout, done.stderr)
    asked = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    with closing(sqlite3.connect(bench.root / ".reconciler/state.db")) as connection:
        steps = [
            step[3]
            for sql in asked
            if sql.lstrip().startswith(("with", "select", "update", "delete"))
            for step in connection.execute(f"explain query plan {sql}")
        ]
    return [step for step in steps if " calls" in step]


def full_reads(steps: list[str]) -> int:
    return sum(step.startswith("SCAN calls") and not any(name in step for name in OWN_INDEXES) for step in steps)


APPLY = ("apply", "--auto-approve", "--json", "--rate", "none", "--no-schedule-check")


@pytest.mark.parametrize("policy", ["version: 1\n", HOURS], ids=["no-policy", "calling-hours"])
def test_an_apply_reads_all_calls_once_to_plan_and_once_under_the_lock(project: Workbench, policy: str) -> None:
    project.write("reconciler.yaml", policy)
    project.write("calls/june.yaml", plan_text())
    fill(SqliteState(project.root / ".reconciler/state.db"), 20)
    steps = traced(project, *APPLY)

    assert full_reads(steps) == 2, steps
    assert set(project.actions().values()) == {"unchanged"}
    project.write("calls/june.yaml", plan_text(rows=4))
    assert full_reads(traced(project, *APPLY)) == 2, "with calls ahead"
    assert full_reads(traced(project, *APPLY)) == 2, "with nothing to place"


def test_a_saved_plan_reads_all_calls_once(project: Workbench) -> None:
    project.write("calls/june.yaml", plan_text())
    fill(SqliteState(project.root / ".reconciler/state.db"), 20)
    project.ok("plan", "--out", "june.plan")
    assert full_reads(traced(project, "apply", "june.plan", "--no-schedule-check")) == 1
    assert set(project.actions().values()) == {"unchanged"}


def rows_read(postgres: Any, schema: str) -> int:
    """How many rows of the table of calls were read so far, once no command is connected any more."""
    deadline = time.monotonic() + 30
    while postgres.sql("select 1 from pg_stat_activity where application_name like 'reconciler%'"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    [row] = postgres.sql(
        "select seq_tup_read + coalesce(idx_tup_fetch, 0) as rows from pg_stat_user_tables"
        f" where relname = 'calls' and schemaname = '{schema}'"
    )
    return int(row["rows"])


@pytest.mark.parametrize(
    ("options", "times"),
    [((), 2), (("june.plan",), 1), (("june.plan", "--join"), 1)],
    ids=["files", "saved", "joined"],
)
def test_the_same_on_a_server(
    bench: Workbench, sandbox: Any, postgres: Any, options: tuple[str, ...], times: int
) -> None:
    bench.env |= {
        "CONTACTSHIP_BASE_URL": sandbox.url,
        "CONTACTSHIP_API_KEY": KEY,
        "RECONCILER_STATE": postgres.url(),
    }
    bench.create_project()
    lineage = str(bench.ok("state", "show", "--json").json["lineage"])
    schema = f"reconciler_{lineage.replace('-', '')}"
    bench.write("calls/june.yaml", plan_text())
    count = 2_000
    fill(PostgresState(resolve(postgres.url()), lineage), count)
    bench.ok("plan", "--out", "june.plan")
    postgres.sql("analyze")
    before = rows_read(postgres, schema)
    approve = () if options else ("--auto-approve",)
    bench.ok("apply", *options, *approve, "--rate", "none", "--no-schedule-check")
    spent = rows_read(postgres, schema) - before
    assert times * count <= spent < (times + 0.1) * count, spent / count
