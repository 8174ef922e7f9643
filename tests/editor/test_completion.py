"""Plan files in an editor: the real YAML language server with the schema that ``init`` writes beside them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.conftest import Workbench
from tests.editor.language_server import LanguageServer

COMMAND = os.environ.get("YAML_LANGUAGE_SERVER") or shutil.which("yaml-language-server")
pytestmark = pytest.mark.skipif(COMMAND is None, reason="no yaml-language-server (npm) on this machine")

PLAN = """\
# yaml-language-server: $schema=.callplan.schema.json
version: 1
plan: june
defaults:
  agent: agent-a1b2c3d4-e5f6-7890-abcd-ef1234567890
  from: pn-a1b2c3d4-e5f6-7890-abcd-ef1234567890
  schedule: {timezone: America/Mexico_City}
calls:
  - key: inv-1001
    contact_id: c1d2e3f4-a5b6-7890-cdef-123456789012
    schedule: {at: 2031-06-16 14:30:00}
  - key: lead-7
    to_number: +525512345678
    full_name: Maria Lopez
    delay_minutes: 0
    place_by: 2031-06-15T18:00:00-06:00
"""


@pytest.fixture
def editor(bench: Workbench) -> Iterator[LanguageServer]:
    assert COMMAND is not None
    bench.ok("init")
    with LanguageServer([COMMAND, "--stdio"], bench.root) as server:
        yield server


def test_a_right_file_has_no_problem_in_an_editor(bench: Workbench, editor: LanguageServer) -> None:
    assert editor.open(bench.write("calls/june.yaml", PLAN)) == []


def test_a_wrong_field_is_marked(bench: Workbench, editor: LanguageServer) -> None:
    file = bench.write("calls/june.yaml", PLAN.replace("full_name:", "fullname:"))
    [problem] = editor.open(file)
    assert (problem["range"]["start"]["line"], "fullname" in problem["message"]) == (13, True)


def test_fields_of_a_row_are_offered_and_explained(bench: Workbench, editor: LanguageServer) -> None:
    file = bench.write("calls/june.yaml", f"{PLAN}    \n")
    editor.open(file)
    offered = editor.completions(file, PLAN.count("\n"), 4)
    assert {"metadata", "additional_data", "revision", "enabled"} <= set(offered)
    assert "key" not in offered
    assert "not placed" in editor.hover(file, 15, 6)


def test_fields_of_a_sheet_are_offered(bench: Workbench, editor: LanguageServer) -> None:
    text = PLAN[: PLAN.index("calls:")] + "sheets:\n  - file: june.csv\n    \n"
    file = bench.write("calls/june.yaml", text)
    editor.open(file)
    assert {"columns", "hidden", "sheet"} <= set(editor.completions(file, text.count("\n") - 1, 4))
