"""Every folder under ``examples`` is a project that plans, applies, and then has nothing left to do."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import KEY, Workbench

ROOT = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(path for path in ROOT.iterdir() if (path / "reconciler.yaml").is_file())


def test_the_examples_follow_one_another_on_one_sandbox(tmp_path: Path, sandbox: Any) -> None:
    """Each has people of its own: no call of one example is taken for another's."""
    for example in EXAMPLES:
        root = tmp_path / example.name
        shutil.copytree(example, root)
        bench = Workbench(root, {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY})
        checked = bench.ok("validate")
        assert "0 errors, 0 warnings" in checked.out
        bench.ok("state", "init")
        planned = bench.run("plan", "--format", "json", "--detailed-exitcode")
        assert planned.code == 2
        wanted, before = planned.json["summary"]["create"], len(sandbox.calls())
        applied = bench.apply()
        assert applied.code == 0, applied.err
        assert applied.summary["placed"] == wanted == len(sandbox.calls()) - before > 0
        assert bench.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_starts_with_one_command(example: Path, tmp_path: Path) -> None:
    """At full rate: several would take a second for each call."""
    example = shutil.copytree(example, tmp_path / example.name)
    settings = (example / "reconciler.yaml").read_text()
    hurried = re.sub(r"(?m)^  rate: .*$", "  rate: none", settings)
    (example / "reconciler.yaml").write_text(
        hurried if "provider:" in settings else f"{settings}\nprovider: {{rate: none}}\n"
    )
    before = {path: path.read_bytes() for path in example.rglob("*") if path.is_file()}
    bench = Workbench(tmp_path)
    if example.name == "quickstart":  # in new interpreters, as a user would
        out, _ = bench.start("demo", str(example)).communicate(timeout=60)
    else:
        out = bench.ok("demo", str(example)).out
    assert f"$ reconciler -C {example} apply --auto-approve" in out
    assert "Nothing to place." in out[out.index("Applied: placed") :]
    assert {path: path.read_bytes() for path in example.rglob("*") if path.is_file()} == before


def test_the_guarded_campaign_has_a_plan_that_is_blocked_whole(tmp_path: Path) -> None:
    root = tmp_path / "guarded-campaign"
    shutil.copytree(ROOT / "guarded-campaign", root)
    bench = Workbench(root)
    blocked = bench.run("plan", "--no-state", "blocked/weekend.yaml", "--format", "json")
    assert (blocked.code, {item["action"] for item in blocked.json["changes"]}) == (5, {"blocked"})
    assert bench.run("validate", "blocked/weekend.yaml").code == 5
    bench.write("stricter.yaml", "policy: {calling_hours: {windows: {mon-fri: 10:00-18:00}}}\n")
    assert bench.run("plan", "--no-state", "--policy", "stricter.yaml").code == 5


def test_the_guarded_campaign_keeps_people_from_calls_they_do_not_want(tmp_path: Path) -> None:
    root = tmp_path / "guarded-campaign"
    shutil.copytree(ROOT / "guarded-campaign", root)
    blocked = Workbench(root).run("plan", "--no-state", "blocked/people.yaml", "--format", "json")
    assert blocked.code == 5
    assert {item["key"]: item["reasons"] for item in blocked.json["changes"] if item["action"] == "blocked"} == {
        "second-of-the-day": ["G012", "G013"],
        "at-the-same-time": ["G012", "G013", "G014"],
        "within-a-day": ["G013"],
        "on-the-list": ["G010"],
        "never-agreed": ["G015"],
        "agreed-long-ago": ["G015"],
    }


def test_the_guarded_campaign_has_a_plan_that_a_person_overrides(tmp_path: Path, sandbox: Any) -> None:
    root = tmp_path / "guarded-campaign"
    shutil.copytree(ROOT / "guarded-campaign", root)
    bench = Workbench(root, {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY})
    bench.ok("state", "init")
    assert bench.run("plan", "overridden/launch.yaml", "--out", "launch.plan").code == 5
    override = ("--override", "G006=launch day, agreed with support")
    bench.ok("plan", "overridden/launch.yaml", "--out", "launch.plan", *override)
    assert "launch day, agreed with support" in bench.ok("show", "launch.plan").out
    assert bench.ok("apply", "launch.plan", "--json").summary["placed"] == 9
    assert "launch day, agreed with support" in bench.ok("audit", "log", "--json").out
    bench.ok("audit", "verify")


def test_there_are_examples() -> None:
    sheets = {"appointments-xlsx", "collections-csv", "inline-table", "phones-to-contacts"}
    others = {"quickstart", "two-plans", "phone-calls", "weekly", "guarded-campaign"}
    assert sheets | others <= {path.name for path in EXAMPLES}
