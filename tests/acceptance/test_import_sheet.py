"""``import-sheet``: from a spreadsheet as people keep them to a plan file that says what it does not know."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from tests.conftest import AGENT, NUMBER, Workbench, clean_environment, contact
from tests.workbooks import write_workbook

SPANISH = """\
Factura,Cliente,Teléfono,Fecha de llamada,Hora,Importe
1001,Ana Pérez,55 5000 0111,16/06/2031,9:30,"$14,058.00"
1002,Luis Gil,(55) 5000-0112,18/06/2031,10:00,$902.50
0077,Rosa Díaz,5550000113,20/06/2031,16:45,$75
"""
SAID = ("--region", "MX", "--timezone", "America/Mexico_City")


@pytest.fixture
def ready(bench: Workbench) -> Workbench:
    """A project with one agent and one number."""
    bench.create_project()
    with (bench.root / "reconciler.yaml").open("a") as settings:
        settings.write(f'agents: {{good: {AGENT}}}\nnumbers: {{mx: {{id: {NUMBER}, e164: "+525512345678"}}}}\n')
    return bench


def calls(bench: Workbench, *paths: str) -> dict[str, Any]:
    plan = bench.plan("--now", "2031-05-30T12:00:00Z", "--reveal", *paths)
    assert not [item for item in plan["diagnostics"] if item["severity"] == "error"], plan["diagnostics"]
    return {change["address"]: change["call"] for change in plan["changes"]}


def text_of(*rows: Sequence[str]) -> str:
    return "".join(",".join(row) + "\n" for row in rows)


def test_a_spanish_sheet_becomes_calls_without_a_word_changed(ready: Workbench) -> None:
    ready.write("calls/june.csv", SPANISH)
    result = ready.ok("import-sheet", "calls/june.csv", *SAID)
    assert result.out == "Wrote calls/june.yaml: 9 fields filled in, 0 TODOs.\n"
    assert 'to_number: =e164(row["Teléfono"], "MX")  (column \'Teléfono\', read as in MX)' in result.err
    ready.ok("validate", "calls/june.yaml")
    found = calls(ready)
    assert found["june/0077/2031-06-20"] == {
        "agent": AGENT,
        "from": "+525512345678",
        "to_number": "+525550000113",
        "full_name": "Rosa Díaz",
        "schedule": {"at": "2031-06-20 16:45:00", "timezone": "America/Mexico_City"},
        "additional_data": {"importe": "75"},
    }
    assert found["june/1001/2031-06-16"]["schedule"]["at"] == "2031-06-16 09:30:00"
    assert len(found) == 3
    assert found["june/1001/2031-06-16"]["additional_data"] == {"importe": "14058.00"}


@pytest.mark.parametrize(
    ("header", "rows", "expected"),
    [
        (
            ["Invoice", "Full name", "Mobile", "Call at"],
            [["A-1", "Jane Smith", "+1 415 555 2671", "2031-06-16 14:30"]],
            {"p/A-1/2031-06-16": ("+14155552671", "Jane Smith", "2031-06-16 14:30:00")},
        ),
        (
            ["Invoice", "Full name", "Mobile", "Call at"],
            [
                ["A-1", "Jane Smith", "+1 415 555 2671", "06/16/2031 2:30 PM"],
                ["A-2", "Omar Khan", "+1 415 555 2672", "2031-06-17 14:30"],
            ],
            {
                "p/A-1/2031-06-16": ("+14155552671", "Jane Smith", "2031-06-16 14:30:00"),
                "p/A-2/2031-06-17": ("+14155552672", "Omar Khan", "2031-06-17 14:30:00"),
            },
        ),
        (
            ["Pedido", "Nome", "Sobrenome", "Celular", "Data", "Horário"],
            [["7", "Ana", "Souza", "+55 11 96123-4567", "13.06.2031", "08:00"]],
            {"p/7/2031-06-13": ("+5511961234567", "Ana Souza", "2031-06-13 08:00:00")},
        ),
        (
            ["id", "contact", "fecha", "hora", "nombre"],
            [
                ["x y", contact(1), "01/02/2031", "10:00", "Ana"],
                ["x z", contact(2), "13/02/2031", "10:00", "Luis"],
            ],
            {
                "p/x-y/2031-02-01": (contact(1), None, "2031-02-01 10:00:00"),
                "p/x-z/2031-02-13": (contact(2), None, "2031-02-13 10:00:00"),
            },
        ),
        (
            ["contact_id", "Fecha", "Hora"],
            [[contact(1), "2031-02-01", "10:00"], [contact(1), "2031-02-02", "10:00"]],
            {
                f"p/{contact(1)}/2031-02-01": (contact(1), None, "2031-02-01 10:00:00"),
                f"p/{contact(1)}/2031-02-02": (contact(1), None, "2031-02-02 10:00:00"),
            },
        ),
        (
            ["key", "to_number", "full_name", "schedule.at"],
            [["k/1", "+14155552671", "Jane", "2031-06-16 14:30"]],
            {"p/k/1": ("+14155552671", "Jane", "2031-06-16 14:30:00")},
        ),
    ],
    ids=["english", "date and time", "portuguese", "contacts", "contacts as keys", "fields"],
)
def test_headers_of_three_languages(
    ready: Workbench, header: list[str], rows: list[list[str]], expected: dict[str, tuple[str, str | None, str]]
) -> None:
    ready.write("calls/s.csv", text_of(header, *rows))
    result = ready.ok("import-sheet", "calls/s.csv", "--plan", "p", "--timezone", "Europe/Madrid")
    assert "0 TODOs" in result.out, result.err
    found = {
        address: (call.get("contact_id", call.get("to_number")), call.get("full_name"), call["schedule"]["at"])
        for address, call in calls(ready).items()
    }
    assert found == expected


def problems(bench: Workbench, path: str) -> set[tuple[str, int]]:
    listed = bench.run("validate", path, "--json").json["diagnostics"]
    return {(item["code"], item["line"]) for item in listed if item["severity"] == "error"}


def test_what_is_missing_is_a_todo_that_validate_reports_on_its_line(bench: Workbench) -> None:
    bench.create_project()
    bench.write("calls/s.csv", "Empresa,Tel\nAcme 1,5550000111\n")
    result = bench.ok("import-sheet", "calls/s.csv")
    assert result.out == "Wrote calls/s.yaml: 1 field filled in, 7 TODOs.\n"
    lines = (bench.root / "calls/s.yaml").read_text().splitlines()
    missing = ["agent", "from", "schedule", "key", "to_number", "full_name", "schedule.at"]
    at = {
        name: next(n for n, line in enumerate(lines, 1) if line.strip().startswith(f"{name}:")) for name in missing
    }
    columns = {("E703", at[name]) for name in ("key", "to_number", "full_name", "schedule.at")}
    assert problems(bench, "calls/s.yaml") == columns
    assert result.err.count("TODO ") == 7
    text = "\n".join(lines).replace("key: '=TODO'", "key: '=slug(row.Empresa)'")
    text = text.replace("to_number: '=TODO'", "to_number: '=e164(row.Tel, \"MX\")'")
    text = text.replace("full_name: '=TODO'", "full_name: '=row.Empresa'")
    bench.write("calls/s.yaml", text.replace("schedule.at: '=TODO'", "schedule.at: '2031-06-16 10:00'"))
    assert problems(bench, "calls/s.yaml") == {
        ("E302", at["agent"]),
        ("E302", at["from"]),
        ("E312", at["schedule"]),
    }


@pytest.mark.parametrize(
    ("header", "value", "told"),
    [
        ("Vencimiento", "16/06/2031", "is what the call is about, not when to call"),
        ("Appointment", "2031-06-16 10:00", "is what the call is about, not when to call"),
        ("Date", "05/06/2031", "no column looks like the time of day"),
        ("Fecha", "16/06/2031", "no column looks like the time of day"),
        ("Fecha de nacimiento", "16/06/1981", "no column looks like the time to call"),
    ],
)
def test_a_time_to_call_is_never_made_up(ready: Workbench, header: str, value: str, told: str) -> None:
    ready.write("calls/s.csv", text_of(["id", "phone", "name", header], ["a", "5550000111", "Ana", value]))
    result = ready.ok("import-sheet", "calls/s.csv", *SAID)
    assert told in result.err
    assert "TODO schedule.at" in result.err or "TODO day" in result.err
    assert ready.run("plan", "calls/s.yaml").code == 1


def test_a_key_is_neither_repeated_nor_a_phone_number(ready: Workbench) -> None:
    head = ["Cuenta", "Teléfono", "Nombre"]
    ready.write("calls/a.csv", text_of(head, ["1", "5550000111", "Ana"], ["1", "5550000112", "Luis"]))
    repeated = ready.ok("import-sheet", "calls/a.csv", *SAID)
    assert "TODO key  (no column looks like a unique identifier" in repeated.err
    assert 'Pass --key, such as --key "Nombre")' in repeated.err
    same = ready.run("import-sheet", "calls/a.csv", "--force", "--key", "Cuenta", *SAID)
    assert (same.code, "--key: rows 2 and 3 have the same Cuenta" in same.err) == (64, True)
    ready.write("calls/b.csv", text_of(head[1:], ["5550000111", "Ana"]))
    assert "TODO key" in ready.ok("import-sheet", "calls/b.csv", *SAID).err
    ready.write("calls/c.csv", text_of(["id", *head[1:]], ["1", "5550000111", "Ana"], ["2", "5550000112", "Luis"]))
    undated = ready.ok("import-sheet", "calls/c.csv", *SAID).err
    assert (
        "TODO key  (the date of the call is not known, and without it next month's export will change" in undated
    )
    named = ready.ok("import-sheet", "calls/c.csv", "--force", "--key", "id", *SAID).err
    assert "note: column 'id' contains row numbers" in named
    assert "note: the key has no date" in named


def test_numbers_that_fit_no_region_are_counted(ready: Workbench) -> None:
    rows = [["a", "5550000111", "Ana"], ["b", "555 000 011 122", "Luis"], ["c", "5.25512E+11", "Eva"]]
    ready.write("calls/s.csv", text_of(["id", "phone", "name"], *rows))
    result = ready.ok("import-sheet", "calls/s.csv", *SAID)
    assert "note: rows 3 and 4 have no numbers that are possible in MX: correct column 'phone'" in result.err
    wrong = ready.run("import-sheet", "calls/s.csv", "--force", "--region", "Mexico")
    assert wrong.code == 64
    assert "--region: 'Mexico' is not a region" in wrong.err


def test_semicolons_and_an_old_encoding_are_found_out(ready: Workbench) -> None:
    (ready.root / "calls").mkdir(exist_ok=True)
    (ready.root / "calls/s.csv").write_bytes(
        SPANISH.replace("$14,058.00", "14058").replace(",", ";").encode("cp1252")
    )
    result = ready.ok("import-sheet", "calls/s.csv", *SAID)
    assert "encoding: 'windows-1252'" in result.err
    assert "delimiter: ';'" in result.err
    assert len(calls(ready)) == 3


def test_a_title_above_semicolons_and_a_header_of_two_lines(ready: Workbench) -> None:
    ready.write(
        "calls/s.csv",
        "Clínica Sur;;;\nTel. 55 5000 0000;;;\n\n"
        'Folio;Teléfono;"Nombre\ncompleto";"Llamar\nel"\nA1;55 5000 0111;Ana;2031-06-16 14:30\nTOTAL;1;;\n',
    )
    result = ready.ok("import-sheet", "calls/s.csv", *SAID)
    assert "header: 4\ndelimiter: ';'\n" in result.err
    (call,) = calls(ready).values()
    assert (call["full_name"], call["schedule"]["at"]) == ("Ana", "2031-06-16 14:30:00")


def test_the_helper_does_not_take_the_name_of_a_column(ready: Workbench) -> None:
    ready.write("calls/s.csv", text_of(["id", "phone", "name", "day"], ["a", "5550000111", "Ana", "2031-06-16"]))
    ready.ok("import-sheet", "calls/s.csv", "--when", "on day at 10:00", *SAID)
    assert {address: call["schedule"]["at"] for address, call in calls(ready).items()} == {
        "s/a/2031-06-16": "2031-06-16 10:00:00"
    }


def test_no_customer_is_taken_for_a_row_of_totals(ready: Workbench) -> None:
    header = ["Cobertura", "Folio", "Cliente", "Teléfono", "Llamar el"]
    rows = [
        ["Total", "A1", "Ana", "5550000111", "2031-06-16 14:30"],
        ["Parcial", "A2", "Total", "5550000112", "2031-06-16 14:30"],
        ["Parcial", "A3", "Rosa", "sin", "2031-06-16 14:30"],
        ["Total", "3", "", "2", "2031-06-30 00:00"],
    ]
    ready.write("calls/s.csv", text_of(header, *rows))
    result = ready.ok("import-sheet", "calls/s.csv", *SAID)
    assert "note: 2 rows are skipped: row 4 (no phone); row 5 (Total)" in result.err
    assert [call["full_name"] for call in calls(ready).values()] == ["Ana", "Total"]
    ready.write("calls/s.csv", text_of(header, *rows[1:]))
    result = ready.ok("import-sheet", "calls/s.csv", "--force", *SAID)
    assert "note: 2 rows are skipped: row 3 (no phone); row 4 (Total)" in result.err
    assert [call["full_name"] for call in calls(ready).values()] == ["Total"]


def test_a_workbook(ready: Workbench) -> None:
    rows = [
        ["Folio", "Teléfono", "Nombre", "Llamar el"],
        ["A-1", "55 5000 0111", "Ana", '<c r="D2" s="2"><v>48015.4375</v></c>'],
    ]
    write_workbook(ready.root / "calls/junio.xlsx", ("Notas", [["a"], ["b"]]), ("Vacía", []), ("Junio", rows))
    several = ready.run("import-sheet", "calls/junio.xlsx", *SAID)
    assert several.code == 1
    assert "choose one with --sheet: Notas, Junio" in several.err
    ready.ok("import-sheet", "calls/junio.xlsx", "--sheet", "Junio", *SAID)
    (call,) = calls(ready).values()
    assert call["schedule"]["at"] == "2031-06-16 10:30:00"
    write_workbook(ready.root / "calls/junio.xlsx", ("Notas", [["x"]]), ("Junio", rows))
    assert "sheet: 'Junio'" in ready.ok("import-sheet", "calls/junio.xlsx", "--force", *SAID).err
    (call,) = calls(ready).values()
    assert call["schedule"]["at"] == "2031-06-16 10:30:00"


def test_it_never_overwrites_unless_told_to(ready: Workbench) -> None:
    ready.write("calls/june.csv", SPANISH)
    ready.write("calls/june.yaml", "mine")
    refused = ready.run("import-sheet", "calls/june.csv", *SAID)
    assert (refused.code, refused.out) == (1, "")
    assert "pass --force to replace it" in refused.err
    assert (ready.root / "calls/june.yaml").read_text() == "mine"
    ready.ok("import-sheet", "calls/june.csv", "--force", *SAID)
    ready.ok("import-sheet", "calls/june.csv", "--plan", "other", *SAID)
    assert (ready.root / "calls/other.yaml").exists()
    assert "does not match this file" in ready.ok("import-sheet", "calls/june.csv", "--output", "x.yml").err


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("calls/none.csv",), 1, "calls/none.csv|none.csv: cannot be read"),
        (("calls/june.xls",), 1, "save it as .xlsx or .csv"),
        (("calls/empty.csv",), 1, "the sheet is empty"),
        (("calls/header.csv",), 1, "the sheet has no rows below its header"),
        (("calls/twice.csv",), 1, "calls/twice.csv:1:3: duplicate header 'a'"),
        (("../june.csv",), 1, "june.csv: cannot be read"),
        (("/dev/null",), 1, "the file's name has no ending"),
        (("calls/june.csv", "--header", "9"), 1, "row 9 has no cells"),
        (("calls/june.csv", "--header", "0"), 64, "--header"),
        (("calls/link.csv",), 1, "leads out of the project"),
        (("calls/june.csv", "--output", "june.txt"), 64, "must end in .yaml"),
        (("calls/june.csv", "--plan", "No Name"), 64, "not a valid plan name"),
        (("calls/june.csv", "--timezone", "Mexico"), 64, "did you mean America/Mexico_City?"),
        (("calls/june.csv", "--sheet", "x"), 1, "has no sheets"),
    ],
)
def test_mistakes_are_told(ready: Workbench, args: tuple[str, ...], code: int, told: str) -> None:
    ready.write("calls/june.csv", SPANISH)
    ready.write("calls/june.xls", "")
    ready.write("calls/empty.csv", "\n\n")
    ready.write("calls/header.csv", "a,b\n")
    ready.write("calls/twice.csv", "a,a\n1,2\n")
    (ready.root / "calls/link.csv").symlink_to("/etc/hostname")
    before = sorted(ready.root.rglob("*.yaml"))
    result = ready.run("import-sheet", *args)
    assert result.code == code, result
    assert any(part in result.err for part in told.split("|"))
    assert sorted(ready.root.rglob("*.yaml")) == before


def test_on_a_terminal_it_asks_for_the_country(ready: Workbench) -> None:
    ready.write("calls/june.csv", SPANISH)
    ours, theirs = os.openpty()
    os.write(ours, b"mx\n")
    args = [sys.executable, "-m", "reconciler", "import-sheet", "calls/june.csv", "--timezone", "Europe/Madrid"]
    options: Any = {"cwd": ready.root, "env": clean_environment(), "capture_output": True, "text": True}
    done = subprocess.run(args, stdin=theirs, check=True, timeout=60, **options)
    os.close(theirs)
    os.close(ours)
    assert "In which country are the numbers in column 'Teléfono' written?" in done.stderr
    assert "0 TODOs" in done.stdout


def test_a_header_that_is_nearly_a_field_sets_it_or_goes_to_the_agent(ready: Workbench) -> None:
    header = ["id", "Contact ID", "schedule.at", "Country", "Revision", 'odd "\'"']
    row = ["a", contact(1), "2031-06-16 10:00", "MX", "2", "x"]
    ready.write(
        "calls/s.tsv",
        "\n".join("\t".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in line) for line in (header, row)),
    )
    result = ready.ok("import-sheet", "calls/s.tsv", "--timezone", "Europe/Madrid")
    assert "additional_data.country: =row.Country" in result.err
    assert "cannot be used in a formula" in result.err
    assert problems(ready, "calls/s.yaml") == set()
    assert {address: call["additional_data"] for address, call in calls(ready).items()} == {
        "s/a/2031-06-16@2": {"country": "MX"}
    }


NAMES = "Folio,Cliente,Teléfono,Fecha de llamada,Hora\n"
CALL = "{},Ana Pérez,{},{},{}\n"


@pytest.mark.parametrize(
    ("text", "options", "todo"),
    [
        (
            text_of(
                ["Folio", "Cliente", "Teléfono vendedor", "Celular cliente", "Fecha de llamada", "Hora"],
                ["1", "Ana", "55 5123 0111", "55 5124 0112", "2031-06-16", "10:00"],
            ),
            SAID,
            "to_number",
        ),
        (
            NAMES + "".join(CALL.format(n, n, "2031-06-16", "10:00") for n in ("+12125550123", "+525551240112")),
            ("--timezone", "America/New_York"),
            "to_number",
        ),
        ("Folio,Cliente,Teléfono,Cancelled at\n1,Ana,55 5123 0111,2031-06-16 13:12\n", SAID, "schedule.at"),
        ("Folio,Cliente,Teléfono,Fecha factura,Hora\n1,Ana,55 5123 0111,2031-06-16,03:12\n", SAID, "schedule.at"),
        ("Folio,Cliente,Teléfono,Fecha\n1,Ana,55 5123 0111,2031-06-16 00:00:00\n", SAID, "schedule.at"),
        (NAMES + CALL.format(1, "55 5123 0111", "05/01/2031", "10:00"), SAID, "day"),
    ],
    ids=["two phones", "two countries", "another time", "another date", "midnight", "either order"],
)
def test_what_only_a_person_knows_is_a_todo(
    ready: Workbench, text: str, options: tuple[str, ...], todo: str
) -> None:
    ready.write("calls/p.csv", text)
    result = ready.ok("import-sheet", "calls/p.csv", *options)
    assert [line.split()[1] for line in result.err.splitlines() if line.startswith("TODO ")].count(todo) == 1
    assert ready.run("validate").code == 1


def test_a_row_of_data_is_no_header_and_no_title(ready: Workbench) -> None:
    row = "Cliente {},Contacto,+52555512{:04},2031-06-16,10:00\n"
    ready.write("calls/p.csv", "Nr,Wer,Nummer,Wann,Uhr\n" + "".join(row.format(n, n) for n in range(4)))
    result = ready.ok("import-sheet", "calls/p.csv", *SAID)
    assert "header:" not in (ready.root / "calls/p.yaml").read_text(), result.err
    sheet = "version: 1\nplan: q\ndefaults: {agent: good, from: mx}\nsheets: [{file: q.csv}]\n"
    ready.write("calls/q.csv", "Key,Contact,When\na,b,c\nkey,contact_id,schedule.at\n")
    ready.write("calls/q.yaml", sheet)
    assert "E605" in ready.run("validate", "calls/q.yaml").out


def test_the_settings_are_never_replaced(ready: Workbench) -> None:
    ready.write("calls/p.csv", SPANISH)
    before = (ready.root / "reconciler.yaml").read_bytes()
    result = ready.run("import-sheet", "calls/p.csv", *SAID, "--output", "reconciler.yaml", "--force")
    assert (result.code, "is no plan file" in result.err) == (1, True)
    assert (ready.root / "reconciler.yaml").read_bytes() == before
