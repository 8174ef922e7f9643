"""The benchmark: that it runs, and that it finds out wrong results and missing yardsticks."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.bench import yardsticks
from tests.bench.inputs import NOW, write_csv, write_yaml
from tests.bench.lines import Goal, Setup
from tests.bench.measuring import ROOT, ResultError, Samples, run
from tests.bench.results import check_plan
from tests.conftest import Workbench


def test_the_command_measures_and_checks(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    options = ["--no-yardsticks", "--scale", "0.001", "--repeat", "1", "--json", str(file)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--only", "yaml", "--only", "apply", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    works = ["100 YAML rows, empty state", "100 YAML rows, nothing to do", "10 calls", "10 calls, whole process"]
    lines = json.loads(file.read_text(encoding="utf-8"))["lines"]
    assert [line["work"].partition(", ")[2] for line in lines] == works
    for line in lines:
        assert (line["value"], line["reached"]) == (None, "not measured")
        assert line["ours"][0]["cpu"] > 0.05
        assert line["ours"][0]["peak"] > 10 * 2**20
        assert line["work"] in done.stdout


@pytest.fixture(scope="module", params=[write_yaml, write_csv])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    bench = Workbench(tmp_path_factory.mktemp("bench"))
    bench.create_project()
    (bench.root / "calls").mkdir()
    request.param(bench.root / "calls", 20)
    bench.ok("plan", "--now", NOW, "--out", "bench.plan")
    return bench.root / "bench.plan"


def test_a_right_plan_passes(saved: Path) -> None:
    check_plan(saved, 20, "create")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"digest": "d1:sha256:', '"digest": "d1:sha256:0'),
        ('"scheduled_at": "2031-06-01T15:00:20Z"', '"scheduled_at": "2031-06-01T14:00:20Z"'),
        ('"create": 20', '"create": 19'),
        ('"action": "create"', '"action": "unchanged"'),
        ("inv-0000007/2031-06", "inv-0000077/2031-06"),
    ],
)
def test_a_wrong_plan_is_found_out(saved: Path, tmp_path: Path, old: str, new: str) -> None:
    text = saved.read_text(encoding="utf-8")
    assert old in text
    wrong = tmp_path / "wrong.plan"
    wrong.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ResultError):
        check_plan(wrong, 20, "create")


def test_rows_that_are_missing_are_found_out(saved: Path) -> None:
    with pytest.raises(ResultError, match="20 changes"):
        check_plan(saved, 21, "create")


def test_a_command_that_fails_has_no_figures(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="ended with 3: away"):
        run(
            [sys.executable, "-c", "import sys; print('away', file=sys.stderr); sys.exit(3)"],
            tmp_path,
            tmp_path / "o",
        )


def test_a_cost_is_that_of_the_whole_process(tmp_path: Path) -> None:
    busy = "import time\nx = b'x' * 80_000_000\nwhile time.process_time() < 0.2: pass"
    costs = run([sys.executable, "-S", "-c", busy], tmp_path, tmp_path / "o")
    assert 0.2 <= costs["cpu"] < 2
    assert costs["wall"] >= costs["cpu"] * 0.9
    assert 80e6 < costs["peak"] < 130e6
    idle = run([sys.executable, "-S", "-c", "pass"], tmp_path, tmp_path / "o")
    assert idle["peak"] < 30e6


def test_a_missing_yardstick_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yardsticks, "find_spec", lambda name: None if name == "octodns" else find_spec(name))
    said: list[str] = []
    setup = Setup(tmp_path, 1, 1, "wall", yardsticks=True, say=said.append)
    assert yardsticks.octodns(setup, 10) is None
    assert "octoDNS is not installed" in said[0]
    rounds = {"ours": Samples(({"wall": 1.0, "cpu": 1.0},))}
    line = setup.ratio("work", rounds, "ours", yardsticks.OCTODNS, Goal(1, 1))
    assert (line.verdict, line.note) == ("not measured", "octoDNS was not run")


@pytest.mark.parametrize(
    ("goal", "verdicts"),
    [
        (Goal(12, 5), {5: "moonshot", 5.1: "target", 12: "target", 12.1: "missed"}),
        (Goal(97, 99.5, least=True), {99.5: "moonshot", 97: "target", 96.9: "missed"}),
        (Goal(None, 1), {1: "moonshot", 1.1: ""}),
    ],
)
def test_goals(goal: Goal, verdicts: dict[float, str]) -> None:
    assert {value: goal.verdict(value) for value in verdicts} == verdicts
