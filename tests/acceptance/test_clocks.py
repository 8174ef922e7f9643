"""The machine's clock against the service's: a minute apart, nothing is sent and nothing is recorded."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.sandbox import SandboxConfig, running
from tests.conftest import AGENT, KEY, NUMBER, ZYGOTE, Workbench, clean_environment, contact, plan_text
from tests.zygote import VICTIM

ROWS = 60
PAST = f"""\
version: 1
plan: past
calls:
  - key: a
    agent: {AGENT}
    from: {NUMBER}
    contact_id: {contact(900)}
    schedule: {{at: 2031-06-01 10:00, timezone: UTC}}
    place_by: 2026-01-01T00:00:00Z
"""


@pytest.fixture
def slow(bench: Workbench) -> Iterator[Any]:
    with running(SandboxConfig(port=0, api_key=KEY, latency=0.01)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write("calls/june.yaml", plan_text(rows=ROWS))
        yield sandbox


@pytest.mark.parametrize("offset", [-7200, -75, 75, 7200])
@pytest.mark.parametrize("options", [(), ("--no-preflight",)])
def test_nothing_is_sent_or_recorded_by_a_wrong_clock(
    project: Workbench, sandbox: Any, offset: int, options: tuple[str, ...]
) -> None:
    project.write("calls/june.yaml", plan_text(rows=2))
    project.write("calls/past.yaml", PAST)
    sandbox._backend.date_offset = offset
    refused = project.apply(*options)
    assert (refused.code, len(sandbox.calls())) == (5, 0)
    assert "more than a minute apart" in refused.err
    assert re.search(r"clock shows 20\S+Z and the service's shows 20\S+Z", refused.err), "both times are told"
    assert "timedatectl" in refused.err
    text = project.run("apply", "--auto-approve", *options)
    assert (text.code, text.out.splitlines()[-1]) == (5, "Nothing was sent.")
    assert "reconciler doctor" not in text.err
    assert project.ok("state", "list", "--json").json["entries"] == []


@pytest.mark.parametrize("offset", [-45, 0, 45])
def test_a_clock_that_is_a_little_off_is_good_enough(project: Workbench, sandbox: Any, offset: int) -> None:
    project.write("calls/june.yaml", plan_text(rows=2))
    sandbox._backend.date_offset = offset
    assert project.apply().code == 0


def test_no_row_is_recorded_as_missed_by_a_clock_that_is_ahead(project: Workbench, sandbox: Any) -> None:
    """All rows seem to be past, so there is nothing to send: the time is asked for all the same."""
    project.write("calls/past.yaml", PAST)
    sandbox._backend.date_offset = -30 * 86_400
    assert project.apply().code == 5
    assert project.ok("state", "list", "--json").json["entries"] == []


def test_a_clock_that_jumps_stops_the_run(bench: Workbench, slow: Any) -> None:
    run = bench.fork("apply", "--auto-approve", "--json", "--rate", "none", "--concurrency", "2")
    while len(slow.calls()) < 5:
        assert run.poll() is None
        time.sleep(0.005)
    slow._backend.date_offset = 3600
    before = len(slow.calls())
    out, err = run.communicate()
    assert run.wait() == 3, err
    assert "more than a minute apart" in err + out
    assert len(slow.calls()) - before <= 2 * 2, "what was under way, and one request of each worker"
    slow._backend.date_offset = 0
    assert bench.apply().code == 0
    assert len(slow.calls()) == ROWS


def test_a_row_whose_place_by_passes_rings_at_no_time_ahead(project: Workbench) -> None:
    project.write("calls/past.yaml", PAST)
    assert project.apply().code == 3
    [entry] = project.ok("state", "list", "--json").json["entries"]
    assert (entry["status"], entry["rings_at"]) == ("missed", "2026-01-01T00:00:00Z")


def test_a_row_whose_place_by_passes_while_it_is_throttled_rings_at_no_time_ahead(
    project: Workbench, sandbox: Any
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    project.write("calls/past.yaml", PAST.replace("2026-01-01T00:00:00Z", f"{soon:%Y-%m-%dT%H:%M:%SZ}"))
    sandbox.set_faults("too-many")
    done = project.apply()
    assert (done.code, done.summary["expired"]) == (3, 1), done.events
    [entry] = project.ok("state", "list", "--json").json["entries"]
    assert entry["status"] == "missed"
    assert datetime.fromisoformat(entry["rings_at"]) <= datetime.now(UTC)
    project.ok("state", "check")
    project.ok("audit", "verify")


def test_the_age_of_a_saved_plan_is_judged_by_the_clock_of_apply(project: Workbench) -> None:
    project.write("calls/june.yaml", plan_text(rows=1))
    project.ok("plan", "--out", "june.plan")
    later = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    refused = project.run("apply", "june.plan", "--now", later)
    assert (refused.code, "hours old" in refused.err) == (5, True)
    project.ok("apply", "june.plan")


def test_an_apply_that_ignores_the_clock_is_found_out(project: Workbench, sandbox: Any) -> None:
    project.write("calls/june.yaml", plan_text(rows=2))
    project.write("spec.json", json.dumps({"mutant": "ignore-the-clock"}))
    sandbox._backend.date_offset = 7200
    args = ["spec.json", "apply", "--auto-approve", "--json"]
    done = ZYGOTE.run(args, project.root, clean_environment() | project.env, module=VICTIM)
    assert (done.returncode, len(sandbox.calls())) == (0, 2)
