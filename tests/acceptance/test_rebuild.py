"""A lost state made again, from the service and the plan files: nobody is called twice, and nobody is made up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from reconciler.provider.sandbox import SandboxConfig, running
from reconciler.source.schema import schema_text
from tests.conftest import AGENT, KEY, NUMBER, Workbench, contact, plan_text

PLAN = "calls/june.yaml"
STATE = ".reconciler/state.db"
REBUILD = ("state", "rebuild", "--auto-approve", "--json")
LATER = {"schedule": {"date": "2031-06-01 09:00:00", "timezone": "UTC"}}


@pytest.fixture(params=[True, False], ids=["tags", "no-tags"])
def echoes(request: pytest.FixtureRequest) -> bool:
    """Whether the service returns metadata."""
    return bool(request.param)


@pytest.fixture
def service(bench: Workbench, echoes: bool) -> Iterator[Any]:
    yield from _service(bench, echoes=echoes)


@pytest.fixture
def tagging(bench: Workbench) -> Iterator[Any]:
    yield from _service(bench, echoes=True)


@pytest.fixture
def plain(bench: Workbench) -> Iterator[Any]:
    yield from _service(bench, echoes=False)


def _service(bench: Workbench, *, echoes: bool) -> Iterator[Any]:
    with running(SandboxConfig(port=0, api_key=KEY, echo_metadata=echoes)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.ok("init")
        yield sandbox


def lose(bench: Workbench) -> str:
    """The runner's disk is gone; the result is the lineage of what was on it."""
    lineage = str(bench.ok("state", "show", "--json").json["lineage"])
    shutil.rmtree(bench.root / ".reconciler")
    return lineage


def rebuild(bench: Workbench, *args: str, code: int = 0) -> dict[str, Any]:
    result = bench.run(*REBUILD, *args)
    assert result.code == code, (result.out, result.err)
    document: dict[str, Any] = result.json
    Draft202012Validator(json.loads(schema_text("rebuild"))).validate(document)
    return document


def by_address(document: dict[str, Any], field: str = "certainty") -> dict[str, str]:
    return {item["address"]: item[field] for item in document["findings"]}


def foreign(sandbox: Any, number: int, **body: Any) -> str:
    """A call to the same person by the same agent, placed by somebody in the dashboard."""
    wanted = {"contact_id": contact(number), "agent_id": AGENT, "from_number_id": NUMBER} | body
    answer = httpx.post(f"{sandbox.url}/_sandbox/calls", json=wanted)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["call_id"])


def in_order(bench: Workbench) -> None:
    """The ledger holds, and the state with it."""
    for command in ("audit", "verify"), ("state", "check"):
        bench.ok(*command)


def test_a_lost_state_is_made_again(bench: Workbench, service: Any, echoes: bool) -> None:
    bench.write(PLAN, plan_text(rows=5))
    bench.apply()
    before = {item["address"]: item for item in bench.ok("state", "list", "--json").json["entries"]}
    lineage = lose(bench)
    assert bench.run("plan").code == 1, "a missing state is no empty one"
    found = rebuild(bench)
    assert set(by_address(found).values()) == {"certain" if echoes else "probable"}
    assert (found["lineage"], found["tags_returned"], found["written"]) == (lineage, echoes, True)
    assert bench.ok("state", "show", "--json").json["lineage"] == lineage
    after = {item["address"]: item for item in bench.ok("state", "list", "--json").json["entries"]}
    for address, item in after.items():
        for field in ("call_id", "digest", "rings_at", "target"):
            assert item[field] == before[address][field]
    assert bench.run("plan", "--detailed-exitcode").code == 0
    assert bench.apply().summary["placed"] == 0
    assert len(service.calls()) == 5
    assert bench.ok("status", "--json").json["drift"] == []
    in_order(bench)


def test_what_was_never_placed_is_not_placed_without_a_word(bench: Workbench, service: Any) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    bench.write(PLAN, plan_text(rows=3))
    lose(bench)
    found = rebuild(bench, code=3)
    assert by_address(found, "reason")["june/inv-3"] == "not-listed"
    assert bench.actions()["june/inv-3"] == "uncertain"
    assert bench.apply().summary["placed"] == 0
    assert len(service.calls()) == 2
    bench.ok("resolve", "june/inv-3", "--not-placed", "--reason", "merged after the last apply")
    assert bench.apply().summary["placed"] == 1
    in_order(bench)


def test_a_persons_word_makes_rows_without_a_call_new(bench: Workbench, service: Any) -> None:
    bench.write(PLAN, plan_text(rows=2))
    bench.apply()
    bench.write(PLAN, plan_text(rows=4))
    lose(bench)
    found = rebuild(bench, "--absent-are-new", "--reason", "merged today")
    assert found["summary"]["absent"] == 2
    assert bench.apply().summary["placed"] == 2
    assert len(service.calls()) == 4
    assert "merged today" in bench.ok("audit", "log", "--json").out


def test_the_word_and_its_reason_go_together(project: Workbench) -> None:
    for args in (["--absent-are-new"], ["--reason", "why"], ["--absent-are-new", "--reason", " "]):
        assert project.run("state", "rebuild", *args).code == 64
