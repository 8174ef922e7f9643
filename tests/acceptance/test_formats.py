"""``--format`` and ``--output``: which form goes where, from ``plan`` and from ``show``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.commands import plan_formats
from tests.conftest import Workbench, clean_environment, plan_text
from tests.gitrepo import git

NAMES = {
    "text": "plan.txt",
    "json": "plan.json",
    "markdown": "comment.md",
    "html": "plan.html",
    "junit": "junit.xml",
    "sarif": "plan.sarif",
    "github": "annotations.txt",
    "csv": "plan.csv",
    "xlsx": "plan.xlsx",
}


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write("calls/june.yaml", plan_text())
    return project


def asked(*forms: str) -> list[str]:
    return [word for form in forms for word in ("--format", form, "--output", NAMES[form])]


def test_every_form_at_once_is_what_it_is_alone(june: Workbench) -> None:
    assert set(NAMES) == set(plan_formats())
    now = ("--now", "2031-05-30T12:00:00Z")
    june.ok("plan", *now, "--out", "june.plan")
    assert june.ok("plan", *now, *asked(*NAMES)).out == ""
    books = [(june.root / NAMES["xlsx"]).read_bytes()]
    june.ok("show", "june.plan", *asked("xlsx"))
    assert [(june.root / NAMES["xlsx"]).read_bytes()] == books
    together = {form: (june.root / name).read_text() for form, name in NAMES.items() if form != "xlsx"}
    json.loads(together["sarif"])
    ET.fromstring(together["junit"].encode())
    for form, text in together.items():
        assert june.ok("show", "june.plan", "--format", form).out == text
        assert "3 to place" in text or form in {"json", "junit", "sarif", "csv"}
    assert june.ok("show", "june.plan", *asked("markdown")).out == ""
    assert (june.root / "comment.md").read_text() == together["markdown"]


def test_one_of_them_may_go_to_the_standard_output(june: Workbench) -> None:
    result = june.ok("plan", *asked("markdown"), "--format", "github", "--output", "-")
    assert result.out.startswith("::notice title=reconciler::3 to place")
    assert (june.root / "comment.md").read_text().startswith("<!-- reconciler:plan -->\n")
    assert june.ok("plan", "--output", "plan.txt").out == ""
    assert "Plan: 3 to place" in (june.root / "plan.txt").read_text()
    assert june.ok("plan", "--json", *asked("sarif"), "--output", "-").json["summary"]["create"] == 3


@pytest.mark.parametrize(
    "args",
    [
        ("--format", "json", "--format", "sarif"),
        ("--format", "json", "--format", "sarif", "--output", "a"),
        ("--format", "json", "--output", "a", "--output", "b"),
        ("--json", "--format", "sarif"),
        ("--format", "json", "--output", "a", "--format", "sarif", "--output", "./a"),
        ("--format", "html5"),
    ],
)
@pytest.mark.parametrize("command", [("plan",), ("show", "june.plan")])
def test_other_counts_are_wrong_usage(june: Workbench, command: tuple[str, ...], args: tuple[str, ...]) -> None:
    result = june.run(*command, *args)
    assert result.code == 64
    assert result.out == ""
    assert not (june.root / "a").exists()
    assert "format" in result.err


def test_a_plan_with_errors_is_told_in_each_form_and_not_saved(june: Workbench) -> None:
    june.write("calls/broken.yaml", "version: 1\nplan: broken\ncalls: [")
    result = june.run("plan", "--out", "june.plan", *asked(*NAMES))
    assert result.code == 1
    assert not (june.root / "june.plan").exists()
    for form in ("json", "markdown", "html", "junit", "sarif", "github"):
        assert "E103" in (june.root / NAMES[form]).read_text()
        assert "calls/broken.yaml" in (june.root / NAMES[form]).read_text()


def test_a_file_that_cannot_be_written_is_named(june: Workbench) -> None:
    result = june.run("plan", "--format", "json", "--output", "nowhere/plan.json")
    assert result.code == 1
    assert "nowhere/plan.json" in result.err


def test_places_are_told_from_the_top_of_the_repository(june: Workbench) -> None:
    june.write("calls/june.yaml", plan_text().replace("additional_data", "additonal_data", 1))
    inside = june.root / "ops"
    inside.mkdir()
    for name in ("reconciler.yaml", ".reconciler", "calls"):
        (june.root / name).rename(inside / name)
    git(june.root, "init", "--quiet")
    moved = Workbench(inside, june.env)
    assert (
        "::error file=ops/calls/june.yaml,line=11,col=5,title=E201::"
        in moved.run("plan", "--format", "github").out
    )
    (result,) = moved.run("plan", "--format", "sarif").json["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "ops/calls/june.yaml"
    within = Workbench(inside / "calls", june.env)
    assert "file=ops/calls/june.yaml," in within.run("plan", "--format", "github").out


def test_a_name_that_is_no_utf_8_is_told_in_each_form(june: Workbench) -> None:
    june.write(os.fsdecode(b"calls/\xff.yaml"), "version: 1\nplan: odd\ncalls: 5\n")
    result = june.run("plan", *asked(*NAMES))
    assert result.code == 1
    assert "calls/\\xff.yaml:3:8: error E203" in result.err
    assert json.loads((june.root / "plan.json").read_text())["diagnostics"][0]["file"] == "calls/\\xff.yaml"


def test_a_workbook_goes_to_a_file_or_a_pipe_and_never_to_a_terminal(june: Workbench) -> None:
    june.ok("plan", "--now", "2031-05-30T12:00:00Z", *asked("xlsx"))
    args = [sys.executable, "-m", "reconciler", "plan", "--now", "2031-05-30T12:00:00Z", "--format", "xlsx"]
    options: Any = {"cwd": june.root, "env": clean_environment() | june.env, "stderr": subprocess.PIPE}
    piped = subprocess.run(args, stdout=subprocess.PIPE, check=True, **options).stdout
    assert piped == (june.root / NAMES["xlsx"]).read_bytes()
    ours, theirs = os.openpty()
    refused = subprocess.run(args, stdout=theirs, check=False, **options)
    os.close(theirs)
    assert refused.returncode == 64
    assert b"--output FILE.xlsx" in refused.stderr
    with pytest.raises(OSError, match="Input/output"):  # nothing was printed
        os.read(ours, 1)
    os.close(ours)


def test_a_command_that_needs_no_workbook_does_not_load_its_library(june: Workbench) -> None:
    plan = "from reconciler.cli import main; main(['plan', '--format', 'csv'])"
    code = f"import sys; {plan}; sys.exit('xlsxwriter' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=june.root, env=clean_environment(), check=False)
    assert done.returncode == 0


REPORT = "https://ci.example/ops/calls/runs/71?attempt=1&x=2#artifacts"


def test_the_comment_links_the_report_and_no_other_form_does(june: Workbench) -> None:
    now = ("--now", "2031-05-30T12:00:00Z")
    june.ok("plan", *now, *asked(*NAMES))
    plain = {form: (june.root / name).read_bytes() for form, name in NAMES.items()}
    june.ok("plan", *now, *asked(*NAMES), "--report-url", REPORT, "--out", "june.plan")
    linked = {form: (june.root / name).read_bytes() for form, name in NAMES.items()}
    assert {form for form in NAMES if linked[form] != plain[form]} == {"markdown"}
    assert b'<a href="https://ci.example/ops/calls/runs/71?attempt=1&amp;x=2#artifacts">' in linked["markdown"]
    assert REPORT not in (june.root / "june.plan").read_text()
    assert (
        june.ok("show", "june.plan", "--format", "markdown", "--report-url", REPORT).out.encode()
        == (linked["markdown"])
    )


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "ci.example/run",
            "//ci.example",
            "javascript:alert(1)",
            "ftp://ci.example/",
            "https://",
            "https:///x",
        ),
        *(
            'https://ci.example/"onclick="x',
            "https://ci.example/a b",
            "https://ci.example/)[x](y",
            "https://c/<b>",
        ),
        *(
            "https://user:secret@ci.example/",
            "https://ci.example/\n@octocat",
            "https://ci.example/`",
            "/actions/runs/",
        ),
    ],
)
def test_what_is_not_the_address_of_a_page_is_wrong_usage(june: Workbench, url: str) -> None:
    result = june.run("plan", "--format", "markdown", "--report-url", url)
    assert (result.code, result.out) == (64, "")
    assert "is not the http or https URL of a page" in result.err
