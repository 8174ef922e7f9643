"""The command: options, what it prints, signals, what is left after a kill, and life without aiohttp."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from reconciler.cli.commands.sandbox import sandbox as command
from reconciler.sandbox import Fault, SandboxConfig, SandboxError, running
from reconciler.sandbox.seeds import AGENTS, CONTACTS, NUMBERS

CONTACT = {"contact_id": CONTACTS[0].id, "agent_id": AGENTS[0].id, "from_number_id": NUMBERS[0].id}
COMMAND = [sys.executable, "-c", "from reconciler.cli.commands.sandbox import sandbox; sandbox()"]


def client(url: str, key: str = "k") -> httpx.Client:
    return httpx.Client(base_url=url, headers={"x-api-key": key}, trust_env=False)


def post(http: httpx.Client, body: object = CONTACT) -> httpx.Response:
    return http.post("/v1/calls/single-contact-call", json=body)


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process of its own, and the URL it printed."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, "--port", "0", *arguments], **pipes, text=True) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first.startswith("sandbox listening on http://127.0.0.1:")
            yield process, first.split()[-1]
        finally:
            process.kill()


def test_importing_the_package_leaves_aiohttp_alone() -> None:
    code = "import sys, reconciler.sandbox, reconciler.cli.commands.sandbox; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_aiohttp_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("reconciler.sandbox.")]:
        if hasattr(sys.modules[name], "web"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "reconciler.sandbox.server", raising=False)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(SandboxError, match="aiohttp"), running():
        pass
    result = CliRunner().invoke(command, ["--port", "0"])
    assert result.exit_code == 1
    assert "pip install 'call-reconciler[sandbox]'" in result.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    options = [
        "--api-key",
        "s3cret",
        "--db",
        str(tmp_path / "calls.db"),
        "--seed",
        "7",
        "--wrap",
        "--latency",
        "1",
    ]
    options += ["--fault", "error-after#2", "--fault", "drop-after#3", "--fault", "half-answer#4"]
    with started(*options, "--schedule-fields", "at,tz") as (process, url):
        with client(url, "s3cret") as http:
            schedule = {"at": "2999-06-15 14:30:00", "tz": "UTC"}
            assert post(http, {**CONTACT, "schedule": schedule}).json()["data"]["call_id"]
            assert post(http).status_code == 500
            for _ in range(2):
                with pytest.raises(httpx.TransportError):
                    post(http)
            assert http.get("/_sandbox/calls").json()["count"] == 4
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (0, "")
    hints = [f"  export CONTACTSHIP_BASE_URL={url}", "  export CONTACTSHIP_API_KEY=any"]
    assert err.splitlines() == hints  # and no traceback


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with started("--db", str(path)) as (process, url):
        with client(url) as http:
            placed = [post(http).json()["call_id"] for _ in range(3)]
        process.kill()
        process.communicate(timeout=10)
    with running(SandboxConfig(db=path)) as sandbox:
        assert [call.call_id for call in sandbox.calls()] == placed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fault", "nope"], "there is no fault"),
        (["--fault", "drop-after=7"], "probability"),
        (["--rate-limit", "fast"], "not a rate"),
        (["--schedule-fields", "date"], "two different names"),
        (["--schedule-fields", "a,a"], "two different names"),
        (["--port", "70000"], "port"),
        (["--latency", "-1"], "latency"),
    ],
)
def test_wrong_options_are_said(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_help_names_every_fault() -> None:
    text = CliRunner().invoke(command, ["--help"]).output
    assert all(f" {fault} " in text for fault in Fault)
    assert "reconciler sandbox --port 0" in text
