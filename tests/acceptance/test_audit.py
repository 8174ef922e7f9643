"""The ledger as auditors use it: who did what, and whether anybody changed the record."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.source.schema.packaged import schema_text
from tests.conftest import AGENT, Workbench, contact, plan_text
from tests.gitrepo import ENVIRONMENT, commit, git

PLAN = "calls/june.yaml"
STATE = ".reconciler/state.db"
GITHUB = {
    "GITHUB_ACTOR": "ana",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "acme/calls",
    "GITHUB_RUN_ID": "77",
}


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.env |= GITHUB
    project.write(PLAN, plan_text())
    project.apply()
    return project


def change(bench: Workbench, sql: str) -> None:
    with closing(sqlite3.connect(bench.root / STATE)) as db, db:
        db.execute(sql)


def entries(bench: Workbench, *args: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bench.ok("audit", "log", "--json", *args).out.splitlines()]


def test_a_run_tells_who_where_and_what(june: Workbench, sandbox: Any) -> None:
    kinds = [item["kind"] for item in entries(june)]
    placed = [*["intended"] * 3, *["placed"] * 3]
    assert kinds == ["created", "began", "looked", *placed, "observed", "ended"]
    began = entries(june, "--kind", "began")[0]["content"]
    assert (began["actor"], began["url"]) == ("ana", "https://github.example/acme/calls/actions/runs/77")
    assert began["plan"]["counts"] == {"create": 3}
    assert began["plan_id"].startswith("sha256:")
    assert began["settings"].startswith("sha256:")
    assert began["preflight"] is True
    ended = entries(june, "--kind", "ended")[0]["content"]
    assert (ended["exit_code"], ended["counts"]["placed"]) == (0, 3)
    placed = entries(june, "--kind", "placed")
    assert {item["content"]["call_id"] for item in placed} == {call.call_id for call in sandbox.calls()}


def test_a_run_tells_which_rules_and_lists_it_was_judged_by(project: Workbench) -> None:
    project.write("lists/dnc.csv", f"contact_id\n{contact(99)}\n")
    policy = "guards: {G001: warning}, jurisdictions: [mx-collections]"
    policy += ", suppression: [{file: lists/dnc.csv, as_of: 2030-01-01}]"
    project.write("reconciler.yaml", f"{(project.root / 'reconciler.yaml').read_text()}policy: {{{policy}}}\n")
    project.write(PLAN, plan_text(rows=1))
    assert project.apply("--now", "2030-01-02T00:00:00Z").code == 0
    began = entries(project, "--kind", "began")[0]["content"]
    assert list(began["rules"]) == ["mx-collections"]
    held = hashlib.sha256((project.root / "lists/dnc.csv").read_bytes()).hexdigest()
    assert began["lists"] == {"lists/dnc.csv": f"sha256:{held}"}


def test_git_and_a_skipped_preflight_are_told(project: Workbench) -> None:
    project.env |= ENVIRONMENT
    git(project.root, "init", "--quiet")
    project.write(PLAN, plan_text(rows=1))
    head = commit(project.root, "a plan")
    project.write("notes.txt", "not committed")
    assert project.apply("--no-preflight").code == 0
    began = entries(project, "--kind", "began")[0]["content"]
    assert (began["commit"], began["dirty"], began["preflight"]) == (head, True, False)
    assert "(dirty), without preflight" in project.ok("audit", "log").out


def test_nothing_in_the_ledger_tells_of_a_person(project: Workbench) -> None:
    project.write(
        PLAN,
        f"version: 1\nplan: june\ncalls:\n  - key: a\n    agent: {AGENT}\n    from: +14155550100\n"
        "    to_number: +14155552678\n    full_name: Jane Canary\n    delay_minutes: 0\n"
        "    place_by: 2031-01-01T00:00:00Z\n"
        "    additional_data: {debt: 98765}\n",
    )
    assert project.apply().summary["placed"] == 1
    project.ok("audit", "export", "ledger.jsonl")
    for text in (project.ok("audit", "log").out, (project.root / "ledger.jsonl").read_text()):
        assert "june/a" in text
        for private in ("4155552678", "Jane Canary", "98765", "canary-key"):
            assert private not in text


def test_filters(june: Workbench) -> None:
    june.write("calls/july.yaml", plan_text("july", 2, first=7))
    june.apply()
    run = entries(june, "--kind", "began", "--limit", "1")[0]
    assert {item["run"] for item in entries(june, "--run", run["run"])} == {run["run"]}
    assert {item["content"]["address"] for item in entries(june, "--plan", "july")} == {"july/inv-7", "july/inv-8"}
    by_id = entries(june, "--plan", run["content"]["plan_id"])
    assert [item["kind"] for item in by_id][:1] == ["began"]
    assert len(entries(june, "--address", "june/inv-1")) == 2
    assert len(entries(june, "--limit", "4")) == 4
    assert entries(june, "--until", run["at"])[-1]["kind"] == "ended"
    assert entries(june, "--since", run["at"])[0]["number"] == run["number"]
    assert june.run("audit", "log", "--kind", "nonsense").code == 64
    assert june.run("audit", "log", "--address", "nonsense").code == 64


def test_a_table_in_which_no_spreadsheet_finds_a_formula(june: Workbench) -> None:
    june.ok("resolve", "june/inv-2", "--stopped", "--reason", "=HYPERLINK(1)\n\x1b[2Jnext")
    table = june.ok("audit", "log", "--format", "csv").out.removeprefix("\ufeff")
    [word] = [row for row in csv.DictReader(io.StringIO(table)) if row["kind"] == "decided"]
    assert word["reason"] == "'=HYPERLINK(1)\\x0a\\x1b[2Jnext"
    assert (word["command"], word["actor"], word["address"]) == ("resolve", "ana", "june/inv-2")


def test_the_life_of_a_call_under_all_its_names(june: Workbench) -> None:
    june.write(PLAN, plan_text("july", extra="moved: [{from: june, to: july}]\n"))
    june.apply()
    june.ok("resolve", "july/inv-2", "--stopped", "--reason", "asked us to")
    life = june.ok("audit", "show", "july/inv-2").out
    assert june.ok("audit", "show", "june/inv-2").out == life
    words = [line.split()[2] for line in life.splitlines()]
    assert words == ["began", "intended", "placed", "began", "moved", "began", "decided"]
    assert "asked us to" in life
    assert "apply by ana" in life
    assert june.run("audit", "show", "june/nowhere").code == 1
    june.ok("audit", "verify")


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("update attempts set call_id = 'x' where key = 'inv-1'", "attempt 1 (june/inv-1@1): call_id"),
        ("delete from ledger where number = 5", "ledger entry 6: it follows entry 4"),
        ("update ledger set hash = 'x' || hash where number = 5", "ledger entry 5: it was changed"),
        ("delete from runs", "run "),
        ("update meta set serial = 99", "serial is 99"),
        ("update calls set call = replace(call, '14002', '1') where key = 'inv-2'", "call june/inv-2@1: call"),
        ("update ledger_texts set texts = replace(texts, '{\"person\"', '{ \"person\"')", None),
        ("delete from ledger_texts", "ledger entry 4: its texts are missing"),
    ],
)
def test_what_was_changed_is_found_and_its_place_named(june: Workbench, sql: str, place: str | None) -> None:
    june.ok("audit", "verify")
    change(june, sql)
    found = june.run("audit", "verify")
    if place is None:
        assert found.code == 0, "the same texts"
        return
    assert found.code == 1
    assert any(line.startswith(place) or place in line for line in found.out.splitlines()), found.out
    told = june.run("audit", "verify", "--json")
    assert (told.code, told.json["ok"], len(told.json["problems"]) > 0) == (1, False, True)
    assert june.run("state", "check").code == 1


def test_a_head_kept_elsewhere(june: Workbench) -> None:
    kept = june.ok("audit", "head").out.strip()
    assert june.ok("audit", "head", "--json").json["hash"] == kept.split()[1]
    june.write("anchors.txt", kept + "\n")
    before = (june.root / STATE).read_bytes()
    june.write("calls/july.yaml", plan_text("july", 1, first=7))
    june.apply()
    later = june.ok("audit", "head").out.strip()
    for anchor in (kept, kept.replace(" ", ":"), kept.split()[1], "anchors.txt", later):
        june.ok("audit", "verify", "--head", anchor)
    (june.root / STATE).write_bytes(before)
    june.ok("audit", "verify", "--head", "anchors.txt")
    older = june.run("audit", "verify", "--head", "anchors.txt", "--head", later)
    assert older.code == 1
    assert "kept elsewhere" in older.out
    assert june.run("audit", "verify", "--head", "nonsense").code == 64
    june.write("anchors.txt", "nonsense\n")
    assert june.run("audit", "verify", "--head", "anchors.txt").code == 64


def test_an_export_is_checked_without_the_state(june: Workbench, tmp_path: Path) -> None:
    june.ok("audit", "export", "ledger.jsonl")
    kept = june.ok("audit", "head").out.strip()
    file = june.root / "ledger.jsonl"
    assert file.stat().st_mode & 0o777 == 0o600
    (june.root / STATE).unlink()
    june.ok("audit", "verify", "--file", "ledger.jsonl", "--head", kept)
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    falsified = [
        b"".join(lines[:-1]),
        b"".join(lines[:5] + lines[6:]),
        b"".join([*lines[:4], lines[5], lines[4], *lines[6:]]),
        whole.replace(b"call-", b"cull-", 1),
        whole.replace(b'"person":"', b'"person":"0', 1),
        whole[:-30],
        lines[0],
    ]
    for data in falsified:
        file.write_bytes(data)
        found = june.run("audit", "verify", "--file", "ledger.jsonl")
        assert found.code == 1, data
    file.write_text("no ledger")
    assert "not an exported ledger" in june.run("audit", "verify", "--file", "ledger.jsonl").err
    assert june.run("audit", "verify", "--file", "nowhere.jsonl").code == 1


def test_each_line_is_what_the_schema_says(june: Workbench) -> None:
    line = Draft202012Validator(json.loads(schema_text("audit")))
    june.ok("state", "forget", "june/inv-3", "--reason", "a mistake")
    exported = june.ok("audit", "export", "-").out.splitlines()
    for text in [*exported, *june.ok("audit", "log", "--json").out.splitlines()]:
        line.validate(json.loads(text))
    assert exported[1:-1] == [
        json.dumps(json.loads(item), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        for item in june.ok("audit", "log", "--json").out.splitlines()
    ]
