"""What import-sheet guesses holds for the plan: keys, rows to skip, the country of numbers, names of agents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from reconciler.cli.account import Account, read_account
from reconciler.contactship.account import RemoteAgent
from reconciler.contactship.origin import parse_origin
from tests.conftest import AGENT, KEY, NUMBER, Workbench

HEAD = "Factura,Cliente,Teléfono,Fecha de llamada,Hora\n"
ROW = "{},{},55 5000 011{},{},10:00\n"
ZONE = ("--timezone", "America/Mexico_City")
ANSWERS = ("--region", "MX", *ZONE)


@pytest.fixture
def ready(bench: Workbench) -> Workbench:
    """A project with one agent and one number."""
    bench.create_project()
    with (bench.root / "reconciler.yaml").open("a") as settings:
        settings.write(f'agents: {{good: {AGENT}}}\nnumbers: {{mx: {{id: {NUMBER}, e164: "+525512345678"}}}}\n')
    return bench


def write(bench: Workbench, rows: Sequence[tuple[str, str, str]], head: str = HEAD) -> None:
    lines = (ROW.format(code, name, number, day) for number, (code, name, day) in enumerate(rows))
    bench.write("calls/s.csv", head + "".join(lines))


def keys(bench: Workbench) -> list[str]:
    return sorted(item["key"] for item in bench.plan("--now", "2031-06-01T12:00:00Z", "calls/s.yaml")["changes"])


@pytest.mark.parametrize(
    ("rows", "option", "reason"),
    [
        (
            [("a-1", "Ana", "16/06/2031"), ("A 1", "Eva", "16/6/2031")],
            "Factura + Fecha de llamada",
            "rows 2 and 3 have the same key, which is",
        ),
        (
            [("A1", "Ana", "16/06/2031"), ("A1", "Eva", "2031-06-16")],
            "Factura + Fecha de llamada",
            "rows 2 and 3 have the same key, which is",
        ),
        (
            [("A1", "José", "16/06/2031"), ("A2", "Jose", "17/06/2031")],
            "Cliente",
            "rows 2 and 3 have the same key",
        ),
        ([("??", "Ana", "16/06/2031"), ("A 2", "Eva", "17/06/2031")], "Factura", "row 2 has no usable key"),
        ([("A1", "Ana", "16/06/2031"), ("A1", "Eva", "17/06/2031")], "Factura", "have the same Factura"),
    ],
    ids=["slugs", "dates", "accents", "empty", "cells"],
)
def test_keys_are_compared_as_the_plan_will_compute_them(
    ready: Workbench, rows: Sequence[tuple[str, str, str]], option: str, reason: str
) -> None:
    write(ready, rows)
    refused = ready.run("import-sheet", "calls/s.csv", *ANSWERS, "--key", option)
    assert (refused.code, reason in refused.err) == (64, True), refused.err
    guessed = ready.ok("import-sheet", "calls/s.csv", *ANSWERS)
    if "TODO key" not in guessed.err:
        assert len(set(keys(ready))) == 2


def test_keys_that_differ_are_taken(ready: Workbench) -> None:
    write(ready, [("A1", "Ana", "16/06/2031"), (" A2", "Eva", "16/06/2031"), ("A1", "Ana", "17/06/2031")])
    assert "TODO" not in ready.ok("import-sheet", "calls/s.csv", *ANSWERS).err
    assert keys(ready) == ["A1/2031-06-16", "A1/2031-06-17", "A2/2031-06-16"]
    assert ready.ok("validate", "calls/s.yaml").out == "3 rows in 1 plan: 0 errors, 0 warnings.\n"


def test_a_key_without_a_date_is_left_to_a_person(ready: Workbench) -> None:
    ready.write("calls/s.csv", "Factura,Cliente,Teléfono\nA1,Ana,55 5000 0111\n")
    undated = ready.ok("import-sheet", "calls/s.csv", *ANSWERS).err
    assert "TODO key  (the date of the call is not known" in undated
    ready.write("calls/s.csv", "Factura,Cliente,Teléfono,delay_minutes\nA1,Ana,55 5000 0111,0\n")
    assert "TODO key" not in ready.ok("import-sheet", "calls/s.csv", "--force", *ANSWERS).err


def test_the_time_of_a_column_with_the_fields_name_is_in_the_key(ready: Workbench) -> None:
    ready.write("calls/s.csv", "Factura,Cliente,Teléfono,schedule.at\nA1,Ana,55 5000 0111,2031-06-16 10:00\n")
    assert "TODO" not in ready.ok("import-sheet", "calls/s.csv", *ANSWERS).err
    assert keys(ready) == ["A1/2031-06-16"]
    assert ready.ok("validate", "calls/s.yaml").out == "1 row in 1 plan: 0 errors, 0 warnings.\n"


def test_a_date_that_only_the_key_could_use_is_left_out_with_it(ready: Workbench) -> None:
    ready.write("calls/s.csv", "Factura,Cliente,Teléfono,Llamar\nA1,Ana,55 5000 0111,2031-06-16 10:00\n")
    done = ready.ok("import-sheet", "calls/s.csv", *ANSWERS, "--when", "at Llamar", "--key", "Factura")
    assert "note: the key has no date" in done.err
    assert "W204" not in ready.run("validate", "calls/s.yaml").out


def test_a_customer_who_is_called_like_a_row_of_totals_is_called(ready: Workbench) -> None:
    total = "Total,,3,30/06/2031,\n"
    ready.write(
        "calls/s.csv",
        HEAD.replace("Factura,Cliente", "Cliente,Factura") + "Ana,A1,55 5000 0111,16/06/2031,10:00\n" + total,
    )
    done = ready.ok("import-sheet", "calls/s.csv", *ANSWERS, "--when", "on Fecha de llamada at 10:00")
    assert "row 3 (Total)" in done.err
    ready.write(
        "calls/s.csv",
        HEAD.replace("Factura,Cliente", "Cliente,Factura")
        + "Ana,A1,55 5000 0111,16/06/2031,10:00\nTotal,A2,55 5000 0112,16/06/2031,10:00\n"
        + total,
    )
    assert keys(ready) == ["A1/2031-06-16", "A2/2031-06-16"]


@pytest.mark.parametrize(
    ("numbers", "todo"),
    [(("55 5124 0111", "55 5124 0112"), True), (("999 923 0111", "55 5124 0112"), False)],
    ids=["all exist in Brazil too", "one exists in Mexico only"],
)
def test_the_country_of_the_zone_is_certain_only_where_no_other_fits(
    ready: Workbench, numbers: Sequence[str], todo: bool
) -> None:
    lines = (f"A{n},Ana,{number},16/06/2031,10:00\n" for n, number in enumerate(numbers))
    ready.write(
        "reconciler.yaml", (ready.root / "reconciler.yaml").read_text().replace("+525512345678", "+12125550100")
    )
    ready.write("calls/s.csv", HEAD + "".join(lines))
    assert ("TODO to_number" in ready.ok("import-sheet", "calls/s.csv", *ZONE).err) is todo
    assert "TODO to_number" not in ready.ok("import-sheet", "calls/s.csv", "--force", *ANSWERS).err


@pytest.mark.parametrize("name", ["null", "True", "1", "\uff11\uff12", "1e3", "0x1F", "No", "---", "Ñandú"])
def test_any_name_of_an_agent_gives_an_alias_that_works(
    bench: Workbench, sandbox: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async def agents(_: object) -> list[RemoteAgent]:
        return [RemoteAgent(AGENT, name, ""), RemoteAgent(AGENT[:-1] + "9", name, "")]

    monkeypatch.setattr("reconciler.cli.account.list_agents", agents)
    account: Account = read_account(parse_origin(sandbox.url), KEY)
    first, second = account.agents
    bench.write("reconciler.yaml", f"version: 1\n{account.agents_yaml()}{account.numbers_yaml()}")
    row = "{{key: {0}, agent: {0}, from: us-0100, contact_id: {1}, schedule: {{at: 2031-06-16 10:00}}}}"
    people = ("c1d2e3f4-a5b6-7890-cdef-123456789012", "c1d2e3f4-a5b6-7890-cdef-123456789013")
    lines = [f"  - {row.format(alias, who)}\n" for alias, who in zip((first, second), people, strict=True)]
    bench.write(
        "calls/p.yaml",
        "version: 1\nplan: p\ndefaults: {schedule: {timezone: America/Lima}}\ncalls:\n" + "".join(lines),
    )
    assert bench.run("validate").out.startswith("2 rows in 1 plan: 0 errors"), bench.run("validate").out
