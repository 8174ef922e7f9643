"""The other commands, and what happens around an apply: locks, signals, terminals, links, unreadable files."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Workbench, clean_environment, plan_text
from tests.settings_file import keep_only_the_state

PLAN = "calls/june.yaml"


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write(PLAN, plan_text())
    return project


def wait_for(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_the_demo_tells_its_story(bench: Workbench) -> None:
    told = bench.ok("demo")
    assert "The sandbox recorded 3 calls." in told.out
    assert told.out.index("Plan: 2 to place") < told.out.index("Applied: placed 2") < told.out.index("1 changed")
    assert list(bench.root.iterdir()) == []


def test_the_demo_keeps_its_project_where_asked(bench: Workbench) -> None:
    bench.ok("demo", "--keep", "kept")
    assert (bench.root / "kept/calls/renewals.yaml").is_file()
    again = bench.run("demo", "--keep", "kept")
    assert again.code == 1


def test_the_demo_tries_a_project_and_leaves_its_real_state_alone(june: Workbench, sandbox: Any) -> None:
    lineage = june.ok("state", "list", "--json").json["lineage"]
    june.write("reconciler.yaml", f"version: 1\nstate: {{lineage: {lineage}}}\n")
    for name in ("RECONCILER_LINEAGE", "RECONCILER_PLAN_KEY"):
        june.env[name] = "of-the-real-project-0123456789abcdef"
    tried = Workbench(june.root.parent, june.env).ok("-C", june.root.name, "demo", ".")
    assert tried.out.index("3 to place") < tried.out.index("Applied: placed 3.") < tried.out.index("3 unchanged")
    assert not sandbox.calls()
    del june.env["RECONCILER_LINEAGE"]
    assert set(june.actions().values()) == {"create"}


def test_the_demo_of_a_project_stops_where_a_command_does(june: Workbench) -> None:
    june.write(PLAN, "version: 1\nplan: june\ncalls: [{key: 1, nonsense: 2}]\n")
    failed = june.run("demo", ".")
    assert (failed.code, failed.out.count("$ reconciler")) == (1, 1)
    assert "calls/june.yaml:3:9: error E206" in failed.out
    missing = june.run("demo", "nowhere")
    assert (missing.code, "nowhere" in missing.err) == (64, True)
    assert june.run("demo", ".", "--keep", "kept").code == 64


def test_init_makes_a_project_once(bench: Workbench) -> None:
    bench.ok("init")
    live = [
        line for line in (bench.root / "reconciler.yaml").read_text().splitlines() if line and line[0].isalpha()
    ]
    assert [line.split(":")[0] for line in live] == ["version", "state", "policy"]
    assert bench.ok("schema", "callplan").out == (bench.root / "calls/.callplan.schema.json").read_text()
    assert bench.run("init").code == 1
    bench.ok("validate", "--help")


def test_the_project_of_a_test_is_what_init_makes(tmp_path: Path) -> None:
    made = []
    for name in ("by-init", "by-test"):
        bench = Workbench(tmp_path / name)
        bench.root.mkdir()
        if name == "by-init":
            bench.ok("init")
            keep_only_the_state(bench.root)
        else:
            bench.create_project()
        state = bench.ok("state", "show", "--json").out
        files = {str(path.relative_to(bench.root)): path for path in bench.root.rglob("*")}
        modes = {name: path.stat().st_mode for name, path in files.items()}
        texts = {name: path.read_text() for name, path in files.items() if path.is_file() and path.suffix != ".db"}
        log = bench.ok("audit", "log", "--json").out
        made.append(re.sub(r"[0-9a-f-]{32,}|\d{4}-\d\d-\d\dT[\d:.]+Z?", "*", repr((state, modes, texts, log))))
        made[-1] = made[-1].replace(name, "folder")
    assert made[0] == made[1]


def test_commands_work_from_a_folder_inside_the_project(june: Workbench) -> None:
    inside = Workbench(june.root / "calls", june.env)
    assert inside.actions() == june.actions()
    assert inside.plan("june.yaml")["changes"][0]["source"]["file"] == PLAN


def test_state_list_and_show(june: Workbench) -> None:
    june.apply()
    listed = june.ok("state", "list", "--json").json
    assert [item["address"] for item in listed["entries"]] == ["june/inv-1", "june/inv-2", "june/inv-3"]
    assert {item["status"] for item in listed["entries"]} == {"placed"}
    shown = june.ok("state", "show", "june/inv-1", "--json").json
    assert [attempt["status"] for attempt in shown["attempts"]] == ["placed"]
    assert shown["call_id"] == shown["attempts"][0]["call_id"]
    assert "3 placed" in june.ok("state", "list").out
    assert june.run("state", "show", "june/none").code == 1
    assert june.ok("state", "show", "--json").json["runs"][0]["command"] == "apply"


def test_show_reads_a_saved_plan(june: Workbench) -> None:
    june.ok("plan", "--out", "june.plan")
    assert "3 to place" in june.ok("show", "june.plan").out
    assert june.ok("show", "june.plan", "--json").json["summary"]["create"] == 3
    assert june.run("show", "nowhere.plan").code == 1


def test_validate_lists_problems_with_their_lines(june: Workbench) -> None:
    june.write(PLAN, plan_text().replace("additional_data", "additonal_data", 1))
    result = june.run("validate")
    assert result.code == 1
    assert f"{PLAN}:11:5: error E201: unknown field 'additonal_data'" in result.out
    assert "    additonal_data: {***}\n        ^" in result.out
    assert "hint: did you mean additional_data?" in result.out
    assert "1 error, 0 warnings" in result.out


def test_plan_with_errors_prints_json_and_saves_nothing(june: Workbench, sandbox: Any) -> None:
    june.write("calls/broken.yaml", "version: 1\nplan: broken\ncalls: [")
    result = june.run("plan", "--json", "--out", "x.plan")
    assert result.code == 1
    assert result.json["summary"]["create"] == 3
    assert [item["code"] for item in result.json["diagnostics"]] == ["E103"]
    assert not (june.root / "x.plan").exists()
    assert june.apply().code == 1
    assert not sandbox.calls()


def test_a_file_with_errors_makes_nothing_look_removed(june: Workbench) -> None:
    june.apply()
    june.write(PLAN, plan_text() + "  - key: [\n")
    assert june.plan()["summary"]["removed"] == 0


def test_links_out_of_the_project_are_not_followed(
    june: Workbench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
    outside.write_text(plan_text("outside"))
    (june.root / "calls/link.yaml").symlink_to(outside)
    result = june.run("plan", "--json")
    assert result.code == 1
    assert [item["code"] for item in result.json["diagnostics"]] == ["E404"]


def test_an_unreadable_file_is_named(june: Workbench) -> None:
    result = june.run("plan", "--json", "calls/nowhere.yaml")
    assert result.code == 1
    assert [(item["code"], item["file"]) for item in result.json["diagnostics"]] == [
        ("E113", "calls/nowhere.yaml")
    ]


def test_a_second_apply_meets_the_lock_and_is_told_who_holds_it(june: Workbench, sandbox: Any) -> None:
    sandbox.set_faults("stall-before#1")
    holder = june.start("apply", "--auto-approve", "--json", "--concurrency", "1")
    try:
        assert holder.stdout is not None
        assert '"started"' in holder.stdout.readline()
        met = june.apply()
        assert met.code == 4
        assert f"pid {holder.pid}" in met.err
        assert "apply" in met.err
        wait_for(lambda: june.plan()["summary"]["uncertain"] == 1)  # a plan is read beside it
    finally:
        holder.kill()
        holder.communicate()
    sandbox.set_faults()
    after = june.apply()
    assert after.code == 3
    assert (after.summary["placed"], after.summary["uncertain"]) == (2, 1)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_what_is_in_flight(june: Workbench, sandbox: Any, number: int, code: int) -> None:
    june.write(PLAN, plan_text(rows=50))
    run = june.fork("apply", "--auto-approve", "--json", "--concurrency", "2", "--rate", "20/s")
    wait_for(lambda: len(sandbox.calls()) >= 3)
    run.send_signal(number)
    out, _ = run.communicate(timeout=30)
    assert run.returncode == code
    assert '"type": "summary"' in out.splitlines()[-1]
    listed = june.ok("state", "list", "--json").json["entries"]
    placed = len(sandbox.calls())
    assert placed < 50
    assert len([item for item in listed if item["status"] == "placed"]) == placed
    assert not [item for item in listed if item["status"] == "uncertain"]
    assert june.apply().summary["placed"] == 50 - placed, "also what was proven not sent when the signal came"
    assert len(sandbox.calls()) == 50


def test_a_second_signal_stops_at_once_and_is_still_safe(june: Workbench, sandbox: Any) -> None:
    sandbox.set_faults("stall-after#1")
    run = june.start("apply", "--auto-approve", "--json", "--concurrency", "1")
    wait_for(lambda: len(sandbox.calls()) == 1)
    run.send_signal(signal.SIGINT)
    assert run.stderr is not None
    while "finishing" not in run.stderr.readline():
        pass
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 130
    assert '"type": "summary"' in out.splitlines()[-1]
    sandbox.set_faults()
    after = june.apply()
    assert (after.summary["placed"], after.summary["adopted"]) == (3, 1)
    assert len(sandbox.calls()) == 3


@pytest.mark.parametrize(
    ("answer", "code", "calls"), [("yes\n", 0, 3), ("y\n", 5, 0), ("\n", 5, 0), ("\x04", 130, 0)]
)
def test_a_person_is_asked_on_a_terminal(
    june: Workbench, sandbox: Any, answer: str, code: int, calls: int
) -> None:
    ours, theirs = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-m", "reconciler", "apply", "--rate", "none"],
        cwd=june.root,
        env=clean_environment() | june.env | {"TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    screen = b""
    try:
        while b"Only 'yes' is accepted" not in screen:
            screen += os.read(ours, 4096)
        os.write(ours, answer.encode())
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            if not piece:
                break
            screen += piece
    finally:
        run.wait(timeout=30)
        os.close(ours)
    assert run.returncode == code, screen
    assert len(sandbox.calls()) == calls


def test_a_reader_that_goes_away_gives_no_traceback(june: Workbench) -> None:
    june.write(PLAN, plan_text(rows=2000))
    shell = f"{sys.executable} -m reconciler plan | head -n 1"
    done = subprocess.run(
        ["bash", "-c", shell],
        cwd=june.root,
        env=clean_environment() | june.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2,000 to place" in done.stdout
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_the_api_key_file_is_needed_only_to_place(june: Workbench) -> None:
    june.apply()
    del june.env["CONTACTSHIP_API_KEY"]
    assert june.apply().code == 0, "nothing to place needs no key"


def test_reading_commands_leave_the_state_as_it_is(june: Workbench) -> None:
    june.apply()
    state = june.root / ".reconciler/state.db"
    before = (state.read_bytes(), state.stat().st_mtime_ns)
    for args in (("plan",), ("validate",), ("state", "list"), ("state", "show"), ("resolve",), ("plan", "--json")):
        june.run(*args)
    assert (state.read_bytes(), state.stat().st_mtime_ns) == before


def test_the_environment_names_the_state(june: Workbench, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("state") / "other.db"
    config = june.root / "reconciler.yaml"
    config.write_text("version: 1\n")
    june.ok("state", "init", "--state", str(elsewhere))
    june.env["RECONCILER_STATE"] = str(elsewhere)
    assert june.apply().summary["placed"] == 3
    june.env["RECONCILER_LINEAGE"] = "another"
    refused = june.run("plan")
    assert refused.code == 1
    assert "pinned" in refused.err


def test_help_names_every_command(bench: Workbench) -> None:
    text = bench.ok("--help").out
    commands = (
        "init",
        "validate",
        "plan",
        "explain",
        "show",
        "apply",
        "resolve",
        "state",
        "schema",
        "sandbox",
        "demo",
    )
    assert not [name for name in commands if name not in text]
    for name in commands:
        assert "Examples:" in bench.ok(name, "--help").out, name
    assert bench.ok("--version").out.startswith("reconciler ")


def test_a_journal_that_cannot_be_written_sends_nothing(june: Workbench, sandbox: Any) -> None:
    state = june.root / ".reconciler/state.db"
    state.chmod(0o600)
    (june.root / ".reconciler/state.db-journal").unlink(missing_ok=True)
    (june.root / ".reconciler/state.db-journal").mkdir()
    refused = june.apply()
    assert refused.code == 1
    assert "state" in refused.err
    assert not sandbox.calls()


def test_a_terminal_folds_a_long_plan_and_says_how_far_ahead_it_is(june: Workbench) -> None:
    june.write(PLAN, plan_text(rows=40))
    june.ok("plan", "--now", "2031-05-30T12:00:00Z", "--out", "june.plan")
    for command in (("plan", "--now", "2031-05-30T12:00:00Z"), ("show", "june.plan")):
        folded, whole = june.on_terminal(*command), june.on_terminal(*command, "--full")
        assert folded.count("  + Sun 1 Jun 00:") == 10
        assert "and 30 more: --full shows all" in folded
        assert whole.count("  + Sun 1 Jun 00:") == 40
    assert "First Sun 1 Jun 00:01 in Mexico City (in 42 h)." in june.on_terminal(
        "plan", "--now", "2031-05-30T12:00:00Z"
    )
    assert "(in 42 h)" not in june.ok("plan", "--now", "2031-05-30T12:00:00Z").out


def test_an_apply_tells_how_it_gets_on(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=120))
    sandbox.set_faults("reject#7")
    log = june.run("apply", "--auto-approve", "--rate", "none")
    assert log.code == 3
    assert "100 of 120: 99 placed, 1 failed" in log.err
    june.write("calls/may.yaml", plan_text("may", rows=20, first=500))
    screen = june.on_terminal("apply", "--auto-approve", "--rate", "20/s", TERM="xterm-256color", NO_COLOR="1")
    assert "placing" in screen
    assert re.search(r"\d+/21 +\d+ placed", screen), screen
