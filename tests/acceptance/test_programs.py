"""What the programs that we start are given: the checkpoint, the pager, the demo's own commands."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.system import programs
from tests.conftest import Workbench, plan_text

CANARIES = {
    "RECONCILER_PLAN_KEY": "canary-of-the-plan-key-0123456789abcdef",
    "PGPASSWORD": "canary-of-postgres",
    "PGPASSFILE": "/canary/pgpass",
}
CHECKPOINT = f'{sys.executable} -c \'import json, os; json.dump(dict(os.environ), open("env.json", "w"))\''


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write("calls/june.yaml", plan_text())
    project.env |= CANARIES | {
        "RECONCILER_CHECKPOINT": CHECKPOINT,
        "RECONCILER_STATE": str(project.root / ".reconciler/state.db"),
        "GIT_TOKEN": "the operator's own",
    }
    return project


def given(bench: Workbench) -> dict[str, str]:
    """What the checkpoint found in its environment."""
    environment: dict[str, str] = json.loads((bench.root / "env.json").read_text())
    return environment


def test_a_checkpoint_gets_no_secret_of_ours(june: Workbench, sandbox: Any) -> None:
    assert june.apply().summary["placed"] == 3
    assert not set(given(june)) & programs.SECRETS
    assert given(june)["GIT_TOKEN"] == "the operator's own"
    assert given(june)["RECONCILER_STATE_FILE"] == june.env["RECONCILER_STATE"]
    assert not [value for value in given(june).values() if "canary" in value]


def test_a_checkpoint_gets_what_is_named(june: Workbench, sandbox: Any) -> None:
    june.env["RECONCILER_CHECKPOINT_ENV"] = "PGPASSWORD, RECONCILER_PLAN_KEY,NOT_SET"
    assert june.apply().summary["placed"] == 3
    assert set(given(june)) & programs.SECRETS == {"PGPASSWORD", "RECONCILER_PLAN_KEY"}


def test_the_key_of_the_service_is_never_named(june: Workbench, sandbox: Any) -> None:
    june.env["RECONCILER_CHECKPOINT_ENV"] = "CONTACTSHIP_API_KEY"
    refused = june.apply()
    assert refused.code == 64
    assert "RECONCILER_CHECKPOINT_ENV names CONTACTSHIP_API_KEY, which is never passed to a program" in refused.err
    assert not sandbox.calls()


@pytest.mark.parametrize("path", [".:{}", ":{}", "{}:", "{}::", "here:{}"])
def test_a_program_in_the_projects_folder_is_not_found_by_name(june: Workbench, sandbox: Any, path: str) -> None:
    for name in ("carry-it", "here/carry-it"):
        june.write(name, "#!/bin/sh\ntouch started\n").chmod(0o755)
    june.env |= {"RECONCILER_CHECKPOINT": "carry-it", "PATH": path.format(os.environ["PATH"])}
    stopped = june.apply()
    assert (stopped.code, "exit 127" in stopped.summary["stopped"]) == (3, True)
    assert not (june.root / "started").exists()
    june.env["RECONCILER_CHECKPOINT"] = "./carry-it"
    assert june.apply().summary["placed"] == 3
    assert (june.root / "started").exists()


def test_a_pager_gets_no_secret_of_ours(june: Workbench) -> None:
    shown = june.on_terminal("help", "formulas", PAGER="sh -c 'cat; env'", LINES="20")
    assert "GIT_TOKEN=the operator's own" in shown
    assert not [name for name in programs.SECRETS if f"{name}=" in shown]


def test_the_completion_script_is_printed_without_bash(bench: Workbench) -> None:
    program = bench.write("bin/bash", '#!/bin/sh\ntouch "$0.started"\n')
    program.chmod(0o755)
    bench.env["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    assert "complete -o nosort" in bench.ok("completion", "bash").out
    assert not Path(f"{program}.started").exists()


def test_the_demo_gives_its_commands_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", "/bin::.:relative:/usr/bin")
    assert not programs.SECRETS & set(programs.environment())
    assert programs.environment()["PATH"] == "/bin:/usr/bin"
    assert programs.SECRETS & set(programs.environment({"PGPASSWORD"})) == {"PGPASSWORD"}
    with programs.clean_environment():
        assert os.environ.get("PGPASSWORD") is None
    assert os.environ["PGPASSWORD"] == CANARIES["PGPASSWORD"]
