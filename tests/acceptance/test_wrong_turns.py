"""Wrong turns that people take: each one ends in one error, with the command to run next."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from reconciler.cli.target import Target
from reconciler.contactship.origin import parse_origin
from reconciler.errors import Refused
from tests.commands import parse
from tests.conftest import KEY, Workbench, plan_text

SHEET = "calls/x.csv"
NOWHERE = "https://contactship.invalid"  # never an address (RFC 2606)


def nothing(bench: Workbench) -> None:
    """The project as it is."""


def write_sheet(bench: Workbench) -> None:
    bench.write(SHEET, "key,contact_id\n1,2\n")


def plan_of_another_project(bench: Workbench) -> None:
    other = Workbench(bench.root.parent / f"{bench.root.name}-other", bench.env)
    other.root.mkdir()
    other.create_project()
    other.write("calls/june.yaml", plan_text())
    other.ok("plan", "--out", "june.plan")
    shutil.copy(other.root / "june.plan", bench.root)


def plan_of_an_older_version(bench: Workbench) -> None:
    bench.ok("plan", "--out", "june.plan")
    path = bench.root / "june.plan"
    text = path.read_text(encoding="utf-8")
    assert '"format_version": "1.0"' in text
    path.write_text(text.replace('"format_version": "1.0"', '"format_version": "0.9"'), encoding="utf-8")


def file_in_the_root(bench: Workbench) -> None:
    (bench.root / "calls/june.yaml").rename(bench.root / "june.yaml")


def file_in_another_folder(bench: Workbench) -> None:
    (bench.root / "campaigns").mkdir()
    (bench.root / "calls/june.yaml").rename(bench.root / "campaigns/june.yaml")


def no_project(bench: Workbench) -> None:
    shutil.rmtree(bench.root / ".reconciler")
    shutil.rmtree(bench.root / "calls")
    (bench.root / "reconciler.yaml").unlink()


def no_state(bench: Workbench) -> None:
    (bench.root / ".reconciler/state.db").unlink()


def never_a_state(bench: Workbench) -> None:
    shutil.rmtree(bench.root / ".reconciler")


def state_of_a_newer_version(bench: Workbench) -> None:
    with closing(sqlite3.connect(bench.root / ".reconciler/state.db")) as db, db:
        columns = "(migration_set, name, applied_at)"
        db.execute(f"insert into _sqlite_migrations {columns} values ('reconciler', 'later', '')")


def no_key(bench: Workbench) -> None:
    del bench.env["CONTACTSHIP_API_KEY"]


def two_policies(bench: Workbench) -> None:
    with (bench.root / "reconciler.yaml").open("a", encoding="utf-8") as file:
        file.write("policy: {min_lead: 5m}\nagents: {sales: 3d6d2b9c-0000-4000-8000-000000000001}\n")
        file.write("policy: {horizon: 90d}\n")
    bench.write("calls/june.yaml", plan_text().replace("  agent: ", "  agent: sales #"))


def another_service(bench: Workbench) -> None:
    bench.apply()
    bench.write("calls/june.yaml", plan_text(rows=4))
    bench.env["CONTACTSHIP_BASE_URL"] = NOWHERE


def variable_is_not_set(bench: Workbench) -> None:
    another_service(bench)
    del bench.env["CONTACTSHIP_BASE_URL"]


@dataclass(frozen=True)
class Turn:
    """What was done before, the command, its exit code, words of its error, and the command in its hint."""

    name: str
    before: Callable[[Workbench], None]
    args: str
    code: int
    words: str
    command: str | None
    most: int = 2  # lines of the message


TURNS = [
    Turn("other-project", plan_of_another_project, "apply june.plan", 5, "another project", "plan --out FILE"),
    Turn("older-plan", plan_of_an_older_version, "apply june.plan", 5, "another version", "plan --out FILE"),
    Turn("show-older-plan", plan_of_an_older_version, "show june.plan", 5, "another version", "plan --out FILE"),
    Turn("apply-sheet", write_sheet, f"apply {SHEET}", 1, "this is a sheet", f"import-sheet {SHEET}", 4),
    Turn("plan-sheet", write_sheet, f"plan {SHEET}", 1, "this is a sheet", f"import-sheet {SHEET}"),
    Turn("show-sheet", write_sheet, f"show {SHEET}", 5, "is a sheet", f"import-sheet {SHEET}"),
    Turn("show-plan-file", nothing, "show calls/june.yaml", 5, "is a plan file", "plan calls/june.yaml"),
    Turn("root", file_in_the_root, "plan", 1, "move it to calls/", "plan june.yaml"),
    Turn("folder", file_in_another_folder, "plan", 1, "move it to calls/", "plan campaigns/june.yaml"),
    *[
        Turn(f"no-project-{args.split()[0]}", no_project, args, 1, "not a project", "init")
        for args in ("plan", "apply", "status", "validate", "explain june/inv-1")
    ],
    *[
        Turn(f"lost-state-{args}", no_state, args, 1, "no state at", "state rebuild")
        for args in ("plan", "apply", "status")
    ],
    Turn("lost-state-state-init", no_state, "state init", 1, "pinned", "state rebuild"),
    Turn("lost-state-init", no_state, "init", 1, "already a project", "doctor"),
    Turn("never-a-state", never_a_state, "plan", 1, "no state yet on this machine", "state rebuild"),
    Turn("newer-state", state_of_a_newer_version, "apply", 1, "a newer version", None),
    Turn("dry-run", nothing, "apply --dry-run", 64, "no option '--dry-run'", "plan"),
    Turn("yes", nothing, "apply -y", 64, "no option '-y'", "apply --auto-approve"),
    Turn("command", nothing, "aply", 64, "no command 'aply'", "apply"),
    Turn("subcommand", nothing, "state lst", 64, "no command 'lst'", "state list"),
    Turn("option", nothing, "apply --auto-aprove", 64, "no option '--auto-aprove'", "apply --auto-approve"),
    Turn("unlike-any-option", nothing, "plan --zzz", 64, "no option '--zzz'", "plan --help"),
    Turn("value", nothing, "apply --concurrency lots", 64, "concurrency", "apply --help"),
    Turn("plan-name", nothing, "plan june", 1, "the name of a plan", "plan calls/june.yaml"),
    Turn("apply-plan-name", nothing, "apply june", 1, "the name of a plan", "plan calls/june.yaml"),
    Turn("file-name", nothing, "plan calls/jun.yaml", 1, "No such file", "plan calls/june.yaml", 3),
    Turn("address", nothing, "explain june", 64, "not an address", "plan"),
    Turn("no-key", no_key, "apply --auto-approve", 1, "no API key", "demo", 3),
    Turn("no-key-agents", no_key, "agents list", 1, "no API key", "demo"),
    Turn("two-policies", two_policies, "plan", 1, "duplicate field 'policy'", None, 4),
    Turn("two-policies-apply", two_policies, "apply", 1, "duplicate field 'policy'", "validate", 6),
    Turn("two-policies-list", two_policies, "state list", 1, "reconciler.yaml has errors", "validate"),
    Turn("other-service", another_service, "apply --auto-approve", 5, f"would now use {NOWHERE}", "init"),
    Turn("no-variable", variable_is_not_set, "apply --auto-approve", 5, "set CONTACTSHIP_BASE_URL=", "init"),
]


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.name)
def test_a_wrong_turn_ends_with_the_next_step(project: Workbench, turn: Turn) -> None:
    project.write("calls/june.yaml", plan_text())
    turn.before(project)
    result = project.run(*turn.args.split())
    assert result.code == turn.code, (result.out, result.err)
    shown = result.out if turn.args == "validate" else result.err  # problems are the result of validate
    assert turn.words in shown
    lines = [line for line in result.err.splitlines() if not line.startswith("Next: ")]
    assert len(lines) <= turn.most, result.err
    assert shown.count("error E") + result.err.count("error: ") - ("files: nothing was placed" in shown) == 1
    if turn.command is not None:
        assert f"reconciler {turn.command}" in shown
        with suppress(click.exceptions.Exit):  # --help
            parse(f"reconciler {turn.command}")


def test_the_same_service_is_used_again(project: Workbench) -> None:
    project.write("calls/june.yaml", plan_text())
    assert project.apply().summary["placed"] == 3
    project.write("calls/june.yaml", plan_text(rows=4))
    assert project.apply().summary["placed"] == 1


def target(url: str) -> Target:
    return Target(parse_origin(url), None, KEY, None, 1, 1.0)


@pytest.mark.parametrize(
    ("last", "now", "confirmed"),
    [
        (None, NOWHERE, False),
        (NOWHERE, f"{NOWHERE}/v2", False),
        ("http://127.0.0.1:1", "http://localhost:2", False),
        ("http://127.0.0.1:1", NOWHERE, True),
        (NOWHERE, "http://127.0.0.1:1", True),
    ],
)
def test_a_service_that_may_be_used(last: str | None, now: str, *, confirmed: bool) -> None:
    target(now).check_same_service(last, confirmed=confirmed)


@pytest.mark.parametrize(("last", "now"), [("http://127.0.0.1:1", NOWHERE), (NOWHERE, "http://127.0.0.1:1")])
def test_a_service_that_needs_a_person(last: str, now: str) -> None:
    with pytest.raises(Refused, match="would now use"):
        target(now).check_same_service(last, confirmed=False)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("carry-it-away", "exit 127: the command was not found"),
        ("/etc/passwd", "exit 126: the command is not executable"),
        ("exit 9", "exit 9): no request was sent. Did another runner save its state first?"),
    ],
)
def test_a_checkpoint_that_cannot_run(project: Workbench, command: str, words: str) -> None:
    project.write("calls/june.yaml", plan_text())
    result = project.run("apply", "--auto-approve", "--checkpoint", command)
    assert result.code == 3
    assert words in result.err
    assert ("another runner" in result.err) is (command == "exit 9")
    assert "Applied: not sent 3." in result.out
    assert "reconciler state backup FILE" in result.err
    parse("reconciler state backup FILE")


def test_a_plan_file_beside_the_settings_is_not_missed(project: Workbench) -> None:
    project.write("calls/june.yaml", plan_text())
    project.write("july.yaml", plan_text("july"))
    project.write("compose.yaml", "services: {web: {image: x}}\n")
    result = project.ok("plan")
    assert "3 to place" in result.out
    assert [line for line in result.err.splitlines() if "W402" in line] == [
        "july.yaml:1:1: warning W402: this file does not match plans (calls/**/*.{yaml,yml})"
    ]


def test_the_settings_that_init_suggests_are_valid(bench: Workbench) -> None:
    bench.ok("init")
    path: Path = bench.root / "reconciler.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    suggested = [line.replace("# ", "", 1) if line.startswith("  # ") and ":" in line else line for line in lines]
    path.write_text("\n".join(suggested) + "\n", encoding="utf-8")
    bench.write("lists/dnc.csv", "number\n+525512345678\n")
    problems = bench.run("validate", "--json").json["diagnostics"]
    assert [item for item in problems if item["file"] == "reconciler.yaml" and item["code"] < "E9"] == []
