"""What ``apply --json`` tells under all kinds of faults: each line well formed, each row once, the truth."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.sandbox import SandboxConfig, running
from reconciler.sandbox.faults import ON_LISTS, Fault, FaultPlan
from tests.conftest import KEY, Workbench, plan_text

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "event.schema.json").read_text(encoding="utf-8"))
ROWS = 10
FAULTS = [
    fault for fault in Fault if fault not in ON_LISTS | {Fault.SAME_CALL_ID}
]  # after which nobody knows whose a call is
ENDS = ("placed", "skipped", "failed", "uncertain", "expired", "conflict", "stale", "not_sent")


@pytest.mark.parametrize("seed", range(4))
def test_every_line_is_well_formed_and_true(bench: Workbench, seed: int) -> None:
    random = Random(seed)
    faults = FaultPlan(seed=seed, stall_seconds=0.5, retry_after=0)
    with running(SandboxConfig(port=0, api_key=KEY, faults=faults, echo_metadata=seed % 2 == 0)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write("calls/june.yaml", plan_text(rows=ROWS))
        for _ in range(2):
            sandbox.set_faults(*(f"{fault}=0.2" for fault in random.sample(FAULTS, 5)))
            settled = {address for address, action in bench.actions().items() if action == "unchanged"}
            check(bench, sandbox, settled, bench.apply("--concurrency", "3", "--timeout", "2s"))


def check(bench: Workbench, sandbox: Any, settled: set[str], applied: Any) -> None:
    for event in applied.events:
        Draft202012Validator(SCHEMA).validate(event)
    assert [event["type"] for event in applied.events].count("summary") == 1
    summary = applied.summary
    adopted = {event["address"] for event in applied.events if event["type"] == "adopted"}
    ends = {event["address"]: event for event in applied.events if event["type"] in ENDS}
    assert len(ends) == sum(event["type"] in ENDS for event in applied.events), "one end for each row"
    assert len((ends.keys() | adopted) - settled) == ROWS - len(settled)
    for name in ("placed", "uncertain"):
        sure = {address for address, event in ends.items() if event["type"] == name} - adopted
        assert summary[name] == len(sure) + (len(adopted) if name == "placed" else 0)
    truth = {call.call_id: f"june/{call.body['metadata']['reconciler_key']}" for call in sandbox.calls()}
    assert len(set(truth.values())) == len(truth)
    for event in applied.events:
        if "call_id" in event:
            assert truth[event["call_id"]] == event["address"]
    assert set(truth.values()) <= {
        address for address, action in bench.actions().items() if action in {"unchanged", "uncertain"}
    }
    wrong = any(summary[name] for name in ("failed", "uncertain", "expired", "conflicts", "stale", "not_sent"))
    assert applied.code == (3 if wrong else 0)
