"""Pausing a state while another run holds its lock: neither loses what the other writes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.domain.ledger import read
from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Decision, Run
from reconciler.errors import StateError, StateMissing
from reconciler.state.backend import StateBackend
from reconciler.state.postgres.server import resolve
from reconciler.state.postgres.state import PostgresState
from reconciler.state.sqlite.connection import connect
from reconciler.state.sqlite.state import SqliteState
from reconciler.state.transfer import dump, push_pull
from tests.contract.test_facts import FACT
from tests.state.test_state_sqlite import intent

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROUNDS = {0.02: 50, 0.0: 10}  # seconds that an answer takes -> how often the plan is paused and resumed
PATIENCE = 1.0  # seconds for one write beside a journal that commits back to back; some milliseconds are usual
JOURNAL = """\
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Result
from tests.state.test_state_sqlite import intent
from tests.state.test_unlocked import a_run, place_at

with place_at(sys.argv[1]).store(a_run("holder", "apply"), 0.0) as store:
    print("held", flush=True)
    count = 0
    while not Path(sys.argv[2]).exists() or count < 20:
        now = datetime.now(UTC)
        store.intend("holder", [intent(f"k{count}")], now)
        time.sleep(float(sys.argv[3]))  # the service's answer; the journal writes nothing meanwhile
        store.record("holder", [Result(Address("june", f"k{count}"), Status.PLACED, now, f"call-{count}")])
        count += 1
    store.end_run("holder", datetime.now(UTC), 0, {"placed": count})
