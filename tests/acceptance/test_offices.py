"""From the workbooks of three offices to placed calls, without a word of YAML: by options, and by answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.domain.times import zone_country
from tests.conftest import AGENT, Workbench
from tests.offices import CLINIC, OFFICES, RENT, SCHOOL, Office
from tests.terminal import converse

NOW = ("--now", "2031-06-01T12:00:00Z")


tidy = pytest.mark.parametrize("tidy", [True, False], ids=["tidy", "as typed"])
offices = pytest.mark.parametrize("office", OFFICES, ids=lambda office: office.name)


def options(office: Office) -> list[str]:
    hidden = ["--hidden", "skip"] if office.hidden else []
    said = ["--agent", AGENT, "--from", office.sender, "--timezone", office.zone, "--when", office.when]
    return [*said, "--region", str(zone_country(office.zone)), *hidden]


def place(bench: Workbench, office: Office, plan_file: str) -> None:
    """Validate, plan and apply what was written, as it was written."""
    name = Path(plan_file).stem
    checked = bench.ok("validate", plan_file, "--json").json
    assert (checked["rows"], checked["diagnostics"]) == (len(office.calls), [])
    plan = bench.plan(*NOW, "--reveal")
    assert plan["diagnostics"] == []
    found: dict[str, Any] = {change["address"]: change["call"] for change in plan["changes"]}
    assert [
        (address.removeprefix(f"{name}/"), call["to_number"], call["full_name"], call["schedule"]["at"])
        for address, call in found.items()
    ] == list(office.calls)
    assert {call["schedule"]["timezone"] for call in found.values()} == {office.zone}
    first = found[f"{name}/{office.calls[0][0]}"]
    assert office.data.items() <= first["additional_data"].items()
    assert bench.apply().summary["placed"] == len(office.calls)
    assert set(bench.actions().values()) == {"unchanged"}


@offices
@tidy
def test_with_options_a_workbook_becomes_placed_calls(project: Workbench, office: Office, tidy: bool) -> None:
    outside = project.root.parent / f"{project.root.name}-{office.name}.xlsx"
    office.write(outside, tidy=tidy)
    written = project.ok("import-sheet", str(outside), "--plan", "office", *options(office))
    assert "0 TODOs" in written.out
    assert office.skipped in written.err
    assert f"Copied {outside.name} to calls/{outside.name}." in written.err
    text = (project.root / "calls/office.yaml").read_text()
    assert "TODO" not in text
    assert "header: 3" in text
    place(project, office, "calls/office.yaml")


ANSWERS: dict[str, dict[str, list[str]]] = {
    CLINIC.name: {
        "is hidden": ["perhaps", ""],
        "Which AI agent": ["2"],
        "Which number": ["+52 55", "1"],
        "In which country": ["mx"],
        "In which time zone": ["Mexico", ""],
        "When should each call ring?": ["tomorrow", "1 workday before fecha de cta at hora", CLINIC.when.lower()],
        "Skip them?": [""],
    },
    SCHOOL.name: {
        "Which AI agent": ["reminders"],
        "Which number": [""],
        "In which country": ["BR"],
        "In which time zone": [""],
        "When should each call ring?": ["3 business days before VENCIMENTO at 10 am"],
        "Skip them?": ["yes"],
    },
    RENT.name: {
        "Which AI agent": [""],
        "Which number": ["+12125550100"],
        "In which country": [""],
        "In which time zone": [""],
        "Skip them?": ["y"],
    },
}


@offices
def test_on_a_terminal_it_asks_for_what_it_cannot_know(project: Workbench, office: Office) -> None:
    office.write(project.root / f"{office.name}.xlsx", tidy=True)
    args = ["import-sheet", f"{office.name}.xlsx", "--plan", "office"]
    code, screen = converse(project, args, ANSWERS[office.name])
    assert code == 0, screen
    assert not [line for line in screen.splitlines() if len(line) > 80 and not line.startswith("Answer")]
    assert "0 TODOs" in screen
    place(project, office, "calls/office.yaml")


def test_a_country_in_which_the_numbers_do_not_exist_is_not_offered(project: Workbench) -> None:
    CLINIC.write(project.root / "c.xlsx", tidy=True)
    elsewhere = ["--agent", AGENT, "--from", CLINIC.sender, "--timezone", RENT.zone, "--when", CLINIC.when]
    elsewhere += ["--hidden", "skip"]
    unknown = project.ok("import-sheet", "c.xlsx", *elsewhere)
    assert "TODO to_number  (set the country of the numbers in column 'Teléfono'" in unknown.err
    answers = {"In which country": [""], "Skip them?": [""]}
    _, screen = converse(project, ["import-sheet", "c.xlsx", "--force", *elsewhere], answers)
    assert "such as MX\nAnswer (empty: decide later): " in screen.replace("such\nas", "such as")
    assert "1 TODO" in screen


def test_the_questions_offer_the_accounts_agents_and_numbers(project: Workbench) -> None:
    RENT.write(project.root / "rent.xlsx", tidy=True)
    _, screen = converse(project, ["import-sheet", "rent.xlsx"], ANSWERS[RENT.name])
    assert f"  1  Collections ({AGENT})" in screen
    assert "  1  +12125550100" in screen
    assert "+12125550104" not in screen, "it takes calls only"
    assert f"agent: {AGENT}  # Collections" in (project.root / "calls/rent.yaml").read_text()


def test_ctrl_d_writes_nothing(project: Workbench) -> None:
    RENT.write(project.root / "rent.xlsx", tidy=True)
    code, _ = converse(project, ["import-sheet", "rent.xlsx"], {"Which AI agent": ["\x04"]})
    assert code == 130
    assert not list(project.root.glob("calls/[!.]*"))


def test_next_months_export_makes_new_calls_and_changes_none(project: Workbench) -> None:
    file = project.root / "calls/rent.xlsx"
    RENT.write(file, tidy=True)
    project.ok("import-sheet", "calls/rent.xlsx", *options(RENT))
    text = (project.root / "calls/rent.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=.callplan.schema.json\n")
    assert "Lease no. + Call on; the date makes next month's export new calls" in text
    assert project.apply().summary["placed"] == 2
    july = [[cell.replace(month=7) if hasattr(cell, "month") else cell for cell in row] for row in RENT.rows]
    july[1][3] = "07/17/2031"
    replace(RENT, rows=july).write(file, tidy=True)
    assert project.actions("--now", "2031-06-20T12:00:00Z") == {
        "rent/l-9-1/2031-07-16": "create",
        "rent/l-9-2/2031-07-17": "create",
    }


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--when", "tomorrow"), "--when: cannot read 'tomorrow'|write one of: 3 workdays before COLUMN at 10:00"),
        (("--when", "on Call onn at 10:00"), "the sheet has no column 'Call onn'|did you mean 'Call on'?"),
        (("--when", "on Tenant at 10:00"), "column 'Tenant' does not contain dates|use one of: Call on"),
        (("--when", "on Call on at 25:00"), "'25:00' is not a time of day|write 10:00, or 4:30 pm"),
        (("--when", "on Call on"), "'Call on' has no time of day|Call on at 10:00"),
        (("--when", "at Call on"), "does not contain dates with a time of day"),
        (("--when", "2 days before Call on at Tenant"), "column 'Tenant' does not contain times of day"),
        (("--key", "Lease"), "--key: the sheet has no column 'Lease'|did you mean 'Lease no.'?"),
        (("--key", "Notes"), "column 'Notes' is empty in row 5"),
        (("--where", 'row.Tennant == "x"'), "the sheet has no column 'Tennant'|did you mean 'Tenant'?"),
        (("--where", "row.Tenant"), "expected true or false"),
        (("--where", "row.Tenant =="), "--where: invalid formula"),
        (("--where", 'row.Tenant == "nobody"'), "--where: no row is left"),
        (("--agent", "Colections"), "--agent: unknown 'Colections'|did you mean 'Collections'?"),
        (("--from", "mx"), "--from: unknown 'mx'|use a number with + and its country code"),
        (("--region", "Mexico"), "'Mexico' is not a region"),
        (("--timezone", "Los Angeles"), "did you mean America/Los_Angeles?"),
    ],
)
def test_an_option_that_cannot_be_used_is_explained(
    project: Workbench, args: tuple[str, ...], message: str
) -> None:
    RENT.write(project.root / "calls.xlsx", tidy=True)
    usual = {"--agent": AGENT, "--from": RENT.sender, "--timezone": RENT.zone, "--when": RENT.when}
    usual |= {args[0]: args[1]}
    result = project.run("import-sheet", "calls.xlsx", *(text for pair in usual.items() for text in pair))
    assert result.code == 64, result
    for part in message.split("|"):
        assert part in result.err
    assert not list(project.root.glob("calls/[!.]*"))


@pytest.mark.parametrize(
    ("sentence", "at"),
    [
        ("3 workdays before Call on at 10:00", "2031-06-11 10:00:00"),
        ("2 days after call ON at 4:30 pm", "2031-06-18 16:30:00"),
        ("a week before Call on at Call time", "2031-06-09 09:30:00"),
        ("one day before Call-on at 12 am", "2031-06-15 00:00:00"),
        ("on Call on at Call time", "2031-06-16 09:30:00"),
    ],
)
def test_a_sentence_becomes_the_formula(project: Workbench, sentence: str, at: str) -> None:
    RENT.write(project.root / "rent.xlsx", tidy=True)
    usual = options(replace(RENT, when=sentence))
    project.ok("import-sheet", "rent.xlsx", *usual)
    plan = project.plan("--now", "2031-05-01T12:00:00Z", "--reveal")
    assert plan["changes"][0]["call"]["schedule"]["at"] == at


def test_a_sheet_elsewhere_is_copied_but_never_over_another(project: Workbench, tmp_path: Path) -> None:
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    file = RENT.write(elsewhere / "rent.xlsx", tidy=True)
    project.ok("import-sheet", str(file), *options(RENT))
    copy = project.root / "calls/rent.xlsx"
    assert copy.read_bytes() == file.read_bytes()
    project.ok("import-sheet", str(file), "--plan", "again", *options(RENT))
    copy.write_bytes(b"mine")
    refused = project.run("import-sheet", str(file), "--plan", "third", *options(RENT))
    assert refused.code == 1
    assert "calls/rent.xlsx already exists with other content" in refused.err
    assert copy.read_bytes() == b"mine"
    project.ok("import-sheet", str(file), "--force", *options(RENT))
    assert copy.read_bytes() == file.read_bytes()
