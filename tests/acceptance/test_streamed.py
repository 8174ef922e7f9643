"""Plans too long for memory: what is kept on disk while a command works comes out to the byte as from memory."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.commands import plan_formats
from tests.conftest import AGENT, NUMBER, ZYGOTE, Workbench, clean_environment, contact, plan_text

NOW = ("--now", "2031-05-30T12:00:00Z")
FORMS = [form for form in plan_formats() if form != "xlsx"]
MOVED = "moved: [{from: june/inv-3, to: june/moved-3}]\n"


def spooled(bench: Workbench, *args: str) -> subprocess.CompletedProcess[str]:
    return ZYGOTE.run(list(args), bench.root, clean_environment() | bench.env, module="tests.spooled")


@pytest.fixture
def mixed(placed: Workbench) -> Workbench:
    """After three calls were placed: one changed, one removed, one moved, and rows of every other kind."""
    rows = (
        plan_text(rows=40)
        .replace("amount_debt: 14001", "amount_debt: 99")
        .replace("key: inv-3\n", "key: moved-3\n")
    )
    lines = rows.splitlines(keepends=True)
    second = lines.index("  - key: inv-2\n")
    del lines[second : second + 4]
    at = lines.index("  - key: inv-9\n")
    lines[at] += "    enabled: false\n"
    placed.write("calls/june.yaml", "".join(lines) + MOVED)
    late = plan_text("late", 5, first=50).replace("2031-06-01", "2031-05-29")
    placed.write("calls/late.yaml", late)
    return placed


@pytest.fixture
def blocked(mixed: Workbench) -> Workbench:
    """With the same calls as before under the name of another plan, which blocks them."""
    mixed.write("calls/again.yaml", plan_text("again"))
    return mixed


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("more", [(), ("--explain",)], ids=["plain", "explained"])
def test_every_form_is_the_same(mixed: Workbench, form: str, more: tuple[str, ...]) -> None:
    for reveal in ((), ("--reveal",)):
        args = ("plan", *NOW, "--format", form, *more, *reveal)
        held, kept = mixed.run(*args), spooled(mixed, *args)
        assert held.out
        assert (kept.stdout, kept.stderr, kept.returncode) == (held.out, held.err, held.code)


@pytest.mark.parametrize("form", FORMS)
def test_blocked_rows_too(blocked: Workbench, form: str) -> None:
    args = ("plan", *NOW, "--format", form)
    held, kept = blocked.run(*args), spooled(blocked, *args)
    assert held.code == 5
    assert (kept.stdout, kept.stderr, kept.returncode) == (held.out, held.err, held.code)


def test_a_workbook_is_the_same(mixed: Workbench) -> None:
    mixed.ok("plan", *NOW, "--format", "xlsx", "--output", "held.xlsx")
    assert spooled(mixed, "plan", *NOW, "--format", "xlsx", "--output", "kept.xlsx").returncode == 0
    assert (mixed.root / "kept.xlsx").read_bytes() == (mixed.root / "held.xlsx").read_bytes()


def test_saved_plans_are_the_same_and_are_read_alike(mixed: Workbench) -> None:
    mixed.ok("plan", *NOW, "--out", "held.plan")
    assert spooled(mixed, "plan", *NOW, "--out", "kept.plan").returncode == 0
    data = (mixed.root / "held.plan").read_bytes()
    assert (mixed.root / "kept.plan").read_bytes() == data
    shown = mixed.ok("show", "held.plan", "--json", "--reveal").out
    assert spooled(mixed, "show", "held.plan", "--json", "--reveal").stdout == shown


def test_an_apply_places_what_it_must(mixed: Workbench, sandbox: Any) -> None:
    mixed.ok("plan", "--out", "june.plan")
    for placed, code in ((36 + 5, 3), (0, 0)):  # the late ones are not late yet; the edited row is told of once
        before = len(sandbox.calls())
        done = spooled(mixed, "apply", "june.plan", "--json", "--rate", "none")
        summary = json.loads(done.stdout.splitlines()[-1])
        assert done.returncode == code
        assert [line for line in done.stderr.splitlines() if not line.startswith(PREVIEW)] == []
        assert (summary["placed"], len(sandbox.calls()) - before) == (placed, placed)


PREVIEW = ("Service: ", "Calls: ", "First: ", "Last: ")
HEADER = "key,contact_id,schedule.at,additional_data.note\n"
SHEET = """\
version: 1
plan: july
defaults: {{agent: {agent}, from: {number}, schedule: {{timezone: America/Mexico_City}}}}
sheets:
  - file: july.csv
