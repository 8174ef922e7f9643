"""The state is taken away, overwritten or damaged while calls wait for their turn: nothing more is sent."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import SandboxConfig, running
from reconciler.sandbox.faults import FaultPlan
from tests.conftest import KEY, Result, Workbench, plan_text
from tests.zygote import Forked

ROWS = 6
PLACED = 2  # before the service throttles
QUIET = 1.0  # seconds without a request: both workers wait then, as the service asked for two
APPLY = ("apply", "--auto-approve", "--json", "--rate", "none", "--concurrency", "2", "--no-preflight")


@dataclass
class Waiting:
    """An apply that placed two calls and waits to send two more again, because the service throttled them."""

    bench: Workbench
    sandbox: Any
    run: Forked
    old: Path  # a copy of the state from before this run

    @property
    def state(self) -> Path:
        return self.bench.root / ".reconciler" / "state.db"

    @property
    def lock(self) -> Path:
        return self.state.with_name("state.db.lock")

    def ended(self) -> Result:
        """The apply's end, once the service takes calls again."""
        self.sandbox.set_faults()
        out, err = self.run.communicate(timeout=60)
        assert "Traceback" not in err, err
        return Result(self.run.wait(), out, err)

    def keys(self) -> Counter[str]:
        return Counter(call.body["metadata"]["reconciler_key"] for call in self.sandbox.calls())


