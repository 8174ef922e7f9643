"""The state's file: refused where it cannot be trusted, locked by one, and whole after any end."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from reconciler.domain import identity
from reconciler.domain.ledger import read
from reconciler.domain.model import Address, Call, Status
from reconciler.domain.ports import Decision, Intent, Result, Run, Seen
from reconciler.errors import ExitCode, StateError, StateLocked, StateMissing
from reconciler.state.migrations import MIGRATIONS
from reconciler.state.sqlite import connection as connections
from reconciler.state.sqlite.mounts import mounted_alone, network_filesystem
from reconciler.state.sqlite.state import SqliteState

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CALL = Call("agent", "number", contact_id="contact")


def run(name: str = "run-1") -> Run:
    return Run(name, "apply", datetime.now(UTC), "host", os.getpid(), "tester", "0")


def intent(key: str) -> Intent:
    return Intent(Address("june", key), CALL, identity.digest(CALL), "single-contact-call", NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    SqliteState(tmp_path / "made" / "state.db").create({})
    return tmp_path / "made" / "state.db"


def fill(path: Path, count: int = 3) -> None:
    with SqliteState(path).store(run("fill")) as store:
        store.intend("fill", [intent(f"k{number}") for number in range(count)], NOW)
        results = [Result(Address("june", f"k{n}"), Status.PLACED, NOW, f"call-{n}") for n in range(count)]
        store.record("fill", results)
        store.end_run("fill", NOW, 0, {})


def test_a_state_is_made_once_and_privately(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (path.parent / ".gitignore").read_text() == "*\n"
    with pytest.raises(StateError, match="exists already"):
        SqliteState(path).create({})


def test_a_lost_state_is_told_with_the_calls_whose_answers_it_lacks(path: Path) -> None:
    """The second answer came, and there is no state any more to record it in."""
    answers = [Result(Address("june", f"k{n}"), Status.PLACED, NOW, f"call-{n}") for n in range(3)]
    refused = Result(Address("june", "k3"), Status.FAILED, NOW, error="HTTP 400")

    def place() -> None:
        with SqliteState(path).store(run()) as store:
            store.intend("run-1", [intent(f"k{n}") for n in range(4)], NOW)
            store.record("run-1", answers[:1])
            path.unlink()
            with suppress(StateError):
                store.turn("run-1", [*answers[1:], refused], [intent("k4")], NOW)
            store.record("run-1", [*answers[1:], refused])

    with pytest.raises(StateError, match="had placed 3 calls") as caught:
        place()
    assert ": june/k0 (call-0), june/k1 (call-1), june/k2 (call-2)." in caught.value.message


def test_no_file_is_no_state(tmp_path: Path) -> None:
    with pytest.raises(StateMissing) as caught, SqliteState(tmp_path / "none.db").reader():
        pass
    assert caught.value.hint is not None
    assert "never treated as an empty one" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at) values ('reconciler', 'x', '')"
        )


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("create table calls (id)")


def torn(path: Path) -> None:
    fill(path, 200)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2 // 4096 * 4096])


def scribbled(path: Path) -> None:
    fill(path, 200)
    data = bytearray(path.read_bytes())
    data[8192:24576] = b"\xa5" * 16384
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(b""), "empty file"),
        (lambda path: path.write_text("hello, this is text"), "not an SQLite file"),
        (lambda path: (path.unlink(), path.mkdir()), "not a regular file"),
        (foreign, "not a state of reconciler"),
        (newer, "newer version"),
        (torn, "damaged"),
        (scribbled, "damaged"),
    ],
    ids=["empty", "text", "folder", "foreign", "newer", "torn", "scribbled"],
)
def test_what_cannot_be_trusted_is_refused(path: Path, spoil: object, words: str) -> None:
    spoil(path)  # type: ignore[operator]
    with pytest.raises(StateError, match=words), SqliteState(path).reader() as reader:
        list(reader.entries())
    with pytest.raises(StateError, match=words), SqliteState(path).store(run()):
        pass


def test_another_lineage_is_refused(path: Path) -> None:
    with SqliteState(path).reader() as reader:
        lineage = reader.lineage
    with SqliteState(path, lineage).reader():
        pass
    for opened in (lambda: SqliteState(path, "other").reader(), lambda: SqliteState(path, "other").store(run())):
        with pytest.raises(StateError, match="pinned to other"), opened():
            pass


def test_durable_settings_are_in_effect(path: Path) -> None:
    with SqliteState(path).store(run()) as store:
        connection = store._connection
        assert connection.execute("pragma journal_mode").fetchone()[0] == "truncate"
        assert connection.execute("pragma synchronous").fetchone()[0] == 2


def test_a_copy_of_the_closed_file_is_whole(path: Path, tmp_path: Path) -> None:
    fill(path)
    shutil.copy(path, tmp_path / "copy.db")
    with SqliteState(tmp_path / "copy.db").reader() as reader:
        assert len(list(reader.entries())) == 3


def test_a_reader_works_beside_a_writer_and_changes_nothing(path: Path) -> None:
    fill(path)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    with SqliteState(path).reader() as reader:
        assert len(list(reader.entries())) == 3
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    with SqliteState(path).store(run()) as store, SqliteState(path).reader() as reader:
        store.intend("run-1", [intent("new")], NOW)
        assert len(list(reader.entries())) == 4


def test_an_open_mode_is_closed(path: Path) -> None:
    path.chmod(0o644)
    with SqliteState(path).store(run()):
        assert path.stat().st_mode & 0o777 == 0o600


HOLDER = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from reconciler.domain.ports import Run
from reconciler.state.sqlite.state import SqliteState
run = Run("held", "apply", datetime.now(UTC), "that-host", os.getpid(), "somebody", "0")
with SqliteState(Path(sys.argv[1])).store(run) as store:
    if sys.argv[2:] == ["hot"]:
        store._connection.execute("pragma cache_size = 1")
        store._connection.execute("begin immediate")
        sql = "insert into decisions values (null, 'held', 'p', 'k', 1, 'x', null, ?, '')"
        for number in range(2000):
            store._connection.execute(sql, ("y" * 500,))
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(path: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the state."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_one_writer_at_a_time_and_it_is_named(path: Path) -> None:
    with SqliteState(path).store(run("first")), pytest.raises(StateLocked), SqliteState(path).store(run("second")):
        pass
    with holder(path) as process, pytest.raises(StateLocked) as caught, SqliteState(path).store(run()):
        pass
    assert caught.value.exit_code is ExitCode.LOCKED
    assert f"apply (host that-host, pid {process.pid}, somebody" in caught.value.message


def test_the_lock_dies_with_its_holder_and_not_before(path: Path) -> None:
    with holder(path) as process:
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(StateLocked), SqliteState(path).store(run("while-stopped"), 0.2):
            pass
        process.kill()
        process.wait()
        with SqliteState(path).store(run("after")) as store:
            assert store.runs(1)[0].id == "after"


def test_waiting_for_the_lock(path: Path) -> None:
    with holder(path) as process:
        assert process.stdin is not None
        process.stdin.close()
        with SqliteState(path).store(run("waited"), 20):
            pass
        process.stdin = None


def test_what_a_killed_writer_left_half_done_is_undone(path: Path) -> None:
    fill(path)
    with holder(path, "hot") as process:
        process.kill()
        process.wait()
    assert path.with_name("state.db-journal").stat().st_size > 0, "a hot journal is there"
    with SqliteState(path).reader() as reader:
        assert len(list(reader.entries())) == 3
    with SqliteState(path).store(run("after")) as store:
        assert store._connection.execute("select count(*) from decisions").fetchone()[0] == 0


@pytest.mark.parametrize("name", ["state.db", "state.db.lock"])
def test_nothing_is_written_once_the_file_or_its_lock_was_replaced(path: Path, name: str) -> None:
    with SqliteState(path).store(run()) as store:
        other = path.parent / name
        shutil.copy(other, path.parent / "moved")
        (path.parent / "moved").rename(other)
        with pytest.raises(StateError, match="replaced"):
            store.intend("run-1", [intent("a")], NOW)
        assert store.entry(Address("june", "a")) is None


@pytest.mark.parametrize("as_turn", [False, True])
def test_a_full_disk_keeps_nothing_of_a_batch(path: Path, *, as_turn: bool) -> None:
    with SqliteState(path).store(run()) as store:
        pages = store._connection.execute("pragma page_count").fetchone()[0]
        store._connection.execute(f"pragma max_page_count = {pages + 2}")
        serial = store.serial
        many = [intent(f"k{number}") for number in range(500)]
        with pytest.raises(StateError, match="full"):
            store.turn("run-1", [], many, NOW) if as_turn else store.intend("run-1", many, NOW)
        assert list(store.entries()) == []
        assert store.serial == serial
        store._connection.execute("pragma max_page_count = 100000")
        store.intend("run-1", [intent("a")], NOW)


def test_a_turn_looks_everything_up_in_an_index(path: Path) -> None:
    asked: list[str] = []
    with SqliteState(path).store(run()) as store:
        connection = store._connection
        assert isinstance(connection, sqlite3.Connection)
        store.turn("run-1", [], [intent("a"), intent("b")], NOW)
        connection.set_trace_callback(asked.append)
        answers = [Result(Address("june", key), Status.PLACED, NOW, f"call-{key}") for key in "ab"]
        store.turn("run-1", answers, [intent("c"), intent("d")], NOW)
        connection.set_trace_callback(None)
        looked = [sql for sql in asked if sql.lstrip().startswith(("with", "select", "update", "insert"))]
        steps = [step["detail"] for sql in looked for step in connection.execute(f"explain query plan {sql}")]
    assert sum("SEARCH calls" in step or "SEARCH attempts" in step for step in steps) >= 6
    small = {"SCAN meta", "SCAN m", "SCAN h", "SCAN wanted", "SCAN pauses"}
    assert {step for step in steps if step.startswith("SCAN") and "CONSTANT" not in step} <= small


def test_an_older_state_is_migrated_under_the_lock_with_a_copy(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(path)

    def add_note(db: Database) -> None:
        db.execute("alter table calls add column note text")

    monkeypatch.setitem(MIGRATIONS, "add_note", add_note)
    with pytest.raises(StateError, match="older version"), SqliteState(path).reader():
        pass
    with SqliteState(path).store(run()) as store:
        assert len(list(store.entries())) == 3
    with SqliteState(path).reader() as reader:
        assert len(list(reader.entries())) == 3
    copy = path.with_name("state.db.before-add_note")
    assert copy.stat().st_mode & 0o777 == 0o600
    monkeypatch.undo()
    with SqliteState(copy).reader() as reader:
        assert len(list(reader.entries())) == 3
    with pytest.raises(StateError, match="newer version"), SqliteState(path).reader():
        pass


MOUNTS = """\
25 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 25 0:40 / /srv/nfs rw - nfs4 server:/x rw
31 25 0:41 / /srv/nfs/local rw - tmpfs tmpfs rw
32 25 0:42 / /with\\040space rw - cifs //server/x rw
33 25 0:43 / /home rw shared:1 master:2 - fuse.sshfs host: rw
34 25 0:44 / /twice rw - nfs server:/y rw
35 25 0:45 / /twice rw - ext4 /dev/sdb rw
broken line
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/tmp/state.db", None),
        ("/srv/nfs/p/state.db", "nfs4"),
        ("/srv/nfs", "nfs4"),
        ("/srv/nfsx/state.db", None),
        ("/srv/nfs/local/state.db", None),
        ("/with space/state.db", "cifs"),
        ("/home/me/state.db", "fuse.sshfs"),
        ("/twice/state.db", None),
    ],
)
def test_network_file_systems_are_known_by_the_mount_that_holds_the_path(place: str, kind: str | None) -> None:
    assert network_filesystem(place, MOUNTS) == kind


