"""Private values in any field, the wrong ones too: no public form shows them, and right inputs stay readable."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reconciler.cli import main
from tests.acceptance.test_hostile import configure, quoted, shown
from tests.commands import plan_formats
from tests.conftest import KEY, Workbench

NOW = ("--now", "2031-05-30T12:00:00Z")
FORMS = plan_formats()
CONTACT = "c1d2e3f4-a5b6-7890-cdef-123456789012"
GOOD = {
    "agent": "good",
    "from": "good",
    "to_number": '"+14155552678"',
    "full_name": "Jane Smith",
    "schedule": "{at: 2031-06-01 14:30:00, timezone: America/Mexico_City}",
}
FIELDS = {
    **{name: f"{name}: {{}}" for name in ("key", "agent", "from", "to_number", "full_name", "email", "country")},
    **{
        name: f"{name}: {{}}"
        for name in ("webhook_url", "contact_id", "place_by", "revision", "enabled", "distinct")
    },
    **{name: f"{name}: {{}}" for name in ("delay_minutes", "called_timezone", "additional_data", "metadata")},
    "at": "schedule: {{at: {}, timezone: UTC}}",
    "timezone": "schedule: {{at: 2031-06-01 14:30:00, timezone: {}}}",
    "unknown field": "{}: 1",
    "unknown part": "schedule: {{{}: 1}}",
    "data": "additional_data: {{note: {}}}",
    "data name": "additional_data: {{{}: 1}}",
    "bad data": "additional_data: {{note: [{}]}}",
    "bad data of a name": "additional_data: {{{}: [1]}}",
    "tag": "metadata: {{note: {}}}",
    "tag name": "metadata: {{{}: 1}}",
    "bad tag of a name": "metadata: {{{}: [1]}}",
    "rule": "repeat: {{rule: {}, from: 2031-06-01 10:00:00, count: 2}}",
    "repeat": "repeat: {{rule: FREQ=DAILY, from: {}, count: 2}}",
    "skip": "repeat: {{rule: FREQ=DAILY, from: 2031-06-01 10:00:00, count: 2, skip: [{}]}}",
}
FILES = {
    "plan": "version: 1\nplan: {}\ncalls: []\n",
    "version": "version: {}\nplan: june\ncalls: []\n",
    "top": "version: 1\nplan: june\n{}: 1\ncalls: []\n",
    "identity": "version: 1\nplan: june\nidentity: [{}]\ncalls: [{{agent: good}}]\n",
    "moved": "version: 1\nplan: june\nmoved: [{{from: {}, to: june/a}}]\ncalls: []\n",
    "formula": "version: 1\nplan: june\ncolumns: {{full_name: ={} }}\ncalls: [{{key: a}}]\n",
    "column": "version: 1\nplan: june\ncolumns: {{{}: =1 + }}\ncalls: [{{key: a}}]\n",
    "sheet": "version: 1\nplan: june\nsheets: [{{file: june.xlsx, sheet: {}}}]\n",
    "no yaml": "version: 1\nplan: june\ncalls: [ {} \nx: 1\n",
    "list": "version: 1\nplan: june\ncalls: [{}]\n",
}
HEADERS = ("key", "full_name", "schedule.at", "note", "SECRET", "metadata.SECRET")
SETTINGS = ("agents: {{{0}: {0}}}", "provider: {{rate: {0}}}", "{0}: 1", "plans: [{0}]")
digits = st.text("0123456789", min_size=7, max_size=7)
numbers = st.builds("{}55{}".format, st.sampled_from(("+52", "52", "6", "0052")), digits) | st.builds(
    "+52 55-{}-{}".format, st.text("0123456789", min_size=4, max_size=4), digits
)
words = st.text("abdegiklmnorstu", min_size=6, max_size=9).map(str.capitalize)
names = st.builds("{} {}".format, words, words)
emails = st.builds("{}.{}@{}.example".format, words, words, words.map(str.lower))
secrets = st.one_of(numbers, names, emails)


def row(field: str, key: str, secret: str) -> str:
    """A row that is right but for the field."""
    line = FIELDS[field].format(quoted(secret))
    name = line.partition(":")[0]
    rest = {"key": key} | {other: text for other, text in GOOD.items() if other != name}
    if name == "contact_id":
        del rest["to_number"], rest["full_name"]
    if name in {"repeat", "delay_minutes"}:
        del rest["schedule"]
    if name == "key":
        del rest["key"]
    return "  - " + "\n    ".join([*(f"{other}: {text}" for other, text in rest.items()), line]) + "\n"


def plan_file(field: str, secret: str) -> str:
    return "version: 1\nplan: june\ncalls:\n" + row(field, "inv-1001", secret)


def printed(bench: Workbench) -> Iterator[tuple[str, str]]:
    """What each public form of each command holds. They run in this process: many inputs are tried."""
    asked = [word for form in FORMS for word in ("--format", form, "--output", f"out.{form}")]
    yield "plan", run(bench, "plan", *NOW, *asked, "--explain")
    for form in FORMS:
        path = bench.root / f"out.{form}"
        if path.exists():
            yield form, shown(form, path.read_bytes())
            path.unlink()
    for args in (
        ("validate",),
        ("validate", "--json"),
        ("explain", *NOW, "june/inv-1001", "june/inv-1003", "june/inv-1020"),
    ):
        yield " ".join(args), run(bench, *args)


def run(bench: Workbench, *args: str) -> str:
    """What a command prints on both streams, which are no terminal."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2)]
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        main(["-C", str(bench.root), *args])
    return "".join(
        stream.buffer.getvalue().decode() for stream in streams if isinstance(stream.buffer, io.BytesIO)
    )


