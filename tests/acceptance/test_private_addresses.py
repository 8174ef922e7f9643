"""A person's name in a key, in the name of a tag or in an alias reaches no public form of any command."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, given, settings

from reconciler.domain.changes import Changes
from reconciler.domain.plan import Plan
from reconciler.render import html
from tests.acceptance.test_private_values import names, quoted
from tests.commands import plan_formats
from tests.conftest import AGENT, Workbench

PLAN = "calls/june.yaml"
PLAN_FORMS = [form for form in plan_formats() if form != "xlsx"]
LATE = ("--overdue", "--within", "90000h")
UNSEEN = ("--auto-approve", "--rate", "none", "--concurrency", "1", "--no-schedule-check")
WRITTEN = ("{}-{}", "{}.{}", "{}_{}-7", "{}", "inv-7-{1}")  # a name as keys are made of one
REPORTS = (
    ("state", "list"),
    ("state", "list", "--json"),
    ("audit", "log"),
    ("audit", "log", "--json"),
    ("audit", "log", "--format", "csv"),
    ("status", "--offline", "--calls"),
    ("status", "--offline", "--json"),
    ("status", "--offline", "--format", "csv"),
    ("status", "--offline", "--format", "html"),
    ("status", *LATE),
    ("status", *LATE, "--json"),
    ("status", "--to-stop"),
    ("status", "--to-stop", "--json"),
    ("status", "--to-stop", "--format", "csv"),
    ("export", "--format", "json"),
    ("export", "--format", "csv"),
    ("resolve",),
    ("resolve", "--json"),
)
# A name may be a word of the page itself, such as Series.
PAGE = html.render_plan(Plan(datetime(2031, 1, 1, tzinfo=UTC), "1.0", None, None, Changes.from_items([]))).lower()
ABOUT_ONE = (("explain",), ("explain", "--json"), ("state", "show"), ("state", "show", "--json"))
ABOUT_ONE += (("audit", "show"), ("audit", "show", "--json"))


def keys_of(name: str) -> list[str]:
    return [form.format(*name.split()) for form in WRITTEN]


def plan_file(name: str, keys: Sequence[str], *, amount: int = 1, tag: str = "note", first: int = 10) -> str:
    """A row for each key, all of which call people of this name at numbers of their own."""
    rows = [
        f"  - key: {key}\n    full_name: {quoted(name)}\n    to_number: '+52559988{number:04d}'\n"
        f"    metadata: {{{tag}: {amount}}}\n    schedule: {{at: 2031-06-01 14:{number % 10 + 10}}}\n"
        for number, key in enumerate(keys, first)
    ]
    defaults = "{agent: good, from: '+525512345678', schedule: {timezone: America/Mexico_City}}"
    return f"version: 1\nplan: june\ndefaults: {defaults}\ncalls:\n{''.join(rows)}"


def configure(bench: Workbench, alias: str = "good") -> None:
    path = bench.root / "reconciler.yaml"
    text = re.sub(r"(?m)^agents:.*\n", "", path.read_text())
    path.write_text(f"{text}\nagents: {{{alias}: {AGENT}}}\n")


def in_folder(bench: Workbench) -> Workbench:
    """A new project in a folder of its own, that talks to the same service."""
    new = Workbench(Path(mkdtemp(dir=bench.root)), dict(bench.env))
    new.create_project()
    configure(new)
    return new


def said(bench: Workbench, *args: str) -> str:
    result = bench.run(*args)
    assert result.code in {0, 3, 5}, (args, result.err)
    return result.out + result.err


def public_forms(bench: Workbench, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What each report says of the project as it is, and of the address of each key that the state has."""
    for form in PLAN_FORMS:
        yield f"plan {form}", said(bench, "plan", "--format", form)
    for args in REPORTS:
        yield " ".join(args), said(bench, *args)
    for args in ABOUT_ONE:
        for key in keys:
            yield " ".join(args), said(bench, *args, f"june/{key}")


def check(name: str, form: str, text: str) -> None:
    words = [word for word in name.lower().split() if word not in PAGE]
    shown = [line[:300] for line in text.splitlines() if any(word in line.lower() for word in words)]
    assert not shown, (form, shown[:3])


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(name=names)
def test_a_placed_call_shows_no_name(project: Workbench, name: str) -> None:
    """Placed, then one row edited and one removed, whose calls still ring."""
    bench, keys = in_folder(project), keys_of(name)
    first = 10 * len(list(project.root.iterdir()))  # nobody whom another example calls
    bench.write(PLAN, plan_file(name, keys, first=first))
    check(name, "plan", said(bench, "plan"))
    bench.ok("plan", "--out", "june.plan")
    applied = bench.apply("june.plan")
    assert applied.summary["placed"] == len(keys), applied.err
    check(name, "apply --json", applied.out + applied.err)
    assert len({event["call_id"] for event in applied.events if event["type"] == "placed"}) == len(keys)
    again = bench.run("apply", "june.plan")
    check(name, "apply", again.out + again.err)
    bench.write(PLAN, plan_file(name, keys[:-1], amount=2, first=first))
    bench.ok("plan", "--out", "later.plan")
    edited = bench.apply()
    assert edited.summary["to_stop"] == len(keys), edited.out
    check(name, "apply --json, to stop", edited.out + edited.err)
    for plan in ("june.plan", "later.plan"):
        for form in PLAN_FORMS:
            check(name, f"show {plan} {form}", said(bench, "show", plan, "--format", form))
    for form, text in public_forms(bench, keys):
        check(name, form, text)


