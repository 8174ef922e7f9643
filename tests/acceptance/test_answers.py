"""``apply`` against a service, or something between, that answers otherwise than it should."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import AGENT, KEY, Result, Workbench, contact, plan_text
from tests.rawservice import NO_CALLS, RawService, Reply, Script, answer, raw_service, receipt

ROWS = 6
THROTTLED = answer("429 Too Many Requests", {}, "retry-after: 0")


def place(bench: Workbench, script: Script, *options: str) -> tuple[Result, list[str]]:
    """What an apply of six rows says, and the persons whose calls the service took, with repeats."""
    with raw_service(script) as service:
        bench.env |= {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": KEY}
        if not (bench.root / "reconciler.yaml").exists():
            bench.create_project()
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


PLACED = json.dumps({"call_id": "call-99"}).encode()  # no other row's
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
    "two-framings": b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"%x\r\n%s\r\n0\r\n\r\n" % (len(PLACED), PLACED),
    "negative-length": answer("200 OK", PLACED).replace(b"length: 2", b"length: -2"),
    "bad-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n" + PLACED,
    "long-extensions": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    + (b"1;" + b"x" * 60_000 + b"\r\n \r\n") * 300
    + b"%x\r\n%s\r\n0\r\n\r\n" % (len(PLACED), PLACED),
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n" + PLACED,
    "not-modified": b"HTTP/1.1 304 Not Modified\r\n\r\n" + PLACED,
    "version-2": answer("200 OK", PLACED).replace(b"1.1", b"2.0"),
    "compressed": answer("200 OK", PLACED, "content-encoding: gzip"),
    "refusal-compressed": answer("400 Bad Request", PLACED, "content-encoding: br"),
    "many-headers": answer("200 OK", PLACED, *(f"x-{number}: {'x' * 90}" for number in range(2_000))),
    "nan": answer("200 OK", b'{"call_id": "call-99", "cost": NaN}'),
    "infinity": answer("200 OK", b'{"call_id": "call-99", "cost": -Infinity}'),
    "digits": answer("200 OK", b'{"call_id": "call-99", "cost": ' + b"9" * 5_000 + b"}"),
    "nested": answer("200 OK", b'{"call_id": "call-99", "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
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


def refusal(framing: str, content: bytes = b"", *, version: str = "HTTP/1.1", status: int = 429) -> bytes:
    """A refusal whose only framing is ``framing``, one header or more."""
    head = f"{version} {status} X\r\ncontent-type: application/json\r\nretry-after: 0\r\n{framing}"
    return head.encode() + b"\r\n" + content


LENGTH = "content-length: 2\r\n"
CHUNKED = "transfer-encoding: chunked\r\n"
CONTRADICTORY: dict[str, list[bytes]] = {
    "two-framings": [refusal(LENGTH + CHUNKED, b"2\r\n{}\r\n0\r\n\r\n")],
    "no-length": [refusal("", b"{}")],
    "old-version": [refusal("", b"{}", version="HTTP/1.0")],
    "answer-behind": [refusal(LENGTH, b"{}") + receipt("call-1")],
    "answer-behind-chunks": [refusal(CHUNKED, b"2\r\n{}\r\n0\r\n\r\n") + receipt("call-1")],
    "answer-behind-later": [refusal(LENGTH, b"{}"), receipt("call-1")],
    "more-than-its-length": [refusal("content-length: 0\r\n", b"{}")],
    "call-id": [answer("429 X", {"call_id": "call-1"}, "retry-after: 0")],
    "call-id-in-data": [answer("429 X", {"message": "slow", "data": {"call_id": "call-1"}}, "retry-after: 0")],
}
STRICT: dict[str, bytes] = {
    "length": refusal(LENGTH, b"{}"),
    "empty": refusal("content-length: 0\r\n"),
    "chunked": refusal(CHUNKED, b"2\r\n{}\r\n0\r\n\r\n"),
    "no-call-id": answer("429 X", {"message": "slow", "data": {"call_id": None}}),
    "behind-informational": b"HTTP/1.1 103 Early Hints\r\n\r\n" + refusal(LENGTH, b"{}"),
    "a-page": answer("429 X", b"<html>Too many requests</html>"),
}


def with_status(segments: list[bytes], status: int) -> list[bytes]:
    return [segments[0].replace(b" 429 ", b" %d " % status, 1), *segments[1:]]


@pytest.mark.parametrize("name", CONTRADICTORY)
def test_a_refusal_that_contradicts_itself_is_not_believed(bench: Workbench, name: str) -> None:
    """The calls were taken all the same, once each, and nobody sends them again."""
    refused = {1: 429, 2: 400, 3: 403}

    def script(number: int, _: dict[str, Any]) -> Reply:
        if status := refused.get(number):
            return Reply(True, with_status(CONTRADICTORY[name], status))
        return Reply(True, [receipt(f"call-{number}")])

    result, called = place(bench, script, "--timeout", "1s")
    assert (result.code, len(called), len(set(called))) == (3, ROWS, ROWS)
    assert (result.summary["placed"], result.summary["uncertain"]) == (ROWS - 3, 3)
    messages = [event["message"] for event in result.events if event["type"] == "uncertain"]
    again, called = place(bench, script, "--timeout", "1s")
    assert (again.code, called) == (3, []), messages


@pytest.mark.parametrize("name", STRICT)
def test_a_refusal_that_is_whole_is_believed(bench: Workbench, name: str) -> None:
    def script(number: int, _: dict[str, Any]) -> Reply:
        return Reply(False, [STRICT[name]]) if number == ROWS else Reply(True, [receipt(f"call-{number}")])

    result, called = place(bench, script)
    assert (result.code, result.summary["placed"], len(set(called))) == (0, ROWS, ROWS)
    rejected = with_status([STRICT[name]], 404)

    def reject(number: int, _: dict[str, Any]) -> Reply:
        return Reply(False, rejected)

    bench.write("calls/july.yaml", plan_text("july", rows=1, first=50))
    with raw_service(reject) as service:
        bench.env["CONTACTSHIP_BASE_URL"] = service.url
        result = bench.apply("--rate", "none")
    assert (result.code, result.summary["failed"], result.summary["uncertain"]) == (3, 1, 0)


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


@pytest.fixture(params=["sqlite", "postgres"])
def stored(bench: Workbench, request: pytest.FixtureRequest) -> Workbench:
    """A folder whose state is of either kind."""
    if request.param == "postgres":
        bench.env["RECONCILER_STATE"] = request.getfixturevalue("postgres").url()
    return bench


def one_id_for_all(number: int, _: dict[str, Any]) -> Reply:
    return Reply(True, [receipt("call-1")])


def ends(result: Result) -> Counter[str]:
    return Counter(event["type"] for event in result.events if event["type"] not in {"started", "summary"})


def test_one_call_id_for_all_rows_is_the_call_of_one(stored: Workbench) -> None:
    result, called = place(stored, one_id_for_all)
    assert len(called) == len(set(called)) == ROWS
    assert (result.code, result.summary["placed"], result.summary["uncertain"]) == (3, 1, 5)
    assert ends(result) == {"placed": 1, "uncertain": 5}
    assert "which is already the call of june/inv-" in next(
        e["message"] for e in result.events if e["type"] == "uncertain"
    )
    assert statuses(stored) == {"placed": 1, "uncertain": 5}
    stored.ok("audit", "verify")
    again, called = place(stored, one_id_for_all)
    assert (again.code, again.summary["uncertain"], called) == (3, 5, [])


def test_unknowns_of_that_kind_stop_a_run_too(bench: Workbench) -> None:
    with raw_service(one_id_for_all) as service:
        bench.env |= {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write("calls/june.yaml", plan_text(rows=20))
        result = bench.run("apply", "--auto-approve", "--concurrency", "1", "--no-schedule-check")
    assert result.code == 3
    assert "placed 1, uncertain 5, not sent 14" in result.out
    assert len(service.calls) == 6


def test_a_call_id_of_an_earlier_run_is_no_other_rows(stored: Workbench) -> None:
    with raw_service(one_id_for_all) as service:
        stored.env |= {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": KEY}
        stored.create_project()
        for rows, code in ((1, 0), (2, 3)):
            stored.write("calls/june.yaml", plan_text(rows=rows))
            assert stored.apply().code == code
    assert statuses(stored) == {"placed": 1, "uncertain": 1}


def test_runners_together_report_one_call_id_as_the_call_of_one_row(bench: Workbench, postgres: Any) -> None:
    with raw_service(one_id_for_all) as service:
        bench.env |= {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": KEY}
        bench.env["RECONCILER_STATE"] = postgres.url()
        bench.create_project()
        bench.write("calls/june.yaml", plan_text(rows=4))
        bench.ok("plan", "--out", "june.plan")
        options = ("--json", "--rate", "none", "--concurrency", "1", "--no-schedule-check")
        join = ("apply", "june.plan", "--join", *options)
        runs = [bench.fork(*join) for _ in range(2)]
        found = [Result(run.wait(), out, err) for run in runs for out, err in [run.communicate(timeout=60)]]
        assert [run.code for run in found] == [3, 3]
        assert sum(run.summary["placed"] for run in found) == 1
        assert service.posts == 4
    assert statuses(bench) == {"placed": 1, "uncertain": 3}


def test_nobody_can_give_a_row_the_call_of_another(stored: Workbench) -> None:
    """By ``state import``, by ``resolve``, and by a file of decisions; what is refused leaves no trace."""
    with raw_service(one_id_for_all) as service:
        stored.env |= {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": KEY}
        stored.create_project()
        stored.write("calls/june.yaml", plan_text(rows=2))
        stored.apply("--concurrency", "1")
    stored.write("calls/june.yaml", plan_text(rows=3))
    why = ("--reason", "a slip")
    stored.write("decisions.csv", "address,decision,call_id,reason\njune/inv-2,placed,call-1,a slip\n")
    for command in (
        ("state", "import", "june/inv-3", "call-1"),
        ("resolve", "june/inv-3", "--placed", "call-1", *why),
        ("resolve", "june/inv-2", "--placed", "call-1", *why),
        ("resolve", "--from", "decisions.csv"),
    ):
        refused = stored.run(*command)
        assert (refused.code, "the call of june/inv-1" in refused.err, "already" in refused.err) == (
            1,
            True,
            True,
        ), command
    assert statuses(stored) == {"placed": 1, "uncertain": 1}
    assert stored.actions()["june/inv-3"] == "create"
    stored.ok("resolve", "june/inv-2", "--placed", "call-2", *why)
    stored.ok("state", "import", "june/inv-3", "call-3")
    stored.ok("audit", "verify")


def listed(call_id: str, number: int, **fields: Any) -> dict[str, Any]:
    """A call to the contact of row ``number``, as the service lists it."""
    return {
        "id": call_id,
        "call_status": "scheduled",
        "created_at": datetime.now(UTC).isoformat(),
        "agent_id": AGENT,
        "contact": {"id": contact(number)},
        **fields,
    }


@pytest.mark.parametrize("tagged", [True, False])
def test_tags_settle_such_a_row_and_likeness_does_not(bench: Workbench, tagged: bool) -> None:
    def listing(_: str) -> Sequence[bytes]:
        """Once both rows were sent: one call that is just like the second row's."""
        if service.posts < 2:
            return [NO_CALLS]
        metadata = {"metadata": service.calls[1]["metadata"]} if tagged else {}
        return [answer("200 OK", {"data": [listed("call-2", 2, **metadata)], "count": 1})]

    with raw_service(one_id_for_all, listing) as service:
        bench.env |= {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write("calls/june.yaml", plan_text(rows=2))
        result = bench.apply("--concurrency", "1")
        assert (result.code, ends(result)["adopted"]) == ((0, 1) if tagged else (3, 0))
        again = bench.apply()
        assert again.code == (0 if tagged else 3)
    assert statuses(bench) == ({"placed": 1, "adopted": 1} if tagged else {"placed": 1, "uncertain": 1})


def hostile(service: RawService) -> list[dict[str, Any]]:
    """Calls with texts of any length and any characters, some with tags of this state."""
    tags = service.calls[0]["metadata"] if service.calls else {}
    return [
        listed("x" * 1_000_000, 50),
        listed("half \ud800, nul \0, bell \a", 51, call_result="\udfff\0", disconnection_reason="\0" * 5_000),
        listed("call-a", 52, metadata=tags | {"reconciler_revision": "9" * 5_000}),
        listed("call-b", 53, metadata=tags | {"reconciler_key": "\ud800" * 9_000}),
        listed("call-c", 54, metadata=tags | {"reconciler_plan": "june\0"}),
        listed("call-d", 55, metadata={"reconciler_\ud800": "\0"}),
        listed("call-e", 56, duration=10**4_000, agent_id="\ud800" * 5_000),
    ]


def test_what_the_service_lists_ends_no_run_and_breaks_no_json(stored: Workbench) -> None:
    def script(number: int, _: dict[str, Any]) -> Reply:
        if number == 2:
            return Reply(False, [answer("400 Bad Request", {"message": "\ud800 \0 \x1b[31m" + "y" * 2_000_000})])
        if number == 3:
            return Reply(False, [answer("500 Internal Server Error", {"message": ["\udfff\0", {}, 7]})])
        return Reply(True, [receipt(f"call-{number}")])

    def listing(path: str) -> Sequence[bytes]:
        if path.startswith("/v1/calls/"):
            return [answer("404 Not Found", {})]
        calls = hostile(service)
        return [answer("200 OK", {"data": calls, "count": len(calls)})]

    with raw_service(script, listing) as service:
        stored.env |= {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": KEY}
        stored.create_project()
        stored.write("calls/june.yaml", plan_text(rows=4))
        result = stored.apply("--concurrency", "1")
        assert ends(result) == {"placed": 2, "failed": 1, "uncertain": 1}
        assert all(len(line) < 2_000 for line in result.out.splitlines())
        assert stored.apply().summary["uncertain"] == 1
        for command in (
            ("status", "--json"),
            ("status",),
            ("state", "list", "--json"),
            ("audit", "log", "--json"),
        ):
            told = stored.run(*command)
            assert told.code in {0, 3}, told.err
            assert len(told.out) < 100_000
    stored.ok("audit", "verify")


ENDLESS: dict[str, Callable[[int], tuple[int, int]]] = {  # calls on a page, and their count
    "alternating": lambda asked: (100, 1_000 + 500 * (asked % 2)),
    "shrinking": lambda asked: (100, 1_000_000 - asked),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_listing_without_end_is_refused(bench: Workbench, name: str) -> None:
    asked = Counter[str]()

    def listing(path: str) -> Sequence[bytes]:
        asked["GET"] += 1
        count, total = ENDLESS[name](asked["GET"])
        calls = [listed(f"call-{asked['GET']}-{number}", 99) for number in range(count)]
        return [answer("200 OK", {"data": calls, "count": total})]

    with raw_service(one_id_for_all, listing) as service:
        bench.env |= {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write("calls/june.yaml", plan_text())
        result = bench.apply()
    assert (result.code, service.posts) == (3, 0)
    assert asked["GET"] < 500