def reveals(text: str, secret: str) -> bool:
    """Whether it stands in the text, in any case, or its last eight digits do."""
    found = re.sub(r"\D", "", secret)
    return secret.casefold() in text.casefold() or (len(found) > 8 and found[-8:] in text)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    bench = Workbench(tmp_path_factory.mktemp("private"))
    configure(bench)
    return bench


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(secret=secrets)
def test_no_place_of_a_file_reaches_a_public_form(project: Workbench, secret: str) -> None:
    """Each row is right but for one field, each further file but for one place."""
    rows = [row(field, f"inv-{number}", secret) for number, field in enumerate(FIELDS, 1001)]
    project.write("calls/june.yaml", "version: 1\nplan: june\ncalls:\n" + "".join(rows))
    for name, text in FILES.items():
        project.write(f"calls/{name}.yaml", text.replace("june", f"p-{name}").format(quoted(secret)))
    for number, header in enumerate(HEADERS):
        columns = {
            "key": "a",
            "note": "x",
            **{name: text.strip('"') for name, text in GOOD.items() if name[0] != "s"},
        }
        columns |= {"schedule.at": "2031-06-01 14:30:00", "schedule.timezone": "UTC"}
        columns |= {header: secret} if header in columns else {header.replace("SECRET", secret): "1"}
        project.write(f"calls/{number}.csv", f"{','.join(columns)}\n{','.join(columns.values())}\n")
        project.write(f"calls/s{number}.yaml", f"version: 1\nplan: s{number}\nsheets: [{{file: {number}.csv}}]\n")
    seen = dict(printed(project))
    assert len(json.loads(seen["validate --json"])["diagnostics"]) > len(FILES) + len(FIELDS) / 2
    for form, text in seen.items():
        assert not reveals(text, secret), (form, found_in(text, secret))


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(secret=secrets)
def test_no_valid_row_reaches_one(project: Workbench, secret: str) -> None:
    """Where no error stands before the changes, they are told too, and where their values came from."""
    names = ("full_name", "data", "data name", "tag", "tag name", "country")
    rows = [row(name, f"inv-{number}", secret) for number, name in enumerate(names)]
    for path in (project.root / "calls").iterdir():
        path.unlink()
    project.write("calls/june.yaml", "version: 1\nplan: june\ncalls:\n" + "".join(rows))
    seen = dict(printed(project))
    assert len(json.loads(seen["json"])["changes"]) == len(names)
    for form, text in seen.items():
        assert not reveals(text, secret), (form, found_in(text, secret))


@pytest.mark.parametrize("place", SETTINGS)
@pytest.mark.parametrize("secret", ["+52 55 1234 5678", "Tilde Morgensen", "tilde@morgensen.example"])
def test_no_setting_reaches_one(bench: Workbench, secret: str, place: str) -> None:
    configure(bench)
    path = bench.root / "reconciler.yaml"
    path.write_text(re.sub(r"(?m)^agents:.*\n", "", path.read_text()) + place.format(quoted(secret)) + "\n")
    bench.write("calls/june.yaml", plan_file("full_name", "Jane Smith"))
    for form, text in printed(bench):
        assert not reveals(text, secret), (form, found_in(text, secret))


def found_in(text: str, secret: str) -> list[str]:
    """The lines that show it."""
    return [line[:600] for line in text.splitlines() if reveals(line, secret)][:3]


def test_a_right_plan_stays_readable(bench: Workbench) -> None:
    configure(bench, "")
    bench.write("calls/june.yaml", plan_file("tag", "INV-1001"))
    for form in ("text", "json", "markdown", "html", "csv", "xlsx"):
        text = dict(printed(bench))[form]
        for part in ("june", "inv-1001", "2031-06-01", "14:30", "Mexico_City", "+***78"):
            written = text.replace("Mexico City", "Mexico_City").replace("Sun 1 Jun", "2031-06-01")
            assert part in written, (form, part)
    change = bench.plan(*NOW)["changes"][0]
    assert change["request"]["body"]["metadata"]["note"] == "***"
    assert change["request"]["body"]["metadata"]["reconciler_key"] == "inv-1001"
    revealed = bench.plan(*NOW, "--reveal")["changes"][0]["request"]["body"]
    assert (revealed["full_name"], revealed["metadata"]["note"]) == ("Jane Smith", "INV-1001")


