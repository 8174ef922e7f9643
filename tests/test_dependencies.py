"""Dependencies are pinned for the tests and described in a table; a known vulnerability fails the gate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONSTRAINTS = (ROOT / ".ci/constraints.txt").read_text()
NO_ANSWER = {"name": "click", "skip_reason": "Dependency not found on PyPI and could not be audited"}
CLEAN = {"name": "rich", "version": "15.0.0", "vulns": []}
VULNERABLE = {"name": "httpx", "version": "0.28.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["0.28.2"]}]}


def requirements() -> list[Requirement]:
    texts = [
        *PROJECT["dependencies"],
        *(text for extra in PROJECT["optional-dependencies"].values() for text in extra),
    ]
    return [one for one in map(Requirement, texts) if one.name != PROJECT["name"]]


@pytest.mark.parametrize("requirement", requirements(), ids=lambda one: one.name)
def test_each_dependency_is_pinned_within_its_bounds_and_described(requirement: Requirement) -> None:
    pins = {canonicalize_name(one.name): one for one in map(Requirement, CONSTRAINTS.splitlines())}
    (pin,) = pins[canonicalize_name(requirement.name)].specifier
    assert pin.operator == "=="
    assert requirement.specifier.contains(pin.version)
    assert f"\n| `{requirement.name}` | " in (ROOT / ".ci/DEPENDENCIES.md").read_text()


def test_the_constraints_name_no_host_and_no_path() -> None:
    assert "://" not in CONSTRAINTS
    assert "--" not in CONSTRAINTS
    assert "-c .ci/constraints.txt -e '.[test]'" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (json.dumps({"dependencies": [CLEAN]}), 0, "1 of 1 pinned packages have no known vulnerability"),
        (json.dumps({"dependencies": [CLEAN, VULNERABLE]}), 1, "httpx 0.28.1: PYSEC-1, fixed in 0.28.2"),
        (json.dumps({"dependencies": [NO_ANSWER, VULNERABLE]}), 1, "PYSEC-1"),
        (
            json.dumps({"dependencies": [CLEAN, NO_ANSWER]}),
            0,
            "NOT CHECKED, no answer from the advisory database: click",
        ),
        (json.dumps({"dependencies": [NO_ANSWER]}), 0, "NOT CHECKED for known vulnerabilities"),
        ("", 0, "NOT CHECKED for known vulnerabilities"),
    ],
)
def test_an_audit_that_did_not_happen_is_said(tmp_path: Path, answer: str, code: int, words: str) -> None:
    (tmp_path / "pip_audit.py").write_text(f"print({answer!r})")
    done = subprocess.run(
        [sys.executable, ROOT / ".ci/audit.py"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, "")
    assert words in done.stdout
