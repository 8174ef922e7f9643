"""Errors of the system and the network: what is told, and what to do next. Never a traceback."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.contactship.reasons import explain
from reconciler.system.failures import next_step
from tests.conftest import Result, Workbench, clean_environment, plan_text

PLAN = "calls/june.yaml"
FULL = Path("/dev/full")
WITHOUT_LIBYAML = """
import sys
sys.modules["yaml._yaml"] = None
from reconciler.cli import main
sys.exit(main())
"""


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


@pytest.mark.parametrize(
    "command", [("validate",), ("plan",), ("apply", "--auto-approve"), ("doctor", "--offline")]
)
def test_yaml_is_not_read_without_libyaml(june: Workbench, sandbox: Any, command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LIBYAML, *command],
        cwd=june.root,
        env=clean_environment() | june.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done
    words = " ".join((done.stdout + done.stderr).split())
    assert "PyYAML is installed without libyaml" in words
    assert "pip install --force-reinstall --only-binary pyyaml pyyaml" in words
    assert "Traceback" not in words
    assert not sandbox.requests()["requests"]
    if command[0] == "doctor":
        assert "fail versions" in words
    else:
        assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "hint"]


@pytest.fixture
def obedient(june: Workbench) -> Workbench:
    """The project, for somebody to whom file modes apply: root is made to obey them, where it can be."""
    if os.geteuid() != 0:
        return june
    if shutil.which("setpriv") is None:
        pytest.skip("root may do anything")
    return Obedient(june.root, june.env)


class Obedient(Workbench):
    """Runs the command without the capability to pass over file modes."""

    def run(self, *args: str, stdin: str | None = None) -> Result:
        drop = "-dac_override,-dac_read_search"
        done = subprocess.run(
            ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}", sys.executable, "-m", "reconciler", *args],
            cwd=self.root,
            env=clean_environment() | self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Result(done.returncode, done.stdout, done.stderr)


@contextmanager
def mode(path: Path, bits: int) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(before)


@pytest.mark.parametrize(
    ("name", "bits", "command"),
    [
        ("june.plan", 0, ["apply", "june.plan"]),
        (".reconciler/state.db", 0, ["plan"]),
        (".reconciler/state.db", 0o400, ["apply", "--auto-approve"]),
        (".reconciler", 0o500, ["apply", "--auto-approve"]),
        ("calls", 0o500, ["plan", "--out", "calls/june.plan"]),
    ],
)
def test_what_one_may_not_read_or_write(obedient: Workbench, name: str, bits: int, command: list[str]) -> None:
    obedient.ok("plan", "--out", "june.plan")
    with mode(obedient.root / name, bits):
        error, hint = told(obedient, *command)
    assert "Permission denied" in error or "readonly" in error
    assert "ls -ld" in hint


@pytest.mark.parametrize("name", ["calls", "calls/may", PLAN, "reconciler.yaml"])
def test_files_that_one_may_not_read_are_named_and_nothing_seems_removed(obedient: Workbench, name: str) -> None:
    obedient.write("calls/may/may.yaml", plan_text("may", first=100))
    obedient.apply()
    with mode(obedient.root / name, 0):
        shown = obedient.run("plan", "--json")
    assert shown.code == 1
    assert [(item["code"], item["file"]) for item in shown.json["diagnostics"]] == [("E113", name)]
    assert "ls -ld" in shown.json["diagnostics"][0]["hint"]
    assert shown.json["summary"]["removed"] == 0


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc, where nothing can be made")
def test_a_place_where_nothing_can_be_made(june: Workbench, bench: Workbench) -> None:
    assert "/proc/" in told(june, "state", "backup", "/proc/self/x.db")[0]
    assert "cannot write /proc/" in told(june, "plan", "--out", "/proc/self/x.plan")[0]


def test_a_service_that_refuses_connections_is_told_once(june: Workbench) -> None:
    june.env["CONTACTSHIP_BASE_URL"] = "http://127.0.0.1:1"
    result = june.run("apply", "--auto-approve", "--no-preflight", "--no-schedule-check", "--rate", "none")
    assert result.code == 3
    assert "the service cannot be reached: not sent: the connection was refused" in result.err
    assert result.err.count("not sent: june/") <= 2, result.err
    assert "hint: run reconciler doctor" in result.err
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
    assert "rejected the key (HTTP 401)" in error
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
