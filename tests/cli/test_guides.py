"""The guides: their commands parse, their examples are valid, and they name only what exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import reconciler
from reconciler.cli.guides import GUIDES, code_meanings, guide_text, section, title
from reconciler.cli.terminal_markdown import rendered
from reconciler.errors import ExitCode
from reconciler.planning.guards.registry import NAMES
from reconciler.source.formulas.functions import library
from reconciler.source.formulas.program import _BUILTIN
from reconciler.source.schema.packaged import schema_text
from tests.commands import options, parse, plan_formats
from tests.conftest import Workbench

ROOT = Path(reconciler.__file__).parent
REPOSITORY = ROOT.parent
SOURCE = "\n".join(path.read_text() for path in ROOT.rglob("*.py"))
DOCUMENTS = {f"reconciler/guides/{name}.md": guide_text(name) for name in GUIDES} | {
    "README.md": (REPOSITORY / "README.md").read_text(encoding="utf-8")
}
FUNCTIONS = set(library(frozenset(), lambda: None))
PROJECT = """\
version: 1
agents: {collections: agent-a1b2c3d4-e5f6-7890-abcd-ef1234567890}
numbers: {mx-main: {id: pn-a1b2c3d4-e5f6-7890-abcd-ef1234567890, e164: "+525512345678"}}
"""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def setting_names() -> set[str]:
    """Dotted names of the settings in reconciler.yaml."""

    def walk(node: Any, path: str) -> set[str]:
        names = node.get("properties", {}) if isinstance(node, dict) else {}
        return {f"{path}{name}" for name in names} | {
            deeper for name, item in names.items() for deeper in walk(item, f"{path}{name}.")
        }

    return walk(json.loads(schema_text("project")), "")


def test_every_guide_is_listed() -> None:
    assert sorted(path.stem for path in (ROOT / "guides").iterdir()) == sorted(GUIDES)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_names_only_what_exists(name: str) -> None:
    text = DOCUMENTS[name]
    for block in blocks(text, "sh"):
        for line in block.replace("\\\n", "").splitlines():
            if line.startswith("reconciler "):
                parse(line)
    of_bench = {"--scale", "--repeat", "--only", "--rows-each"}
    ours = re.sub(r"python -m tests\b[^\n`]*", "", text)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours)) - of_bench <= options()
    assert set(re.findall(r"\b[EWG]\d{3}\b", text)) <= code_meanings().keys()
    for variable in re.findall(r"\b(?:CONTACTSHIP|RECONCILER)_[A-Z_]+", text):
        assert f'"{variable}"' in SOURCE, variable
    for setting in re.findall(r"\b(?:policy|provider|limits)\.[a-z_]+", text):
        assert setting in setting_names(), setting


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_link_leads_to_a_file_and_a_heading(name: str) -> None:
    folder = (REPOSITORY / name).parent
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", DOCUMENTS[name]):
        path, _, anchor = target.partition("#")
        file = folder / path if path else REPOSITORY / name
        assert file.exists(), target
        headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in map(slug, headings), target


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_fits_a_terminal_and_leads_on(name: str) -> None:
    text = guide_text(name)
    code = [
        line
        for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    assert [line for line in code if len(line) > 76] == []
    assert [line for line in rendered(text, 80, color=False).splitlines() if len(line) > 80] == []
    assert "\n## Read on\n" in text


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if not name.endswith("codes.md")])
def test_the_plan_files_and_settings_of_a_document_are_valid(bench: Workbench, name: str) -> None:
    for number, block in enumerate(blocks(DOCUMENTS[name], "yaml")):
        if "\nplan: " in block and "sheets:" not in block:
            bench.write("reconciler.yaml", PROJECT)
            bench.write(f"calls/example-{number}.yaml", block)
        elif block.startswith("policy:"):
            bench.write("reconciler.yaml", PROJECT + block)
            bench.write(f"calls/example-{number}.yaml", "version: 1\nplan: empty\ncalls: []\n")
            for list_name in re.findall(r"[\w/]+\.csv", block):
                header = "id,phone" if "contacts" in list_name else "phone"
                bench.write(list_name, f"{header}\n")
        else:
            continue
        result = bench.run("validate")
        assert result.code == ExitCode.DONE, f"{name}\n{block}\n{result.err}"
        (bench.root / f"calls/example-{number}.yaml").unlink(missing_ok=True)


def test_the_guides_are_complete() -> None:
    assert set(re.findall(r"(?<![\w.])([a-z0-9]+)\(", guide_text("formulas"))) >= FUNCTIONS
    assert set(re.findall(r"(?<![\w.])([a-z0-9]+)\(", guide_text("formulas"))) <= {*FUNCTIONS, *_BUILTIN}
    listed = json.loads(schema_text("project"))["properties"].items()
    wanted = {f"{name}.{key}" if key else name for name, item in listed for key in item.get("properties", [""])}
    assert {name for name in wanted - {"version"} if f"`{name}`" not in guide_text("reference")} == set()
    rows = [f"| {code} | {name} |" for code, name in NAMES.items()]
    assert [row for row in rows if row not in guide_text("guards")] == []
    codes = {int(number) for number in re.findall(r"^\| (\d+) \|", guide_text("reference"), re.MULTILINE)}
    assert codes == {int(code) for code in ExitCode}
    forms = re.search(r"people and programs: (.*?)\.\n", guide_text("plans"), re.DOTALL)
    assert forms is not None
    assert set(re.findall(r"`(\w+)`", forms[1])) == set(plan_formats())


@pytest.mark.parametrize("code", code_meanings())
def test_every_code_has_a_cause_an_example_and_a_fix(code: str) -> None:
    text = section(code)
    assert text is not None
    heading, cause, example, fix = text.strip().split("\n\n", 3)
    assert heading == f"## {code}: {NAMES.get(code, code_meanings()[code])}"
    assert cause.endswith(".")
    assert example.startswith("```")
    assert fix.startswith("Fix: ")


def test_a_word_finds_its_section() -> None:
    for word, heading in {
        "conflict": "A row is in conflict",
        "uncertain": "A call is uncertain: its answer was lost",
        "renamed": "A plan or a key was renamed",
        "exit codes": "Exit codes",
        "exit-codes": "Exit codes",
        "forbidden": "Actions",
        "policy.signed_plans": "reconciler.yaml",
        "g010": "G010: suppressed",
    }.items():
        text = section(word)
        assert text is not None, word
        assert text.startswith(f"## {heading}\n"), word
    assert section("no such word") is None


def test_help_shows_guides_sections_codes_and_commands(bench: Workbench) -> None:
    listed = bench.ok("help").out
    assert all(f"  {name:<14} {title(name)}" in listed for name in GUIDES)
    assert bench.ok("help", "formulas").out == rendered(guide_text("formulas"), 80, color=False)
    assert bench.ok("help", "conflict").out.startswith("A row is in conflict\n")
    assert "see When something goes wrong (reconciler help problems)" in " ".join(
        bench.ok("help", "forbidden").out.split()
    )
    explained = bench.ok("help", "e302").out
    assert explained.startswith(f"E302: {code_meanings()['E302']}\n")
    assert "\nFix: Correct the name, or add it to reconciler.yaml." in explained
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


def test_a_long_guide_goes_through_the_pager_on_a_terminal(bench: Workbench) -> None:
    shown = bench.on_terminal("help", "formulas", PAGER="sed s/^/paged:/", LINES="20")
    assert "paged:" in shown
    assert "Compute cells with formulas" in shown
