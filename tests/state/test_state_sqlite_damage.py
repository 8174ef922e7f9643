"""Whatever is wrong with the state's file or its place ends in words, never in a traceback."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.domain import identity
from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Decision, Intent, Result
from reconciler.errors import StateError, StateLocked, StateMissing
from reconciler.state.sqlite.state import SqliteState
from tests.state.test_state_sqlite import CALL, NOW, fill, holder, intent, run

K0 = Address("june", "k0")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    SqliteState(tmp_path / "made" / "state.db").create({})
    return tmp_path / "made" / "state.db"


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(sql)


def read_everything(path: Path) -> None:
    with SqliteState(path).reader() as reader:
        assert reader.lineage
        assert list(reader.entries())
        assert reader.attempts(K0)
        assert reader.runs()


@pytest.mark.parametrize(
    "sql",
    [
        "delete from meta",
        "drop table calls",
        "update calls set status = 'no such word'",
        "update calls set call = '{}'",
        "update calls set call = 'no JSON'",
        "update calls set rings_at = 'tomorrow'",
        "update attempts set intended_at = 7",
        "update runs set started_at = 'yesterday'",
    ],
)
def test_what_no_version_writes_is_told_in_words(path: Path, sql: str) -> None:
    fill(path)
    read_everything(path)
    change(path, sql)
    with pytest.raises(StateError):
        read_everything(path)


def test_a_damaged_status_is_not_written_over(path: Path) -> None:
    fill(path)
    change(path, "update calls set status = 'no such word'")
    with SqliteState(path).store(run()) as store, pytest.raises(StateError, match="damaged record at june/k0"):
        store.intend("run-1", [intent("k0")], NOW)


def test_a_digest_of_another_version_is_made_again(path: Path) -> None:
    fill(path)
    change(path, "update calls set digest = 'd0:sha256:00' where key = 'k0'")
    with SqliteState(path).reader() as reader:
        assert {entry.digest for entry in reader.entries()} == {identity.digest(CALL)}


def test_a_word_that_is_no_unicode_is_refused(path: Path) -> None:
    fill(path)
    with SqliteState(path).store(run()) as store:
        with pytest.raises(StateError, match="Unicode"):
            store.decide("run-1", [Decision(K0, NOW, "because \udcff", stopped=True)])
        found = store.entry(K0)
    assert found is not None
    assert found.stopped_at is None


UNPRIVILEGED = """
import os, sys
from pathlib import Path
from datetime import UTC, datetime
from reconciler.errors import StateError, StateMissing
from reconciler.domain.ports import Run
from reconciler.state.sqlite.state import SqliteState
if os.geteuid() == 0:
    os.setuid(65534)
path = Path(sys.argv[1])
run = Run("r", "apply", datetime.now(UTC), "host", 1, "nobody", "0")
uses = (
    lambda: SqliteState(path).reader().__enter__(),
    lambda: SqliteState(path).store(run).__enter__(),
    lambda: SqliteState(path).create({}),
)
for use in uses:
    try:
        use()
    except StateError as error:
        print(type(error).__name__, error.message)
"""


def test_a_place_without_permission_is_told_and_not_taken_for_missing(path: Path) -> None:
    path.parent.chmod(0)
    try:
        done = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED, str(path)], capture_output=True, text=True, check=False
        )
    finally:
        path.parent.chmod(0o700)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert all(line.startswith("StateError ") and line.endswith("Permission denied") for line in lines)


@pytest.mark.filterwarnings("ignore:flock not supported")
def test_a_file_system_without_locks_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_handle: int, _operation: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", missing)
    with pytest.raises(StateError, match="cannot be taken"), SqliteState(path).store(run()):
        pass
    monkeypatch.undo()
    with SqliteState(path).store(run()):
        pass


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    for name, target in (("loop", "loop"), ("dangling", "nothing")):
        link = tmp_path / name
        link.symlink_to(tmp_path / target)
        with pytest.raises(StateMissing), SqliteState(link).reader():
            pass
        with pytest.raises(StateMissing), SqliteState(link).store(run()):
            pass
        with pytest.raises(StateError, match="exists already"):
            SqliteState(link).create({})


@pytest.mark.parametrize("name", ["with space", "per%cent", "question?mark#hash", "\u00fc\U0001f4de"])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    SqliteState(tmp_path / name / "state.db").create({})
    fill(tmp_path / name / "state.db")
    with SqliteState(tmp_path / name / "state.db").reader() as reader:
        assert len(list(reader.entries())) == 3
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_our_folder_is_ignored_by_git_and_no_other_is_touched(tmp_path: Path) -> None:
    for name, ignored in ((".reconciler", True), ("data", False)):
        (tmp_path / name).mkdir()
        SqliteState(tmp_path / name / "state.db").create({})
        assert (tmp_path / name / ".gitignore").exists() is ignored
    assert (tmp_path / ".reconciler" / "state.db").stat().st_mode & 0o777 == 0o600


def test_the_lock_is_private(path: Path) -> None:
    with SqliteState(path).store(run()):
        assert path.with_name("state.db.lock").stat().st_mode & 0o777 == 0o600


def test_a_run_that_crashed_is_not_named_once_a_later_one_ended(path: Path) -> None:
    with SqliteState(path).store(run("crashed")):
        pass
    with SqliteState(path).store(run("latest")) as store:
        store.end_run("latest", NOW, 0, {})
        with pytest.raises(StateLocked, match="locked by another run"), SqliteState(path).store(run("late")):
            pass


def test_runs_come_in_the_order_of_the_lock_whatever_the_clock_says(path: Path) -> None:
    for name, moment in (("first", NOW), ("second", NOW - timedelta(days=1))):
        with SqliteState(path).store(replace(run(name), started_at=moment)):
            pass
    with SqliteState(path).reader() as reader:
        assert [item.id for item in reader.runs()] == ["second", "first"]


def test_whoever_meets_a_stopped_holder_in_the_middle_of_a_write_is_not_kept(path: Path) -> None:
    with holder(path, "hot") as process:
        process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(StateLocked), SqliteState(path).store(run("other")):
            pass
        assert time.monotonic() - began < 10


def test_an_end_in_the_same_second_is_no_clock_set_back(path: Path) -> None:
    moment = datetime(2026, 6, 1, tzinfo=UTC)
    with SqliteState(path).store(run()) as store:
        store.intend("run-1", [Intent(K0, CALL, identity.digest(CALL), "single-contact-call", NOW)], moment)
        store.record("run-1", [Result(K0, Status.FAILED, moment + timedelta(milliseconds=5))])
    assert SqliteState(path).check(moment + timedelta(days=1)) == []