print(count, flush=True)
"""


def a_run(name: str, command: str = "pause") -> Run:
    return Run(name, command, datetime.now(UTC), "a-host", os.getpid(), "somebody", "0")


def place_at(url: str) -> StateBackend:
    return PostgresState(resolve(url)) if url.startswith("postgresql:") else SqliteState(Path(url))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        server = str(request.getfixturevalue("postgres").url())
        lineage = PostgresState(resolve(server)).create({})
        return f"{server}&schema=reconciler_{lineage.replace('-', '')}"
    SqliteState(tmp_path / "state.db").create({})
    return str(tmp_path / "state.db")


@pytest.fixture
def place(url: str) -> StateBackend:
    return place_at(url)


def pause(place: StateBackend, name: str = "pause-1", plan: str | None = "june") -> None:
    with place.unlocked(a_run(name)) as store:
        store.pause(name, plan, "wrong prices", datetime.now(UTC))


@pytest.mark.parametrize("answer", ROUNDS)
def test_two_processes_write_at_once_and_nothing_is_lost(
    url: str, place: StateBackend, tmp_path: Path, answer: float
) -> None:
    done, rounds, longest = tmp_path / "done", ROUNDS[answer], 0.0
    command = [sys.executable, "-c", JOURNAL, url, str(done), str(answer)]
    journal = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert journal.stdout is not None
    try:
        assert journal.stdout.readline() == "held\n"
        for number in range(rounds):
            began = time.monotonic()
            pause(place, f"pause-{number}")
            longest = max(longest, time.monotonic() - began)
            with place.unlocked(a_run(f"resume-{number}", "resume")) as store:
                store.resume(f"resume-{number}", "june", None, datetime.now(UTC))
            with place.reader() as reader:
                assert reader.pauses() == []
        done.touch()
        out, errors = journal.communicate(timeout=120)
    finally:
        journal.kill()
        journal.wait()
    assert (journal.returncode, errors) == (0, "")
    assert place.verify(()).problems == []
    assert place.check(datetime.now(UTC)) == []
    with place.reader() as reader:
        entries = list(reader.entries())
        kinds = [read(link.entry).kind for link in reader.ledger()]
        runs = reader.runs(1000)
    assert [item.status for item in entries] == [Status.PLACED] * int(out)
    assert (kinds.count("paused"), kinds.count("resumed"), kinds.count("placed")) == (rounds, rounds, int(out))
    assert len(runs) == 2 * rounds + 1
    assert longest < PATIENCE


def test_a_pause_is_seen_by_the_run_that_holds_the_lock(place: StateBackend) -> None:
    with place.store(a_run("holder", "apply"), 0.0) as store:
        pause(place)
        assert [(item.plan, item.actor, item.host, item.run_id) for item in store.pauses()] == [
            ("june", "somebody", "a-host", "pause-1")
        ]
        store.intend("holder", [intent("a")], NOW)
        store.end_run("holder", NOW, 0, {})
    assert place.verify(()).problems == []


def test_a_pause_is_not_taken_for_the_holder(place: StateBackend) -> None:
    with place.store(a_run("holder", "apply"), 0.0):
        pause(place)
        found = place.lock()
        assert found.held
        assert found.run is not None
        assert found.run.id == "holder"


def test_a_pause_is_one_run_from_beginning_to_end(place: StateBackend) -> None:
    pause(place)
    with place.reader() as reader:
        links = [read(link.entry) for link in reader.ledger()]
        assert [(item.kind, item.run) for item in links[1:]] == [
            ("began", "pause-1"),
            ("paused", "pause-1"),
            ("ended", "pause-1"),
        ]
        assert reader.serial == 0
    assert place.verify(()).problems == []


def test_a_refused_resume_leaves_nothing(place: StateBackend) -> None:
    with place.unlocked(a_run("r", "resume")) as store, pytest.raises(StateError, match="not paused"):
        store.resume("r", None, None, NOW)
    with place.reader() as reader:
        assert (list(reader.runs()), reader.head.number) == ([], 1)


def test_only_pauses_are_written_without_the_lock(place: StateBackend) -> None:
    with pytest.raises(ValueError, match="apply needs the lock"), place.unlocked(a_run("a", "apply")):
        pass
    with place.unlocked(a_run("p")) as opened:
        store: Any = opened
        for write in (
            lambda: store.intend("p", [intent("a")], NOW),
            lambda: store.note_fact("p", FACT, NOW),
            lambda: store.decide("p", [Decision(Address("june", "a"), NOW, "because", distinct=True)]),
        ):
            with pytest.raises(StateError, match="lock"):
                write()
    with place.reader() as reader:
        assert (list(reader.entries()), reader.head.number, reader.cleared()) == ([], 1, frozenset())


def test_a_state_that_was_moved_meanwhile_is_not_paused(place: StateBackend) -> None:
    with place.unlocked(a_run("p")) as store:
        with place.store(a_run("mover", "state migrate"), 0.0) as holder:
            holder.depart("mover", "elsewhere", NOW)
        with pytest.raises(StateError, match="was moved to elsewhere"):
            store.pause("p", None, "because", NOW)
    assert place.verify(()).problems == []


def test_a_state_of_another_lineage_is_not_paused(tmp_path: Path) -> None:
    place = SqliteState(tmp_path / "state.db")
    place.create({})
    with pytest.raises(StateError, match="pinned"):
        pause(place.with_lineage("another"))
    with pytest.raises(StateMissing):
        pause(SqliteState(tmp_path / "none.db"))


def test_a_file_that_was_replaced_meanwhile_is_not_paused(tmp_path: Path) -> None:
    place = SqliteState(tmp_path / "state.db")
    place.create({})
    with place.unlocked(a_run("p")) as store:
        (tmp_path / "other.db").write_bytes(place.path.read_bytes())
        (tmp_path / "other.db").replace(place.path)
        with pytest.raises(StateError, match="replaced"):
            store.pause("p", None, "because", NOW)


def test_a_state_of_an_older_version_is_not_changed(tmp_path: Path) -> None:
    place = SqliteState(tmp_path / "state.db")
    place.create({})
    with closing(connect(place.path, "rw")) as db:
        db.execute("delete from _sqlite_migrations where name = 'create_facts'")
    with pytest.raises(StateError, match="older version"):
        pause(place)


def pushed(place: StateBackend, path: Path) -> dump.StateDump:
    with path.open("wb") as file:
        push_pull.push(place, None, file)
    return dump.read(path)


def test_a_pull_loses_no_pause_that_comes_while_it_compares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = SqliteState(tmp_path / "state.db")
    place.create({})
    old = tmp_path / "old.db"
    old.write_bytes(place.path.read_bytes())
    with place.store(a_run("first", "apply"), 0.0) as store:
        store.intend("first", [intent("a")], NOW)
        store.end_run("first", NOW, 0, {})
    source, behind = pushed(place, tmp_path / "pushed.jsonl"), SqliteState(old)
    compare: Callable[..., push_pull.Divergence] = push_pull.compare

    def then_pause(*steps: Any) -> push_pull.Divergence:
        found = compare(*steps)
        pause(behind)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(push_pull, "compare", then_pause)
        with pytest.raises(StateError, match="in the meantime"):
            push_pull.pull(behind, source, a_run("pull", "state pull"), NOW, 0.0)
    with behind.reader() as reader:
        assert [item.plan for item in reader.pauses()] == ["june"]
    assert behind.verify(()).problems == []
