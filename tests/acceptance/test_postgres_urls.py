"""Where a state's URL leads, by all the ways that libpq has to name a host; nothing here needs a server."""

from __future__ import annotations

import pytest

from tests.conftest import Workbench

FAR = "db.example.com"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:se/cret@127.0.0.1/calls",
        "postgresql://u:se@cret@127.0.0.1/calls",
        "postgresql://u:se?cret@127.0.0.1/calls",
        "postgresql://u:se#cret@127.0.0.1/calls",
        "postgresql://u:%zzcret@127.0.0.1/calls",
        "postgresql://u:cret@127.0.0.1:x/calls",
        "postgresql://u:cret@127.0.0.1/calls?nonsense=1",
        "postgresql://u:cret@127.0.0.1:1/calls?connect_timeout=long",
        "postgresql://u:cret@127.0.0.1:1/calls?sslmode=maybe",
        "postgresql://u:cret@127.0.0.1:1,127.0.0.1:2/calls?hostaddr=127.0.0.1,127.0.0.1,127.0.0.1",
        "postgresql://u%ff:cret@127.0.0.1:1/calls",
        "postgresql://u\udcff:cret@127.0.0.1:1/calls",
        "postgresql://u%00:cret@127.0.0.1:1/calls",
    ],
)
def test_a_url_that_cannot_be_read_is_not_repeated(bench: Workbench, url: str) -> None:
    bench.env["RECONCILER_STATE"] = url
    found = bench.run("state", "list")
    assert (found.code in {1, 64}, found.out) == (True, "")
    assert "cret" not in found.err
    assert "the state's" in found.err


@pytest.mark.parametrize(
    ("url", "env"),
    [
        (f"postgresql://{FAR}/calls", {}),
        (f"postgresql://{FAR}/calls?sslmode=require", {}),
        (f"postgresql://{FAR}/calls?sslmode=verify-full&sslmode=verify-ca", {}),
        (f"postgresql://127.0.0.1,{FAR}/calls", {}),
        (f"postgresql:///calls?host={FAR}", {}),
        ("postgresql://localhost/calls?hostaddr=203.0.113.7", {}),
        ("postgresql:///calls?hostaddr=127.0.0.1,203.0.113.7", {}),
        ("postgresql:///calls", {"PGHOST": FAR}),
        ("postgresql:///calls", {"PGHOSTADDR": "203.0.113.7"}),
        ("postgresql://127.0.0.1/calls", {"PGHOSTADDR": "203.0.113.7"}),
        ("postgresql:///?service=far", {}),
        ("postgresql:///", {"PGSERVICE": "far"}),
        ("postgresql://2130706433/calls", {}),
        ("postgresql://0177.0.0.1/calls", {}),
        ("postgresql://localhost.example.com/calls", {}),
    ],
)
def test_off_this_machine_the_servers_certificate_is_checked_or_nothing_is_sent(
    bench: Workbench, url: str, env: dict[str, str]
) -> None:
    services = bench.write("services", f"[far]\nhost={FAR}\ndbname=calls\nsslmode=require\n")
    bench.env |= {"PGSERVICEFILE": str(services), "RECONCILER_STATE": url} | env
    found = bench.run("plan")
    assert (found.code, found.out) == (64, "")
    assert "sslmode is not verify-full" in found.err
    assert "hint: add sslmode=verify-full" in found.err


@pytest.mark.parametrize(
    ("url", "env"),
    [
        ("postgresql://127.0.0.1:1/calls", {}),
        ("postgresql://[::1]:1/calls", {}),
        ("postgres://localhost:1/calls", {}),
        ("postgresql://127.0.0.1:1,localhost:1/calls", {}),
        (f"postgresql://{FAR}:1/calls?hostaddr=127.0.0.1", {}),
        ("postgresql:///calls?host=/nowhere", {}),
        ("postgresql:///calls?service=near", {}),
        ("postgresql://127.0.0.2:1/calls?sslmode=verify-full", {}),
        ("postgresql:///calls", {"PGHOST": "127.0.0.1", "PGPORT": "1"}),
    ],
)
def test_what_is_on_this_machine_is_tried(bench: Workbench, url: str, env: dict[str, str]) -> None:
    services = bench.write("services", "[near]\nhost=127.0.0.1\nport=1\n")
    bench.env |= {"PGSERVICEFILE": str(services), "RECONCILER_STATE": url} | env
    found = bench.run("state", "list")
    assert (found.code, "cannot be used: connection" in found.err) == (1, True), found.err


def test_a_service_that_is_not_there_is_named(bench: Workbench) -> None:
    bench.env["RECONCILER_STATE"] = "postgresql:///calls?service=nowhere"
    found = bench.run("state", "list")
    assert (found.code, '"nowhere" not found' in found.err) == (64, True)
