"""``explain`` and ``plan --explain``: every value leads back to what somebody wrote."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from python_calamine import CalamineWorkbook

from reconciler.source.schema.packaged import schema_text
from tests.conftest import AGENT, NUMBER, Workbench, clean_environment, contact, plan_text
from tests.test_examples import EXAMPLES
from tests.workbooks import workbook

SHEET = f"""\
version: 1
plan: june
defaults: {{agent: {AGENT}, from: {NUMBER}, schedule: {{timezone: America/Mexico_City}}}}
sheets:
  - file: june.csv
    columns:
      key: '="inv-" + row.Factura + "/" + row.due + "/" + plan.name'
      due: =date(row.Vence)
      schedule.at: =at(row.due, "10:00")
      additional_data.note: '="Dear " + row.Nombre + string(2 * 3) // to be friendly'
      additional_data.fixed: as it is
"""
CSV = f"Factura,Vence,Nombre,contact_id,additional_data.city\n1001,2031-06-15,Ana,{contact(1)},\n"


def explained(bench: Workbench, *args: str) -> Any:
    """The document, checked against its schema."""
    document = bench.run("explain", "--json", *args).json
    Draft202012Validator(json.loads(schema_text("explanation"))).validate(document)
    return document


def by_field(item: Any) -> dict[str, Any]:
    return {field["field"]: field for field in item["fields"]}


def flat(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The body of a request as paths and texts."""
    for name, value in body.items():
        if isinstance(value, list):
            yield from ((f"{name}.{pair['key']}", pair["value"]) for pair in value)
        elif isinstance(value, dict):
            yield from ((f"{name}.{key}", item) for key, item in value.items())
        else:
            yield name, str(value)


def is_private(field: Any) -> bool:
    return field["field"] in {"to_number", "full_name", "email"} or field["field"].startswith("additional_data.")


def nodes(origin: Any) -> Iterator[Any]:
    yield origin
    for item in origin["inputs"]:
        if item["origin"] is not None:
            yield from nodes(item["origin"])


