"""Every file and folder under ``cases`` is a test: drop one in and it runs.

A case is a plan file (read in the project of ``cases/reconciler.yaml``) or a folder with a project of its own.
Beside it stands ``NAME.expect``: all its diagnostics, one a line, as ``CODE LINE:COLUMN`` (for a folder,
``FILE CODE LINE:COLUMN``; in a sheet ``CODE LINE:COLUMN:CELL``), no more and no less.
``NAME.rows.json`` holds the exact calls of a valid one. A sheet stands beside its case and has its name.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import reconciler
from reconciler.cli import main
from reconciler.domain import identity
from reconciler.source.codes import CODES
from reconciler.source.schema.prefilter import prefilter
from reconciler.source.schema.validator import to_value, validator
from reconciler.source.settings.project import load_project
from reconciler.source.sources import load_sources
from reconciler.source.yaml.loader import load
from reconciler.source.yaml.nodes import MapNode

ROOT = Path(__file__).parent / "cases"
KINDS = ("valid", "invalid")


def cases(kind: str) -> list[Path]:
    return sorted(path for path in (ROOT / kind).iterdir() if path.is_dir() or path.suffix == ".yaml")


def name(path: Path) -> str:
    return path.stem


def expected(path: Path) -> list[str]:
    return path.with_suffix(".expect").read_text(encoding="utf-8").splitlines()


def validate(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    args = ["-C", str(path), "validate"] if path.is_dir() else ["-C", str(ROOT), "validate", str(path)]
    code = main([*args, "--json"])
    return code, json.loads(capsys.readouterr().out)


def told(item: dict[str, Any], *, with_file: bool) -> str:
    place = f"{item['code']} {item['line']}:{item['column']}" + (f":{item['cell']}" if "cell" in item else "")
    return f"{item['file']} {place}" if with_file else place


@pytest.mark.parametrize("path", cases("invalid"), ids=name)
def test_invalid(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, result = validate(path, capsys)
    assert [told(item, with_file=path.is_dir()) for item in result["diagnostics"]] == expected(path)
    assert code == 1
    assert result["valid"] is False
    assert any(item["severity"] == "error" for item in result["diagnostics"])


@pytest.mark.parametrize("path", cases("valid"), ids=name)
def test_valid(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, result = validate(path, capsys)
    assert [told(item, with_file=path.is_dir()) for item in result["diagnostics"]] == expected(path)
    assert code == 0
    assert {item["severity"] for item in result["diagnostics"]} <= {"warning"}


@pytest.mark.parametrize(
    "path", [path for path in cases("valid") if path.with_suffix(".rows.json").exists()], ids=name
)
def test_the_calls_of_a_valid_file(path: Path) -> None:
    project, _, _ = load_project(ROOT)
    rows = [
        {
            "address": str(row.address),
            "rings_at": None if row.rings_at is None else row.rings_at.isoformat(),
            "call": identity.to_logical(row.call),
        }
        for row in load_sources(project, [path]).rows
    ]
    assert rows == json.loads(path.with_suffix(".rows.json").read_text(encoding="utf-8"))


def test_there_are_many() -> None:
    assert len(cases("invalid")) >= 100
    assert len(cases("valid")) >= 30


def test_every_code_of_the_catalogue_has_a_case() -> None:
    met = {line.split()[-2] for kind in KINDS for path in cases(kind) for line in expected(path)}
    # These need links, git, a state or a workbook: tested through the command line.
    elsewhere = {"E113", "E404", "E405", "E501", "E502", "E609", "W207", "W401", "W402", "W601"}
    assert {code for code in met if not code.startswith("G")} | elsewhere == set(CODES)


def test_the_source_and_the_catalogue_have_the_same_codes() -> None:
    source = Path(reconciler.__file__).parent.rglob("*.py")
    used = {
        code
        for path in source
        if path.name != "codes.py"
        for code in re.findall(r'"([EW]\d{3})"', path.read_text())
    }
    assert used == set(CODES)


def test_nothing_lies_about_without_a_case() -> None:
    known = {path.stem for kind in KINDS for path in cases(kind)}
    loose = [
        path.name for kind in KINDS for path in (ROOT / kind).iterdir() if path.name.split(".")[0] not in known
    ]
    assert not [item for item in loose if not item.startswith("yaml-")]


def test_no_file_passes_that_jsonschema_refuses() -> None:
    for path in sorted(ROOT.rglob("*.yaml")):
        root = load(path.read_bytes(), path.name).root
        if isinstance(root, MapNode):
            for schema in ("callplan", "project"):
                if prefilter(schema).passes(root):
                    assert validator(schema).is_valid(to_value(root)), (path, schema)
