"""Whom calls reach, through the command line: lists, calls per person, consent, and caps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import AGENT, Workbench, contact, plan_text
from tests.workbooks import write_workbook

DAY = "2031-06-02T12:00:00Z"


def policy(project: Workbench, text: str) -> None:
    """``text`` is what stands below ``policy:``."""
    lines = "".join(f"  {line}\n" for line in text.strip("\n").splitlines())
    project.write("reconciler.yaml", f"version: 1\npolicy:\n{lines}")


def phone_rows(*rows: tuple[str, str, str], extra: str = "") -> str:
    """A plan of phone calls: key, number and wall time."""
    head = (
        f"version: 1\nplan: june\ndefaults: {{agent: {AGENT}, from: +525500000000, full_name: A Name}}\ncalls:\n"
    )
    row = "  - {{key: {}, to_number: {}, schedule: {{at: {}, timezone: America/Mexico_City}}{}}}\n"
    return head + "".join(row.format(*item, extra) for item in rows)


def blocked(plan: dict[str, Any]) -> dict[str, list[str]]:
    """The codes by key."""
    return {item["key"]: item["reasons"] for item in plan["changes"] if item["action"] == "blocked"}


def test_a_number_on_a_list_is_not_called_and_not_named(project: Workbench, sandbox: Any) -> None:
    policy(project, "suppression:\n  - {file: lists/dnc.csv, as_of: 2031-05-20, country: MX}")
    project.write("lists/dnc.csv", "Phone,reason\n55 1234 5678,asked us\n")
    project.write(
        "calls/june.yaml",
        phone_rows(("a", "+525512345678", "2031-06-10 10:00"), ("b", "+525512345679", "2031-06-10 10:00")),
    )
    result = project.run("plan", "--format", "json", "--now", DAY, "--out", "june.plan")
    assert result.code == 5
    assert blocked(result.json) == {"a": ["G010"]}
    assert not (project.root / "june.plan").exists()
    assert "525512345678" not in result.out + result.err
    assert "55 1234 5678" not in result.out + result.err
    text = project.run("plan", "--now", DAY)
    assert text.code == 5
    assert "the person is on the suppression list lists/dnc.csv" in " ".join(text.out.split())
    assert project.apply("--now", DAY).code == 5
    assert not sandbox.calls()


def test_a_number_that_is_put_on_the_list_after_approval_is_not_called(project: Workbench, sandbox: Any) -> None:
    policy(project, "suppression:\n  - {file: dnc.csv, as_of: 2031-05-20}")
    project.write("dnc.csv", "number\n+14155550100\n")
    rows = [(key, f"+52551234567{key}", f"2031-06-10 10:0{key}") for key in "123"]
    project.write("calls/june.yaml", phone_rows(*rows))
    project.ok("plan", "--out", "june.plan", "--now", DAY)
    project.write("dnc.csv", "number\n+14155550100\n+525512345672\n")
    result = project.run("apply", "june.plan", "--json", "--now", DAY)
    assert result.code == 3, result.err
    assert result.summary["placed"] == 2
    assert result.summary["blocked"] == 1
    (told,) = [event for event in result.events if event["type"] == "blocked"]
    assert (told["address"], told["reasons"]) == ("june/2", ["G010"])
    assert sorted(call.body["to_number"] for call in sandbox.calls()) == ["+525512345671", "+525512345673"]


def test_a_list_that_breaks_after_approval_stops_the_run(project: Workbench, sandbox: Any) -> None:
    policy(project, "suppression:\n  - {file: dnc.csv, as_of: 2031-05-20}")
    project.write("dnc.csv", "number\n")
    project.write("calls/june.yaml", phone_rows(("a", "+525512345678", "2031-06-10 10:00")))
    project.ok("plan", "--out", "june.plan", "--now", DAY)
    project.write("dnc.csv", "number\nunreadable\n")
    result = project.run("apply", "june.plan", "--now", DAY)
    assert result.code == 1
    assert "people lists" in result.err
    (project.root / "dnc.csv").unlink()
    assert project.run("apply", "june.plan", "--now", DAY).code == 1
    assert not sandbox.calls()


@pytest.mark.parametrize(("now", "code"), [("2031-06-20T00:00:00Z", 0), ("2031-06-20T00:00:01Z", 5)])
def test_an_old_list_blocks_everything(project: Workbench, now: str, code: int) -> None:
    policy(project, "suppression:\n  - {file: dnc.csv, as_of: 2031-05-20}")
    project.write("dnc.csv", "contact_id\n" + contact(77) + "\n")
    project.write("calls/june.yaml", plan_text(rows=2).replace("2031-06-01", "2031-07-01"))
    result = project.run("plan", "--format", "json", "--now", now)
    assert result.code == code
    if code:
        assert blocked(result.json) == {"inv-1": ["G011"], "inv-2": ["G011"]}
        assert "reconciler.yaml:4" in result.json["changes"][0]["message"]


def test_lists_are_checked_with_the_files(project: Workbench) -> None:
    policy(project, "suppression:\n  - {file: dnc.csv, as_of: 2031-05-20}")
    project.write("calls/june.yaml", plan_text(rows=1))
    result = project.run("plan", "--now", DAY)
    assert result.code == 1
    assert "reconciler.yaml:4:14: error E602: dnc.csv: cannot be read" in result.err
    assert project.run("validate").code == 1
    project.write("dnc.csv", "number\n")
    ahead = project.run("plan", "--now", "2031-05-19T09:00:00Z")
    assert ahead.code == 1
    assert "E913" in ahead.err
    project.ok("plan", "--now", "2031-05-19T10:00:00Z")  # the day has begun in the east


def test_a_contact_is_held_against_a_list_of_numbers(project: Workbench) -> None:
    policy(project, "suppression:\n  - {file: dnc.csv, as_of: 2031-05-20}\ncontacts: contacts.csv")
    project.write("dnc.csv", "number\n+525512345678\n")
    project.write("contacts.csv", f"id,phone\n{contact(1)},+525512345678\n{contact(2)},+525512345679\n")
    project.write("calls/june.yaml", plan_text(rows=3).replace("2031-06-01", "2031-06-10"))
    plan = project.plan("--now", DAY)
    assert blocked(plan) == {"inv-1": ["G010"], "inv-3": ["G010"]}
    assert "cannot be checked" in plan["changes"][2]["message"]


PER_PERSON = "per_person: {per_day: 1, per_week: 2, min_gap: 4h}"


def test_calls_of_the_state_and_of_other_plans_count(project: Workbench, sandbox: Any) -> None:
    policy(project, PER_PERSON)
    first = ("a", "+525512345678", "2031-06-10 10:00")
    project.write("calls/june.yaml", phone_rows(first, ("b", "+525512345678", "2031-06-11 10:00")))
    assert project.apply("--now", DAY).summary["placed"] == 2
    more = phone_rows(
        ("day", "+525512345678", "2031-06-10 15:00"),
        ("week", "+525512345678", "2031-06-12 10:00"),
        ("next", "+525512345678", "2031-06-16 00:00"),
        ("soon", "+525512345678", "2031-06-17 03:59"),
        ("other", "+525512345679", "2031-06-10 10:00"),
    )
    project.write("calls/july.yaml", more.replace("plan: june", "plan: july"))
    plan = project.plan("--now", DAY)
    assert blocked(plan) == {"day": ["G012"], "week": ["G012"]}
    told = next(item["message"] for item in plan["changes"] if item["key"] == "day")
    assert "2031-06-10 15:00 America/Mexico_City" in told
    assert "june/a" in told
    assert "5512345678" not in told
    gap = phone_rows(("soon", "+525512345678", "2031-06-17 03:59"), ("x", "+525512345678", "2031-06-16 23:59:59"))
    project.write("calls/july.yaml", gap.replace("plan: june", "plan: july"))
    assert blocked(project.plan("--now", DAY)) == {"soon": ["G013"]}
    assert len(sandbox.calls()) == 2


def test_two_keys_for_one_person_and_time_block_where_the_policy_counts(project: Workbench) -> None:
    rows = phone_rows(("a", "+525512345678", "2031-06-10 10:00"), ("b", "+525512345678", "2031-06-10 10:00"))
    project.write("calls/june.yaml", rows)
    assert project.run("plan", "--now", DAY).code == 0
    policy(project, "per_person: {}")
    plan = project.plan("--now", DAY)
    assert blocked(plan) == {"b": ["G014"]}
    assert [item["code"] for item in plan["diagnostics"]] == ["W203"]
    policy(project, "per_person: {}\nguards: {G014: warning}")
    warned = project.run("plan", "--now", DAY, "--format", "json")
    assert warned.code == 0
    assert {item["code"] for item in warned.json["diagnostics"]} == {"W203", "G014"}


def test_an_uncertain_attempt_counts_as_a_call(project: Workbench, sandbox: Any) -> None:
    policy(project, "per_person: {per_day: 1}")
    sandbox.set_faults("drop-after#1")
    project.write("calls/june.yaml", phone_rows(("a", "+525512345678", "2031-06-10 10:00")))
    project.apply("--now", DAY, "--no-preflight")
    later = phone_rows(("b", "+525512345678", "2031-06-10 18:00")).replace("plan: june", "plan: july")
    project.write("calls/july.yaml", later)
    assert blocked(project.plan("--now", DAY)) == {"b": ["G012"]}


def test_a_snapshot_counts_as_the_state_does(project: Workbench) -> None:
    policy(project, PER_PERSON)
    project.write("calls/june.yaml", phone_rows(("a", "+525512345678", "2031-06-10 10:00")))
    project.apply("--now", DAY)
    project.ok("state", "export", "--public", "snapshot.json")
    later = phone_rows(("b", "+525512345678", "2031-06-10 18:00"), ("c", "+525512345678", "2031-06-11 09:00"))
    project.write("calls/july.yaml", later.replace("plan: june", "plan: july"))
    with_state, with_snapshot = (
        project.plan("--now", DAY),
        project.plan("--now", DAY, "--state", "snapshot:snapshot.json"),
    )
    assert blocked(with_state) == blocked(with_snapshot) == {"b": ["G012"]}


def test_consent_stands_in_the_row(project: Workbench) -> None:
    policy(project, "consent: {field: additional_data.agreed, max_age: 365d}")
    texts = {"a": "2031-01-15", "b": "2030-01-15", "c": "soon", "d": "2031-07-01", "e": None}
    rows = "".join(
        f"  - {{key: {key}, contact_id: {contact(number)}, schedule: {{at: 2031-06-10 10:00:00}}"
        + (f", additional_data: {{agreed: {text}}}}}\n" if text else "}\n")
        for number, (key, text) in enumerate(texts.items())
    )
    head = plan_text(rows=0).replace("calls:", "calls:\n" + rows)
    project.write("calls/june.yaml", head)
    plan = project.plan("--now", DAY)
    assert blocked(plan) == {key: ["G015"] for key in "bcde"}
    messages = {item["key"]: item["message"] or "" for item in plan["changes"]}
    assert "consent will be 511 d old" in messages["b"]
    assert "is neither a date" in messages["c"]
    assert "soon" not in messages["c"]
    assert "in the future" in messages["d"]
    assert "no evidence of consent" in messages["e"]


def test_caps_on_calls_share_and_cost(project: Workbench, sandbox: Any) -> None:
    project.write("calls/first.yaml", plan_text("first", rows=20).replace("2031-06-01", "2031-06-10"))
    assert project.apply("--now", DAY).summary["placed"] == 20
    project.write("calls/june.yaml", plan_text(rows=6, first=50).replace("2031-06-01", "2031-06-11"))
    for rules, code in {
        "max_new_calls: {per_run: 5}": "G006",
        "max_new_calls: {per_plan: 5}": "G006",
        "max_share: 0.29": "G007",
        "cost_per_call: 0.15\nmax_cost: 0.89": "G008",
    }.items():
        policy(project, rules)
        result = project.run("plan", "--now", DAY, "--format", "json")
        assert result.code == 5, rules
        assert set(map(tuple, blocked(result.json).values())) == {(code,)}
    policy(
        project, "max_new_calls: {per_run: 6, per_plan: 6}\nmax_share: 0.3\ncost_per_call: 0.15\nmax_cost: 0.90"
    )
    assert project.apply("--now", DAY).summary["placed"] == 6
    assert len(sandbox.calls()) == 26


def test_a_snapshot_knows_a_contact_by_its_number_as_the_state_does(project: Workbench) -> None:
    policy(project, "per_person: {per_day: 1}\ncontacts: {file: contacts.csv, country: MX}")
    project.write("contacts.csv", f"id,full_name,phone_number\n{contact(1)},A Name,55 1234 5678\n")
    project.write("calls/june.yaml", phone_rows(("a", "+525512345678", "2031-06-10 10:00")))
    project.apply("--now", DAY)
    project.ok("state", "export", "--public", "snapshot.json")
    project.write("calls/july.yaml", plan_text("july", rows=2).replace("2031-06-01", "2031-06-10"))
    for state in ((), ("--state", "snapshot:snapshot.json")):
        assert blocked(project.plan("--now", DAY, *state)) == {"inv-1": ["G012"]}


def test_validate_asks_what_needs_no_state(project: Workbench) -> None:
    policy(
        project,
        """
