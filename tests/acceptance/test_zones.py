"""Zones through the command line: places only, by the packaged rules, the same on every machine."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from typing import Any

import pytest
import tzdata

from tests.conftest import AGENT, Workbench, clean_environment, plan_text

NOW = ("--now", "2031-05-30T12:00:00Z")
OTHER = "1999z"


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write("calls/june.yaml", plan_text())
    return project


def test_the_rules_of_the_machine_change_no_plan(june: Workbench) -> None:
    """Whatever PYTHONTZPATH says."""
    before = june.ok("plan", *NOW, "--json").out
    theirs = june.root.parent / "zoneinfo/America/Mexico_City"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(resources.files("tzdata").joinpath("zoneinfo", "America", "New_York").read_bytes())
    june.env["PYTHONTZPATH"] = str(theirs.parent.parent)
    assert june.ok("plan", *NOW, "--json").out == before


def test_a_saved_plan_names_its_zone_rules(june: Workbench, sandbox: Any) -> None:
    june.ok("plan", "--out", "june.plan")
    assert june.ok("show", "june.plan", "--json").json["zone_rules"] == tzdata.IANA_VERSION
    applied = june.run("apply", "june.plan", "--json", "--no-schedule-check")
    assert (applied.code, "time zone rules" in applied.err, len(sandbox.calls())) == (0, False, 3)


@pytest.mark.parametrize("moved", [False, True])
def test_a_plan_by_other_zone_rules_is_told_and_refused_where_a_time_differs(
    june: Workbench, sandbox: Any, moved: bool
) -> None:
    """Made by this very tool, told of another release and, for one call, of another time."""
    june.ok("plan", "--out", "june.plan")
    program = f"""
import reconciler.domain.times, reconciler.planning.plan, reconciler.domain.plan
from reconciler.source.rows import timing
reconciler.planning.plan.ZONE_RULES = {OTHER!r}
if {moved}:
    from datetime import timedelta
    before = timing.set_time
    timing_set = lambda at, zone: (before(at, zone)[0], before(at, zone)[1] + timedelta(hours=1))
    timing.set_time = timing_set
    import reconciler.source.rows.ordinary
    reconciler.source.rows.ordinary.set_time = timing_set
import sys
from reconciler.cli import main
sys.exit(main(["plan", "--out", "other.plan"]))
"""
    env = clean_environment() | june.env
    subprocess.run([sys.executable, "-c", program], cwd=june.root, env=env, check=True, capture_output=True)
    applied = june.run("apply", "other.plan", "--json", "--no-schedule-check")
    assert repr(OTHER) in applied.err
    assert tzdata.IANA_VERSION in applied.err
    assert (applied.code, len(sandbox.calls())) == ((5, 0) if moved else (0, 3)), applied.err


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("GMT-6", "America/Mexico_City"),
        ("Etc/GMT-6", "Asia/Dhaka"),
        ("UTC+05:30", "Asia/Kolkata"),
        ("EST5EDT", "America/New_York"),
        ("America/Mexico City", "America/Mexico_City"),
        ("utc", "UTC"),
    ],
)
def test_what_is_no_place_is_an_error_with_places(june: Workbench, zone: str, hint: str) -> None:
    june.write("calls/june.yaml", plan_text().replace("America/Mexico_City", zone))
    [found] = {(item["code"], item["hint"]) for item in june.run("validate", "--json").json["diagnostics"]}
    assert found[0] == "E312"
    assert hint in found[1]
    assert "Etc/" not in found[1]


@pytest.mark.parametrize(
    ("zone", "number", "codes"),
    [
        ("UTC", "+525512345678", ["G023"]),
        ("America/Bogota", "+34600111222", ["G023"]),
        ("America/Mexico_City", "+525512345678", []),
    ],
)
def test_a_zone_elsewhere_is_a_warning_without_calling_hours(
    bench: Workbench, zone: str, number: str, codes: list[str]
) -> None:
    row = f"to_number: '{number}', full_name: x, schedule: {{at: 2031-06-01 10:00, timezone: {zone}}}"
    row = f"{{key: a, agent: {AGENT}, from: '{number}', {row}}}"
    bench.write("calls/june.yaml", f"version: 1\nplan: june\ncalls: [{row}]\n")
    result = bench.run("validate", "--json")
    assert (result.code, [item["code"] for item in result.json["diagnostics"]]) == (0, codes)