def stands_there(root: Path, origin: Any) -> bool:
    """Whether the value, or the formula that makes it, is what its place in the file holds."""
    place = origin["place"]
    if place["file"].endswith(".xlsx"):
        sheet = CalamineWorkbook.from_path(root / place["file"]).get_sheet_by_name(place["cell"].split("!")[0])
        cell = sheet.to_python(skip_empty_area=False)[place["line"] - 1][place["column"] - 1]
        return origin["value"] == (f"{cell:g}" if isinstance(cell, float) else str(cell))
    line = (root / place["file"]).read_text(encoding="utf-8").splitlines()[place["line"] - 1]
    written = line[place["column"] - 1 :].lstrip("\"'+")
    return written.startswith((origin["formula"] or origin["value"]).lstrip("+"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_field_of_every_example_has_a_source(example: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path / example.name)
    shutil.copytree(example, bench.root)
    changes = bench.plan("--no-state", "--reveal", "--now", "2031-01-01T00:00:00Z")["changes"]
    assert changes
    document = explained(
        bench, "--reveal", "--now", "2031-01-01T00:00:00Z", *(item["address"] for item in changes)
    )
    assert [item["address"] for item in document["addresses"]] == [item["address"] for item in changes]
    for change, item in zip(changes, document["addresses"], strict=True):
        assert item["complete"] is True
        assert item["planned"]["action"] == change["action"]
        sent = {field["sent_as"]: field["value"] for field in item["fields"] if field["sent_as"] is not None}
        if change["request"] is not None:
            assert sent == dict(flat(change["request"]["body"]))
        key = by_field(item)["key"]
        assert (key["value"], key["sent_as"]) == (change["key"], None)
        for field in item["fields"]:
            for origin in nodes(field["origin"]):
                if origin["kind"] in {"row", "sheet", "default", "alias", "formula", "table"}:
                    assert stands_there(bench.root, origin), origin
    private = {field["value"] for item in document["addresses"] for field in item["fields"] if is_private(field)}
    addresses = [item["address"] for item in changes]
    for args in (("explain", *addresses), ("explain", "--json", *addresses), ("plan", "--no-state", "--explain")):
        shown = bench.ok(*args, "--now", "2031-01-01T00:00:00Z").out
        assert [value for value in private if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", shown)] == []


def test_each_kind_of_source(bench: Workbench) -> None:
    bench.write("reconciler.yaml", f"version: 1\nagents:\n  sales: {AGENT}\nnumbers: {{mx: {{id: {NUMBER}}}}}\n")
    bench.write(
        "calls/a.yaml",
        "version: 1\nplan: a\nidentity: [clinic, visit]\n"
        "defaults: {agent: sales, from: mx, metadata: {clinic: centro}, schedule: {timezone: Europe/Madrid}}\n"
        f"calls:\n  - contact_id: {contact(1)}\n"
        "    schedule: {at: 2031-03-10 10:00}\n    metadata: {visit: v1}\n",
    )
    fields = by_field(explained(bench, "a/centro/v1")["addresses"][0])
    agent = fields["agent"]["origin"]
    assert (agent["kind"], agent["place"]) == ("alias", {"file": "reconciler.yaml", "line": 3, "column": 10})
    assert agent["inputs"][0]["origin"]["kind"] == "default"
    assert fields["from"]["sent_as"] == "from_number_id"
    assert fields["from"]["origin"]["place"]["line"] == 4
    key = fields["key"]["origin"]
    assert (key["kind"], key["place"]["line"]) == ("identity", 3)
    assert [(item["name"], item["origin"]["kind"]) for item in key["inputs"]] == [
        ("metadata.clinic", "default"),
        ("metadata.visit", "row"),
    ]
    at = fields["schedule.at"]
    assert (at["value"], at["origin"]["value"]) == ("2031-03-10 10:00:00", "2031-03-10 10:00")
    assert fields["metadata.reconciler_plan"]["origin"]["kind"] == "tag"
    text = bench.ok("explain", "a/centro/v1").out
    assert "  schedule.at: 2031-03-10 10:00:00  (row, calls/a.yaml:7:20, written 2031-03-10 10:00)\n" in text
    assert "      metadata.visit: ***  (row, calls/a.yaml:8:23)\n" in text


def test_a_formula_tells_its_inputs_through_other_columns(bench: Workbench) -> None:
    bench.create_project()
    bench.write("calls/june.yaml", SHEET)
    bench.write("calls/june.csv", CSV)
    address = "june/inv-1001/2031-06-15/june"
    item = explained(bench, address, "--reveal")["addresses"][0]
    fields = by_field(item)
    key = fields["key"]["origin"]
    assert [found["name"] for found in key["inputs"]] == ["Factura", "due", "plan.name"]
    due = key["inputs"][1]["origin"]
    assert (due["kind"], due["formula"], due["value"]) == ("formula", "=date(row.Vence)", "2031-06-15")
    assert due["inputs"][0]["origin"]["place"] == {
        "file": "calls/june.csv",
        "line": 2,
        "column": 6,
        "cell": "B2",
    }
    assert fields["additional_data.fixed"]["origin"]["formula"] is None
    assert "additional_data.city" not in fields
    assert "due" not in fields
    text = bench.ok("explain", address, "--reveal").out
    assert "          Vence: 2031-06-15  (sheet, calls/june.csv!B2)\n" in text


def test_a_lookup_tells_its_table(tmp_path: Path) -> None:
    root = tmp_path / "phones-to-contacts"
    shutil.copytree(next(path for path in EXAMPLES if path.name == "phones-to-contacts"), root)
    fields = by_field(
        explained(Workbench(root), "june-collections/inv-0077/2031-06-20", "--reveal")["addresses"][0]
    )
    phone, table = fields["contact_id"]["origin"]["inputs"]
    assert (phone["name"], phone["origin"]["value"]) == ("Teléfono", "5550000113")
    assert (table["name"], table["origin"]["kind"], table["origin"]["value"]) == (
        "contacts",
        "table",
        "contacts.csv",
    )
    assert table["origin"]["place"]["line"] == 11


def test_masked_unless_revealed(bench: Workbench) -> None:
    bench.create_project()
    bench.write("calls/june.yaml", SHEET)
    bench.write("calls/june.csv", CSV)
    address = "june/inv-1001/2031-06-15/june"
    for args in (("explain", address), ("explain", address, "--json"), ("plan", "--explain")):
        masked, revealed = bench.ok(*args), bench.ok(*args, "--reveal")
        for secret in ("Ana", "Dear", "friendly", "as it is"):
            assert secret in revealed.out, args
            assert secret not in masked.out, args
        assert "*** + row.Nombre + string(*** * ***)" in masked.out
    note = by_field(explained(bench, address)["addresses"][0])["additional_data.note"]
    assert note["value"] == note["origin"]["value"] == "***"


def test_a_terminal_shows_it_in_clear_within_its_width(bench: Workbench) -> None:
    bench.create_project()
    bench.write("calls/june.yaml", SHEET)
    bench.write("calls/june.csv", CSV)
    main, side = pty.openpty()
    command = [sys.executable, "-m", "reconciler", "--no-color", "explain", "june/inv-1001/2031-06-15/june"]
    env = clean_environment() | {"COLUMNS": "80", "TERM": "xterm"}
    with subprocess.Popen(command, cwd=bench.root, env=env, stdout=side) as process:
        os.close(side)
        text = ""
        while (data := _read(main)) != "":
            text += data
        assert process.wait() == 0
    os.close(main)
    assert "Nombre: Ana" in text
    assert max(map(len, text.splitlines())) <= 80


def _read(handle: int) -> str:
    try:
        return os.read(handle, 65536).decode()
    except OSError:  # Linux's way to say that the other side is closed
        return ""


def test_a_workbook_and_an_inline_table(bench: Workbench) -> None:
    bench.create_project()
    rows: list[list[Any]] = [["key", "contact_id", "schedule.at"], ["k1", contact(1), "2031-06-15 10:00:00"]]
    bench.write("calls/j.xlsx", "").write_bytes(workbook(("June", rows)))
    head = f"defaults: {{agent: {AGENT}, from: {NUMBER}, schedule: {{timezone: Europe/Madrid}}}}\n"
    bench.write("calls/a.yaml", f"version: 1\nplan: a\n{head}sheets: [{{file: j.xlsx}}]\n")
    table = (
        "table:\n  columns: [key, contact_id, day]\n"
        f"  rows:\n    - [k1, {contact(2)}, 2031-06-16]\n"
        "columns: {schedule.at: '=at(date(row.day), \"10:00\")'}\n"
    )
    bench.write("calls/b.yaml", f"version: 1\nplan: b\n{head}{table}")
    sheet, inline = explained(bench, "a/k1", "b/k1")["addresses"]
    assert by_field(sheet)["contact_id"]["origin"]["place"]["cell"] == "June!B2"
    assert "(sheet, calls/j.xlsx!June!B2)" in bench.ok("explain", "a/k1").out
    day = by_field(inline)["schedule.at"]["origin"]["inputs"][0]["origin"]
    assert (day["kind"], day["place"]) == ("row", {"file": "calls/b.yaml", "line": 7, "column": 50})


def test_columns_that_read_each_other_many_times_stay_small(bench: Workbench) -> None:
    bench.create_project()
    chain = "\n".join(f"  c{number}: =row.c{number + 1} + row.d{number + 1}" for number in range(40))
    other = "\n".join(f"  d{number}: =row.c{number + 1}" for number in range(1, 40))
    ends = "  c40: =row.contact_id\n  d40: =row.contact_id"
    bench.write(
        "calls/a.yaml",
        f"version: 1\nplan: a\ncolumns:\n  metadata.end: =slug(row.c35)\n  metadata.deep: =string(size(row.c20))\n"
        f"{chain}\n{other}\n{ends}\n"
        f"calls:\n  - {{key: k, agent: {AGENT}, from: {NUMBER}, contact_id: {contact(1)},"
        " delay_minutes: 0, place_by: 2031-01-01T00:00:00Z}\n",
    )
    result = bench.run("explain", "a/k", "--json")
    assert len(result.out) < 100_000
    document = explained(bench, "a/k")
    found = [node for field in document["addresses"][0]["fields"] for node in nodes(field["origin"])]
    assert any(node["cut"] for node in found)


def test_what_the_state_knows_and_a_plan_would_do(project: Workbench) -> None:
    project.write("calls/june.yaml", plan_text(rows=2))
    new = explained(project, "june/inv-1")
    assert new["state"]["serial"] == 0
    assert new["addresses"][0]["placed"] is None
    assert new["addresses"][0]["planned"]["action"] == "create"
    assert "State: nothing is recorded at this address." in project.ok("explain", "june/inv-1").out
    assert project.apply().summary["placed"] == 2
    project.write("calls/june.yaml", plan_text(rows=2).replace("14001", "1"))
    item = explained(project, "june/inv-1", "--reveal")["addresses"][0]
    assert item["placed"]["status"] == "placed"
    assert item["placed"]["call"]["additional_data"] == {"amount_debt": "14001"}
    assert item["planned"]["action"] == "changed"
    assert [(cell["before"], cell["after"]) for cell in item["planned"]["diff"]] == [("14001", "1")]
    text = project.ok("explain", "june/inv-1", "june/inv-2").out
    assert "Plan: changed. june/inv-1 (call-" in text
    assert "State: placed as call-" in text
    assert "\n\njune/inv-2  calls/june.yaml:12:5\n  Plan: unchanged.\n" in text
    assert "14001" not in text


def test_a_row_that_is_gone(project: Workbench) -> None:
    project.write("calls/june.yaml", plan_text(rows=2))
    project.apply()
    project.write("calls/june.yaml", plan_text(rows=1))
    item = explained(project, "june/inv-2")["addresses"][0]
    assert (item["source"], item["complete"], item["fields"]) == (None, None, [])
    assert item["planned"]["reasons"] == ["no-row", "still-rings"]
    assert item["placed"]["call"]["additional_data"] == {"amount_debt": "***"}
    text = project.ok("explain", "june/inv-2", "--reveal").out
    assert "The placed call, as recorded in the state:" in text
    assert "additional_data.amount_debt: 14002" in text
    over = project.ok("explain", "june/inv-2", "--now", "2031-07-01T00:00:00Z").out
    assert "Plan: nothing. No plan file has this row, and its call is no longer pending." in over
    project.ok("state", "export", "--public", "snapshot.json")
    blind = explained(project, "june/inv-2", "--state", "snapshot:snapshot.json")["addresses"][0]
    assert blind["placed"]["call"] is None
    assert (
        "as recorded in the state"
        not in project.ok("explain", "june/inv-2", "--state", "snapshot:snapshot.json").out
    )


def test_a_row_that_was_moved(project: Workbench) -> None:
    project.write("calls/june.yaml", plan_text(rows=1))
    project.apply()
    moved = plan_text("july", rows=1, extra="moved: [{from: june, to: july}]\n")
    project.write("calls/june.yaml", moved)
    item = explained(project, "july/inv-1")["addresses"][0]
    assert (item["placed"]["recorded_as"], item["planned"]["action"]) == ("june/inv-1", "unchanged")
    assert "It is recorded as june/inv-1, and the next apply moves it." in project.ok("explain", "july/inv-1").out


def test_without_a_state(bench: Workbench) -> None:
    bench.write("calls/june.yaml", plan_text())
    assert explained(bench, "june/inv-1")["state"] is None
    assert "State: there is none yet." in bench.ok("explain", "june/inv-1").out
    named = bench.run("explain", "june/inv-1", "--state", "nowhere.db")
    assert named.code == 1
    assert "nowhere.db" in named.err


def test_an_unknown_address(bench: Workbench) -> None:
    bench.write("calls/june.yaml", plan_text())
    wrong = bench.run("explain", "june/inv-11", "june/inv-1")
    assert wrong.code == 1
    assert (
        wrong.err
        == "error: neither the plan files nor the state contain june/inv-11\nhint: did you mean june/inv-1?\n"
    )
    assert wrong.out.startswith("june/inv-1  calls/june.yaml:8:5\n")
    assert bench.run("explain", "nobody").code == 64
    bench.write("reconciler.yaml", "version: 2\n")
    unsettled = bench.run("explain", "june/inv-1")
    assert (unsettled.code, unsettled.out) == (1, "")
    assert "reconciler.yaml has errors" in unsettled.err
    bench.write("reconciler.yaml", "version: 1\n")
    bench.write("calls/july.yaml", "version: 1\nplan: july\ncalls: [{key: [x]}]\n")
    unread = bench.run("explain", "july/x")
    assert "july.yaml:3" in unread.err
    assert "hint: " in unread.err.splitlines()[-1]


def test_a_row_with_errors_shows_them_and_what_could_be_read(bench: Workbench) -> None:
    bench.create_project()
    text = plan_text().replace(contact(2), "'55 5000'").replace("2031-06-01 00:02:00", "2031-02-30 10:00:00")
    bench.write("calls/june.yaml", text)
    result = bench.run("explain", "june/inv-2")
    assert result.code == 1
    assert "Plan: nothing, the row has errors." in result.out
    assert "error E313" in result.out
    assert "Fields that could be read:" in result.out
    assert "schedule.at: 2031-02-30 10:00:00" in result.out
    item = explained(bench, "june/inv-2")["addresses"][0]
    assert item["complete"] is False
    assert "E313" in {found["code"] for found in item["diagnostics"]}
    fine = explained(bench, "june/inv-1")["addresses"][0]
    assert (fine["complete"], fine["diagnostics"]) == (True, [])
    assert bench.run("explain", "june/inv-1").code == 0
    bench.write("calls/june.yaml", plan_text().replace("America/Mexico_City", "Mexico"))
    shared = explained(bench, "june/inv-2")["addresses"][0]
    assert [found["code"] for found in shared["diagnostics"]] == ["E312"]


def test_a_formula_that_fails(bench: Workbench) -> None:
    bench.create_project()
    bench.write("calls/june.yaml", SHEET.replace("row.due + ", '"" + '))
    bench.write("calls/june.csv", CSV.replace("2031-06-15", "soon") + f"1002,2031-06-16,Eva,{contact(2)},\n")
    item = explained(bench, "june/inv-1001//june")["addresses"][0]
    assert item["complete"] is False
    assert {found["line"] for found in item["diagnostics"]} == {2}
    assert bench.run("explain", "june/inv-1001//june").code == 1


def test_plan_explain_says_where_new_cells_came_from(project: Workbench) -> None:
    project.write("calls/june.yaml", SHEET)
    project.write("calls/june.csv", CSV)
    now = ("--now", "2031-05-30T12:00:00Z")
    schema = Draft202012Validator(json.loads(schema_text("plan")))
    plain, told = project.plan(*now), project.plan(*now, "--explain")
    schema.validate(told)
    fields = {field["sent_as"]: field["value"] for field in told["changes"][0]["fields"] if field["sent_as"]}
    assert fields == dict(flat(plain["changes"][0]["request"]["body"]))
    del told["changes"][0]["fields"]
    assert told == plain
    assert project.apply().summary["placed"] == 1
    project.write("calls/june.csv", CSV.replace("Ana", "Eva"))
    plain, told = project.plan(*now), project.plan(*now, "--explain")
    schema.validate(told)
    [cell] = told["changes"][0]["diff"]
    assert cell["origin"]["inputs"][0]["origin"]["place"]["cell"] == "C2"
    assert plain["plan_id"] == told["plan_id"]
    text = project.ok("plan", *now, "--explain", "--reveal").out
    assert "        from formula, calls/june.yaml:10:29\n" in text
    assert "            Nombre: Eva  (sheet, calls/june.csv!C2)\n" in text
    page = project.ok("plan", *now, "--explain", "--format", "markdown").out
    assert ": `***` (edited) from `formula` `calls/june.yaml:10:29`" in page
    assert "`Nombre` = `***` `sheet` `calls/june.csv!C2` |" in page
    plain = project.ok("plan", *now, "--format", "markdown").out
    assert ": `***` (edited) |" in plain
    assert "from `formula`" not in plain
    project.ok("plan", *now, "--out", "a.plan")
    project.ok("plan", *now, "--explain", "--out", "b.plan")
    assert (project.root / "a.plan").read_bytes() == (project.root / "b.plan").read_bytes()


def test_on_a_terminal_a_sentence_tells_instants_as_the_row_does(project: Workbench) -> None:
    project.write("calls/june.yaml", plan_text(rows=1))
    project.apply()
    project.write("calls/june.yaml", plan_text(rows=1).replace("14001", "14002"))
    soon = ("--now", "2031-05-30T12:00:00Z")
    stable = "june/inv-1 (%s) will still ring at 2031-06-01T06:01:00Z, because the API"
    call_id = project.ok("state", "show", "june/inv-1", "--json").json["call_id"]
    assert project.plan(*soon)["changes"][0]["message"].startswith(stable % call_id)
    screen = " ".join(project.on_terminal("plan", *soon).split())
    assert "~ Sun 1 Jun 00:01" in screen
    assert "times in Mexico City It will still ring: the API cannot change" in screen
    assert call_id in screen


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_fields_are_in_the_order_of_the_file_whatever_the_hash_seed(bench: Workbench, seed: str) -> None:
    names = ["zeta", "alpha", "mid", "beta", "omega", "amount"]
    values = "\n".join(f"      {name}: {number}" for number, name in enumerate(names))
    bench.write(
        "calls/a.yaml",
        f"version: 1\nplan: a\ndefaults: {{agent: {AGENT}, from: {NUMBER}}}\ncalls:\n"
        f"  - key: k\n    contact_id: {contact(1)}\n    schedule: {{timezone: UTC, at: 2031-03-10 10:00}}\n"
        f"    additional_data:\n{values}\n    metadata:\n{values}\n",
    )
    bench.env["PYTHONHASHSEED"] = seed
    fields = [item["field"] for item in explained(bench, "a/k")["addresses"][0]["fields"]]
    assert fields[:5] == ["key", "agent", "from", "contact_id", "schedule.at"]
    assert [name for name in fields if name.startswith("additional_data.")] == [
        f"additional_data.{name}" for name in names
    ]
    own = [name for name in fields if name.startswith("metadata.") and "reconciler_" not in name]
    assert own == [f"metadata.{name}" for name in names]
    forms = ("text", "json", "html")
    outputs = [word for form in forms for word in ("--format", form, "--output", f"page.{form}")]
    bench.ok("plan", "--no-state", "--reveal", "--explain", *outputs)
    for form in forms:
        page = (bench.root / f"page.{form}").read_text(encoding="utf-8")
        places = [page.index(f"additional_data.{name}") for name in names]
        assert places == sorted(places), form