suppression:
  - {file: dnc.csv, as_of: 2020-05-20, max_age: 36500d}
consent: {field: metadata.consent_at}
max_new_calls: {per_run: 0}
""",
    )
    project.write("dnc.csv", f"contact_id\n{contact(2)}\n")
    text = plan_text(rows=2).replace("additional_data", "metadata: {consent_at: 2020-01-01}\n    additional_data")
    project.write("calls/june.yaml", text)
    result = project.run("validate", "--json")
    assert result.code == 5
    assert [(item["code"], item["file"]) for item in result.json["diagnostics"]] == [("G010", "calls/june.yaml")]


def test_other_rules_read_their_own_lists(project: Workbench) -> None:
    project.write("calls/june.yaml", plan_text(rows=2))
    project.write(
        "strict/rules.yaml", "version: 1\npolicy: {suppression: [{file: strict/dnc.csv, as_of: 2031-05-20}]}\n"
    )
    project.write("strict/dnc.csv", f"contact_id\n{contact(2)}\n")
    now = ("--now", "2031-05-30T00:00:00Z")
    assert project.run("plan", *now).code == 0
    assert blocked(project.plan(*now, "--policy", "strict/rules.yaml")) == {"inv-2": ["G010"]}
    (project.root / "strict" / "dnc.csv").unlink()
    result = project.run("plan", *now, "--policy", "strict/rules.yaml")
    assert result.code == 1
    assert "strict/rules.yaml:2:" in result.err


def test_a_list_may_be_a_workbook(project: Workbench) -> None:
    policy(project, "suppression:\n  - {file: dnc.xlsx, as_of: 2031-05-20, country: MX}")
    write_workbook(project.root / "dnc.xlsx", ("Lista", [["Fecha", "Teléfono"], ["hoy", "55 1234 5678"]]))
    rows = phone_rows(("a", "+525512345678", "2031-06-10 10:00"), ("b", "+525512345679", "2031-06-10 10:00"))
    project.write("calls/june.yaml", rows)
    assert blocked(project.plan("--now", DAY)) == {"a": ["G010"]}


@pytest.mark.parametrize(
    ("encoding", "mark", "options"),
    [
        ("windows-1252", ";", 'encoding: windows-1252, delimiter: ";"'),
        ("utf-16", "\t", 'delimiter: "\\t"'),
        ("utf-8-sig", "|", 'delimiter: "|"'),
        ("utf-8", ",", ""),
    ],
)
def test_a_list_is_read_in_its_encoding_and_delimiter(
    project: Workbench, encoding: str, mark: str, options: str
) -> None:
    lines = (("Teléfono", "Nota"), ("(55) 1234-5678", "Peña; Cía"), ("044 55 1234 5679", "a,b"))
    text = "".join(mark.join(f'"{cell}"' for cell in line) + "\r\n" for line in lines)
    (project.root / "dnc.csv").write_bytes(text.encode(encoding))
    policy(project, f"suppression:\n  - {{file: dnc.csv, as_of: 2031-05-20, country: MX, {options}}}")
    rows = phone_rows(
        *((key, f"+52551234567{last}", "2031-06-10 10:00") for key, last in (("a", 8), ("b", 9), ("c", 0)))
    )
    project.write("calls/june.yaml", rows)
    assert blocked(project.plan("--now", DAY)) == {"a": ["G010"], "b": ["G010"]}


@pytest.mark.parametrize(
    ("options", "code", "hint"),
    [
        ("", "E602", "set encoding: windows-1252"),
        ("encoding: windows-1252", "E911", "for text without commas, set delimiter:"),
        ('delimiter: ";", encoding: latin', "E204", ""),
        ('delimiter: "; "', "E204", ""),
        ("sheet: Lista", "E602", "remove sheet:"),
    ],
)
def test_a_list_that_is_read_wrongly_lets_nobody_through(
    project: Workbench, options: str, code: str, hint: str
) -> None:
    (project.root / "dnc.csv").write_bytes("Teléfono;Nota\r\n+525512345678;Peña\r\n".encode("windows-1252"))
    policy(project, f"suppression:\n  - {{file: dnc.csv, as_of: 2031-05-20, {options}}}")
    project.write("calls/june.yaml", phone_rows(("a", "+525512345678", "2031-06-10 10:00")))
    refused = project.run("plan", "--now", DAY)
    assert refused.code == 1
    assert f"error {code}: " in refused.err
    assert hint in refused.err


def test_one_sheet_of_a_list_is_chosen(project: Workbench) -> None:
    sheets = [("Lista", [["number"], ["+525512345678"]]), ("Otra", [["number"], ["+525512345679"]])]
    write_workbook(project.root / "dnc.xlsx", *sheets)
    rows = phone_rows(("a", "+525512345678", "2031-06-10 10:00"), ("b", "+525512345679", "2031-06-10 10:00"))
    project.write("calls/june.yaml", rows)
    policy(project, "suppression:\n  - {file: dnc.xlsx, as_of: 2031-05-20}")
    assert "set sheet: to one of Lista, Otra" in project.run("plan", "--now", DAY).err
    policy(project, "suppression:\n  - {file: dnc.xlsx, as_of: 2031-05-20, sheet: Lista}")
    assert blocked(project.plan("--now", DAY)) == {"a": ["G010"]}


def test_a_list_above_the_limit_stops_everything(project: Workbench) -> None:
    project.write("dnc.csv", "number\n" + "".join(f"+52551234567{n}\n" for n in range(4)))
    project.write("calls/june.yaml", phone_rows(("a", "+525512340000", "2031-06-10 10:00")))
    rules = "version: 1\npolicy: {suppression: [{file: dnc.csv, as_of: 2031-05-20}]}\nlimits: {sheet_rows: %d}\n"
    project.write("reconciler.yaml", rules % 4)
    assert project.run("plan", "--now", DAY).code == 0
    project.write("reconciler.yaml", rules % 3)
    refused = project.run("plan", "--now", DAY)
    assert refused.code == 1
    assert "dnc.csv:5:1: error E603: more than 3 rows" in refused.err
    assert "raise limits.sheet_rows in reconciler.yaml, or split the file" in refused.err


UUID = "c1d2e3f4-a5b6-7890-cdef-123456789012"
SPELLINGS = [
    (f"contact_id: {UUID}", f"contact_id: {UUID.upper()}"),
    (f"contact_id: {UUID}", f"contact_id: contact-{UUID}"),
    ("to_number: +5511987654321, full_name: A", "to_number: +551187654321, full_name: A"),
    ("to_number: +5491123456789, full_name: A", "to_number: +541123456789, full_name: A"),
]


def spelled(plan: str, target: str) -> str:
    sender = "+525500000000" if target.startswith("to_number") else f"pn-{UUID}"
    schedule = "{at: 2031-06-10 10:00, timezone: America/Mexico_City}"
    head = f"version: 1\nplan: {plan}\ndefaults: {{agent: {AGENT}, from: {sender}, schedule: {schedule}}}\n"
    return f"{head}calls:\n  - {{key: {plan}, {target}}}\n"


@pytest.mark.parametrize(("first", "second"), [*SPELLINGS, ("other", "other")])
def test_a_person_in_another_spelling_is_not_called_twice(
    project: Workbench, sandbox: Any, first: str, second: str
) -> None:
    other = first == "other"
    if other:  # a landline and a mobile are two persons
        first, second = (f"to_number: {number}, full_name: A" for number in ("+551132345678", "+5511932345678"))
    project.write("calls/a.yaml", spelled("a", first))
    project.write("calls/b.yaml", spelled("b", second))
    warned = project.run("plan", "--format", "json", "--now", DAY).json
    assert ("W203" in [item["code"] for item in warned["diagnostics"]]) is not other
    (project.root / "calls/b.yaml").unlink()
    assert project.apply("--now", DAY).code == 0
    project.write("calls/b.yaml", spelled("b", second))
    again = project.run("plan", "--format", "json", "--now", DAY).json
    actions = {item["plan"]: (item["action"], item["reasons"]) for item in again["changes"]}
    assert actions["b"] == (("create", []) if other else ("blocked", ["same-call"])), actions


AGENT_ID, CONTACT_ID = "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "c1d2e3f4-a5b6-7890-cdef-123456789012"
SPELLINGS = [
    ("agent", f"agent-{AGENT_ID}", AGENT_ID),
    ("agent", f"agent-{AGENT_ID}", f"agent-{AGENT_ID.upper()}"),
    ("from", f"pn-{AGENT_ID}", AGENT_ID.upper()),
    ("contact_id", CONTACT_ID, f"contact-{CONTACT_ID.upper()}"),
    ("timezone", "Europe/Kyiv", "Europe/Kiev"),
    ("timezone", "America/New_York", "US/Eastern"),
    ("name", "Jos\u00e9", "Jose\u0301"),
]


@pytest.mark.parametrize(("field", "before", "after"), SPELLINGS)
def test_another_spelling_of_the_same_is_no_change(
    project: Workbench, sandbox: Any, field: str, before: str, after: str
) -> None:
    """Neither for a plan beside the state, nor beside a snapshot of it, nor for a branch."""

    def write(text: str) -> None:
        values = {"agent": f"agent-{AGENT_ID}", "from": f"pn-{AGENT_ID}", "contact_id": CONTACT_ID}
        row = values | {"timezone": "Europe/Madrid", "name": "Ana"} | {field: text}
        project.write(
            "calls/june.yaml",
            "version: 1\nplan: june\ncalls:\n"
            f"  - key: a\n    agent: {row['agent']}\n    from: {row['from']}\n"
            f"    contact_id: {row['contact_id']}\n"
            f"    schedule: {{at: 2031-06-01 10:00, timezone: {row['timezone']}}}\n"
            f"    additional_data: {{name: {row['name']}}}\n",
        )

    write(before)
    assert project.apply().summary["placed"] == 1
    project.ok("state", "export", "--public", "public.json")
    write(after)
    assert project.actions() == {"june/a": "unchanged"}
    assert project.actions("--state", "snapshot:public.json") == {"june/a": "unchanged"}
    assert project.apply().summary["placed"] == 0
    [call] = sandbox.calls()
    assert before in str(call.body)
    write(before.replace("Europe/Kyiv", "Europe/Athens").replace("Jos", "Mar").replace("a1b2", "a1b3"))
    if field != "contact_id" and before != "America/New_York":
        assert project.actions() == {"june/a": "changed"}
        [change] = project.plan("--reveal")["changes"]
        assert len(change["diff"]) == 1


CONTACTS = "contacts: {file: contacts.csv, country: MX}"
KNOWN = f"id,phone_number\n{contact(1)},+5511987654321\n{contact(2)},+5511987654321\n"


def contact_rows(plan: str, *rows: tuple[str, int, str]) -> str:
    """A plan of calls to contacts: key, contact and wall time."""
    row = "  - {{key: {}, contact_id: {}, schedule: {{at: {}, timezone: America/Mexico_City}}}}\n"
    head = plan_text(plan, rows=0).replace("calls:\n", "calls:\n" if rows else "calls: []\n")
    return head + "".join(row.format(key, contact(number), at) for key, number, at in rows)


def test_a_person_has_one_cap_under_contact_number_and_in_two_plans(project: Workbench, sandbox: Any) -> None:
    """And two contacts who share a number have one each, beside what the number itself is called."""
    policy(project, f"per_person: {{per_day: 2}}\n{CONTACTS}")
    project.write("contacts.csv", KNOWN)
    project.write("calls/june.yaml", phone_rows(("number", "+551187654321", "2031-06-10 08:00")))
    assert project.apply("--now", DAY).summary["placed"] == 1
    rows = contact_rows(
        "july",
        ("first", 1, "2031-06-10 10:00"),
        ("again", 1, "2031-06-10 12:00"),
        ("relative", 2, "2031-06-10 14:00"),
        ("too-often", 2, "2031-06-10 16:00"),
        ("stranger", 3, "2031-06-10 16:00"),
    )
    project.write("calls/july.yaml", rows)
    assert blocked(project.plan("--now", DAY)) == {"again": ["G012"], "too-often": ["G012"]}
    project.write("calls/august.yaml", contact_rows("august", ("elsewhere", 1, "2031-06-10 18:00")))
    assert blocked(project.plan("--now", DAY))["elsewhere"] == ["G012"]
    assert len(sandbox.calls()) == 1


def test_a_contact_and_its_number_at_one_time_are_told(project: Workbench) -> None:
    policy(project, CONTACTS)
    project.write("contacts.csv", KNOWN)
    at = "2031-06-10 10:00"
    project.write("calls/june.yaml", phone_rows(("number", "+5511987654321", at)))
    project.write("calls/may.yaml", contact_rows("may", ("one", 1, at), ("relative", 2, at), ("stranger", 3, at)))
    for command in (("validate", "--json"), ("plan", "--now", DAY, "--format", "json")):
        told = [item for item in project.run(*command).json["diagnostics"] if item["code"] == "W203"]
        assert [item["message"] for item in told] == [
            "may/one calls the same person at the same time as june/number",
            "may/relative calls the same person at the same time as june/number",
        ]


def test_a_snapshot_knows_a_number_in_another_spelling(project: Workbench) -> None:
    policy(project, CONTACTS)
    project.write("contacts.csv", KNOWN)
    at = "2031-06-10 10:00"
    project.write("calls/june.yaml", phone_rows(("number", "+5511987654321", at)))
    project.apply("--now", DAY)
    project.ok("state", "export", "--public", "snapshot.json")
    project.write("calls/may.yaml", contact_rows("may", ("one", 1, at), ("stranger", 3, at)))
    phone = phone_rows(("short", "+551187654321", at), ("other", "+5511987654322", at))
    project.write("calls/july.yaml", phone.replace("plan: june", "plan: july"))
    for state in ((), ("--state", "snapshot:snapshot.json")):
        found = blocked(project.plan("--now", DAY, *state))
        assert found == {"one": ["same-call"], "short": ["same-call"]}, state


def test_a_number_that_may_be_on_a_list_is_a_warning(project: Workbench) -> None:
    policy(project, "suppression:\n  - {file: dnc.csv, as_of: 2031-05-20}")
    project.write("dnc.csv", "Phone\n+390612345678\n+525512345678\n")
    rows = phone_rows(("a", "+39612345678", "2031-06-10 10:00"), ("b", "+525512345679", "2031-06-10 10:00"))
    project.write("calls/june.yaml", rows)
    result = project.run("plan", "--now", DAY, "--format", "json")
    assert (result.code, blocked(result.json)) == (0, {})
    [told] = [item for item in result.json["diagnostics"] if item["code"] == "G016"]
    assert (told["severity"], told["line"]) == ("warning", 5)
    assert "612345678" not in told["message"]
    policy(project, "suppression:\n  - {file: dnc.csv, as_of: 2031-05-20}\nguards: {G016: error}")
    assert blocked(project.plan("--now", DAY)) == {"a": ["G016"]}
