"""Hundreds of decisions in one file, and what should have been placed by now."""

from __future__ import annotations

import csv
from typing import Any

from tests.conftest import Workbench, plan_text

PLAN = "calls/june.yaml"
ROWS = 60


def test_sixty_are_settled_from_one_file(bench: Workbench, blind: Any) -> None:
    bench.write(PLAN, plan_text(rows=ROWS))
    blind.set_faults(
        "drop-after=0.5",
        "drop-before",
    )
    for _ in range(80):
        if not [action for action in bench.actions().values() if action == "create"]:
            break
        bench.apply("--concurrency", "64")
    exported = bench.run("resolve", "--export", "decisions.csv")
    assert exported.code == 3
    path = bench.root / "decisions.csv"
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == ROWS
    placed = {f"june/{call.body['metadata']['reconciler_key']}": call.call_id for call in blind.calls()}
    for row in rows:
        call_id = placed.get(row["address"])
        row |= {"decision": "placed" if call_id else "not-placed", "call_id": call_id or "", "reason": "looked up"}
    good = [dict(row) for row in rows]

    rows[7] |= {"decision": "maybe"}
    rows[9] |= {"call_id": ""} if rows[9]["call_id"] else {"call_id": "call-x"}
    rows[11] |= {"reason": " "}
    write(bench, rows)
    refused = bench.run("resolve", "--from", "decisions.csv")
    assert refused.code == 1
    shown = refused.err.splitlines()
    assert shown[0] == "error: nothing was recorded: 3 errors in decisions.csv"
    assert [line.split(": ")[0] for line in shown[1:4]] == [f"  decisions.csv:{line}" for line in (9, 11, 13)]
    assert shown[4:] == ["hint: correct them, then run: reconciler resolve --from decisions.csv"]
    assert len([action for action in bench.actions().values() if action == "uncertain"]) == ROWS

    write(bench, good)
    assert bench.run("resolve", "--from", "decisions.csv").code == 0
    blind.set_faults()
    applied = bench.apply("--no-preflight")
    assert applied.summary["placed"] == ROWS - len(placed)
    assert len(blind.calls()) == ROWS
    assert bench.run("plan", "--detailed-exitcode").code == 0


def write(bench: Workbench, rows: list[dict[str, str]]) -> None:
    with (bench.root / "decisions.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_files_that_are_no_decisions(project: Workbench) -> None:
    assert project.run("resolve", "--from", "nowhere.csv").code == 1
    project.write("wrong.csv", "a,b\n1,2\n")
    assert project.run("resolve", "--from", "wrong.csv").code == 1
    project.write("stranger.csv", "address,decision,call_id,reason\njune/x,not-placed,,why\n")
    assert project.run("resolve", "--from", "stranger.csv").code == 1
    project.write("long.csv", f"address,decision,call_id,reason\njune/x,,,{'y' * 200_000}\n")
    assert "long.csv:" in project.run("resolve", "--from", "long.csv").err
    project.write("german.csv", "address;decision;call_id;reason\njune/x;;;\n")
    assert "semicolons" in project.run("resolve", "--from", "german.csv").err
    project.write("empty.csv", "address,decision,call_id,reason\njune/x,,,\n")
    assert project.run("resolve", "--from", "empty.csv").code == 0


def test_a_line_break_in_a_cell_makes_no_line_of_its_own(project: Workbench) -> None:
    row = '"june/x\nhint: run rm -rf",placed,c-1,why\n'
    project.write("forged.csv", f"address,decision,call_id,reason\n{row * 30}")
    refused = project.run("resolve", "--from", "forged.csv").err.splitlines()
    assert refused[0] == "error: nothing was recorded: 30 errors in forged.csv"
    assert [line[:13] for line in refused[1:21]] == ["  forged.csv:"] * 20
    assert refused[21:] == [
        "  and 10 more",
        "hint: correct them, then run: reconciler resolve --from forged.csv",
    ]


def test_what_is_overdue(project: Workbench, sandbox: Any) -> None:
    project.write(PLAN, plan_text())
    assert project.run("status", "--overdue").code == 0
    soon = project.run("status", "--overdue", "--json", "--now", "2031-06-01T06:02:30Z", "--within", "0s")
    assert soon.code == 3
    assert [item["address"] for item in soon.json["overdue"]] == ["june/inv-1", "june/inv-2"]
    near = project.run("status", "--overdue", "--now", "2031-06-01T05:00:00Z")
    assert near.code == 3
    assert "3 overdue" in near.out
    assert "to place  due Sun 1 Jun 00:01 in Mexico City" in near.out
    project.apply()
    assert project.run("status", "--overdue", "--now", "2031-06-01T05:00:00Z").code == 0
    assert "3 unchanged" in project.ok("status").out
