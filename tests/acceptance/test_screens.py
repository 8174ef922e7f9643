"""What a person sees: names, local times, the chosen field, where calls go, and the command to type next."""

from __future__ import annotations

import re
import signal
import time
from typing import Any

import click
import pytest

from reconciler.cli import cli
from tests.conftest import AGENT, Workbench, plan_text
from tests.rawservice import NO_CALLS, Reply, answer, raw_service, receipt

PLAN = "calls/june.yaml"
NOW = ("--now", "2031-05-30T12:00:00Z")
LONG_NAME = "María Fernanda Castellanos de la Garza"
PEOPLE = (
    ("inv-1", "+525511112222", "Ana Ríos", "2031-06-05 10:00", "America/Mexico_City", "14.50"),
    ("inv-2", "+34600111222", "Luis Ortega", "2031-06-03 09:30", "Europe/Madrid", "1014.50"),
    ("inv-3", "+525511114444", LONG_NAME, "2031-06-04 09:00", "America/Mexico_City", "8"),
)  # fmt: skip


def people(*, keys: tuple[str, ...] = ("inv-1", "inv-2", "inv-3"), amounts: dict[str, str] | None = None) -> str:
    rows = [
        f"  - key: {key}\n    to_number: '{number}'\n    full_name: {name}\n"
        f"    schedule: {{at: {at}, timezone: {zone}}}\n"
        f"    additional_data: {{amount: '{(amounts or {}).get(key, amount)}'}}\n"
        for key, number, name, at, zone, amount in PEOPLE
        if key in keys
    ]
    head = f"version: 1\nplan: june\ndefaults:\n  agent: {AGENT}\n  from: '+525512345678'\ncalls:\n"
    return head + "".join(rows)


@pytest.fixture
def named(project: Workbench) -> Workbench:
    """A project with three calls in two time zones, which shows an amount."""
    settings = project.root / "reconciler.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f"{text}policy: {{show: additional_data.amount, cost_per_call: 0.40, max_cost: 99}}\n")
    project.write(PLAN, people())
    return project


def rows_of(screen: str, sign: str) -> list[str]:
    return [line for line in screen.replace("\r", "").splitlines() if line.startswith(f"  {sign} ")]


def test_a_plan_shows_whom_when_where_and_the_chosen_field_in_the_order_of_time(named: Workbench) -> None:
    screen = named.on_terminal("plan", *NOW).replace("\r", "")
    assert [line.split() for line in rows_of(screen, "+")] == [
        ["+", "Tue", "3", "Jun", "09:30", "Madrid", "Luis", "Ortega", "1014.50", "june/inv-2"],
        ["+", "Wed", "4", "Jun", "09:00", "Mexico", "City", "María", "Fernanda", "Castellan…", "8", "june/inv-3"],
        ["+", "Thu", "5", "Jun", "10:00", "Mexico", "City", "Ana", "Ríos", "14.50", "june/inv-1"],
    ]
    starts = {line.index("june/inv-") for line in rows_of(screen, "+")}
    assert len(starts) == 1, "addresses stand in a column"
    assert "amount  address" in screen
    assert not re.search(r"\d{4}-\d\d-\d\d", screen), "no other style of time"


def test_a_plan_in_a_log_shows_no_names_and_the_same_times(named: Workbench) -> None:
    text = named.ok("plan", *NOW).out
    assert "Luis" not in text
    assert "1014.50" not in text
    assert next(line.split()[1:] for line in rows_of(text, "+")) == [
        *("Tue", "3", "Jun", "09:30", "Madrid", "+***22", "***", "june/inv-2", "calls/june.yaml:12"),
    ]


def test_without_a_chosen_field_there_is_no_column_for_it(project: Workbench) -> None:
    project.write(PLAN, people())
    screen = project.on_terminal("plan", *NOW)
    assert "1014.50" not in screen
    assert "amount" not in screen


def test_an_apply_says_where_how_many_how_long_how_much_and_when_before_it_asks(named: Workbench) -> None:
    screen = named.on_terminal("apply", answer="no").replace("\r", "")
    told = screen[screen.index("Service:") :].splitlines()
    assert told[0] == f"Service: SANDBOX at {named.env['CONTACTSHIP_BASE_URL']}, which phones nobody"
    assert told[1:5] == [
        "Calls:   3, less than 1 s at 5/s",
        "Cost:    1.20 (0.40 for each call)",
        "First:   Tue 3 Jun 2031 09:30 in Madrid",
        "Last:    Thu 5 Jun 2031 10:00 in Mexico City",
    ]
    assert told[5].startswith("Place 3 calls? They cannot be cancelled.")
    applied = named.run("apply", "--auto-approve", "--rate", "60/min")
    assert f"Service: SANDBOX at {named.env['CONTACTSHIP_BASE_URL']}" in applied.err
    assert "Calls:   3, about 3 s at 1/s" in applied.err
    assert applied.err.index("Service:") < applied.err.index("Next:")
    again = named.run("apply", "--auto-approve")
    assert "Service:" not in again.err, "nothing is sent"