"""


def record(number: int, **fields: str) -> str:
    values = {
        "key": f"inv-{number:03}",
        "contact_id": contact(number),
        "at": f"2031-06-{1 + number % 28:02} 10:00",
        "note": "n",
    } | fields
    return f"{','.join(values.values())}\n"


RECORDS = {
    "good": [record(n) for n in range(40)],
    "none": [],
    "blank": [record(n) if n % 3 else ",,,\n" for n in range(40)],
    "wrong in many": [record(n, at="never" if n % 2 else "2031-06-01 10:00") for n in range(70)],
    "twice": [*(record(n) for n in range(20)), record(19), record(4), *(record(n) for n in range(30, 40))],
    "out of order": [record(n * 7 % 40) for n in range(40)],
    "dated": [record(n, key=f"inv-{n:03}" + ("-2031-06-01" if n > 30 else "")) for n in range(40)],
    "the same person": [record(n, contact_id=contact(1), at="2031-06-01 10:00") for n in range(9)],
    "quotes and lines": [record(n, note=f'"a, ""b""\n{n}"') for n in range(20)],
    "guarded": [record(n, note="'=1+1") for n in range(20)],
    "a quote is missing": [*(record(n) for n in range(20)), record(20, note='"a"b'), record(21)],
    "too many": [record(n) for n in range(60)],
    "too few cells": [*(record(n) for n in range(20)), "inv-9,x\n", record(21)],
    "not UTF-8": [*(record(n) for n in range(20)), record(20, note="\udcff"), record(21)],
}
COLUMNS = """\
    columns:
      additional_data.note: '=upper(row.note)'
"""


@pytest.mark.parametrize("computed", [False, True], ids=["as written", "computed"])
@pytest.mark.parametrize("name", RECORDS)
def test_a_sheet_is_read_alike_by_many(bench: Workbench, name: str, computed: bool) -> None:
    bench.write(
        "reconciler.yaml", "version: 1\nlimits: {sheet_rows: 50}\n" if name == "too many" else "version: 1\n"
    )
    bench.ok("state", "init")
    header = HEADER.replace("additional_data.note", "note") if computed else HEADER
    text = SHEET.format(agent=AGENT, number=NUMBER) + (COLUMNS if computed else "")
    bench.write("calls/july.yaml", text)
    data = "".join([header, *RECORDS[name]]).encode(errors="surrogateescape")
    (bench.root / "calls" / "july.csv").write_bytes(data)
    for args in (("validate",), ("plan", *NOW, "--json", "--reveal"), ("plan", *NOW, "--out", "{}.plan")):
        one, many = ([arg.format(which) for arg in args] for which in ("one", "many"))
        held, kept = bench.run(*one), spooled(bench, *many)
        assert held.out + held.err
        assert (kept.stdout, kept.stderr.replace(many[-1], one[-1]), kept.returncode) == (
            held.out,
            held.err,
            held.code,
        )
    saved = [bench.root / f"{which}.plan" for which in ("one", "many")]
    assert saved[0].exists() is (held.code == 0)
    if held.code == 0:
        assert saved[1].read_bytes() == saved[0].read_bytes()


@pytest.mark.parametrize("processes", ["1", "2", "7"])
def test_however_many_share_it(mixed: Workbench, processes: str) -> None:
    held = mixed.run("plan", *NOW, "--json")
    mixed.env["RECONCILER_PROCESSES"] = processes
    kept = spooled(mixed, "plan", *NOW, "--json")
    assert (kept.stdout, kept.returncode) == (held.out, held.code)


def test_a_number_of_processes_that_is_none_is_refused(mixed: Workbench) -> None:
    mixed.env["RECONCILER_PROCESSES"] = "many"
    kept = spooled(mixed, "plan", *NOW)
    assert kept.returncode == 64
    assert "RECONCILER_PROCESSES: 'many' is not a whole number" in kept.stderr
