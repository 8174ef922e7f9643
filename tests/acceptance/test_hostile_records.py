"""The same texts in what the state keeps of errors, evidence and reasons, through every form that tells of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from reconciler.domain.model import Address, Call, Schedule, Status
from reconciler.domain.ports import Decision, Intent, Override, Result, Run
from reconciler.state.sqlite.state import SqliteState
from tests.acceptance.test_hostile import TEXTS, commands, configure, hidden
from tests.conftest import AGENT, NUMBER, Workbench

PHONE = "+1 (415) 555-2001"
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
PRINTING = (
    ("audit", "log"),
    ("audit", "log", "--json"),
    ("audit", "log", "--format", "csv"),
    ("audit", "show", "june/row-07"),
    ("audit", "show", "june/row-07", "--json"),
    ("state", "list"),
    ("state", "list", "--json"),
    ("state", "show"),
    ("state", "show", "--json"),
    ("state", "show", "june/row-07"),
    ("state", "show", "june/row-07", "--json"),
    ("status",),
    ("status", "--json"),
    ("export", "--format", "json"),
    ("export", "--format", "csv"),
)
ALSO = (("audit", "export", "-"), ("doctor", "--offline"), ("doctor", "--offline", "--json"))


def intent(number: int) -> Intent:
    schedule = Schedule("2031-06-01 14:30:00", "America/Mexico_City")
    call = Call(AGENT, NUMBER, to_number=f"+1415555{3000 + number}", full_name="Jane Smith", schedule=schedule)
    return Intent(Address("june", f"row-{number:02}"), call, f"d1:sha256:{number:064x}", "single-phone-call", NOW)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """A state in which the service and persons said every text, with a phone number before it."""
    bench = Workbench(tmp_path_factory.mktemp("kept"))
    configure(bench)
    said = [f"{PHONE} {text}" for text in TEXTS]
    overrides = tuple(Override("G006", None, text) for text in said)
    run = Run("run-1", "apply", NOW, "host", 1, TEXTS[0], "0", overrides=overrides)
    intents = [intent(number) for number in range(len(said))]
    with SqliteState(bench.root / ".reconciler" / "state.db").store(run) as store:
        store.intend(run.id, intents, NOW)
        store.record(
            run.id,
            [
                Result(item.address, Status.FAILED, NOW, error=text)
                for item, text in zip(intents, said, strict=True)
            ],
        )
        store.intend(run.id, intents, NOW)
        store.record(
            run.id,
            [
                Result(item.address, Status.UNCERTAIN, NOW, error=text)
                for item, text in zip(intents, said, strict=True)
            ],
        )
        store.decide(
            run.id,
            [
                Decision(item.address, NOW, text, Status.RULED_OUT)
                for item, text in zip(intents, said, strict=True)
            ],
        )
        store.end_run(run.id, NOW, 3, {"failed": len(said)})
    return bench


@pytest.mark.parametrize("args", PRINTING, ids=" ".join)
def test_what_was_said_acts_nowhere_and_tells_no_number(kept: Workbench, args: tuple[str, ...]) -> None:
    masked, revealed = kept.run(*args), kept.run(*args, "--reveal")
    for result in (masked, revealed):
        assert result.out
        assert list(commands(result.out + result.err)) == []
        if not {"--json", "json"} & {*args}:
            assert hidden(result.out.removeprefix("\ufeff").replace("\r\n", "\n")) == set()
    assert "555-2001" not in masked.out
    assert "+14155553" not in masked.out


@pytest.mark.parametrize("args", [item for item in PRINTING if item[:1] == ("audit",)], ids=" ".join)
def test_who_asks_for_it_is_told_what_was_said(kept: Workbench, args: tuple[str, ...]) -> None:
    assert "555-2001" in kept.ok(*args, "--reveal").out


@pytest.mark.parametrize("args", ALSO, ids=" ".join)
def test_other_reports_hold_no_command(kept: Workbench, args: tuple[str, ...]) -> None:
    result = kept.run(*args)
    assert result.out
    assert list(commands(result.out + result.err)) == []


def test_an_exported_ledger_stays_whole(kept: Workbench) -> None:
    """What is masked could not be verified: the file is for those who may read the state."""
    kept.ok("audit", "export", "ledger.jsonl")
    kept.ok("audit", "verify", "--file", "ledger.jsonl")
    lines = [json.loads(line) for line in (kept.root / "ledger.jsonl").read_bytes().splitlines()]
    assert any(PHONE in str(line) for line in lines)
