"""A state in PostgreSQL, through the command line, on a real server."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import KEY, Workbench, plan_text

PLAN = "calls/june.yaml"


@pytest.fixture
def shared(bench: Workbench, sandbox: Any, postgres: Any) -> Workbench:
    """A project whose state is in PostgreSQL, with three rows and none placed."""
    bench.env |= {
        "CONTACTSHIP_BASE_URL": sandbox.url,
        "CONTACTSHIP_API_KEY": KEY,
        "RECONCILER_STATE": postgres.url(),
    }
    bench.create_project()
    bench.write(PLAN, plan_text())
    return bench


def lineage(bench: Workbench) -> str:
    return str(bench.ok("state", "show", "--json").json["lineage"])


def schema(bench: Workbench) -> str:
    return f"reconciler_{lineage(bench).replace('-', '')}"


def test_init_plan_apply_and_nothing_is_left_to_do(shared: Workbench, sandbox: Any) -> None:
    settings = (shared.root / "reconciler.yaml").read_text()
    assert f"lineage: {lineage(shared)}" in settings
    assert "postgres" not in settings
    assert not (shared.root / ".reconciler").exists()
    assert set(shared.actions().values()) == {"create"}
    assert shared.apply().summary["placed"] == 3
    assert set(shared.actions().values()) == {"unchanged"}
    assert shared.run("plan", "--detailed-exitcode").code == 0
    assert len(sandbox.calls()) == 3
    shared.ok("audit", "verify")
    shared.ok("state", "check")
    shared.ok("status")
    assert shared.ok("state", "lock").out == "The lock is not held.\n"
    assert "path: postgresql:///calls?host=/" in shared.ok("state", "show").out


def held(shared: Workbench, postgres: Any) -> Any:
    """Another program's session that holds the state's lock, on behalf of a run that has not ended."""
    from reconciler.state.postgres.advisory import Key, run_number, scope_of

    found = postgres.connect()
    found.execute("select pg_advisory_lock(%s, %s)", Key(scope_of(lineage(shared)), run_number("other")).signed)
    found.execute(
        f"insert into {schema(shared)}.runs (id, command, started_at, host, pid, actor, tool_version)"
        " values ('other', 'apply', '2026-06-01T00:00:00Z', 'that-host', 4711, 'somebody', '0')"
    )
    return found


def test_whoever_meets_the_lock_is_told_who_holds_it(shared: Workbench, postgres: Any, sandbox: Any) -> None:
    with held(shared, postgres):
        met = shared.apply()
        assert (met.code, sandbox.calls()) == (4, ())
        assert "apply (host that-host, pid 4711, somebody, since 2026-06-01T00:00:00Z" in met.err
        assert shared.apply("--lock-timeout", "200ms").code == 4
        seen = shared.run("state", "lock", "--json")
        assert (seen.code, seen.json["holder"]["pid"]) == (4, 4711)
        assert shared.plan()["summary"]["create"] == 3, "whoever only reads needs no lock"
    assert shared.apply("--lock-timeout", "20s").summary["placed"] == 3


def test_an_apply_waits_for_the_lock(shared: Workbench, postgres: Any) -> None:
    with held(shared, postgres) as other:
        apply = shared.fork("apply", "--auto-approve", "--rate", "none", "--lock-timeout", "30s")
        waiting = "select 1 from pg_stat_activity where application_name like 'reconciler apply%'"
        while not postgres.sql(waiting):
            assert apply.poll() is None
            time.sleep(0.02)
        other.close()
        apply.communicate(timeout=30)
        assert apply.returncode == 0


def test_a_role_that_may_only_read_is_enough_for_all_that_reads(shared: Workbench, postgres: Any) -> None:
    assert shared.apply().code == 0
    name = schema(shared)
    postgres.sql(
        "drop role if exists spectator",
        "create role spectator login",
        f"grant usage on schema {name} to spectator",
        f"grant select on all tables in schema {name} to spectator",
    )
    writer = shared.env["RECONCILER_STATE"]
    shared.env["RECONCILER_STATE"] = postgres.url("spectator")
    assert shared.plan()["summary"]["unchanged"] == 3
    for command in ("list", "show", "check", "lock"):
        shared.ok("state", command)
    for command in (["status"], ["audit", "verify"], ["audit", "log"], ["audit", "head"], ["doctor", "--offline"]):
        shared.ok(*command)
    shared.ok("state", "export", "--public", "snapshot.json")
    refused = shared.apply()
    assert (refused.code, "permission denied" in refused.err) == (1, True)
    assert "a role that can write" in refused.err
    shared.env["RECONCILER_STATE"] = writer
    assert shared.apply().code == 0
    postgres.sql("drop owned by spectator", "drop role spectator")


def test_a_role_that_owns_nothing_can_apply(shared: Workbench, postgres: Any) -> None:
    name = schema(shared)
    postgres.sql(
        "drop role if exists worker",
        "create role worker login",
        f"grant usage on schema {name} to worker",
        f"grant select, insert, update, delete on all tables in schema {name} to worker",
    )
    shared.env["RECONCILER_STATE"] = postgres.url("worker")
    assert shared.apply().summary["placed"] == 3
    shared.ok("state", "forget", "june/inv-1", "--reason", "a test")
    shared.ok("state", "redact", "--before", "2020-01-01")
    assert shared.run("state", "init", "--state", postgres.url("worker")).code == 1, "pinned"
    postgres.sql("drop owned by worker", "drop role worker")


def test_a_password_is_taken_from_the_environment_and_never_shown(shared: Workbench, postgres: Any) -> None:
    postgres.sql("drop role if exists guarded", "create role guarded login superuser password 'canary-5e81'")
    url = postgres.url("guarded")
    shared.env["RECONCILER_STATE"] = url
    for password, code in (("canary-5e81", 0), ("canary-wrong", 1)):
        shared.env["PGPASSWORD"] = password
        found = shared.run("state", "show")
        assert (found.code, "canary" in found.out + found.err) == (code, False)
    assert "PGPASSFILE" in found.err
    del shared.env["PGPASSWORD"]
    passfile = shared.write("pass", "*:*:*:guarded:canary-5e81\n")
    passfile.chmod(0o600)
    shared.env["PGPASSFILE"] = str(passfile)
    shared.ok("state", "show")
    del shared.env["PGPASSFILE"]
    inside = url.replace("guarded@", "guarded:canary-5e81@")
    for given in (inside, f"{url}&password=canary-5e81", f"{url}&p%61ssword=canary-5e81"):
        shared.env["RECONCILER_STATE"] = given
        shared.ok("plan")
        told = "".join(
            part
            for command in (
                ["state", "show"],
                ["doctor", "--offline"],
                ["audit", "log"],
                ["apply", "--auto-approve"],
            )
            for result in [shared.run(*command)]
            for part in (result.out, result.err)
        )
        assert "canary-5e81" not in told
        refused = shared.run("plan", "--state", given)
        assert (refused.code, refused.out) == (64, "")
        assert "contains a password" in refused.err
        assert "canary" not in refused.err
    postgres.sql("drop role guarded")


def test_a_server_that_is_not_there(shared: Workbench, postgres: Any) -> None:
    shared.env["RECONCILER_STATE"] = f"postgresql:///calls?host={postgres.folder}&port=1"
    for command in (["plan"], ["apply", "--auto-approve"], ["state", "lock"]):
        found = shared.run(*command)
        assert (found.code, found.out) == (1, "")
        assert "is it running" in found.err


def test_several_states_in_one_database(shared: Workbench, postgres: Any) -> None:
    postgres.sql("create database several", database="postgres")
    url = postgres.url(database="several")
    shared.env["RECONCILER_STATE"] = url
    settings = shared.root / "reconciler.yaml"
    foreign = shared.run("plan")
    assert (foreign.code, f"no state {lineage_of(settings)} in postgresql:///several" in foreign.err) == (1, True)
    settings.unlink()
    missing = shared.run("state", "list")
    assert (missing.code, "never treated as an empty one" in missing.err) == (1, True)
    shared.ok("state", "init")
    first = lineage(shared)
    shared.ok("state", "init")
    several = shared.run("plan")
    assert (several.code, "2 states" in several.err, first in several.err) == (1, True, True)
    assert "RECONCILER_LINEAGE" in several.err
    shared.env["RECONCILER_LINEAGE"] = first
    assert lineage(shared) == first
    assert shared.apply().summary["placed"] == 3
    del shared.env["RECONCILER_LINEAGE"]
    shared.env["RECONCILER_STATE"] = f"{url}&schema=mine"
    shared.ok("state", "init")
    assert set(shared.actions().values()) == {"create"}, "another state"
    again = shared.run("state", "init")
    assert (again.code, "mine exists already" in again.err) == (1, True)
    shared.env["RECONCILER_LINEAGE"] = first
    pinned = shared.run("plan")
    assert (pinned.code, "pinned to" in pinned.err) == (1, True)
    postgres.sql("create schema other", database="several")
    shared.env["RECONCILER_STATE"] = f"{url}&schema=other"
    assert "is not a state of reconciler" in shared.run("plan").err
    shared.env["RECONCILER_STATE"] = f"{url}&schema=Other%22"
    assert shared.run("plan").code == 64


def lineage_of(settings: Any) -> str:
    return str(settings.read_text().partition("lineage: ")[2].split()[0])


def test_tables_of_another_version(shared: Workbench, postgres: Any) -> None:
    shared.ok("plan", "--out", "june.plan")
    name = schema(shared)
    steps = f"{name}.steps"
    postgres.sql(f"insert into {steps} values ('later', '')")
    assert "newer version (later)" in shared.run("plan").err
    assert "newer version (later)" in shared.apply().err
    postgres.sql(f"delete from {steps} where name in ('later', 'create_overrides')")
    postgres.sql(f"drop table {name}.overrides")
    for command in (("plan",), ("apply", "june.plan")):
        assert "reconciler state migrate" in shared.run(*command).err
    shared.ok("state", "migrate")
    assert shared.run("apply", "june.plan").code == 0
    assert shared.plan()["summary"]["unchanged"] == 3


def test_a_server_that_forgets_what_it_committed_is_not_written(shared: Workbench, postgres: Any) -> None:
    postgres.sql("alter system set fsync = off", "select pg_reload_conf()")
    try:
        while postgres.sql("show fsync")[0]["fsync"] == "on":
            time.sleep(0.01)
        found, checked = shared.apply(), shared.run("state", "check")
    finally:
        postgres.sql("alter system reset fsync", "select pg_reload_conf()")
    assert (checked.code, "fsync = off" in checked.out) == (1, True)
    assert (found.code, "fsync = off" in found.err) == (1, True)


def test_what_needs_a_file_says_so(shared: Workbench) -> None:
    backup = shared.run("state", "backup", "copy.db")
    assert (backup.code, "pg_dump" in backup.err) == (5, True)
    carried = shared.apply("--checkpoint", "true")
    assert (carried.code, "outlives this machine" in carried.err) == (64, True)
    assert shared.apply("--checkpoint", "none").code == 0
    (shared.root / "reconciler.yaml").unlink()
    assert shared.run("init", "--state", "x.db").code == 64


def test_a_command_that_has_no_driver_says_what_to_install(shared: Workbench) -> None:
    shared.write("broken/psycopg.py", "raise ImportError('no pq wrapper available')\n")
    shared.env["PYTHONPATH"] = str(shared.root / "broken")
    found = shared.run("plan")
    assert (found.code, "pip install 'call-reconciler[postgres]'" in found.err) == (1, True)


def test_what_was_redacted_is_in_no_table_any_more(shared: Workbench, postgres: Any) -> None:
    shared.write(PLAN, plan_text(rows=2).replace("14001", "canary-amount-77"))
    shared.apply()
    name = schema(shared)
    ago = "2020-01-01T00:00:00Z"
    postgres.sql(f"update {name}.calls set rings_at = '{ago}'")
    assert holding(postgres, name, "canary-amount-77") == ["calls"]
    done = shared.ok("state", "redact", "--before", "2021-01-01")
    assert "2 calls redacted" in done.out
    assert "write-ahead log, backups and replicas" in done.err
    assert holding(postgres, name, "canary-amount-77") == []


def holding(postgres: Any, schema: str, text: str) -> list[str]:
    """The tables whose files hold a text."""
    tables = postgres.sql(
        "checkpoint",
        "select relname, pg_relation_filepath(c.oid) as path from pg_class c"
        f" join pg_namespace n on n.oid = c.relnamespace where nspname = '{schema}' and relkind = 'r'",
    )
    return [row["relname"] for row in tables if text.encode() in (postgres.data / row["path"]).read_bytes()]


def test_calls_that_ended_are_kept_in_the_projects_folder(bench: Workbench, postgres: Any) -> None:
    from tests.acceptance.test_status import LATER, Service

    with Service() as service:
        bench.env |= {
            "CONTACTSHIP_BASE_URL": service.handle.url,
            "CONTACTSHIP_API_KEY": KEY,
            "RECONCILER_STATE": postgres.url(),
        }
        bench.create_project()
        bench.write(PLAN, plan_text())
        bench.apply()
        service.ahead = timedelta(days=365 * 6)
        bench.ok("status", *LATER)
    [kept] = (bench.root / ".reconciler").glob("*.ended.json")
    assert lineage(bench) in kept.read_text()
    assert (bench.root / ".reconciler/.gitignore").read_text() == "*\n"


def test_a_lost_state_is_made_again_on_a_server(shared: Workbench, postgres: Any, sandbox: Any) -> None:
    assert shared.apply().summary["placed"] == 3
    shared.ok("state", "rebuild", "--dry-run")
    exists = shared.run("state", "rebuild", "--auto-approve")
    assert exists.code == 1
    assert "never overwritten" in exists.err
    postgres.sql(f"drop schema {schema(shared)} cascade")
    assert shared.run("plan").code == 1
    shared.ok("state", "rebuild", "--auto-approve")
    assert set(shared.actions().values()) == {"unchanged"}
    assert shared.apply().code == 0
    assert len(sandbox.calls()) == 3
    shared.ok("audit", "verify")
    shared.ok("state", "check")