def test_what_is_uncertain_refused_or_late_shows_no_name(blind: Any, bench: Workbench) -> None:
    """The answer to one request is lost, and one row's time is over."""
    name = "Zoraida Quintanilla"
    keys = keys_of(name)
    configure(bench)
    bench.write(PLAN, plan_file(name, keys).replace("2031-06-01 14:14", "2021-06-01 14:14"))
    blind.set_faults("drop-before#1")
    for args, wanted in ((("--json",), 2), ((), 1)):
        applied = bench.run("apply", *UNSEEN, *args)
        assert applied.code == 3
        check(name, "apply", applied.out + applied.err)
        assert applied.out.count("june/***") + applied.err.count("june/***") >= wanted
    for form, text in public_forms(bench, keys):
        check(name, form, text)
    assert "reconciler resolve june/*** --placed CALL_ID" in said(bench, "resolve")
    screen = " ".join(bench.on_terminal("resolve").split())
    assert re.search("reconciler resolve june/[a-z7-]*Zoraida.* --placed CALL_ID", screen)


def test_a_conflict_shows_no_name(project: Workbench, sandbox: Any) -> None:
    name = "Zoraida Quintanilla"
    keys = keys_of(name)
    configure(project)
    project.write(PLAN, plan_file(name, keys))
    body = {"to_number": "+525599880010", "full_name": name, "agent_id": AGENT, "from_number": "+525512345678"}
    schedule = {"date": "2031-06-01 09:00:00", "timezone": "UTC"}
    answer = httpx.post(f"{sandbox.url}/_sandbox/calls", json=body | {"schedule": schedule}, verify=False)
    assert answer.status_code == 200, answer.text
    for args in (("--json",), ()):
        applied = project.run("apply", "--auto-approve", "--rate", "none", *args)
        assert applied.code == 3
        check(name, "apply", applied.out + applied.err)
    assert project.plan()["summary"]["conflict"] == 1
    for form, text in public_forms(project, keys[1:]):
        check(name, form, text)
    assert "june/***: this call may already exist" in said(project, "resolve")


def test_a_renamed_key_and_a_moved_plan_show_no_name(project: Workbench) -> None:
    """The row under its new key is the same call as the one that was placed under a name."""
    name = "Zoraida Quintanilla"
    configure(project)
    project.write(PLAN, plan_file(name, ["zoraida-q"]))
    assert project.apply().summary["placed"] == 1
    renamed = plan_file(name, ["inv-1001"])
    project.write(PLAN, renamed)
    for form in PLAN_FORMS:
        check(name, form, said(project, "plan", "--format", form))
    project.write(PLAN, renamed.replace("calls:", "moved: [{from: june/zoraida-q, to: june/inv-1001}]\ncalls:"))
    for form in PLAN_FORMS:
        check(name, form, said(project, "plan", "--format", form))
    check(name, "apply", project.apply().out)
    for form, text in public_forms(project, ["inv-1001"]):
        check(name, form, text)


def test_names_of_tags_and_the_alias_of_an_agent_are_masked_too(bench: Workbench) -> None:
    name = "Zoraida Quintanilla"
    bench.create_project()
    configure(bench, "Zoraida.Quintanilla")
    text = plan_file(name, ["inv-1001"], tag="zoraida").replace("agent: good", "agent: Zoraida.Quintanilla")
    bench.write(PLAN, text.replace("metadata:", "additional_data: {quintanilla_due: 1}\n    metadata:"))
    bench.ok("plan", "--out", "june.plan")
    for form in PLAN_FORMS:
        for args in (("plan",), ("plan", "--explain"), ("show", "june.plan")):
            if form in {"text", "json", "markdown", "html"} or "--explain" not in args:
                check(name, form, said(bench, *args, "--format", form))
    for args in (("explain",), ("explain", "--json")):
        check(name, "explain", said(bench, *args, "june/inv-1001"))


def test_a_right_address_stays_readable(project: Workbench) -> None:
    """Keys that hold nothing of the person are shown, also words; and everything is, with --reveal."""
    configure(project)
    keys = ["inv-1001", "renewal", "bob-marley"]
    project.write(PLAN, plan_file("Bob Marley", keys))
    applied = project.apply()
    addresses = [event["address"] for event in applied.events if event["type"] == "placed"]
    assert sorted(addresses) == ["june/***", "june/inv-1001", "june/renewal"]
    for args in (("state", "list"), ("audit", "log"), ("status", "--offline", "--calls"), ("plan", "--json")):
        text = said(project, *args)
        assert all(f"june/{key}" in text for key in keys[:2]), args
        assert "june/bob-marley" in said(project, *args, "--reveal"), args
    assert "june/bob-marley" in project.on_terminal("state", "list")
    assert "bob-marley" not in project.on_terminal("state", "list", CI="true")
    revealed = project.run("resolve", "june/bob-marley", "--stopped", "--reason", "x")
    assert revealed.code == 0, revealed.err


def test_a_masked_list_is_read_back_by_the_ids_of_its_calls(project: Workbench) -> None:
    configure(project)
    project.write(PLAN, plan_file("Bob Marley", ["bob-marley"]))
    project.apply()
    project.write(PLAN, "version: 1\nplan: june\ncalls: []\n")
    project.run("status", "--to-stop", "--format", "csv", "--output", "stop.csv")
    path = Path(project.root / "stop.csv")
    masked = path.read_bytes()
    assert b"bob-marley" not in masked
    path.write_bytes(masked.replace(b",,\r\n", b",stopped,deleted\r\n"))
    project.ok("resolve", "--from", "stop.csv")
    assert project.plan()["to_stop"] == []
