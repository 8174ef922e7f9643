"""Every folder under ``examples`` is a project that plans, applies, and then has nothing left to do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import KEY, Workbench

ROOT = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(path for path in ROOT.iterdir() if (path / "reconciler.yaml").is_file())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example(example: Path, tmp_path: Path, sandbox: Any) -> None:
    root = tmp_path / example.name
    shutil.copytree(example, root)
    bench = Workbench(root, {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY})
    checked = bench.ok("validate")
    assert "0 errors, 0 warnings" in checked.out
    bench.ok("state", "init")
    planned = bench.run("plan", "--format", "json", "--detailed-exitcode")
    assert planned.code == 2
    wanted = planned.json["summary"]["create"]
    applied = bench.apply()
    assert applied.code == 0, applied.err
    assert applied.summary["placed"] == wanted == len(sandbox.calls())
    assert bench.run("plan", "--detailed-exitcode").code == 0


def test_there_are_examples() -> None:
    sheets = {"appointments-xlsx", "collections-csv", "inline-table", "phones-to-contacts"}
    assert {"quickstart", "two-plans", "phone-calls"} | sheets <= {path.name for path in EXAMPLES}