def test_public_metadata_is_shown(bench: Workbench) -> None:
    configure(bench, "")
    settings_file = bench.root / "reconciler.yaml"
    settings_file.write_text(settings_file.read_text().replace("policy: {", "policy: {public_metadata: [note], "))
    bench.write("calls/june.yaml", plan_file("tag", "INV of June").replace("{note:", "{other: Zoe Quill, note:"))
    plan = bench.plan(*NOW, "--out", "june.plan")
    assert plan["changes"][0]["call"]["metadata"] == {"other": "***", "note": "INV of June"}
    shown = json.loads(bench.ok("show", "june.plan", "--json").out)
    assert shown["changes"][0]["call"]["metadata"] == {"other": "***", "note": "INV of June"}


def test_a_number_in_a_key_is_masked_and_rows_are_told_apart(bench: Workbench) -> None:
    configure(bench, "")
    first = plan_file("key", "5512345678")
    second = first.split("calls:\n")[1].replace("5512345678", "5512345699").replace("2678", "2699")
    bench.write("calls/june.yaml", first + second)
    changes = bench.plan(*NOW)["changes"]
    assert [change["address"] for change in changes] == ["june/+***78", "june/+***99"]
    assert [change["key"] for change in changes] == ["+***78", "+***99"]
    assert {change["source"]["line"] for change in changes} == {4, 10}


AFTERWARDS = (
    ("status",),
    ("status", "--json"),
    ("status", "--format", "html"),
    ("status", "--format", "csv"),
    ("state", "list", "--json"),
    ("state", "show", "june/inv-1001"),
    ("state", "show", "june/inv-1001", "--json"),
    ("audit", "log"),
    ("audit", "log", "--json"),
    ("audit", "log", "--format", "csv"),
    ("export", "--format", "json"),
    ("export", "--format", "csv"),
    ("resolve",),
)


@contextmanager
def refusing(message: str) -> Iterator[str]:
    """A service that refuses every call with this message and lists none; the result is its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, {"data": [], "count": 0})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(400, {"message": message})

        def answer(self, status: int, document: object) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_what_the_service_says_is_masked_in_every_form(bench: Workbench) -> None:
    """Its refusal names the person, and a number and an address that are not the row's."""
    message = "Jane SMITH is out, call +52 55 8765 0987 or ana@office.example (+1 more, C++)"
    with refusing(message) as url:
        bench.env |= {"CONTACTSHIP_BASE_URL": url, "CONTACTSHIP_API_KEY": KEY}
        configure(bench)
        bench.write("calls/june.yaml", plan_file("full_name", "Jane Smith"))
        seen = {}
        for args in (("apply", "--auto-approve", "--json"), ("apply", "--auto-approve")):
            result = bench.run(*args)
            assert result.code == 3
            seen[" ".join(args)] = result.out + result.err
        for args in AFTERWARDS:
            result = bench.run(*args)
            seen[" ".join(args)] = result.out + result.err
        seen |= dict(printed(bench))
    for form, text in seen.items():
        shown_of_it = [part for part in ("SMITH", "87650987", "8765 0987", "ana@office") if part in text]
        assert not shown_of_it, (form, text)
    assert "HTTP 400: *** is out, call +***87 or *** (+1 more, C++)" in seen["apply --auto-approve --json"]
    assert "+***87" in seen["state show june/inv-1001 --json"]


def test_json_on_a_terminal_is_inert_and_says_the_same(bench: Workbench) -> None:
    """A title sequence, an erased line and an override of the direction, in a name and in a tag."""
    name = "a\x9b2Jb\u202ec\u2028d\u200be\x7f"
    configure(bench, "")
    bench.write("calls/june.yaml", plan_file("full_name", name))
    bench.ok("plan", *NOW, "--out", "june.plan")
    for args in (("plan", *NOW, "--json", "--reveal"), ("show", "june.plan", "--json", "--reveal")):
        screen = bench.on_terminal(*args, COLUMNS="9999")
        assert [char for char in screen if not char.isprintable() and char not in "\r\n"] == []
        call = json.loads(screen[screen.index("{") :])["changes"][0]["call"]
        assert call["full_name"] == name
    for args in (("explain", *NOW, "june/inv-1001", "--json", "--reveal"), ("validate", "--json")):
        screen = bench.on_terminal(*args, COLUMNS="9999")
        assert [char for char in screen if not char.isprintable() and char not in "\r\n"] == []
        assert json.loads(screen)


def test_text_on_a_terminal_shows_what_a_pipe_does_not(bench: Workbench) -> None:
    configure(bench)
    bench.write("calls/june.yaml", plan_file("timezone", "Tilde Morgensen"))
    assert "Tilde Morgensen" in bench.on_terminal("validate")
    assert "Tilde Morgensen" not in bench.on_terminal("validate", CI="true")
    assert "Tilde Morgensen" in bench.run("validate", "--reveal").out
    assert "Tilde Morgensen" not in bench.run("validate").out
