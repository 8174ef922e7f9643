"""What a state's file system and server do to commits at a power cut, as far as they say it."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.state.postgres.server import resolve
from reconciler.state.postgres.state import PostgresState
from reconciler.state.session import Connection
from reconciler.state.sqlite import connection, durability
from reconciler.state.sqlite.files import MOUNTS
from reconciler.state.sqlite.mounts import mount_of
from reconciler.state.sqlite.state import SqliteState
from tests.conftest import KEY, Workbench, plan_text
from tests.state.test_state_postgres import run

PLAN = "calls/june.yaml"


@pytest.mark.parametrize(
    ("mount", "words"),
    [
        ("rw - tmpfs tmpfs rw,size=1024k", "in memory"),
        ("rw - ramfs none rw", "in memory"),
        ("rw - overlay overlay rw,upperdir=/u,volatile", "volatile: nothing is synced"),
        ("rw,nobarrier - ext4 /dev/sda1 rw", "nobarrier: a power cut may lose"),
        ("rw - ext4 /dev/sda1 rw,barrier=0", "barrier=0: a power cut may lose"),
        ("rw - f2fs /dev/sda1 rw,fsync_mode=nobarrier", "fsync_mode=nobarrier"),
        ("rw - virtiofs share rw", "not known"),
        ("rw - fuse.grpcfuse grpcfuse rw", "not known"),
        ("rw - fuseblk /dev/sda1 rw", "not known"),
        ("rw,relatime - ext4 /dev/sda1 rw,errors=remount-ro,data=ordered", None),
        ("rw shared:1 - xfs /dev/sda1 rw,attr2", None),
        ("rw - btrfs /dev/sda1 rw,space_cache=v2", None),
        ("rw - overlay overlay rw,lowerdir=/l,upperdir=/volatile/u", None),
        ("rw - zfs tank/data rw,xattr", None),
    ],
)
def test_a_file_system_that_loses_what_was_synced(
    mount: str, words: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"25 1 8:1 / / rw - ext4 /dev/sda1 rw\n26 25 0:1 / {tmp_path.resolve()} {mount}\n")
    monkeypatch.setattr(durability, "MOUNTS", table)
    risks = SqliteState(tmp_path / "state.db").durability_risks()
    assert len(risks) == (words is not None)
    for risk in risks:
        assert str(words) in risk.message
        assert risk.hint
        assert not risk.refused


def finding(bench: Workbench) -> tuple[str, str]:
    document = json.loads(bench.run("doctor", "--offline", "--json").out)
    found = next(item for item in document["checks"] if item["check"] == "state-durability")
    return found["status"], found["message"]


@pytest.mark.parametrize(("base", "status"), [("/dev/shm", "warn"), ("/var/tmp", "ok")])
def test_doctor_says_whether_a_state_survives(base: str, status: str) -> None:
    kind = mount_of(base, MOUNTS.read_text() if MOUNTS.exists() else "").kind
    if (kind == "tmpfs") != (status == "warn"):
        pytest.skip(f"{base} is {kind or 'not on a known file system'} here")
    with tempfile.TemporaryDirectory(dir=base) as folder:
        bench = Workbench(Path(folder))
        bench.create_project()
        assert finding(bench)[0] == status


def test_synced_to_the_drive_itself_where_the_system_asks_for_more(tmp_path: Path) -> None:
    SqliteState(tmp_path / "state.db").create({})
    with closing(connection.connect(tmp_path / "state.db", "rw")) as database:
        connection.make_durable(database)
        assert database.execute("pragma fullfsync").fetchone()[0] == 1


@pytest.fixture
def shared(bench: Workbench, sandbox: Any, postgres: Any) -> Workbench:
    """A project whose state is in PostgreSQL."""
    bench.env |= {
        "CONTACTSHIP_BASE_URL": sandbox.url,
        "CONTACTSHIP_API_KEY": KEY,
        "RECONCILER_STATE": postgres.url(),
    }
    bench.create_project()
    bench.write(PLAN, plan_text())
    return bench


@contextmanager
def setting(postgres: Any, name: str) -> Iterator[None]:
    """The server with a setting off."""
    postgres.sql(f"alter system set {name} = off", "select pg_reload_conf()")
    try:
        while postgres.sql(f"show {name}")[0][name] == "on":
            pass
        yield
    finally:
        postgres.sql(f"alter system reset {name}", "select pg_reload_conf()")
        while postgres.sql(f"show {name}")[0][name] == "off":
            pass


def test_doctor_reads_what_a_server_does_at_a_power_cut(shared: Workbench, postgres: Any) -> None:
    assert finding(shared)[0] == "ok"
    with setting(postgres, "full_page_writes"):
        status, message = finding(shared)
        assert (status, "full_page_writes = off" in message) == ("warn", True)
        assert shared.apply().summary["placed"] == 3, "it may be right on this file system"
    with setting(postgres, "fsync"):
        status, message = finding(shared)
        assert (status, "fsync = off" in message) == ("fail", True)
        assert shared.apply().code == 1
    assert finding(shared)[0] == "ok"


@pytest.mark.parametrize(("default", "used"), [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")])
def test_every_session_that_writes_waits_for_the_disk(postgres: Any, default: str, used: str) -> None:
    """Also those that create a state, move one there, or rebuild one: they report calls as recorded."""
    server = resolve(postgres.url())
    found: list[str] = []

    def look(connection: Connection) -> None:
        row = connection.execute("select current_setting('synchronous_commit') as level").fetchone()
        found.append(str(row and row["level"]))

    postgres.sql(f"alter role postgres set synchronous_commit = {default}")
    try:
        new = PostgresState(server, str(uuid.uuid4()))
        with new.receive(retry=False) as connection:
            look(connection)
        rebuilt = PostgresState(server, str(uuid.uuid4()))
        with rebuilt.new_store(run(), {}) as store:
            look(store._connection)
        place = PostgresState(server, PostgresState(server).create({}))
        with place.store(run(), 0) as store:
            look(store._connection)
    finally:
        postgres.sql("alter role postgres reset synchronous_commit")
    assert found == [used] * 3
