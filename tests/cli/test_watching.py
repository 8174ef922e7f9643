"""The page of ``plan --watch``: who may read it, and when it is loaded again."""

from __future__ import annotations

import re
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from reconciler.cli.watching import LivePage, serving
from tests.conftest import Workbench, plan_text


@pytest.fixture
def live() -> Iterator[LivePage]:
    with serving() as page:
        page.publish(b"<p>first</p>")
        yield page


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, verify=False)  # reads no certificates


def test_the_page_is_the_latest(live: LivePage) -> None:
    assert get(f"{live.url}plan").content == b"<p>first</p>"
    live.publish(b"<p>second</p>")
    answer = get(f"{live.url}plan?1")
    assert answer.content == b"<p>second</p>"
    assert answer.headers["cache-control"] == "no-store"
    assert 'new EventSource("changes?2")' in get(live.url).text


def test_only_who_knows_the_address_reads_it(live: LivePage) -> None:
    start = live.url.rsplit("/", 2)[0]
    for path in ("/", "/plan", "/changes", "/wrong/plan"):
        assert get(f"{start}{path}").status_code == 404, path
    assert get(f"{live.url}other").status_code == 404
    assert get(f"{live.url}plan", Host="evil.example").status_code == 404
    assert live.url.startswith("http://127.0.0.1:")
    host = live.url.split("/")[2]
    for target in ("plan", "", "changes"):  # as no browser asks
        with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), timeout=10) as connection:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            assert b" 200 " not in connection.recv(64)


def test_a_browser_that_leaves_prints_nothing(live: LivePage, capfd: pytest.CaptureFixture[str]) -> None:
    live.publish(b"x" * 20_000_000)
    host, port = live.url.split("/")[2].split(":")
    threads = threading.active_count()
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset
        path = live.url.removeprefix(f"http://{host}:{port}")
        connection.sendall(f"GET {path}plan HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        connection.recv(1)
    deadline = time.monotonic() + 10
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert capfd.readouterr().err == ""


def test_a_browser_is_told_of_each_new_page(live: LivePage) -> None:
    with httpx.stream("GET", f"{live.url}changes?1", verify=False, timeout=10) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        lines = answer.iter_lines()
        live.publish(b"<p>second</p>")
        assert next(lines) == "data: new"


def test_a_browser_that_missed_one_is_told_at_once(live: LivePage) -> None:
    live.publish(b"<p>second</p>")
    with httpx.stream("GET", f"{live.url}changes?1", verify=False, timeout=10) as answer:
        assert next(answer.iter_lines()) == "data: new"


def test_each_save_plans_again(bench: Workbench) -> None:
    bench.create_project()
    bench.write("calls/june.yaml", plan_text(rows=2))
    with bench.start(
        "plan", "--watch", "--format", "html", "--output", "page.html", stderr=subprocess.STDOUT
    ) as watch:
        try:
            assert "2 to place" in after(watch, "Waiting")
            bench.write("calls/june.yaml", plan_text(rows=3))
            assert "3 to place" in after(watch, "Waiting")
            assert "inv-3" in (bench.root / "page.html").read_text()
            bench.write("calls/june.yaml", "version: 1\nplan: june\ncalls: [{key: a, nonsense: 1}]\n")
            assert "error E201" in after(watch, "Waiting")
            bench.write("calls/june.csv", "key\na\n")  # a sheet that no plan file reads yet
            assert "error E201" in after(watch, "Waiting")
            bench.write("reconciler.yaml", "nonsense")
            assert "error" in after(watch, "Waiting")
        finally:
            watch.send_signal(signal.SIGINT)
        assert watch.wait(20) == 130


def test_a_page_is_served_while_it_watches(bench: Workbench) -> None:
    bench.create_project()
    bench.write("calls/june.yaml", plan_text(rows=2))
    with bench.start("plan", "--watch", "--format", "html", stderr=subprocess.STDOUT) as watch:
        try:
            url = re.search(r"The page: (\S+)", after(watch, "The page:"))
            assert url is not None
            assert "inv-2" in get(f"{url[1]}plan").text
        finally:
            watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=20)


@pytest.mark.parametrize(
    "args",
    [
        ["--open"],
        ["--watch", "--out", "june.plan"],
        ["--watch", "--now", "2031-01-01T00:00:00Z"],
        ["--watch", "--json"],
    ],
)
def test_what_cannot_be_combined_is_wrong_usage(bench: Workbench, args: list[str]) -> None:
    bench.create_project()
    assert bench.run("plan", *args).code == 64


def after(watch: subprocess.Popen[str], word: str) -> str:
    """What the command prints until it says ``word``."""
    assert watch.stdout is not None
    lines = []
    while not lines or word not in lines[-1]:
        lines.append(watch.stdout.readline())
        assert lines[-1], "the command ended"
    return "".join(lines)
