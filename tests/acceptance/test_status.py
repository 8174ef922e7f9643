"""``status``: what became of the calls, by the service's word, and where it and the state disagree."""

from __future__ import annotations

import csv
import io
import json
import shlex
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.cli.runs import new_run
from reconciler.sandbox import SandboxConfig, running
from reconciler.sandbox.config import utc_now
from reconciler.source.schema.packaged import schema_text
from reconciler.source.sheets.formula_escape import unescape_formula
from reconciler.state.sqlite.state import SqliteState
from tests.conftest import AGENT, KEY, Workbench, plan_text
from tests.workbooks import sheets_of, shown_in_cell

LATER = ("--now", "2031-06-02T00:00:00Z")
PLAN = "calls/june.yaml"
PHONE = f"""\
version: 1
plan: leads
calls:
  - key: lead-7
    agent: {AGENT}
    from: "+525512345678"
    to_number: "+14155552678"
    full_name: Jane Smith
    schedule: {{at: 2031-06-01 09:00:00, timezone: America/New_York}}
"""
VALIDATOR = Draft202012Validator(json.loads(schema_text("status")))


class Service:
    """A sandbox whose time can be moved on, and which returns tags."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        config = SandboxConfig(
            port=0,
            api_key=KEY,
            seed=3,
            echo_metadata=True,
            page_cap=2,
            clock=lambda: utc_now() + self.ahead,
        )
        self._running = running(config)

    def __enter__(self) -> Any:
        self.handle = self._running.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._running.__exit__(*error)

    def gets(self, path: str = "/v1/calls") -> int:
        asked = self.handle.requests()["requests"].get(f"GET {path}", {"total": 0})
        return int(asked["total"])


@pytest.fixture
def service(bench: Workbench) -> Iterator[Service]:
    """A project that talks to a service with two calls a page."""
    with Service() as found:
        bench.env |= {"CONTACTSHIP_BASE_URL": found.handle.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        yield found


def report(bench: Workbench, *args: str, code: int = 0) -> Any:
    result = bench.run("status", "--json", *args)
    assert result.code == code, (result.out, result.err)
    VALIDATOR.validate(result.json)
    return result.json


def outcomes(bench: Workbench, *args: str, code: int = 0) -> dict[str, str]:
    return {call["address"]: call["outcome"] for call in report(bench, *args, code=code)["calls"]}


def test_outcomes_from_being_scheduled_to_the_end(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=7))
    bench.write("calls/leads.yaml", PHONE)
    bench.ok("plan", "--out", "saved.plan")
    assert bench.run("apply", "saved.plan", "--json").summary["placed"] == 8
    serial = bench.ok("state", "list", "--json").json["serial"]
    assert set(outcomes(bench).values()) == {"scheduled"}
    service.ahead = timedelta(days=365 * 6)
    told = report(bench, *LATER)
    results = {call.call_id: call_result(service, call.call_id) for call in service.handle.calls()}
    assert {call["call_id"]: call["outcome"] for call in told["calls"]} == results
    assert told["outcomes"] == Counter(results.values())
    assert [group["name"] for group in told["plans"]] == ["june", "leads"]
    assert {group["name"]: sum(group["outcomes"].values()) for group in told["hours"]} == {"00:00": 7, "09:00": 1}
    assert told["agents"] == [{"name": AGENT, "outcomes": told["outcomes"]}]
    assert (told["serial"], told["drift"], told["tags_returned"]) == (serial, [], True)
    assert bench.run("apply", "saved.plan", "--json").summary["skipped"] == 8


def call_result(service: Service, call_id: str) -> str:
    """The documented word of how a call ended, as the service itself has it."""
    from reconciler.sandbox.timeline import observe

    [call] = [call for call in service.handle.calls() if call.call_id == call_id]
    progress = observe(call_id, call.rings_at, utc_now() + service.ahead, scheduled=True)
    return str(progress.result).replace("_", "-")


def test_what_has_ended_is_not_asked_for_again(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=3))
    bench.apply()
    kept = bench.root / ".reconciler/state.db.ended.json"
    report(bench)
    assert not kept.exists()
    service.ahead = timedelta(days=365 * 6)
    before = outcomes(bench, *LATER)
    assert kept.stat().st_mode & 0o777 == 0o600
    asked = service.gets()
    assert outcomes(bench, *LATER) == before
    assert service.gets() - asked == 7  # pending in three statuses, and recent ones: two pages, read twice
    assert outcomes(bench, *LATER, "--offline") == before
    asked = service.gets()
    kept.write_text('{"version": 1, "lineage": "another", "calls": {}}')
    assert set(outcomes(bench, *LATER, "--offline").values()) == {"placed"}
    kept.write_text("[" * 100_000)
    assert outcomes(bench, *LATER) == before
    calls = bench.ok("state", "list", "--json").json["entries"]
    assert json.loads(kept.read_text())["calls"].keys() == {call["call_id"] for call in calls}
    assert service.gets() > asked
    kept.unlink()
    kept.mkdir()  # it cannot be written: everything is asked for each time
    assert outcomes(bench, *LATER) == before


def test_calls_that_no_list_shows_are_asked_for_by_their_id(bench: Workbench, blind: Any) -> None:
    bench.write(PLAN, plan_text(rows=3))
    bench.apply("--no-preflight")
    told = report(bench)
    assert told["outcomes"] == {"scheduled": 3}
    assert told["tags_returned"] is False
    assert "The service does not return our tags" in bench.ok("status").out
    assert blind.requests()["requests"]["GET /v1/calls/{id}"]["total"] == 6


def test_a_call_that_the_service_does_not_know(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=2))
    key = bench.env.pop("CONTACTSHIP_API_KEY")  # with a key, the id would be looked up and refused
    bench.ok("state", "import", "june/inv-1", "call-gone")
    bench.env["CONTACTSHIP_API_KEY"] = key
    assert bench.apply().summary["placed"] == 1
    assert outcomes(bench) == {"june/inv-1": "unlisted", "june/inv-2": "scheduled"}
    soon = ("--now", (utc_now() + timedelta(hours=2)).isoformat())
    told = report(bench, *soon, code=3)
    assert told["outcomes"] == {"missing": 1, "scheduled": 1}
    [item] = told["drift"]
    assert (item["kind"], item["address"], item["call_id"]) == ("missing", "june/inv-1", "call-gone")
    text = bench.run("status", *soon)
    assert text.code == 3
    assert "! june/inv-1: the service does not have call-gone, placed " in text.out
    advice = item["message"].partition("by hand, run: ")[2].replace("WHY", "deleted")
    bench.ok(*shlex.split(advice)[1:])
    assert outcomes(bench, *soon) == {"june/inv-1": "stopped", "june/inv-2": "scheduled"}


def test_a_call_said_to_be_stopped_that_is_not(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    bench.ok("resolve", "june/inv-2", "--stopped", "--reason", "deleted")
    told = report(bench, code=3)
    assert [(item["kind"], item["address"], item["status"]) for item in told["drift"]] == [
        ("not-stopped", "june/inv-2", "scheduled")
    ]


def test_calls_of_ours_that_the_state_does_not_know(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    bench.ok("state", "forget", "june/inv-1", "--reason", "a test")
    [lost] = report(bench, code=3)["drift"]
    assert (lost["kind"], lost["address"], lost["status"]) == ("unknown", "june/inv-1", "scheduled")
    assert report(bench, "--plan", "june", code=3)["drift"] == [lost]
    row = next(row for row in table(bench.run("status", "--format", "csv").out) if row["address"] == "june/inv-1")
    assert (row["outcome"], row["call_id"], row["drift"]) == ("unknown", lost["call_id"], lost["message"])
    bench.ok(*shlex.split(lost["message"].partition("To record it, run: ")[2])[1:])
    assert report(bench)["drift"] == []
    bench.ok("state", "forget", "june/inv-1", "--reason", "a test")
    assert bench.apply("--no-preflight").summary["placed"] == 1
    [twice] = report(bench, code=3)["drift"]
    assert (twice["kind"], twice["call_id"]) == ("duplicate", lost["call_id"])


def test_an_uncertain_attempt(bench: Workbench, service: Service) -> None:
    service.handle.set_faults("drop-after#1", "get:not-found")
    bench.write(PLAN, plan_text(rows=2))
    assert bench.apply("--no-preflight", "--concurrency", "1").summary["uncertain"] == 1
    assert outcomes(bench, "--offline")["june/inv-1"] == "uncertain"
    service.handle.set_faults()
    told = report(bench, code=3)
    assert told["outcomes"] == {"uncertain": 1, "scheduled": 1}
    assert "To record it, run: reconciler resolve" in told["drift"][0]["message"]
    shown = bench.run("status")
    assert "? june/inv-1: uncertain" in shown.out
    assert shown.err == "Next: reconciler resolve\n"
    bench.ok("resolve")
    assert set(outcomes(bench).values()) == {"scheduled"}


def test_what_was_never_placed(bench: Workbench, service: Service) -> None:
    service.handle.set_faults("reject#1")
    bench.write(PLAN, plan_text(rows=2).replace("2031-06-01 00:02", "2021-06-01 00:02"))
    assert bench.apply().code == 3
    assert outcomes(bench) == {"june/inv-1": "refused", "june/inv-2": "missed"}


def test_without_a_key_it_says_what_it_knows(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    asked = service.gets()
    del bench.env["CONTACTSHIP_API_KEY"]
    told = report(bench)
    assert (told["asked"], told["outcomes"]) == (False, {"placed": 2})
    assert "The service was not queried: no API key" in bench.ok("status").out
    bench.env["CONTACTSHIP_API_KEY"] = KEY
    assert report(bench, "--offline")["not_asked"] == "--offline"
    assert report(bench, "--overdue")["asked"] is False
    assert service.gets() == asked


@pytest.mark.parametrize(
    ("faults", "key", "said"),
    [((), "another-key", "HTTP 401"), (("get:too-many-bare",), KEY, "HTTP 429"), (("get:not-json",), KEY, "JSON")],
)
def test_a_service_that_does_not_answer(
    bench: Workbench, service: Service, faults: tuple[str, ...], key: str, said: str
) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    service.handle.set_faults(*faults)
    bench.env["CONTACTSHIP_API_KEY"] = key
    text = bench.run("status")
    assert text.code == 1
    assert text.err.startswith("error: the service") or "queried for its calls" in text.err
    assert said in text.err
    assert "Calls: 2 placed. The service was not queried:" in text.out
    assert "2 unchanged" in text.out
    assert key not in text.out + text.err


def test_a_throttled_question_waits_as_long_as_it_is_told(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    service.handle.set_faults("get:too-many#1,3")
    assert report(bench)["outcomes"] == {"scheduled": 2}


def test_a_service_that_cannot_be_reached(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=1))
    bench.apply()
    bench.env["CONTACTSHIP_BASE_URL"] = "http://127.0.0.1:9"
    told = report(bench, code=1)
    assert (told["asked"], told["outcomes"]) == (False, {"placed": 1})
    assert "the connection was refused" in told["not_asked"]


def test_it_needs_no_lock(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    with SqliteState(bench.root / ".reconciler/state.db").store(new_run("apply")):
        assert set(outcomes(bench).values()) == {"scheduled"}
    assert bench.ok("state", "check")


def test_what_can_be_chosen(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.write("calls/leads.yaml", PHONE)
    bench.apply()
    assert outcomes(bench, "--plan", "leads") == {"leads/lead-7": "scheduled"}
    assert report(bench, "--plan", "leads")["summary"]["unchanged"] == 1
    assert outcomes(bench, PLAN) == {"june/inv-1": "scheduled", "june/inv-2": "scheduled"}
    wrong = bench.run("status", "--plan", "laeds")
    assert (wrong.code, wrong.out) == (1, "")
    assert "did you mean leads?" in wrong.err
    for args in (
        ("--plan", "june", PLAN),
        ("--watch", "--format", "csv"),
        ("--watch", *LATER),
        ("--watch", "--overdue"),
        ("--watch", "--interval", "0s"),
    ):
        assert bench.run("status", *args).code == 64


def test_files_with_errors_hide_no_outcome(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    bench.write("calls/broken.yaml", "version: 1\nplan: broken\ncalls: [5]\n")
    text = bench.run("status")
    assert text.code == 1
    assert "broken.yaml:3" in text.err
    assert "2 scheduled" in text.out
    assert report(bench, code=1)["summary"] is None


def test_all_forms_say_the_same_and_mask_it(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.write("calls/leads.yaml", PHONE)
    bench.apply()
    service.ahead = timedelta(days=365 * 6)
    told = report(bench, *LATER)["calls"]
    rows = table(bench.ok("status", *LATER, "--format", "csv").out)
    bench.ok("status", *LATER, "--format", "xlsx", "--output", "calls.xlsx")
    header, *lines = sheets_of((bench.root / "calls.xlsx").read_bytes())["Calls"]
    assert header[:2] == ["Outcome", "Address"]
    assert lines == [[shown_in_cell(text) for text in row.values()] for row in rows]
    text = bench.ok("status", *LATER).out
    for call, row in zip(told, rows, strict=True):
        for name in ("address", "outcome", "call_id", "target", "agent", "rings_at", "rings_local", "status"):
            assert row[name] == call[name]
        assert (row["call_status"], row["call_result"]) == (call["remote"]["status"], call["remote"]["result"])
        line = next(line for line in text.splitlines() if line.split()[-1:] == [call["address"]])
        assert line.split()[0] == call["outcome"]
        assert call["target"] in line
        assert call["rings_local"][11:16] in line
    for form in ("text", "json", "csv"):
        masked, revealed = (bench.ok("status", "--format", form, *args).out for args in ((), ("--reveal",)))
        assert "+14155552678" not in masked
        assert "+***78" in masked
        assert "+14155552678" in revealed


def test_many_calls_are_counted_and_listed_on_demand(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=51))
    bench.apply()
    text = bench.ok("status").out
    assert "51 calls. Use --calls or --outcome to list them" in text
    assert "june/inv-1\n" not in text
    assert "june/inv-51\n" in bench.ok("status", "--calls").out


def test_a_watch_goes_on_until_it_is_interrupted(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    with bench.start("status", "--watch", "--interval", "1s", "--json") as watch:
        assert watch.stdout is not None
        first = json.loads(watch.stdout.readline())
        service.ahead = timedelta(days=365 * 6)
        second = json.loads(watch.stdout.readline())
        watch.send_signal(signal.SIGINT)
        assert watch.wait(20) == 130
    VALIDATOR.validate(first)
    assert first["outcomes"] == {"scheduled": 2}
    assert "scheduled" not in second["outcomes"]


def test_a_watch_outlives_errors_in_plan_files(bench: Workbench, service: Service) -> None:
    text = plan_text(rows=2)
    bench.write(PLAN, text)
    bench.apply()
    with bench.start("status", "--watch", "--interval", "1s", "--json") as watch:
        assert watch.stdout is not None
        assert json.loads(watch.stdout.readline())["outcomes"] == {"scheduled": 2}
        bench.write(PLAN, text.replace("key:", "kee:", 1))
        for _ in range(3):
            assert json.loads(watch.stdout.readline())["outcomes"] == {"scheduled": 2}
        watch.send_signal(signal.SIGINT)
        assert watch.wait(20) == 130
    assert bench.run("status").code == 1, "the plan file is wrong"


def test_a_snapshot_tells_no_outcomes(bench: Workbench, service: Service) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    bench.ok("state", "export", "--public", "snapshot.json")
    told = report(bench, "--state", "snapshot:snapshot.json")
    assert (told["asked"], told["calls"], told["summary"]["unchanged"]) == (False, [], 2)


def table(text: str) -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    return [{name: unescape_formula(cell) for name, cell in row.items()} for row in rows]
