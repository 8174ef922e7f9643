"""``apply`` against a service, or something between, that answers otherwise than it should."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.conftest import KEY, Result, Workbench, plan_text
from tests.rawservice import Reply, Script, answer, raw_service, receipt

ROWS = 6
THROTTLED = answer("429 Too Many Requests", {}, "retry-after: 0")


def place(bench: Workbench, script: Script, *options: str) -> tuple[Result, list[str]]:
    """What an apply of six rows says, and the persons whose calls the service took, with repeats."""
    with raw_service(script) as service:
        bench.env |= {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": KEY}
        bench.ok("init")
        bench.write("calls/june.yaml", plan_text(rows=ROWS))
        options = ("--concurrency", "1", "--rate", "none", "--timeout", "5s", *options)
        result = bench.apply(*options)
        return result, [call["contact_id"] for call in service.calls]


def statuses(bench: Workbench) -> Counter[str]:
    return Counter(entry["status"] for entry in bench.ok("state", "list", "--json").json["entries"])


@pytest.mark.parametrize("together", [True, False], ids=["same-segment", "later-segment"])
def test_a_refusal_behind_an_answer_makes_no_call_twice(bench: Workbench, together: bool) -> None:
    def script(number: int, _: dict[str, Any]) -> Reply:
        placed = receipt(f"call-{number}")
        return Reply(True, [placed + THROTTLED] if together else [placed, THROTTLED])

    result, called = place(bench, script)
    assert len(called) == len(set(called)) == ROWS
    assert (result.code, result.summary["placed"]) == (0, ROWS)


@pytest.mark.parametrize("together", [True, False], ids=["same-segment", "later-segment"])
def test_an_answer_behind_an_answer_hides_no_loss(bench: Workbench, together: bool) -> None:
    """Every other call is lost, and an answer that came before it says that it was placed."""

    def script(number: int, _: dict[str, Any]) -> Reply:
        if number % 2 == 0:
            return Reply(False, [answer("500 Internal Server Error", {})])
        placed, stray = receipt(f"call-{number}"), receipt(f"call-{number + 1}")
        return Reply(True, [placed + stray] if together else [placed, stray])

    result, called = place(bench, script)
    assert len(called) == len(set(called)) == ROWS // 2
    assert (result.code, result.summary["placed"], result.summary["uncertain"]) == (3, 3, 3)
    assert statuses(bench) == {"placed": 3, "uncertain": 3}


PLACED = json.dumps({"call_id": "call-1"}).encode()
USABLE = {
    "informational": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n"
    + receipt("call-1"),
    "old-version": b"HTTP/1.0 200 OK\r\ncontent-length: %d\r\n\r\n" % len(PLACED) + PLACED,
    "chunked-trailing": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\nmore"
    % (len(PLACED), PLACED),
    "doubled": answer("200 OK", PLACED) + PLACED,
    "identity": answer("200 OK", PLACED, "content-encoding: identity"),
}
UNUSABLE = {
    "informational-only": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
    + PLACED,
    "doubled": answer("200 OK", PLACED + PLACED),
    "too-short": answer("200 OK", PLACED).replace(b"length: 2", b"length: 1"),
    "too-long": answer("200 OK", PLACED).replace(b"length: 2", b"length: 9"),
    "two-lengths": answer("200 OK", PLACED, "content-length: 5"),
    "negative-length": answer("200 OK", PLACED).replace(b"length: 2", b"length: -2"),
    "bad-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n" + PLACED,
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n" + PLACED,
    "not-modified": b"HTTP/1.1 304 Not Modified\r\n\r\n" + PLACED,
    "version-2": answer("200 OK", PLACED).replace(b"1.1", b"2.0"),
    "compressed": answer("200 OK", PLACED, "content-encoding: gzip"),
    "refusal-compressed": answer("400 Bad Request", PLACED, "content-encoding: br"),
    "many-headers": answer("200 OK", PLACED, *(f"x-{number}: {'x' * 90}" for number in range(2_000))),
    "nan": answer("200 OK", b'{"call_id": "call-1", "cost": NaN}'),
    "infinity": answer("200 OK", b'{"call_id": "call-1", "cost": -Infinity}'),
    "digits": answer("200 OK", b'{"call_id": "call-1", "cost": ' + b"9" * 5_000 + b"}"),
    "nested": answer("200 OK", b'{"call_id": "call-1", "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "surrogate-id": answer("200 OK", b'{"call_id": "call-\\ud800"}'),
    "nul-id": answer("200 OK", b'{"call_id": "call-\\u0000"}'),
    "long-id": answer("200 OK", {"call_id": "x" * 1_000_000}),
}


@pytest.mark.parametrize("name", USABLE)
def test_an_answer_that_is_whole_is_taken(bench: Workbench, name: str) -> None:
    def script(number: int, _: dict[str, Any]) -> Reply:
        return Reply(True, [USABLE[name]] if number == 1 else [receipt(f"call-{number}")])

    result, called = place(bench, script)
    assert (result.code, result.summary["placed"], len(called)) == (0, ROWS, ROWS)


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_answer_that_is_none_leaves_one_call_uncertain(bench: Workbench, name: str) -> None:
    def script(number: int, _: dict[str, Any]) -> Reply:
        return Reply(True, [UNUSABLE[name]] if number == 3 else [receipt(f"call-{number}")])

    result, called = place(bench, script, "--timeout", "1s")
    assert (result.code, len(called), len(set(called))) == (3, ROWS, ROWS)
    assert (result.summary["placed"], result.summary["uncertain"]) == (ROWS - 1, 1)
    assert statuses(bench) == {"placed": ROWS - 1, "uncertain": 1}


@pytest.mark.parametrize(
    "header",
    [
        "retry-after: " + "9" * 5_000,
        "retry-after: Fri, 31 Dec 9999 23:59:59 GMT",
    ],
)
def test_a_wait_beyond_the_calendar_stops_the_run(bench: Workbench, header: str) -> None:
    result, called = place(bench, lambda *_: Reply(False, [answer("429 Too Many Requests", {}, header)]))
    assert (result.code, called) == (3, [])
    assert result.summary["placed"] == result.summary["uncertain"] == 0
