"""Completion as shells ask for it: click's protocol, through the command itself."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.conftest import Workbench, plan_text


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write("calls/june.yaml", plan_text())
    project.write("calls/may.yaml", plan_text("may"))
    return project


def offered(bench: Workbench, line: str, *, shell: str = "bash") -> list[str]:
    """What is offered for the last word of a command line: in bash, what goes on from there."""
    words = line.split(" ")
    asked = Workbench(bench.root, dict(bench.env))
    asked.env |= {"_RECONCILER_COMPLETE": f"{shell}_complete", "COMP_WORDS": line}
    result = asked.run()
    assert (result.code, result.err) == (0, ""), result
    return [words[-1] + item.partition(",")[2] for item in result.out.splitlines() if item]


def test_commands_options_and_choices(june: Workbench) -> None:
    assert offered(june, "reconciler pl") == ["plan"]
    assert offered(june, "reconciler state ex") == ["export"]
    assert "--detailed-exitcode" in offered(june, "reconciler plan --")
    assert offered(june, "reconciler plan --format ma") == ["markdown"]


def test_addresses_come_from_the_state(june: Workbench) -> None:
    june.apply()
    assert offered(june, "reconciler resolve june/inv-") == ["june/inv-1", "june/inv-2", "june/inv-3"]
    assert offered(june, "reconciler state show may/inv-2") == ["may/inv-2"]
    assert offered(june, "reconciler state forget nobody") == []
    (june.root / "elsewhere").mkdir()
    inside = Workbench(june.root / "elsewhere", june.env)
    assert offered(inside, "reconciler -C .. resolve june/inv-1") == ["june/inv-1"]


def test_addresses_to_import_come_from_the_rows(june: Workbench) -> None:
    assert offered(june, "reconciler state import may/") == ["may/inv-1", "may/inv-2", "may/inv-3"]


def test_plan_files_guides_codes_and_schemas(june: Workbench) -> None:
    assert offered(june, "reconciler plan calls/") == ["calls/june.yaml", "calls/may.yaml"]
    assert offered(june, "reconciler apply calls/j") == ["calls/june.yaml"]
    assert offered(june, "reconciler help form") == ["formulas"]
    assert offered(june, "reconciler help E30")[:2] == ["E301", "E302"]
    assert "state" in offered(june, "reconciler help st")
    assert offered(june, "reconciler schema call") == ["callplan"]


def test_a_completion_that_cannot_be_made_says_nothing(bench: Workbench) -> None:
    assert offered(bench, "reconciler resolve june/") == []
    assert offered(bench, "reconciler plan no") == ["no"], "left to the shell, as a file"
    bench.write("reconciler.yaml", "version: [")
    assert offered(bench, "reconciler state show june/") == []
    assert offered(bench, "reconciler -C nowhere state show june/") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell(bench: Workbench, shell: str) -> None:
    script = bench.ok("completion", shell).out
    assert "_RECONCILER_COMPLETE" in script
    assert f"{shell}_complete" in script
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=script, text=True, check=True, timeout=30)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_the_whole_word(june: Workbench, shell: str) -> None:
    asked = Workbench(june.root, dict(june.env))
    asked.env |= {
        "_RECONCILER_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "reconciler plan --format=ma",
    }
    assert "--format=markdown" in asked.run().out


def test_another_shell_is_wrong_usage(bench: Workbench) -> None:
    assert bench.run("completion", "tcsh").code == 64


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    "name", ["a\nb", "x\rtouch x\r", "\x1b[31m", "\x07", "\u202etxt", "\u00a0", "\ue000", os.fsdecode(b"\xff")]
)
def test_names_that_a_terminal_cannot_show_are_not_offered(june: Workbench, shell: str, name: str) -> None:
    june.write(f"calls/{name}.yaml", plan_text("hidden"))
    june.env |= {"_RECONCILER_COMPLETE": f"{shell}_complete", "COMP_WORDS": "reconciler plan calls/"}
    lines = june.run().out.splitlines()
    shown = {"zsh": ["calls/june.yaml", "calls/may.yaml"], "bash": ["plain,june.yaml", "plain,may.yaml"]}
    shown["fish"] = ["plain,calls/june.yaml", "plain,calls/may.yaml"]
    assert (lines[1::3] if shell == "zsh" else lines) == shown[shell]


def test_a_file_is_never_offered_as_an_option(june: Workbench) -> None:
    june.write("calls/--auto-approve.yaml", plan_text("options"))
    inside = Workbench(june.root / "calls", june.env)
    assert offered(inside, "reconciler plan ") == ["./--auto-approve.yaml", "june.yaml", "may.yaml"]
    assert offered(inside, "reconciler plan ./--") == ["./--auto-approve.yaml"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("reconciler plan calls/$(", []),
        ("reconciler plan ~/", []),
        ("reconciler plan calls/*", []),
        ('reconciler plan "calls/`', []),
        ("reconciler plan calls/j\\", []),
        ("reconciler plan 'calls/j", ["plain,une.yaml"]),
        ('reconciler plan "calls/"j', ["plain,une.yaml"]),
        ("reconciler plan calls/\\j", ["plain,une.yaml"]),
    ],
)
def test_what_the_shell_would_act_on_is_not_completed(june: Workbench, line: str, expected: list[str]) -> None:
    june.env |= {"_RECONCILER_COMPLETE": "bash_complete", "COMP_WORDS": line}
    assert [item for item in june.run().out.splitlines() if item] == expected
