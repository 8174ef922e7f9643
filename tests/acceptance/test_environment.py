"""A variable that is set but empty, as where a CI secret is missing, is never taken for one that is not set."""

from __future__ import annotations

import shutil

import pytest

from tests.conftest import Workbench, plan_text

READERS = [
    ("CONTACTSHIP_API_KEY", ["apply", "--auto-approve"]),
    ("CONTACTSHIP_API_KEY", ["status"]),
    ("CONTACTSHIP_API_KEY", ["resolve"]),
    ("CONTACTSHIP_API_KEY", ["contacts", "pull", "c.csv"]),
    ("CONTACTSHIP_BASE_URL", ["apply", "--auto-approve"]),
    ("CONTACTSHIP_BASE_URL", ["contacts", "pull", "c.csv"]),
    ("RECONCILER_STATE", ["plan"]),
    ("RECONCILER_STATE", ["apply", "--auto-approve"]),
    ("RECONCILER_STATE", ["state", "list"]),
    ("RECONCILER_STATE", ["audit", "head"]),
    ("RECONCILER_LINEAGE", ["plan"]),
    ("RECONCILER_LINEAGE", ["apply", "--auto-approve"]),
    ("RECONCILER_LINEAGE", ["state", "list"]),
    ("RECONCILER_PLAN_KEY", ["plan", "--out", "x.plan"]),
    ("RECONCILER_PLAN_KEY", ["apply", "june.plan"]),
    ("RECONCILER_PLAN_KEY", ["show", "june.plan"]),
    ("RECONCILER_CHECKPOINT", ["apply", "--auto-approve"]),
]
OTHERS = [
    ("CONTACTSHIP_API_KEY", ["plan"]),
    ("CONTACTSHIP_API_KEY", ["apply", "--auto-approve", "--api-key-file", "key.txt"]),
    ("CONTACTSHIP_BASE_URL", ["plan"]),
    ("RECONCILER_STATE", ["plan", "--state", ".reconciler/state.db"]),
    ("RECONCILER_STATE", ["validate"]),
    ("RECONCILER_LINEAGE", ["validate"]),
    ("RECONCILER_PLAN_KEY", ["plan"]),
    ("RECONCILER_PLAN_KEY", ["apply", "--auto-approve"]),
    ("RECONCILER_PLAN_KEY", ["apply", "--approved", "../june.plan"]),
    ("RECONCILER_CHECKPOINT", ["plan"]),
    ("RECONCILER_CHECKPOINT", ["apply", "--auto-approve", "--checkpoint", "none"]),
]


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write("calls/june.yaml", plan_text())
    project.write("key.txt", project.env["CONTACTSHIP_API_KEY"]).chmod(0o600)
    project.ok("plan", "--out", "june.plan")
    shutil.copy(project.root / "june.plan", project.root.parent)
    return project


@pytest.mark.parametrize("value", ["", " \t"])
@pytest.mark.parametrize(("name", "command"), READERS)
def test_an_empty_variable_is_an_error_where_it_is_read(
    june: Workbench, name: str, command: list[str], value: str
) -> None:
    june.env[name] = value
    result = june.run(*command)
    assert result.code == 64, result
    assert result.err.startswith(f"error: {name} is set but empty\nhint: unset it"), result.err
    assert not result.out
    assert not (june.root / "x.plan").exists()


@pytest.mark.parametrize(("name", "command"), OTHERS)
def test_it_is_none_where_it_is_not_read(june: Workbench, name: str, command: list[str]) -> None:
    june.env[name] = ""
    assert june.run(*command).code == 0


@pytest.mark.parametrize(
    "command",
    [
        ["plan", "--state", ""],
        ["apply", "--auto-approve", "--base-url", " "],
        ["apply", "--auto-approve", "--checkpoint", ""],
    ],
)
def test_an_empty_option_is_what_an_unset_variable_of_a_script_looks_like(
    june: Workbench, command: list[str]
) -> None:
    result = june.run(*command)
    assert result.code == 64, result
    assert f"error: {command[-2]} is empty" in result.err


def test_nothing_is_placed_with_an_empty_variable(june: Workbench) -> None:
    june.env["RECONCILER_CHECKPOINT"] = ""
    assert june.run("apply", "--auto-approve").code == 64
    del june.env["RECONCILER_CHECKPOINT"]
    assert june.apply().summary["placed"] == 3


def test_doctor_names_every_empty_variable(june: Workbench) -> None:
    june.env |= {"RECONCILER_STATE": "", "RECONCILER_PLAN_KEY": " ", "CONTACTSHIP_API_KEY": ""}
    result = june.run("doctor", "--offline", "--json")
    assert result.code == 1
    found = {item["check"]: item for item in result.json["checks"]}
    assert found["environment"]["status"] == "fail"
    for name in ("RECONCILER_STATE", "RECONCILER_PLAN_KEY", "CONTACTSHIP_API_KEY"):
        assert name in found["environment"]["message"]
    assert found["api-key"]["message"] == "CONTACTSHIP_API_KEY is set but empty"


def test_completion_says_nothing_of_it(june: Workbench) -> None:
    june.env |= {
        "RECONCILER_STATE": "",
        "_RECONCILER_COMPLETE": "bash_complete",
        "COMP_WORDS": "reconciler state show ",
    }
    result = june.run()
    assert (result.code, result.out.strip(), result.err) == (0, "", "")