def test_a_server_on_this_machine_is_no_sandbox_unless_it_says_so(named: Workbench) -> None:
    def script(number: int, body: dict[str, Any]) -> Reply:
        return Reply(True, [receipt(f"call-{number}")])

    with raw_service(
        script, lambda path: [answer("200 OK", {"ok": True}) if "health" in path else NO_CALLS]
    ) as raw:
        named.env["CONTACTSHIP_BASE_URL"] = raw.url
        applied = named.run("apply", "--auto-approve", "--no-schedule-check")
    assert "SANDBOX" not in applied.err
    assert f"{raw.url} on this machine. It is not the sandbox, so it may phone people" in applied.err


def test_the_command_to_type_next(named: Workbench) -> None:
    assert named.ok("plan").err == "Next: reconciler apply\n"
    assert named.ok("plan", PLAN, "--out", "june.plan").err == "Next: reconciler apply june.plan\n"
    assert "Next:" not in named.ok("plan", "--no-state").err
    assert "Next:" not in named.ok("plan", "--json").err
    assert named.run("apply", "--auto-approve").err.endswith("Next: reconciler status\n")
    assert named.ok("plan").err == "Next: reconciler status\n"
    assert named.ok("status").err == "Next: reconciler status --watch\n"
    named.write(PLAN, people(keys=("inv-1", "inv-2")))
    assert named.ok("plan").err == "Next: reconciler status --to-stop\n"
    assert named.run("apply", "--auto-approve").err.endswith("Next: reconciler status --to-stop\n")
    named.write(PLAN, people() + "  - {key: x}\n")
    assert named.run("plan").err.endswith("Next: correct the files, then run: reconciler plan\n")


def test_an_interrupted_apply_says_how_to_go_on(named: Workbench, sandbox: Any) -> None:
    named.write(PLAN, plan_text(rows=200))
    with named.start("apply", "--auto-approve", "--rate", "5/s", "--no-preflight") as run:
        assert run.stderr is not None
        until = time.monotonic() + 60
        while not sandbox.calls() and time.monotonic() < until:
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        rest = run.stderr.read()
        assert run.wait(60) == 130
    command = "reconciler apply --auto-approve --rate 5/s --no-preflight"
    assert rest.endswith(f"Next: to go on, run the same command again: {command}\n")


def test_off_a_terminal_an_apply_lists_only_what_needs_a_person(named: Workbench) -> None:
    named.write(PLAN, people() + "  - {key: off, to_number: '+525511110000', full_name: X Y, delay_minutes: 5, "
                "place_by: 2031-06-01T00:00:00Z, enabled: false}\n")  # fmt: skip
    log = named.run("apply", "--auto-approve")
    assert "Plan: 3 to place, 1 held." in log.out
    assert "june/" not in log.out
    named.write(PLAN, people(keys=("inv-1", "inv-2"), amounts={"inv-2": "3"}))
    log = named.run("apply", "--auto-approve")
    assert [line.split()[-1] for line in rows_of(log.out, "-")] == ["june/inv-3"]
    assert "june/inv-1" not in log.out


def test_off_a_terminal_many_failures_are_counted(named: Workbench, sandbox: Any) -> None:
    named.write(PLAN, plan_text(rows=30))
    sandbox.set_faults("reject")
    log = named.run("apply", "--auto-approve", "--rate", "none", "--no-schedule-check")
    assert log.code == 3
    assert log.err.count("failed: june/inv-") == 20
    assert "and 10 more failed: apply --json lists them all" in log.err
    events = named.run("apply", "--auto-approve", "--rate", "none", "--no-schedule-check", "--json").out
    assert events.count('"type": "failed"') == 30


def test_changed_and_removed_rows_get_one_instruction(named: Workbench) -> None:
    named.ok("apply", "--auto-approve")
    named.write(PLAN, people(keys=("inv-1", "inv-2"), amounts={"inv-1": "15", "inv-2": "3"}))
    screen = " ".join(named.on_terminal("plan").split())
    assert "3 calls to stop by hand, the soonest first" in screen
    assert screen.count("delete it in the ContactShip dashboard") == 1
    assert screen.count("reconciler resolve ADDRESS --stopped --reason WHY (or --let-ring)") == 1
    assert screen.count("Then increase the row's revision to request the new call.") == 1
    assert "additional_data.amount: 14.50 → 15" in screen
    named.write(PLAN, people(keys=("inv-1", "inv-2")))
    screen = " ".join(named.on_terminal("plan").split())
    assert screen.count("reconciler resolve june/inv-3 --stopped --reason WHY (or --let-ring)") == 1, "to copy"


