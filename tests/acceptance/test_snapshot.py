"""A pull request's runner: no state, no secret, no network; a snapshot, and the truth."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.source.schema.packaged import schema_text
from tests.conftest import Workbench, plan_text

PLAN = "calls/june.yaml"
SNAPSHOT = ("--state", "snapshot:snapshot.json")
NOW = ("--now", "2031-01-01T00:00:00Z")

# A process of a runner without network: whoever opens a connection, or imports what could, ends it.
ALONE = """
import socket, sys
def refuse(*args, **kwargs):
    raise SystemExit("a connection was tried")
socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = refuse
from reconciler.cli import main
code = main(sys.argv[1:])
loaded = {"httpx", "aiohttp", "sqlite3", "sqlite_utils"} & sys.modules.keys()
assert not loaded, loaded
sys.exit(code)
"""


@pytest.fixture
def placed(project: Workbench, sandbox: Any) -> Workbench:
    """Five rows met every way: two placed, one uncertain, one refused twice, one missed; and their snapshot."""
    text = plan_text(rows=5).replace("2031-06-01 00:05:00", "2021-06-01 00:05:00")
    project.write(PLAN, text)
    sandbox.set_faults("drop-before#3", "reject#4", "reject#5")
    project.apply("--concurrency", "1")
    project.apply("--concurrency", "1")
    project.ok("state", "export", "--public", "snapshot.json")
    return project


def alone(bench: Workbench, *args: str) -> tuple[int, bytes, bytes]:
    """Run with an empty environment, no network and a folder nothing may be written to."""
    command = [sys.executable, "-B", "-c", ALONE, *args]
    done = subprocess.run(command, cwd=bench.root, env={}, capture_output=True, check=False, timeout=60)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode, done.stdout, done.stderr


def told(plan: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (item["address"], item["action"], item["reasons"], item["request"], item["scheduled_at"])
        for item in plan["changes"]
    ]


def tree(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_plan_alone_is_the_plan_with_the_state(placed: Workbench) -> None:
    edits = [
        plan_text(rows=5).replace("2031-06-01 00:05:00", "2021-06-01 00:05:00"),
        plan_text(rows=4).replace("14001", "99"),
        plan_text(rows=3, first=2),
        plan_text(rows=8).replace("2031-06-01 00:07:00", "2021-06-01 00:07:00"),
        plan_text("july", rows=2),
        plan_text("july", rows=2, extra="moved: [{from: june, to: july}]\n"),
        plan_text(rows=1).replace("key: inv-1\n", "key: inv-1\n    revision: 2\n"),
        plan_text(rows=1).replace("key: inv-1\n", "key: inv-1\n    enabled: false\n"),
    ]
    seen = set()
    for text in edits:
        placed.write(PLAN, text)
        real = placed.plan("--reveal", *NOW)
        before = tree(placed.root)
        code, out, _ = alone(placed, "plan", "--json", "--reveal", *SNAPSHOT, *NOW)
        assert code in {0, 5}
        assert tree(placed.root) == before
        assert told(json.loads(out)) == told(real)
        again = placed.run("plan", "--json", "--reveal", *SNAPSHOT, *NOW)
        assert again.out.encode() == out
        Draft202012Validator(json.loads(schema_text("plan"))).validate(json.loads(out))
        seen |= {item["action"] for item in real["changes"]}
    assert seen >= {"create", "unchanged", "changed", "removed", "held", "uncertain", "expired", "blocked"}


def test_a_snapshot_tells_its_age_and_hides_what_it_does_not_know(placed: Workbench) -> None:
    data = json.loads((placed.root / "snapshot.json").read_text())
    Draft202012Validator(json.loads(schema_text("snapshot"))).validate(data)
    assert (placed.root / "snapshot.json").stat().st_mode & 0o777 == 0o600
    placed.write(PLAN, plan_text(rows=3).replace("14001", "99"))
    plan = placed.plan(*SNAPSHOT)
    assert plan["state"] == {
        "lineage": data["lineage"],
        "serial": data["serial"],
        "snapshot_at": data["created_at"],
    }
    [change] = [item for item in plan["changes"] if item["action"] == "changed"]
    [cell] = change["diff"]
    assert cell == {
        "field": "additional_data.amount_debt",
        "before": "(not in the snapshot)",
        "after": "***",
        "hidden": True,
    }
    text = placed.ok("plan", *SNAPSHOT, "--reveal", *NOW).out
    assert f"serial {data['serial']}" in text.splitlines()[0]
    assert text.startswith("State: snapshot of ")
    assert "days old" in text
    assert "additional_data.amount_debt: (not in the snapshot) → 99" in text
    early = placed.ok("plan", *SNAPSHOT, "--now", "2020-01-01T00:00:00Z").out
    assert "dated after this plan" in early.splitlines()[0]
    assert placed.ok("status", *SNAPSHOT).out.startswith("State: snapshot of")


def test_what_a_snapshot_does_not_hold(placed: Workbench, sandbox: Any) -> None:
    data = placed.ok("state", "export", "--public", "-").out
    for word in (*(call.call_id for call in sandbox.calls()), "c1d2e3f4", "14001", "agent-", "pn-", "HTTP"):
        assert word not in data
    again = placed.ok("state", "export", "--public", "-").out
    differing = [one for one, two in zip(data.splitlines(), again.splitlines(), strict=True) if one != two]
    assert [line.split(":")[0].strip() for line in differing] == ['"created_at"', '"checksum"']


@pytest.mark.parametrize(
    "command",
    [
        ("apply", "--auto-approve"),
        ("apply", "june.plan"),
        ("resolve",),
        ("resolve", "june/inv-1", "--stopped", "--reason", "x"),
        ("state", "init"),
        ("state", "list"),
        ("state", "show"),
        ("state", "check"),
        ("state", "backup", "copy"),
        ("state", "export", "--public", "other.json"),
        ("state", "forget", "june/inv-1", "--reason", "x"),
        ("state", "import", "june/inv-1", "call-1"),
    ],
)
def test_everything_else_is_refused(project: Workbench, sandbox: Any, command: tuple[str, ...]) -> None:
    project.write(PLAN, plan_text())
    project.ok("state", "export", "--public", "snapshot.json")
    project.ok("plan", "--out", "june.plan", *SNAPSHOT)
    before = tree(project.root)
    project.env["RECONCILER_STATE"] = "snapshot:snapshot.json"
    result = project.run(*command)
    assert result.code == 5, result.err
    assert "is a snapshot" in result.err
    assert tree(project.root) == before
    assert not sandbox.calls()
    assert project.plan()["state"]["snapshot_at"] is not None


def test_a_snapshot_that_cannot_be_used_is_an_error(project: Workbench) -> None:
    project.write(PLAN, plan_text())
    project.ok("state", "export", "--public", "snapshot.json")
    path = project.root / "snapshot.json"
    good = path.read_text()
    project.env["RECONCILER_LINEAGE"] = "another"
    assert "pinned to another" in project.run("plan", *SNAPSHOT).err
    del project.env["RECONCILER_LINEAGE"]
    path.write_text(good.replace('"serial": 0', '"serial": 5'))
    for state, words in [
        ("snapshot:snapshot.json", "damaged"),
        ("snapshot:none.json", "no snapshot at"),
        ("snapshot:", "not a regular file"),
        ("snapshot:reconciler.yaml", "is not a snapshot"),
        ("snapshot:.reconciler/state.db", "is not a snapshot"),
    ]:
        result = project.run("plan", "--state", state)
        assert (result.code, result.out) == (1, "")
        assert words in result.err
        assert "hint: " in result.err or state == "snapshot:"
    assert project.run("plan", "--state", "postgres://x").code == 64


def test_a_plan_saved_against_a_snapshot_is_judged_again_when_it_is_applied(
    project: Workbench, sandbox: Any
) -> None:
    project.write(PLAN, plan_text())
    project.ok("state", "export", "--public", "snapshot.json")
    project.apply()
    project.ok("plan", "--out", "june.plan", *SNAPSHOT)
    assert project.apply("june.plan").summary["skipped"] == 3
    assert len(sandbox.calls()) == 3