@pytest.fixture
def waiting(bench: Workbench) -> Iterator[Waiting]:
    faults = FaultPlan(retry_after=2)
    with running(SandboxConfig(port=0, api_key=KEY, faults=faults, list_lag=10_000_000)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write("calls/june.yaml", plan_text(rows=ROWS))
        sandbox.set_faults(f"too-many#{PLACED + 1}-1000")
        old = bench.root / "old.db"
        shutil.copy2(bench.root / ".reconciler" / "state.db", old)
        run = bench.fork(*APPLY)
        try:
            seen, since = 0, time.monotonic()
            while seen < PLACED + 2 or time.monotonic() - since < QUIET:
                time.sleep(0.01)
                if sandbox._backend.dial._seen[False] != seen:
                    seen, since = sandbox._backend.dial._seen[False], time.monotonic()
            yield Waiting(bench, sandbox, run, old)
        finally:
            if run.poll() is None:
                run.kill()
                run.communicate()


def overwritten(at: Waiting) -> None:
    shutil.copyfile(at.old, at.state)


def overwritten_without_a_trace(at: Waiting) -> None:
    """By a file of the same size, and with the time of the last change restored."""
    before = at.state.stat()
    content = bytearray(at.old.read_bytes()[: before.st_size])
    content += bytes(before.st_size - len(content))
    at.state.write_bytes(content)
    os.utime(at.state, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(at: Waiting) -> None:
    at.old.replace(at.state)


def replaced_by_a_copy_of_itself(at: Waiting) -> None:
    shutil.copyfile(at.state, at.old)
    at.old.replace(at.state)


def deleted(at: Waiting) -> None:
    at.state.unlink()


def emptied(at: Waiting) -> None:
    os.truncate(at.state, 0)


def cut_off(at: Waiting) -> None:
    os.truncate(at.state, at.state.stat().st_size // 2)


def damaged(at: Waiting) -> None:
    """Every page but the first, which says what the file is."""
    with at.state.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x5a" * (at.state.stat().st_size - 4096))


def in_another_folder(at: Waiting) -> None:
    folder = at.state.parent
    folder.rename(folder.with_name("elsewhere"))
    shutil.copytree(folder.with_name("elsewhere"), folder)


def another_lineage(at: Waiting) -> None:
    with closing(sqlite3.connect(at.state)) as database, database:
        database.execute("update meta set lineage = '11111111-1111-4111-8111-111111111111'")


def without_its_attempts(at: Waiting) -> None:
    with closing(sqlite3.connect(at.state)) as database, database:
        database.execute("delete from attempts")


def settled_by_somebody(at: Waiting) -> None:
    with closing(sqlite3.connect(at.state)) as database, database:
        database.execute("update attempts set status = 'ruled_out' where status = 'intended'")


def without_its_lock(at: Waiting) -> None:
    at.lock.unlink()


def with_another_lock(at: Waiting) -> None:
    at.lock.unlink()
    at.lock.touch()


HARM = [
    overwritten,
    overwritten_without_a_trace,
    replaced,
    replaced_by_a_copy_of_itself,
    deleted,
    emptied,
    cut_off,
    damaged,
    in_another_folder,
    another_lineage,
    without_its_attempts,
    settled_by_somebody,
    without_its_lock,
    with_another_lock,
]


@pytest.mark.parametrize("harm", HARM)
def test_a_retry_is_not_sent_without_its_state(waiting: Waiting, harm: Callable[[Waiting], None]) -> None:
    harm(waiting)
    ended = waiting.ended()
    assert waiting.keys().total() == PLACED, "what waited was not sent"
    assert ended.code == 1
    assert "Nothing more is sent" in ended.err
    ends = {event["address"]: event["type"] for event in ended.events if "address" in event}
    assert len(ends) == ROWS
    assert Counter(ends.values()) == {"placed": PLACED, "uncertain": 2, "not_sent": ROWS - PLACED - 2}
    told = [event["message"] for event in ended.events if event["type"] == "uncertain"]
    assert all(message.startswith("not sent: ") for message in told), told


@pytest.mark.parametrize("harm", [overwritten, replaced, deleted, damaged])
def test_an_older_copy_is_refused_until_the_newer_one_is_back(
    waiting: Waiting, harm: Callable[[Waiting], None]
) -> None:
    older, newer = (waiting.bench.root / name for name in ("older.db", "newer.db"))
    shutil.copyfile(waiting.old, older)
    shutil.copyfile(waiting.state, newer)
    harm(waiting)
    ended = waiting.ended()
    assert ended.code == 1
    for call in waiting.sandbox.calls():
        assert f"june/{call.body['metadata']['reconciler_key']} ({call.call_id})" in ended.err
    assert f"had placed {PLACED} calls: june/inv-" in ended.err
    assert "apply again" not in ended.err
    shutil.copyfile(older, waiting.state)
    refused = waiting.bench.run(*APPLY)
    assert (refused.code, "may be an older copy" in refused.err) == (1, True), refused.err
    assert waiting.keys().total() == PLACED
    shutil.copyfile(newer, waiting.state)
    again = waiting.bench.run(*APPLY)
    assert (again.code, again.summary["placed"], again.summary["uncertain"]) == (3, ROWS - PLACED - 2, 2)
    assert set(waiting.keys().values()) == {1}
    assert not waiting.state.with_name("state.db.lost").exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b"\xff"])
def test_a_note_of_a_loss_that_cannot_be_read_refuses_too(bench: Workbench, content: bytes) -> None:
    """Until a person deletes it."""
    with running(SandboxConfig(port=0, api_key=KEY)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write("calls/june.yaml", plan_text(rows=1))
        note = bench.root / ".reconciler" / "state.db.lost"
        note.write_bytes(content)
        refused = bench.run(*APPLY)
        assert (refused.code, str(note) in refused.err, sandbox.calls()) == (1, True, ())
        note.unlink()
        bench.ok(*APPLY)


def touched(at: Waiting) -> None:
    os.utime(at.state)


def rewritten_as_it_was(at: Waiting) -> None:
    at.state.write_bytes(at.state.read_bytes())


def added_to(at: Waiting) -> None:
    """What another process of ours may do beside a run: one more entry in the ledger, in a transaction."""
    from datetime import UTC, datetime

    from reconciler.domain.ledger import EntryKind, Note
    from reconciler.state.ledger import entries
    from reconciler.state.sqlite.connection import connect, transaction

    with closing(connect(at.state, "rw")) as connection, transaction(connection):
        entries.append(connection, [Note(EntryKind.DECIDED, datetime.now(UTC), None, {"by": "another process"})])


@pytest.mark.parametrize("change", [touched, rewritten_as_it_was, added_to])
def test_a_state_that_holds_what_it_held_is_gone_on_with(
    waiting: Waiting, change: Callable[[Waiting], None]
) -> None:
    change(waiting)
    ended = waiting.ended()
    assert (ended.code, ended.summary["placed"]) == (0, ROWS), ended.err
    assert set(waiting.keys().values()) == {1}
    assert waiting.keys().total() == ROWS


@pytest.mark.parametrize("harm", [touched, without_its_lock, with_another_lock, overwritten])
def test_a_second_apply_beside_a_stopped_one_is_kept_out(
    waiting: Waiting, harm: Callable[[Waiting], None]
) -> None:
    waiting.run.send_signal(signal.SIGSTOP)
    harm(waiting)
    assert waiting.bench.run(*APPLY).code == 4, "what was on its way meanwhile is throttled, not placed"
    waiting.sandbox.set_faults()
    assert waiting.bench.run(*APPLY).code == 4
    assert waiting.keys().total() == PLACED
    waiting.run.send_signal(signal.SIGCONT)
    waiting.ended()
    assert set(waiting.keys().values()) == {1}


def test_what_was_in_flight_is_told_as_it_is(bench: Workbench) -> None:
    """The service placed the calls, and the state that was to record them is gone."""
    with running(SandboxConfig(port=0, api_key=KEY, latency=0.5, list_lag=10_000_000)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write("calls/june.yaml", plan_text(rows=ROWS))
        run = bench.fork(*APPLY, "--no-schedule-check")
        while sandbox._backend.dial._seen[False] < 2:
            time.sleep(0.005)
        (bench.root / ".reconciler" / "state.db").unlink()
        out, err = run.communicate()
        ended = Result(run.wait(), out, err)
        placed = {call.call_id for call in sandbox.calls()}
    assert (ended.code, len(placed)) == (1, 2), err
    told = [event["message"] for event in ended.events if event["type"] == "uncertain"]
    assert sorted(told) == sorted(f"placed as {call}, but that could not be recorded" for call in placed)
    assert ended.summary["not_sent"] == ROWS - 2
