"""``doctor``: each check can fail, says what to do, and tells nothing private."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.sandbox import SandboxConfig, running
from reconciler.source.schema.packaged import schema_text
from reconciler.state.sqlite.files import MOUNTS
from reconciler.state.sqlite.mounts import mount_of
from tests.conftest import AGENT, KEY, NUMBER, Workbench, plan_text

ALIASES = f"""
agents: {{collections: {AGENT}, gone: agent-00000000-0000-4000-8000-000000000001}}
numbers:
  main: {{id: {NUMBER}, e164: "+12125550100"}}
  gone: {{e164: "+12125550199"}}
"""


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write("calls/june.yaml", plan_text())
    return project


def checks(bench: Workbench, *args: str, code: int = 0) -> dict[str, tuple[str, str, str | None]]:
    """Status, message and next step of each check; the document is what its schema says."""
    result = bench.run("doctor", "--json", *args)
    assert result.code == code, (result.out, result.err)
    document = result.json
    Draft202012Validator(json.loads(schema_text("doctor"))).validate(document)
    assert document["ok"] is (code == 0)
    assert KEY not in result.out + result.err
    return {item["check"]: (item["status"], item["message"], item["next"]) for item in document["checks"]}


def statuses(found: dict[str, tuple[str, str, str | None]], *wanted: str) -> set[str]:
    return {name for name, (status, _, _) in found.items() if status in wanted}


def in_memory(bench: Workbench) -> set[str]:
    """What warns about tests in memory."""
    table = MOUNTS.read_text() if MOUNTS.exists() else ""
    return {"state-durability"} if mount_of(str(bench.root.resolve()), table).kind == "tmpfs" else set()


def test_all_is_well(june: Workbench, sandbox: Any) -> None:
    before = {path: path.read_bytes() for path in june.root.rglob("*.db")}
    found = checks(june)
    assert statuses(found, "warn", "fail", "skip") == in_memory(june), found
    assert "1 zone" in found["zones"][1] or "America/Mexico_City" in found["zones"][1]
    assert {path: path.read_bytes() for path in june.root.rglob("*.db")} == before
    assert set(sandbox.requests()["requests"]) == {"GET /v1/agents", "GET /v1/phone-numbers"}


def test_text_says_what_to_do_next(june: Workbench) -> None:
    del june.env["CONTACTSHIP_API_KEY"]
    result = june.run("doctor", "--offline")
    assert result.code == 1
    lines = result.out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("fail  api-key"))
    assert lines[at + 1].strip().startswith("next: set CONTACTSHIP_API_KEY")
    assert lines[-1] == ("12 ok, 1 warn, 1 fail, 4 skip." if in_memory(june) else "13 ok, 1 fail, 4 skip.")


def test_without_a_key_the_service_is_still_reached(june: Workbench) -> None:
    del june.env["CONTACTSHIP_API_KEY"]
    found = checks(june, code=1)
    assert found["service"][0] == "ok"
    assert statuses(found, "skip") == {"clock", "agents", "numbers"}


def test_a_refused_key(june: Workbench) -> None:
    june.env["CONTACTSHIP_API_KEY"] = "another-key"
    status, message, step = checks(june, code=1)["service"]
    assert (status, "HTTP 401" in message) == ("fail", True)
    assert step is not None
    assert "CONTACTSHIP_API_KEY" in step


def test_a_key_file_that_others_may_read(june: Workbench) -> None:
    del june.env["CONTACTSHIP_API_KEY"]
    file = june.write("key.txt", f"{KEY}\n")
    file.chmod(0o644)
    assert checks(june, "--api-key-file", "key.txt")["api-key"][0] == "warn"
    file.chmod(0o600)
    assert checks(june, "--api-key-file", "key.txt")["api-key"][0] == "ok"


@pytest.mark.parametrize(
    ("url", "check", "words"),
    [
        ("http://127.0.0.1:1", "service", "refused"),
        ("https://nowhere.invalid", "service", "DNS"),
        ("http://example.com", "base-url", "https"),
        ("https://user@example.com", "base-url", "user"),
    ],
)
def test_a_service_that_is_not_there(june: Workbench, url: str, check: str, words: str) -> None:
    found = checks(june, "--base-url", url, code=1)
    status, message, step = found[check]
    assert (status, words in message) == ("fail", True), message
    assert step
    assert statuses(found, "skip") >= {"clock", "agents", "numbers"}


def test_tls_where_the_port_speaks_http(june: Workbench, sandbox: Any) -> None:
    status, message, step = checks(june, "--base-url", sandbox.url.replace("http:", "https:"), code=1)["service"]
    assert (status, "TLS" in message) == ("fail", True), message
    assert step is not None
    assert "http://127.0.0.1" in step


def test_a_proxy_is_named_and_not_used(june: Workbench) -> None:
    june.env["HTTPS_PROXY"] = "http://user:secret@127.0.0.1:9"
    step = checks(june, "--base-url", "https://127.0.0.1:1", code=1)["service"][2]
    assert step is not None
    assert step.startswith("HTTPS_PROXY is set but not used")
    assert "secret" not in step


@contextmanager
def dated(offset: timedelta) -> Iterator[str]:
    """A service without agents or numbers whose clock is off."""

    class Handler(BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(datetime.now(UTC) + offset, usegmt=True)

        def do_GET(self) -> None:
            body = b'{"statusCode": 200, "data": [], "count": 0}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("minutes", "status", "words"),
    [
        (0, "ok", "agrees"),
        (2, "warn", "behind the service's"),
        (-2, "warn", "ahead of the service's"),
        (-60, "fail", "ahead of the service's"),
    ],
)
def test_a_clock_that_is_off(project: Workbench, minutes: int, status: str, words: str) -> None:
    with dated(timedelta(minutes=minutes)) as url:
        found = checks(project, "--base-url", url, code=1 if status == "fail" else 0)
    assert found["clock"][0] == status
    assert words in found["clock"][1]


def test_aliases_that_the_account_does_not_have(june: Workbench) -> None:
    config = june.root / "reconciler.yaml"
    config.write_text(config.read_text() + ALIASES)
    with running(SandboxConfig(api_key=KEY, strict_ids=True)) as strict:
        found = checks(june, "--base-url", strict.url, code=1)
    assert statuses(found, "fail") == {"agents", "numbers"}
    assert "agents.gone (agent-00000000-0000-4000-8000-000000000001)" in found["agents"][1]
    assert "collections" not in found["agents"][1]
    assert found["numbers"][1].endswith("numbers.gone.e164"), "the number itself is private"


def test_ids_that_only_rows_name(june: Workbench) -> None:
    june.write("calls/june.yaml", plan_text().replace(AGENT, "agent-00000000-0000-4000-8000-000000000002"))
    with running(SandboxConfig(api_key=KEY, strict_ids=True)) as strict:
        found = checks(june, "--base-url", strict.url, code=1)
    assert statuses(found, "fail") == {"agents"}
    assert "plan files (agent-00000000-0000-4000-8000-000000000002)" in found["agents"][1]


def test_a_service_that_fails_half_way(june: Workbench, sandbox: Any) -> None:
    sandbox.set_faults("get:not-json#2")
    found = checks(june, code=1)
    assert statuses(found, "fail") == {"numbers"}
    sandbox.set_faults("get:unavailable")
    assert "HTTP 503" in checks(june, code=1)["service"][1]


def test_a_missing_state(june: Workbench) -> None:
    (june.root / ".reconciler/state.db").unlink()
    found = checks(june, "--offline", code=1)
    assert statuses(found, "fail") == {"state"}
    assert statuses(found, "skip") >= {"state-mode", "state-lock", "state-integrity", "state-durability"}
    assert not (june.root / ".reconciler/state.db").exists()


def test_a_state_of_another_project(june: Workbench) -> None:
    june.env["RECONCILER_LINEAGE"] = "11111111-2222-4333-8444-555555555555"
    assert "pinned to 11111111" in checks(june, "--offline", code=1)["state"][1]


def test_a_state_that_is_not_private_or_damaged(june: Workbench) -> None:
    state = june.root / ".reconciler/state.db"
    state.chmod(0o644)
    found = checks(june, "--offline")
    assert found["state-mode"][0] == "warn"
    assert found["state-mode"][2] == f"chmod 600 {state}"
    (june.root / "again.db").hardlink_to(state)
    assert statuses(checks(june, "--offline", code=1), "fail") == {"state-mode"}
    state.write_bytes(state.read_bytes()[:4096] + b"\xff" * 20_000)
    assert "state" in statuses(checks(june, "--offline", code=1), "fail")


def test_a_state_that_a_run_holds(june: Workbench, sandbox: Any) -> None:
    sandbox.set_faults("stall-before#1")
    holder = june.start("apply", "--auto-approve", "--json", "--concurrency", "1")
    try:
        assert holder.stdout is not None
        assert '"started"' in holder.stdout.readline()
        status, message, _ = checks(june, "--offline")["state-lock"]
        assert status == "warn"
        assert f"pid {holder.pid}" in message
    finally:
        holder.kill()
        holder.communicate()


def test_a_snapshot_is_looked_at_for_what_it_is(june: Workbench) -> None:
    june.ok("state", "export", "--public", "snapshot.json")
    found = checks(june, "--offline", "--state", "snapshot:snapshot.json")
    assert "snapshot of" in found["state"][1]
    assert found["state-lock"] == ("skip", "a snapshot is not the state", None)


def test_settings_with_errors(june: Workbench) -> None:
    config = june.root / "reconciler.yaml"
    config.write_text(config.read_text() + "agent: {}\n")
    found = checks(june, "--offline", code=1)
    assert statuses(found, "fail") == {"config"}
    assert "E201" in found["config"][1]
    assert found["state"][0] == "skip"


def test_no_project_at_all(bench: Workbench) -> None:
    found = checks(bench, "--offline", code=1)
    assert found["config"][0] == "warn"
    assert found["plans"][0] == "warn"
    assert found["state"][0] == "fail"
    assert checks(bench, "--offline", "--state", "postgres://x", code=1)["config"][0] == "fail"


def test_a_zone_that_does_not_exist(june: Workbench) -> None:
    june.write("calls/june.yaml", plan_text().replace("America/Mexico_City", "America/Mexico"))
    found = checks(june, "--offline", code=1)
    assert statuses(found, "fail") == {"plans", "zones"}


def test_the_release_of_the_zone_rules_is_named(june: Workbench) -> None:
    import tzdata

    assert tzdata.IANA_VERSION in checks(june, "--offline")["zones"][1]
