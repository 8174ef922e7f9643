"""What the account has: ``agents list``, ``numbers list``, and ``init`` with a key."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.cli.account import Account, read_account
from reconciler.contactship.account import RemoteAgent, RemoteNumber
from reconciler.contactship.origin import parse_origin
from tests.conftest import AGENT, KEY, NUMBER, Workbench

AGENTS = f"""\
agents:
  collections: {AGENT}  # Collections, en-US
  reminders: agent-a1b2c3d4-e5f6-7890-abcd-ef1234567891  # Reminders, es-MX
  surveys: agent-a1b2c3d4-e5f6-7890-abcd-ef1234567892  # Surveys, es-ES
"""
PLAN = """\
version: 1
plan: june
defaults: {agent: collections, from: us-0100, schedule: {timezone: America/New_York}}
calls:
  - {key: a, contact_id: c1d2e3f4-a5b6-7890-cdef-123456789012, schedule: {at: 2031-06-16 %s}}
"""


@pytest.fixture
def connected(bench: Workbench, sandbox: Any) -> Workbench:
    bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
    return bench


def test_init_with_a_key_fills_in_the_account(connected: Workbench, sandbox: Any) -> None:
    said = connected.ok("init").out
    assert "the 3 agents and 4 numbers of the account" in said
    settings = (connected.root / "reconciler.yaml").read_text()
    assert AGENTS in settings
    assert f'  us-0100: {{id: {NUMBER}, e164: "+12125550100"}}\n' in settings
    assert "+12125550104" not in settings, "an inbound number cannot call"
    assert KEY not in settings + said
    connected.write("calls/june.yaml", PLAN % "10:00:00")
    connected.ok("validate")
    assert connected.apply().summary["placed"] == 1
    assert connected.ok("doctor").out.count("fail") == 0


def test_init_sets_calling_hours(bench: Workbench) -> None:
    assert "9:00 to 20:00 in the called person's time zone" in bench.ok("init").out
    settings = bench.root / "reconciler.yaml"
    settings.write_text(
        settings.read_text() + f"agents: {{collections: {AGENT}}}\nnumbers: {{us-0100: {{id: {NUMBER}}}}}\n"
    )
    bench.write("calls/june.yaml", PLAN % "19:59:00")
    assert bench.actions() == {"june/a": "create"}
    bench.write("calls/june.yaml", PLAN % "20:00:00")
    blocked = bench.run("plan")
    assert (blocked.code, "G001" in blocked.out) == (5, True)


def test_init_without_an_answer_still_makes_a_project(bench: Workbench) -> None:
    bench.env |= {"CONTACTSHIP_BASE_URL": "http://127.0.0.1:9", "CONTACTSHIP_API_KEY": KEY}
    result = bench.ok("init")
    assert "warning: cannot read the account's agents and numbers" in result.err
    assert "# agents:" in (bench.root / "reconciler.yaml").read_text()


def test_the_lists_are_settings_to_paste(connected: Workbench) -> None:
    connected.create_project()
    assert connected.ok("agents", "list").out == AGENTS
    numbers = connected.ok("numbers", "list").out
    assert len(numbers.splitlines()) == 5
    settings = connected.root / "reconciler.yaml"
    settings.write_text(settings.read_text() + AGENTS + numbers)
    connected.write("calls/june.yaml", PLAN % "10:00:00")
    connected.ok("validate")


def test_the_lists_need_a_key(bench: Workbench) -> None:
    for command in ("agents", "numbers"):
        result = bench.run(command, "list")
        assert (result.code, "no API key" in result.err) == (1, True)


def test_hostile_names_stay_in_their_comment() -> None:
    agents = {
        "a": RemoteAgent(
            "agent-a1b2c3d4-e5f6-7890-abcd-ef1234567890", "A\nstate: {path: /etc}\x1b[2J\u2028b", "en"
        )
    }
    numbers = {"n": RemoteNumber(NUMBER, '+1"}\nx: y', "outbound")}
    account = Account(agents, numbers)
    assert account.agents_yaml().splitlines()[1:] == [f"  a: {AGENT}  # Astate: {{path: /etc}}[2Jb, en"]
    assert account.numbers_yaml().splitlines()[1:] == [f"  n: {{id: {NUMBER}}}"]


def test_agents_of_one_name_get_aliases_of_their_own(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [
        RemoteAgent(f"agent-a1b2c3d4-e5f6-7890-abcd-ef123456789{last}", name, "")
        for last, name in enumerate(["Cobranza Ágil", "cobranza agil", "", "日本", "x" * 90])
    ] + [RemoteAgent("not an id", "Other", "")]

    async def agents(_: object) -> list[RemoteAgent]:
        return listed

    monkeypatch.setattr("reconciler.cli.account.list_agents", agents)
    aliases = [*read_account(parse_origin(sandbox.url), KEY).agents]
    assert aliases == ["cobranza-agil", "cobranza-agil-2", "agent", "agent-2", "x" * 40]


def test_doctor_knows_a_schema_of_another_version(bench: Workbench) -> None:
    bench.ok("init")
    schema = bench.root / "calls" / ".callplan.schema.json"
    checks = {item["check"]: item for item in bench.run("doctor", "--json", "--offline").json["checks"]}
    assert checks["schema"]["status"] == "ok"
    schema.write_text(schema.read_text().replace("Call plan", "Old plan") + "\n")
    checks = {item["check"]: item for item in bench.run("doctor", "--json", "--offline").json["checks"]}
    assert checks["schema"]["status"] == "warn"
    assert checks["schema"]["next"] == "reconciler schema callplan > calls/.callplan.schema.json"