def test_uncertain_rows_get_one_instruction(named: Workbench, sandbox: Any) -> None:
    sandbox.set_faults("drop-after", "get:not-found")
    assert named.run("apply", "--auto-approve", "--no-preflight", "--no-schedule-check").code == 3
    screen = " ".join(named.on_terminal("plan").split())
    assert "3 uncertain" in screen
    assert screen.count("reconciler resolve ADDRESS --placed CALL_ID (or --not-placed) --reason WHY") == 1
    assert screen.count("may or may not have placed the call") == 3


def test_a_status_shows_the_outcome_first_and_what_failed_always(named: Workbench, sandbox: Any) -> None:
    sandbox.set_faults("reject#2")
    assert named.run("apply", "--auto-approve", "--no-schedule-check", "--concurrency", "1").code == 3
    sandbox.set_faults()
    screen = named.on_terminal("status").replace("\r", "")
    first = [word for line in screen.splitlines() for word in line.split()[:1] if word in {"refused", "scheduled"}]
    assert first == ["refused", "scheduled", "scheduled"]
    assert max(map(len, screen.splitlines())) <= 80
    assert screen.splitlines()[-1] == "Next: reconciler plan"
    coloured = named.on_terminal("status", TERM="xterm-256color")
    assert "\x1b[1;31m  refused" in coloured
    only = named.on_terminal("status", "--outcome", "refused")
    assert only.count("june/inv-") == 1
    assert len(named.run("status", "--outcome", "refused", "--json").json["calls"]) == 1
    typo = named.run("status", "--outcome", "refusd")
    assert (typo.code, "did you mean refused?" in typo.err) == (64, True)
    assert "Ana" not in named.run("status").out


def test_a_long_status_lists_what_failed(named: Workbench, sandbox: Any) -> None:
    named.write(PLAN, plan_text(rows=60))
    sandbox.set_faults("reject#7")
    named.run("apply", "--auto-approve", "--rate", "none", "--no-schedule-check", "--concurrency", "1")
    sandbox.set_faults()
    text = named.run("status").out
    assert "60 calls; 1 failed call." in text
    assert text.count("june/inv-") == 1
    assert re.search(r"^  refused .*june/inv-\d+$", text, re.MULTILINE)


def test_an_answer_rate_counts_only_calls_that_rang(named: Workbench) -> None:
    from reconciler.render.console import OutputStyle
    from reconciler.render.status_text import render_text
    from reconciler.render.subject import Display
    from tests.plans import report

    text = render_text(report(), {}, Display(now=report().as_of), OutputStyle(), every=True)
    assert "Answered: 6 of 18 calls that rang (33 %)" in text
    assert "scheduled" not in text[text.index("By hour") : text.index("Needs attention")]


def test_explain_suggests_addresses_that_begin_alike(named: Workbench) -> None:
    named.write(PLAN, plan_text(rows=12))
    failed = named.run("explain", "june/inv-")
    assert failed.err.splitlines()[1] == "hint: did you mean june/inv-1 or june/inv-10 or june/inv-11?"
    assert "did you mean june/inv-12?" in named.run("explain", "jun/inv-12").err


def commands() -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []

    def walk(path: str, command: click.Command) -> None:
        found.append((path, command))
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                walk(f"{path} {name}", inner)

    walk("reconciler", cli)
    return found


def test_no_help_breaks_a_word_at_80_columns() -> None:
    for path, command in commands():
        context = click.Context(command, info_name=path, terminal_width=78, max_content_width=100)
        for line in command.get_help(context).splitlines():
            assert len(line) <= 80, (path, line)


def test_no_screen_breaks_a_word_at_80_columns(named: Workbench, sandbox: Any) -> None:
    """A line is longer only if one word alone almost is."""
    sandbox.set_faults("reject#2")
    screens = {"apply": named.on_terminal("apply", "--auto-approve", "--no-schedule-check")}
    sandbox.set_faults()
    named.write(PLAN, people(keys=("inv-1", "inv-2"), amounts={"inv-1": "15"}) + "  - {key: bad, agent: nobody}\n")
    for line in (
        *("plan", "validate", "status", "status --to-stop", "status --overdue", "resolve", "doctor"),
        *("explain june/inv-1", "explain june/inv", "state list", "state show june/inv-1", "audit log"),
        *("audit verify", "agents list", "numbers list", "pause --reason checking", "resume", "apply"),
        *("show nothing.plan", "plan --nonsense", "help E302", "help guards", "state check", "schema"),
    ):
        screens[line] = named.on_terminal(*line.split(" "))
    broken = [
        (command, line)
        for command, screen in screens.items()
        for line in re.split("[\r\n]+", re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", screen))
        if len(line) > 80 and max(map(len, line.split())) <= 60
    ]
    assert not broken
