"""Errors of the system and the network: what is told, and what to do next. Never a traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.provider.reasons import explain
from reconciler.system import next_step
from tests.conftest import Workbench, clean_environment, plan_text

PLAN = "calls/june.yaml"
FULL = Path("/dev/full")


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write(PLAN, plan_text())
    return project


def told(bench: Workbench, *args: str, code: int = 1) -> tuple[str, str]:
    """The error and the hint."""
    result = bench.run(*args)
    assert result.code == code, result
    lines = result.err.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("error: "))
    assert lines[at + 1].startswith("hint: "), result.err
    return lines[at], lines[at + 1]


def test_a_folder_that_is_not_there(june: Workbench) -> None:
    error, hint = told(june, "plan", "--out", "nowhere/june.plan")
    assert error.endswith("nowhere/june.plan: No such file or directory")
    assert "folder" in hint
    assert "No such file" in told(june, "show", "june.plan")[0]
    assert told(june, "apply", "--auto-approve", "--api-key-file", "none.txt")[0].endswith(
        "none.txt: No such file or directory"
    )


def test_a_file_where_a_folder_is_needed(june: Workbench) -> None:
    error, hint = told(june, "plan", "--out", f"{PLAN}/june.plan")
    assert "Not a directory" in error
    assert "folder" in hint


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
def test_a_full_disk_under_the_output(june: Workbench) -> None:
    with FULL.open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", "plan", "--json"],
            cwd=june.root,
            env=clean_environment() | june.env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "error: the output: No space left on device\nhint: the disk is full" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do anything")
def test_what_one_may_not_read_or_write(june: Workbench) -> None:
    june.ok("plan", "--out", "june.plan")
    (june.root / "june.plan").chmod(0)
    assert "Permission denied" in told(june, "show", "june.plan")[0]
    (june.root / ".reconciler/state.db").chmod(0)
    error, hint = told(june, "plan")
    assert "Permission denied" in error
    assert "ls -ld" in hint
    (june.root / PLAN).chmod(0)
    shown = june.run("validate")
    assert "E113" in shown.out
    assert "ls -ld" in shown.out


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc, where nothing can be made")
def test_a_place_where_nothing_can_be_made(june: Workbench, bench: Workbench) -> None:
    assert "/proc/" in told(june, "state", "backup", "/proc/self/x.db")[0]
    assert "cannot write /proc/" in told(june, "plan", "--out", "/proc/self/x.plan")[0]


def test_a_service_that_refuses_connections_is_told_once(june: Workbench) -> None:
    june.env["CONTACTSHIP_BASE_URL"] = "http://127.0.0.1:1"
    result = june.run("apply", "--auto-approve", "--no-preflight", "--rate", "none")
    assert result.code == 3
    assert "the service cannot be reached: not sent, the connection was refused" in result.err
    assert result.err.count("not sent: june/") <= 2, result.err
    assert "hint: reconciler doctor" in result.err
    assert result.out.endswith("Applied: not sent 3.\n")
    error, hint = told(june, "contacts", "pull", "contacts.csv")
    assert error.endswith("the connection was refused")
    assert "listening" in hint


def test_a_host_without_an_address(june: Workbench) -> None:
    error, hint = told(june, "contacts", "pull", "contacts.csv", "--base-url", "https://nowhere.invalid")
    assert "DNS" in error
    assert "base URL" in hint


def test_a_refused_key_is_told_with_its_variable(june: Workbench) -> None:
    june.env["CONTACTSHIP_API_KEY"] = "another"
    error, hint = told(june, "contacts", "pull", "contacts.csv")
    assert "refuses the key (HTTP 401)" in error
    assert "CONTACTSHIP_API_KEY" in hint


def test_a_port_that_is_taken(bench: Workbench, sandbox: Any) -> None:
    port = sandbox.url.rsplit(":", 1)[1]
    result = bench.run("sandbox", "--port", port)
    assert result.code == 1
    assert "Address already in use" in result.err
    assert "choose another one" in result.err
    assert "Errno" not in result.err


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "full"),
        (errno.EACCES, "ls -ld"),
        (errno.EROFS, "read-only"),
        (errno.EMFILE, "ulimit"),
        (errno.EXDEV, None),
    ],
)
def test_the_next_step_of_an_error(number: int, words: str | None) -> None:
    step = next_step(OSError(number, os.strerror(number)))
    assert step is None if words is None else words in (step or "")


def test_a_reason_is_found_beneath_what_wraps_it() -> None:
    import socket

    def wrapped(cause: BaseException) -> RuntimeError:
        error = RuntimeError("outer")
        error.__cause__ = OSError("All connection attempts failed")
        error.__cause__.__cause__ = cause
        return error

    group = ExceptionGroup("two addresses", [ConnectionRefusedError(111, "no"), OSError(errno.ENETUNREACH, "no")])
    assert explain(wrapped(group)).message == "the connection was refused"
    assert "no route" in explain(wrapped(OSError(errno.EHOSTUNREACH, "no"))).message
    assert "DNS" in explain(wrapped(socket.gaierror(-2, "unknown"))).message
    assert explain(wrapped(TimeoutError())).message == "no answer in time"
    assert explain(ValueError("odd.")).message == "ValueError: odd"
    looped = RuntimeError("round")
    looped.__context__ = ValueError("and round")
    looped.__context__.__context__ = looped
    assert explain(looped).message == "RuntimeError: round"
