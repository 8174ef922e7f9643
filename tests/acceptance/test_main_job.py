"""The main job through the real command and real HTTP: what is promised, against what was recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.state.sqlite.lock import locked
from tests.conftest import AGENT, KEY, NUMBER, Workbench, clean_environment, contact, plan_text

PLAN = "calls/june.yaml"


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write(PLAN, plan_text())
    return project


def test_from_nothing_to_nothing_to_do(june: Workbench, sandbox: Any) -> None:
    assert june.run("plan", "--detailed-exitcode").code == 2
    assert not sandbox.calls()

    applied = june.apply()
    assert applied.code == 0, applied.err
    assert applied.summary["placed"] == 3
    calls = sandbox.calls()
    assert [call.endpoint for call in calls] == ["single-contact-call"] * 3

    assert june.run("plan", "--detailed-exitcode").code == 0
    again = june.apply()
    assert again.code == 0
    assert again.summary["placed"] == 0
    assert len(sandbox.calls()) == 3


def test_the_request_is_the_documented_one_with_our_tags(june: Workbench, sandbox: Any) -> None:
    planned = {change["address"]: change for change in june.plan("--reveal")["changes"]}
    june.apply()
    lineage = june.run("state", "list", "--json").json["lineage"]
    bodies = {call.body["metadata"]["reconciler_key"]: call.body for call in sandbox.calls()}
    assert bodies["inv-1"] == {
        "contact_id": contact(1),
        "agent_id": AGENT,
        "from_number_id": NUMBER,
        "additional_data": [{"key": "amount_debt", "value": "14001"}],
        "schedule": {"date": "2031-06-01 00:01:00", "timezone": "America/Mexico_City"},
        "metadata": {
            "reconciler_lineage": lineage,
            "reconciler_plan": "june",
            "reconciler_key": "inv-1",
            "reconciler_revision": "1",
            "reconciler_digest": planned["june/inv-1"]["digest"],
        },
    }
    assert planned["june/inv-1"]["request"]["body"] == bodies["inv-1"]


def test_a_new_row_is_one_more_call(june: Workbench, sandbox: Any) -> None:
    june.apply()
    june.write(PLAN, plan_text(rows=4))
    assert june.run("plan", "--detailed-exitcode").code == 2
    assert june.apply().summary["placed"] == 1
    assert len(sandbox.calls()) == 4


def test_an_edited_row_shows_its_cell_and_places_nothing(june: Workbench, sandbox: Any) -> None:
    june.apply()
    june.write(PLAN, plan_text().replace("14002", "15000"))
    [change] = [item for item in june.plan("--reveal")["changes"] if item["action"] == "changed"]
    assert change["address"] == "june/inv-2"
    assert change["diff"] == [
        {"field": "additional_data.amount_debt", "before": "14002", "after": "15000", "hidden": False}
    ]
    assert "still-rings" in change["reasons"]
    assert "2031-06-01T06:02:00Z" in change["message"]
    applied = june.apply()
    assert applied.code == 3
    assert applied.summary["changed"] == 1
    assert len(sandbox.calls()) == 3


def test_a_raised_revision_waits_until_a_person_says_the_old_call_was_stopped(
    june: Workbench, sandbox: Any
) -> None:
    june.apply()
    june.write(PLAN, plan_text(extra="    revision: 2\n"))
    blocked = june.run("plan", "--format", "json")
    assert blocked.code == 5
    actions = {change["address"]: change["action"] for change in blocked.json["changes"]}
    assert actions["june/inv-3@2"] == "blocked"
    assert actions["june/inv-3"] == "removed"
    superseded = next(item for item in blocked.json["changes"] if item["address"] == "june/inv-3")
    assert "superseded" in superseded["reasons"]
    refused = june.apply()
    assert refused.code == 5
    assert len(sandbox.calls()) == 3

    june.ok("resolve", "june/inv-3", "--stopped", "--reason", "deleted in the dashboard")
    applied = june.apply()
    assert applied.code == 0, applied.err
    assert applied.summary["placed"] == 1
    assert len(sandbox.calls()) == 4
    assert sandbox.calls()[-1].body["metadata"]["reconciler_revision"] == "2"
    assert june.run("plan", "--detailed-exitcode").code == 0


def test_a_removed_row_still_rings_and_places_nothing(june: Workbench, sandbox: Any) -> None:
    june.apply()
    june.write(PLAN, plan_text(rows=2))
    [removed] = [item for item in june.plan()["changes"] if item["action"] == "removed"]
    assert removed["address"] == "june/inv-3"
    assert "no-row" in removed["reasons"]
    assert "--stopped" in removed["message"]
    assert june.apply().summary["placed"] == 0
    june.write(PLAN, plan_text(extra="    enabled: false\n"))
    assert june.actions()["june/inv-3"] == "removed"
    assert len(sandbox.calls()) == 3


def test_removed_is_judged_only_for_the_plans_that_are_named(june: Workbench) -> None:
    june.write("calls/july.yaml", plan_text("july", first=11))
    june.apply()
    (june.root / PLAN).unlink()
    assert set(june.actions("calls/july.yaml").values()) == {"unchanged"}
    assert sorted(june.actions().values()) == ["removed"] * 3 + ["unchanged"] * 3


def test_what_does_not_change_the_call_is_no_change(june: Workbench) -> None:
    base = plan_text(extra="    metadata: {né: café, a: b}\n")
    june.write(PLAN, base.replace("{amount_debt: 14003}", "{amount_debt: 14003, city: Cádiz}"))
    june.apply()
    swapped = base.replace("{amount_debt: 14003}", "{city: Ca\u0301diz, amount_debt: 14003}")
    swapped = swapped.replace("{né: café, a: b}", "{a: b, ne\u0301: cafe\u0301}")
    june.write(PLAN, swapped)
    config = (june.root / "reconciler.yaml").read_text()
    june.write("reconciler.yaml", config + "\nprovider:\n  schedule_fields: {at: datetime, timezone: tz}\n")
    plan = june.plan()
    assert plan["summary"]["unchanged"] == 3
    assert plan["summary"]["changed"] == 0


def test_schedule_fields_reach_the_wire(june: Workbench, sandbox: Any) -> None:
    config = (june.root / "reconciler.yaml").read_text()
    june.write("reconciler.yaml", config + "\nprovider:\n  schedule_fields: {at: datetime, timezone: tz}\n")
    [change, *_] = june.plan("--reveal")["changes"]
    assert change["request"]["body"]["schedule"] == {
        "datetime": "2031-06-01 00:01:00",
        "tz": "America/Mexico_City",
    }


def test_a_saved_plan_is_applied_once_and_needs_no_approval(june: Workbench, sandbox: Any) -> None:
    june.ok("plan", "--out", "june.plan")
    assert (june.root / "june.plan").stat().st_mode & 0o777 == 0o600
    first = june.run("apply", "june.plan", "--json", "--rate", "none")
    assert first.code == 0, first.err
    assert first.summary["placed"] == 3
    second = june.run("apply", "june.plan", "--json", "--rate", "none")
    assert second.code == 0
    assert (second.summary["placed"], second.summary["skipped"]) == (0, 3)
    assert len(sandbox.calls()) == 3


def test_a_saved_plan_names_what_moved_since(june: Workbench, sandbox: Any) -> None:
    june.ok("plan", "--out", "june.plan")
    june.write(PLAN, plan_text().replace("14002", "15000"))
    june.apply()
    applied = june.run("apply", "june.plan", "--json", "--rate", "none")
    assert applied.code == 3
    assert applied.summary["stale"] == 1
    [stale] = [event for event in applied.events if event["type"] == "stale"]
    assert stale["address"] == "june/inv-2"
    assert len(sandbox.calls()) == 3


def test_a_changed_byte_of_a_saved_plan_is_refused(june: Workbench, sandbox: Any) -> None:
    june.ok("plan", "--out", "june.plan")
    path = june.root / "june.plan"
    good = path.read_bytes()
    for wrong in (good.replace(b"14002", b"14003"), good + b" ", good[:-1], b"{}", b"\xff", b"[" * 10_000):
        path.write_bytes(wrong)
        assert june.run("apply", "june.plan").code == 5
        assert june.run("show", "june.plan").code == 5
    assert not sandbox.calls()


def test_a_plan_of_another_state_is_refused(june: Workbench, sandbox: Any) -> None:
    june.ok("plan", "--out", "june.plan")
    for name in ("reconciler.yaml", ".reconciler/state.db"):
        (june.root / name).unlink()
    june.create_project()
    refused = june.run("apply", "june.plan", "--json")
    assert refused.code == 5
    assert refused.summary["placed"] == 0
    assert not sandbox.calls()


def test_an_older_state_is_refused(june: Workbench, sandbox: Any) -> None:
    old = (june.root / ".reconciler/state.db").read_bytes()
    june.apply()
    june.write(PLAN, plan_text(rows=4))
    june.ok("plan", "--out", "june.plan")
    (june.root / ".reconciler/state.db").write_bytes(old)
    assert june.run("apply", "june.plan", "--json").code == 5
    assert len(sandbox.calls()) == 3


def test_a_missing_state_is_never_an_empty_one(june: Workbench, sandbox: Any) -> None:
    june.apply()
    (june.root / ".reconciler/state.db").unlink()
    for command in (("plan",), ("apply", "--auto-approve")):
        refused = june.run(*command)
        assert refused.code == 1
        assert "state" in refused.err
    assert june.run("state", "init").code == 1, "the lineage is pinned"
    (june.root / ".reconciler/state.db").touch()
    assert june.run("apply", "--auto-approve").code == 1, "an empty file is no empty state"
    assert len(sandbox.calls()) == 3
    assert june.run("plan", "--no-state", "--detailed-exitcode").code == 2


def test_approval(june: Workbench, sandbox: Any) -> None:
    refused = june.run("apply")
    assert refused.code == 5
    assert "--auto-approve" in refused.err
    assert june.run("apply", "--auto-approve", "--max-calls", "2").code == 5
    assert not sandbox.calls()
    assert june.run("apply", "--auto-approve", "--max-calls", "3", "--rate", "none").code == 0
    assert len(sandbox.calls()) == 3


def test_a_phone_call(project: Workbench, sandbox: Any) -> None:
    project.write(
        "calls/leads.yaml",
        f"version: 1\nplan: leads\ndefaults: {{agent: {AGENT}, from: '+525512345678'}}\ncalls:\n"
        "  - key: lead-7\n    to_number: +14155552678\n    full_name: Jane Smith\n    delay_minutes: 5\n"
        "    place_by: 2099-01-01T00:00:00Z\n    email: lead@example.com\n    country: US\n",
    )
    assert project.apply().code == 0
    [call] = sandbox.calls()
    assert call.endpoint == "single-phone-call"
    body = {name: value for name, value in call.body.items() if name != "metadata"}
    assert body == {
        "from_number": "+525512345678",
        "to_number": "+14155552678",
        "full_name": "Jane Smith",
        "agent_id": AGENT,
        "email": "lead@example.com",
        "country": "US",
        "delay": 5,
    }


def test_a_lost_answer_is_uncertain_and_never_sent_again(bench: Workbench, blind: Any) -> None:
    bench.write(PLAN, plan_text())
    blind.set_faults("drop-after#2")
    first = bench.apply()
    assert first.code == 3
    assert (first.summary["placed"], first.summary["uncertain"]) == (2, 1)
    blind.set_faults()
    for _ in range(3):
        again = bench.apply()
        assert again.code == 3
        assert (again.summary["placed"], again.summary["uncertain"]) == (0, 1)
    assert len(blind.calls()) == 3
    [lost] = [address for address, action in bench.actions().items() if action == "uncertain"]
    listed = bench.run("resolve", "--json")
    assert listed.code == 3
    assert [item["address"] for item in listed.json["unknown"]] == [lost]

    key = lost.partition("/")[2]
    call_id = next(call.call_id for call in blind.calls() if call.body["metadata"]["reconciler_key"] == key)
    bench.ok("resolve", lost, "--placed", call_id, "--reason", "seen in the dashboard")
    assert bench.run("plan", "--detailed-exitcode").code == 0
    assert bench.run("resolve").code == 0


def test_a_row_ruled_out_by_a_person_is_placed_by_the_next_apply(june: Workbench, sandbox: Any) -> None:
    sandbox.set_faults("drop-before#1")
    assert june.apply().summary["uncertain"] == 1
    sandbox.set_faults()
    [lost] = [address for address, action in june.actions().items() if action == "uncertain"]
    june.ok("resolve", lost, "--not-placed", "--reason", "not in the dashboard")
    assert june.apply().summary["placed"] == 1
    assert len(sandbox.calls()) == 3


def test_a_refused_row_is_tried_once_more_and_then_only_when_asked(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=1))
    for expected in (1, 2):
        sandbox.set_faults("reject")
        assert june.apply().summary["failed"] == 1
        assert _posts(sandbox) == expected
    assert june.plan()["changes"][0]["reasons"] == ["rejected-twice"]
    assert june.apply().code == 3
    assert _posts(sandbox) == 2
    sandbox.set_faults()
    retried = june.apply("--retry-failed")
    assert retried.summary["placed"] == 1
    assert len(sandbox.calls()) == 1


def _posts(sandbox: Any) -> int:
    """How many POSTs the sandbox saw, whatever it answered."""
    return int(sandbox.requests()["requests"]["POST /v1/calls/single-contact-call"]["total"])


def test_a_wrong_key_stops_the_run_and_places_nothing(june: Workbench, sandbox: Any) -> None:
    june.env["CONTACTSHIP_API_KEY"] = "wrong"
    stopped = june.apply("--concurrency", "1")
    assert stopped.code == 3
    assert stopped.summary["not_sent"] == 3
    june.env["CONTACTSHIP_API_KEY"] = KEY
    assert june.apply().summary["placed"] == 3
    assert len(sandbox.calls()) == 3


def test_no_key_is_an_error_and_the_summary_is_still_printed(june: Workbench, sandbox: Any) -> None:
    del june.env["CONTACTSHIP_API_KEY"]
    refused = june.apply()
    assert refused.code == 1
    assert "CONTACTSHIP_API_KEY" in refused.err
    assert refused.summary["placed"] == 0
    june.write("key.txt", KEY + "\n")
    assert june.apply("--api-key-file", "key.txt").summary["placed"] == 3


def test_an_unreachable_service_is_not_an_unknown_outcome(june: Workbench, sandbox: Any) -> None:
    june.env["CONTACTSHIP_BASE_URL"] = "http://127.0.0.1:9"
    stopped = june.apply("--concurrency", "1")
    assert stopped.code == 3
    assert (stopped.summary["uncertain"], stopped.summary["not_sent"]) == (0, 3)
    june.env["CONTACTSHIP_BASE_URL"] = sandbox.url
    assert june.apply().summary["placed"] == 3


def test_throttling_is_waited_out(june: Workbench, sandbox: Any) -> None:
    sandbox.set_faults("too-many-bare#1-2")
    applied = june.apply()
    assert applied.code == 0
    assert applied.summary["placed"] == 3
    assert len(sandbox.calls()) == 3


def test_throttling_is_no_rejection(june: Workbench, sandbox: Any) -> None:
    httpx.post(f"{sandbox.url}/_sandbox/faults", json={"faults": ["too-many"], "retry_after": 3600})
    for _ in range(2):
        throttled = june.apply("--concurrency", "1")
        assert throttled.code == 3
        assert (throttled.summary["failed"], throttled.summary["not_sent"]) == (0, 3)
        assert set(june.actions().values()) == {"create"}
    sandbox.set_faults("reject")
    for _ in range(2):
        assert june.apply().summary["failed"] == 3
    assert june.apply().summary["placed"] == 0, "what was rejected twice is still held back"
    sandbox.set_faults()
    assert june.apply("--retry-failed").summary["placed"] == 3


def test_an_expired_row_is_recorded_once(project: Workbench, sandbox: Any) -> None:
    project.write(PLAN, plan_text().replace("2031-06-01 00:02:00", "2021-06-01 00:02:00"))
    assert project.actions()["june/inv-2"] == "expired"
    first = project.apply()
    assert first.code == 3
    assert (first.summary["placed"], first.summary["expired"]) == (2, 1)
    second = project.apply()
    assert second.code == 0
    assert second.summary["expired"] == 1
    assert len(sandbox.calls()) == 2


def test_the_clock_of_a_plan(june: Workbench) -> None:
    late = june.plan("--now", "2031-06-01T06:02:00Z")
    assert late["created_at"] == "2031-06-01T06:02:00Z"
    assert late["summary"]["expired"] == 2
    first, second = (june.run("plan", "--format", "json", "--now", "2030-01-01T00:00:00Z") for _ in range(2))
    assert first.out == second.out


def test_apply_now_works_against_loopback_only(june: Workbench) -> None:
    june.env["CONTACTSHIP_BASE_URL"] = "https://api.example.invalid"
    assert june.run("apply", "--auto-approve", "--now", "2030-01-01T00:00:00Z").code == 64


def test_apply_has_the_later_of_both_clocks(june: Workbench, sandbox: Any) -> None:
    applied = june.apply("--now", "2031-06-01T06:02:30Z")
    assert (applied.code, applied.summary["expired"], applied.summary["placed"]) == (3, 2, 1)


def test_a_row_whose_time_passes_while_the_lock_is_awaited_is_missed(june: Workbench, sandbox: Any) -> None:
    rings_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    row = plan_text(rows=1).replace("America/Mexico_City", "UTC")
    june.write(PLAN, row.replace("2031-06-01 00:01:00", f"{rings_at:%Y-%m-%d %H:%M:%S}"))
    path = (june.root / ".reconciler/state.db").resolve()
    with ThreadPoolExecutor() as pool:
        with locked(path, 0, lambda: None):
            waiting = pool.submit(june.apply, "--lock-timeout", "20s")
            while datetime.now(UTC) <= rings_at:
                time.sleep(0.05)
        applied = waiting.result()
    assert (applied.summary["expired"], len(sandbox.calls())) == (1, 0)


def test_a_call_edited_after_it_rang(project: Workbench, sandbox: Any) -> None:
    soon = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 120))
    text = plan_text(rows=1).replace("America/Mexico_City", "UTC").replace("2031-06-01 00:01:00", soon)
    project.write(PLAN, text)
    assert project.apply().code == 0
    project.write(PLAN, text.replace("14001", "15000"))
    later = project.run("plan", "--format", "json", "--now", "2031-01-01T00:00:00Z")
    assert later.code == 0
    assert later.json["changes"][0]["reasons"] == ["past"]
    project.write(PLAN, text.replace(soon, "2032-01-01 00:00:00"))
    again = project.run("plan", "--format", "json", "--now", "2031-01-01T00:00:00Z", "--out", "x.plan")
    assert again.code == 1
    assert [item["code"] for item in again.json["diagnostics"]] == ["E501"]
    assert not (project.root / "x.plan").exists()


def test_the_same_call_under_another_name_is_blocked(june: Workbench, sandbox: Any) -> None:
    june.apply()
    june.write(PLAN, plan_text("summer"))
    renamed = june.run("plan", "--format", "json")
    assert renamed.code == 5
    assert renamed.json["summary"]["blocked"] == 3
    assert {tuple(item["reasons"]) for item in renamed.json["changes"] if item["action"] == "blocked"} == {
        ("same-call",)
    }
    assert june.apply().code == 5
    june.write(PLAN, plan_text("summer", extra="    distinct: true\n"))
    assert june.plan()["summary"]["create"] == 1
    assert len(sandbox.calls()) == 3


def test_a_disabled_row_is_held(project: Workbench, sandbox: Any) -> None:
    project.write(PLAN, plan_text(extra="    enabled: false\n"))
    assert project.plan()["summary"]["held"] == 1
    assert project.apply().summary["placed"] == 2
    assert len(sandbox.calls()) == 2


def test_private_values_are_masked_but_in_the_saved_plan(june: Workbench) -> None:
    june.write(
        PLAN,
        f"version: 1\nplan: june\ndefaults: {{agent: {AGENT}, from: '+525512345678'}}\ncalls:\n"
        "  - key: lead\n    to_number: +14155552678\n    full_name: Canary Person\n    email: canary@example.com\n"
        "    schedule: {at: 2031-01-01 10:00, timezone: UTC}\n    additional_data: {amount: 987654321}\n",
    )
    private = ("+14155552678", "4155552678", "Canary Person", "canary@example.com", "987654321", "+525512345678")
    for args in (("plan",), ("plan", "--json"), ("validate",), ("plan", "--output", "plan.txt")):
        result = june.run(*args)
        assert not [text for text in private if text in result.out + result.err], args
    assert not [text for text in private if text in (june.root / "plan.txt").read_text()]
    shown = june.ok("plan", "--json", "--reveal", "--out", "saved.plan").out
    assert all(text in shown for text in private)
    saved = (june.root / "saved.plan").read_text()
    assert all(text in saved for text in private)
    assert json.loads(june.ok("plan", "--json").out)["plan_id"] != ""
    assert not [text for text in private if text in june.ok("show", "saved.plan", "--json").out]


def test_the_key_is_nowhere(june: Workbench, sandbox: Any) -> None:
    june.ok("plan", "--out", "june.plan")
    results = [
        june.apply("june.plan"),
        june.run("plan", "--json", "--reveal"),
        june.run("state", "list", "--json"),
    ]
    files = [path.read_bytes() for path in june.root.rglob("*") if path.is_file()]
    assert not [result for result in results if KEY in result.out + result.err]
    assert not [content for content in files if KEY.encode() in content]


def test_the_state_is_private(june: Workbench) -> None:
    assert (june.root / ".reconciler/state.db").stat().st_mode & 0o777 == 0o600
    assert (june.root / ".reconciler/.gitignore").read_text().strip() == "*"


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("nonsense",),
        ("plan", "--nonsense"),
        ("plan", "--now", "yesterday"),
        ("plan", "--format", "nonsense"),
        ("apply", "--rate", "fast"),
        ("apply", "--base-url", "http://example.com"),
        ("apply", "--base-url", "https://user:pass@example.com"),
        ("resolve", "june/inv-1"),
        ("resolve", "june/inv-1", "--stopped"),
        ("resolve", "nonsense", "--stopped", "--reason", "x"),
        ("schema", "nonsense"),
        ("-C", "nowhere", "plan"),
    ],
)
def test_wrong_usage_is_64(bench: Workbench, args: tuple[str, ...]) -> None:
    result = bench.run(*args)
    assert result.code == 64
    assert result.err


def test_settings_with_errors_never_lead_to_another_state(june: Workbench, sandbox: Any) -> None:
    june.apply()
    config = june.root / "reconciler.yaml"
    config.write_text(config.read_text() + "\nsurprise: true\n")
    planned = june.run("plan", "--json")
    assert planned.code == 1
    assert [item["code"] for item in planned.json["diagnostics"]] == ["E201"]
    for command in (("apply", "--auto-approve"), ("state", "init"), ("state", "list"), ("resolve",)):
        assert june.run(*command).code == 1, command
    assert len(sandbox.calls()) == 3


def test_an_approved_retry_is_retried(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=1))
    sandbox.set_faults("reject")
    for _ in range(2):
        june.apply()
    sandbox.set_faults()
    june.ok("plan", "--retry-failed", "--out", "june.plan")
    assert june.run("apply", "june.plan", "--json").summary["placed"] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_what_is_in_flight_is_recorded_although_nobody_can_be_told(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=40))
    command = [
        sys.executable,
        "-m",
        "reconciler",
        "apply",
        "--auto-approve",
        "--rate",
        "none",
        "--concurrency",
        "4",
    ]
    read, write = os.pipe()
    with os.fdopen(read, "rb") as reader, os.fdopen(write, "wb") as writer:
        apply = subprocess.Popen(
            [*command, "--json"], cwd=june.root, env=clean_environment() | june.env, stdout=writer, stderr=-1
        )
        writer.close()
        reader.readline()  # it has begun
    _, told = apply.communicate(timeout=60)
    assert (apply.returncode, b"Traceback" in told) == (1, False)
    actions = june.actions()
    placed = [address for address, action in actions.items() if action == "unchanged"]
    assert len(placed) == len(sandbox.calls()) < 40
    assert "uncertain" not in actions.values()
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, cwd=june.root, env=clean_environment() | june.env, stdout=full, stderr=-1, check=False
        )
    assert (done.returncode, b"No space" in done.stderr, b"Traceback" in done.stderr) == (1, True, False)
    assert "uncertain" not in june.actions().values()