def test_a_file_of_two_names_is_refused_and_a_link_shares_the_lock(path: Path) -> None:
    link = path.parent / "link.db"
    link.symlink_to(path)
    with SqliteState(path).store(run("first")), pytest.raises(StateLocked), SqliteState(link).store(run("second")):
        pass
    link.unlink()
    link.hardlink_to(path)
    with pytest.raises(StateError, match="names"), SqliteState(path).store(run()):
        pass


def test_a_slow_reader_holds_no_writer_up(path: Path) -> None:
    fill(path, 50)
    with SqliteState(path).reader() as reader:
        entries = reader.entries()
        next(entries)
        with SqliteState(path).store(run()) as store:
            store.intend("run-1", [intent("new")], NOW)
        assert len(list(entries)) == 49, "all as of one moment"


def test_a_file_that_is_mounted_alone_is_known() -> None:
    table = "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n26 25 8:1 /x /data/state.db rw - ext4 /dev/sda1 rw\n"
    assert mounted_alone("/data/state.db", table)
    assert not mounted_alone("/data/other.db", table)


def before_the_ledger(path: Path) -> None:
    """Make of a state what a version without a ledger would have left."""
    with closing(sqlite3.connect(path)) as db, db:
        for table in ("ledger_texts", "ledger", "ledger_head"):
            db.execute(f"drop table {table}")
        db.execute("alter table calls drop column redacted_at")
        db.execute("delete from _sqlite_migrations where name = 'create_ledger'")


