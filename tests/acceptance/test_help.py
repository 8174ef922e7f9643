"""Help: each command has examples that parse, and each topic names only what exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest

import reconciler
from reconciler.cli.topics import code_meanings, topic_names, topic_text
from reconciler.errors import ExitCode
from reconciler.planning.guards.registry import NAMES
from reconciler.source.codes import CODES
from reconciler.source.formulas.functions import library
from reconciler.source.formulas.program import _BUILTIN
from reconciler.source.schema.packaged import schema_text
from tests.commands import commands, example_lines, options, parse, plan_formats
from tests.conftest import Workbench

SOURCE = "\n".join(path.read_text() for path in Path(reconciler.__file__).parent.rglob("*.py"))
NOT_OURS = ("curl ",)
FUNCTIONS = set(library(frozenset(), lambda: None))


def fields(name: str) -> set[str]:
    """Dotted names of all properties of a schema; those of a definition by themselves."""

    def walk(node: Any, path: str) -> set[str]:
        if isinstance(node, list):
            return {found for item in node for found in walk(item, path)}
        if not isinstance(node, dict):
            return set()
        own = {f"{path}{key}" for key in node.get("properties", {})}
        deeper = {
            found for key, item in node.get("properties", {}).items() for found in walk(item, f"{path}{key}.")
        }
        others = {found for key, item in node.items() if key != "properties" for found in walk(item, "")}
        return own | deeper | others

    return walk(json.loads(schema_text(name)), "")


@pytest.mark.parametrize(("path", "command"), list(commands()))
def test_a_command_has_help_and_examples_that_parse(path: str, command: click.Command) -> None:
    assert command.help, path
    lines = example_lines(command.epilog or "")
    assert lines, f"{path} has no examples"
    assert any(line.startswith(path) for line in lines), f"none of the examples is of {path}"
    for line in lines:
        if not line.startswith(NOT_OURS):
            parse(line)


def test_the_parser_of_examples_finds_wrong_ones() -> None:
    for line in (
        "reconciler paln",
        "reconciler plan --ful",
        "reconciler state shw",
        "reconciler apply --rate fast",
    ):
        with pytest.raises(click.ClickException):
            parse(line)


@pytest.mark.parametrize("name", topic_names())
def test_a_topic_names_only_what_exists(name: str) -> None:
    text = topic_text(name)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    for line in text.replace("\\\n", "").splitlines():
        if line.strip().startswith("reconciler "):
            parse(line.strip())
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= options()
    assert set(re.findall(r"\b[EWG]\d{3}\b", text)) <= code_meanings().keys()
    assert set(re.findall(r"(?<![\w.])([a-z0-9]+)\(", text)) <= {*FUNCTIONS, *_BUILTIN}
    for variable in re.findall(r"\b(?:CONTACTSHIP|RECONCILER)_[A-Z_]+", text):
        assert f'"{variable}"' in SOURCE, variable
    for setting in re.findall(r"\b(?:policy|provider|limits|state)\.[a-z_]+", text.replace("state.db", "")):
        assert setting in fields("project"), setting
    known = {path.removeprefix("reconciler ") for path, _ in commands()} | fields("project") | fields("callplan")
    for word in re.findall(r"`([^`]+)`", text):
        assert word.partition(":")[0] in known | {"row"}, word
    also = re.search(r"^See also: (.*)$", text, re.MULTILINE)
    assert also is not None
    assert set(also[1].split(", ")) <= set(topic_names()) - {name}


def test_topics_are_whole() -> None:
    assert set(re.findall(r"(?<![\w.])([a-z0-9]+)\(", topic_text("formulas"))) >= FUNCTIONS
    listed = json.loads(schema_text("project"))["properties"].items()
    wanted = {f"{name}.{key}" if key else name for name, item in listed for key in item.get("properties", [""])}
    assert {name for name in wanted - {"plans", "version"} if name not in topic_text("settings")} == set()
    assert {code for code in code_meanings() if code.startswith("G") and code not in topic_text("guards")} == set()
    assert [
        f"{code} {name} " for code, name in NAMES.items() if f"{code} {name} " not in topic_text("guards")
    ] == []
    told = {int(number) for number in re.findall(r"^  (\d+) ", topic_text("exit-codes"), re.MULTILINE)}
    assert told == {int(code) for code in ExitCode}


def test_the_readme_lists_every_form_and_every_function() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    forms = re.search(r"`--format` takes (.*) and (`\w+`)", readme)
    functions = re.search(r"\(https://cel\.dev\) with `([^`]*)`", readme)
    assert forms is not None
    assert functions is not None
    assert set(re.findall(r"`(\w+)`", " ".join(forms.groups()))) == set(plan_formats())
    assert set(functions[1].split()) == FUNCTIONS


def test_help_explains_topics_codes_and_commands(bench: Workbench) -> None:
    listed = bench.ok("help").out
    assert all(f"  {name}" in listed for name in topic_names())
    assert bench.ok("help", "formulas").out == topic_text("formulas")
    assert bench.ok("help", "e302").out.startswith(f"E302: {CODES['E302']}")
    assert bench.ok("help", "g001").out == f"G001: {code_meanings()['G001']} (guard: reconciler help guards)\n"
    assert bench.ok("help", "state", "list").out == bench.ok("state", "list", "--help").out
    assert bench.ok("help", "plan").out == bench.ok("plan", "--help").out


@pytest.mark.parametrize(
    ("words", "near"),
    [(["formula"], "formulas"), (["E30"], "E3"), (["state", "lst"], "state list"), (["plam"], "plan")],
)
def test_an_unknown_subject_gets_the_nearest(bench: Workbench, words: list[str], near: str) -> None:
    result = bench.run("help", *words)
    assert (result.code, result.out) == (64, "")
    assert f"did you mean {near}" in result.err


def test_a_long_topic_goes_through_the_pager_on_a_terminal(bench: Workbench) -> None:
    shown = bench.on_terminal("help", "formulas", PAGER="sed s/^/paged:/", LINES="20")
    assert "paged:Computed cells" in shown
