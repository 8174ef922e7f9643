"""Completion as shells ask for it: click's protocol, through the command itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import Workbench, clean_environment, plan_text


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write("calls/june.yaml", plan_text())
    project.write("calls/may.yaml", plan_text("may"))
    return project


def offered(bench: Workbench, line: str, *, shell: str = "bash") -> list[str]:
    """What is offered for the last word of a command line."""
    words = line.split(" ")
    asked = Workbench(bench.root, dict(bench.env))
    asked.env |= {
        "_RECONCILER_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    result = asked.run()
    assert (result.code, result.err) == (0, ""), result
    return [item.partition(",")[2] for item in result.out.splitlines() if item]


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


def test_plan_files_topics_codes_and_schemas(june: Workbench) -> None:
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
    assert f"_RECONCILER_COMPLETE={shell}_complete" in script
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=script, text=True, check=True, timeout=30)


BASH = """
eval "$(reconciler completion bash)"
COMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:'
COMP_LINE=$1
COMP_POINT=${#1}
_reconciler_completion reconciler
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("reconciler state import eu/a:b:", ["1", "22"]),
        ("reconciler state import eu/a:b:2", ["22"]),
        ("reconciler state import eu/a", ["eu/a:b:1", "eu/a:b:22"]),
        ("reconciler state import eu/plain@", ["@2"]),
        ("reconciler plan --format=ma", ["markdown"]),
        ("reconciler state ex", ["export"]),
        ("reconciler plan ", ["calls/eu.yaml"]),
    ],
)
def test_bash_is_told_what_follows_its_last_word_break(project: Workbench, line: str, expected: list[str]) -> None:
    text = plan_text("eu", 3)
    for number, key in enumerate(("a:b:1", "a:b:22", "plain\n    revision: 2"), 1):
        text = text.replace(f"inv-{number}\n", f"{key}\n")
    project.write("calls/eu.yaml", text)
    program = project.root / "reconciler"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reconciler "$@"\n')
    program.chmod(0o755)
    env = clean_environment() | {"PATH": f"{project.root}:{os.environ['PATH']}"}
    command = ["bash", "--norc", "-c", BASH, "bash", line]
    done = subprocess.run(command, cwd=project.root, env=env, capture_output=True, check=True, timeout=30)
    assert done.stdout.decode().splitlines() == expected


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_the_whole_word(june: Workbench, shell: str) -> None:
    asked = Workbench(june.root, dict(june.env))
    word = "2" if shell == "zsh" else "--format=ma"
    asked.env |= {
        "_RECONCILER_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "reconciler plan --format=ma",
        "COMP_CWORD": word,
    }
    assert "--format=markdown" in asked.run().out


def test_another_shell_is_wrong_usage(bench: Workbench) -> None:
    assert bench.run("completion", "tcsh").code == 64