def test_the_ledger_of_an_older_state_begins_with_all_it_held(path: Path) -> None:
    fill(path, 20)
    with SqliteState(path).store(run("more")) as store:
        store.move("more", [(Address("june", "k1"), Address("july", "k1"))], NOW)
        store.decide("more", [Decision(Address("june", "k2"), NOW, "deleted", stopped=True)])
        store.note_seen("more", Seen(frozenset({"a", "b"}), NOW), NOW)
        store.decide("more", [Decision(Address("june", "new"), NOW, "another", distinct=True)])
        store.intend("more", [intent("open")], NOW)
    before_the_ledger(path)
    with pytest.raises(StateError, match="older version"):
        SqliteState(path).verify()
    with SqliteState(path).store(run("migrating")) as store:
        first = read(next(store.ledger()).entry)
        store.decide("migrating", [Decision(Address("june", "open"), NOW, "looked", Status.RULED_OUT)])
        store.move("migrating", [(Address("june", "k3"), Address("july", "k3"))], NOW)
    assert first.kind == "migrated"
    assert SqliteState(path).verify().problems == []
    for sql in (
        "update attempts set call_id = 'x' where number = 7",
        "delete from decisions where number = 1",
        "update runs set actor = 'nobody' where id = 'fill'",
        "update renames set old_key = 'x' where number = 1",
        "delete from seen where call_id = 'a'",
    ):
        copy = path.with_name("copy.db")
        shutil.copy(path, copy)
        with closing(sqlite3.connect(copy)) as db, db:
            db.execute(sql)
        assert len({problem.partition(":")[0] for problem in SqliteState(copy).verify().problems}) == 1, sql
    with SqliteState(path).store(run("redacting")) as store:
        store.redact("redacting", [Address("june", "k5"), Address("july", "k1")], NOW + timedelta(days=1))
    assert SqliteState(path).verify().problems == []


def test_a_state_in_the_middle_of_a_write_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.db"
    SqliteState(path).create({})
    monkeypatch.setattr(connections, "_BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as stopped:
        stopped.execute("begin exclusive")
        with pytest.raises(StateLocked, match="is locked"), SqliteState(path).reader():
            pass
    with SqliteState(path).reader() as reader:
        assert reader.serial == 0
