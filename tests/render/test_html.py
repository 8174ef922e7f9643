"""The page for a browser: one file that stands alone, in the order of the comment, and nothing in it acts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reconciler.domain.model import Call, Entry, Location, Schedule, Status
from reconciler.domain.plan import Action, CellDiff
from reconciler.domain.service import RemoteCall
from reconciler.evidence.outcomes import CallOutcome, Drift, DriftKind, OutcomeReport
from reconciler.render.escape import cut
from reconciler.render.html import render_outcomes, render_plan
from reconciler.render.html.call_table import build_book
from reconciler.render.html.document import asset, embedded
from reconciler.render.html.load import measure
from reconciler.render.html.outcomes import build_outcome_content
from reconciler.render.load_context import LoadContext, MinuteLoad, fullest_number_minute
from reconciler.render.markdown import render_plan as render_comment
from reconciler.source.provenance import Field, Input, Provenance, ValueOrigin
from tests.hostile import HOSTILE
from tests.plans import AGENT, NOW, address, around, create, everything, make_plan, origins, other, problem
from tests.webpage import ELEMENTS, RUN, WebPage

TEXTS = st.text(max_size=40) | st.sampled_from(list(HOSTILE.values()))
SCRIPTS = ("data", "time", "rows", "load", "chart", "origins", "sheet", "tip", "panel", "page")


def column(page: WebPage, name: str) -> list[str]:
    """A column of the sheet whose cells are texts."""
    return [page.data["texts"][number] for number in page.data["columns"][name]]


def test_the_page_stands_alone() -> None:
    html = render_plan(everything())
    page = WebPage(html)
    assert page.tags <= ELEMENTS
    assert page.targets == {"#calls"}
    assert page.handlers == set()
    assert page.comments == []
    assert "://" not in html
    assert "@import" not in html
    assert "url(" not in html


def test_the_policy_lets_run_what_is_ours_alone() -> None:
    page = WebPage(render_plan(everything()))
    directives = dict(part.split(" ", 1) for part in page.policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["base-uri"] == directives["form-action"] == "'none'"
    assert "unsafe" not in page.policy
    for kind, name in ((RUN, "script-src"), ("text/css", "style-src")):
        (text,) = page.raw[kind]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert directives[name] == f"'sha256-{digest}'"


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_of_ours_makes_markup_or_code_of_text(name: str) -> None:
    sinks = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|\bFunction\(|setTimeout|</script|<!--"
    )
    assert re.findall(sinks, asset(f"{name}.js")) == []


def test_the_story_has_the_order_of_the_comment() -> None:
    comment, page = render_comment(everything()), WebPage(render_plan(everything()))
    told = [
        "This branch changes reconciler.yaml",
        "1 error",
        "1 blocked",
        "2 changed",
        "1 removed",
        "1 warning",
        "1 renamed",
    ]
    headings = " | ".join(page.headings)
    for where in (re.sub("<[^>]+>|`", "", comment), headings):
        body = where[where.index(told[0]) :]
        places = [body.index(text) for text in told]
        assert places == sorted(places)
    assert page.headings.index("When calls ring") < page.headings.index("All 13 calls")
    assert page.title == "reconciler: 1 blocked, 2 changed, 1 removed, 7 to place, 1 held, 1 unchanged"
    for said in ("It cannot be applied: 1 error, 1 blocked.", "already on origin/main", "serial 12"):
        assert said in page.text
    assert "1 edited after the call rang: nothing to do." in page.text


def test_the_sheet_holds_every_row_in_the_order_of_actions() -> None:
    page = WebPage(render_plan(everything()))
    data = page.data
    assert column(page, "key")[:3] == ["inv-9", "inv-2", "inv-8"]
    assert column(page, "key")[-2:] == ["inv-7", "inv-11"], "what the base has already comes last"
    named = [data["actions"][number]["name"] for number in data["columns"]["action"]]
    assert named.count("create") == 7
    assert {len(cells) for cells in data["columns"].values()} == {len(everything().changes)}
    assert data["branch"] is True


@pytest.mark.parametrize("masked", [True, False])
def test_private_values_are_seen_only_where_asked_for(masked: bool) -> None:
    cells = (CellDiff("additional_data.debt", "111777", "111888"), CellDiff("full_name", "Jane", "Jane Smith"))
    call = create("june/inv-1").call
    assert isinstance(call, Call)
    wrong = problem("'+14155550123' is no number", private=("+14155550123",))
    plan = make_plan(
        create("june/inv-1", diff=cells),
        other("june/inv-2", Action.CHANGED, diff=cells),
        structs.replace(
            other("june/inv-3", Action.EXPIRED), call=structs.replace(call, email="jane@mail.example")
        ),
        diagnostics=(wrong,),
    )
    html = render_plan(plan, masked=masked)
    secrets = ("5550123", "5512345678", "Jane", "14058", "111777", "111888", "jane@mail")
    assert [text for text in secrets if text in html] == ([] if masked else list(secrets))
    assert ("Private values are shown" in html) is not masked
    assert ("(differs)" in WebPage(html).text) is masked


def test_a_problem_quotes_its_line() -> None:
    plan = make_plan(diagnostics=(problem("unknown field", hint="did you mean additional_data?"),))
    asked: list[Location] = []

    def excerpt(where: Location) -> str:
        asked.append(where)
        return "    <b>additonal_data</b>: ***\n    ^"

    page = WebPage(render_plan(plan, excerpt=excerpt))
    assert asked == [plan.diagnostics[0].location]
    assert "    <b>additonal_data</b>: ***\n    ^" in page.text
    assert "hint: did you mean additional_data?" in page.text


def test_a_long_plan_is_all_in_the_sheet_and_bounded_elsewhere() -> None:
    calls = [create(f"june/inv-{number}", f"2031-06-{1 + number % 28:02} 14:30:00") for number in range(3_000)]
    edited = (CellDiff("metadata.a", "1", "2"),) * 50
    changed = [other(f"may/inv-{number}", Action.CHANGED, "still rings", diff=edited) for number in range(60)]
    many = tuple(problem("wrong", line=number) for number in range(1, 301))
    page = WebPage(render_plan(make_plan(*calls, *changed, diagnostics=many)))
    assert len(page.data["columns"]["key"]) == 3_060
    for said in ("and 40 more, in the sheet below", "and 30 more fields", "and 200 more: reconciler validate"):
        assert said in page.text
    assert "The first 200; all of them with scripts allowed" in page.text
    assert page.text.count("still rings") == 20


def test_what_a_guard_blocks_is_told_by_guard() -> None:
    blocked = structs.replace(
        create("june/inv-1"), action=Action.BLOCKED, message="no calls at night", reasons=("G001",)
    )
    zoned = structs.replace(create("june/inv-2"), called_timezone="America/Bogota")
    same = other("june/inv-3", Action.BLOCKED, "the same call", reasons=("same-call",))
    page = WebPage(render_plan(make_plan(blocked, zoned, same, next_apply_by=NOW)))
    assert page.headings[1:3] == ["1 blocked by G001 (calling-hours)", "1 blocked: same-call"]
    assert "Apply again before 2031-05-30T12:00:00Z" in page.text
    assert {"G001 (calling-hours)", "called person's time zone", "America/Bogota"} <= set(page.data["texts"])


def test_without_calls_it_says_so() -> None:
    page = WebPage(render_plan(make_plan(serial=None, lineage=None)))
    assert "No calls." in page.text
    assert "every row counts as new" in page.text
    assert page.data["columns"] == {}


def test_the_load_counts_what_rings() -> None:
    ahead, past = NOW.replace(year=2032), NOW.replace(year=2030)
    plan = make_plan(
        create("june/a", "2031-06-01 14:30:00"),
        create("june/b", "2031-06-01 14:30:59"),
        create("june/c", "2031-06-01 14:31:00"),
        create("june/d", None),
        other("june/e", Action.WAITING, scheduled_at=ahead),
        other("june/f", Action.UNCHANGED, scheduled_at=ahead),
        other("june/g", Action.UNCHANGED, scheduled_at=ahead, reasons=("stopped",)),
        other("june/h", Action.UNCHANGED, scheduled_at=past),
        other("june/i", Action.CHANGED, scheduled_at=ahead),
        other("june/j", Action.BLOCKED, scheduled_at=ahead),
    )
    load = measure(build_book(plan))
    assert (load.calls, load.floating) == (5, 1)
    assert [(peak.unit, peak.calls, peak.start) for peak in load.peaks] == [
        ("minute", 2, "2031-06-01T20:30:00Z"),
        ("hour", 3, "2031-06-01T20:00:00Z"),
        ("day", 3, "2031-06-01T00:00:00Z"),
    ]
    assert load.days == (("2031-06-01", 3), ("2032-05-30", 2))


@given(TEXTS)
def test_data_in_a_script_is_data(text: str) -> None:
    written = str(embedded({"text": text}))
    assert json.loads(written) == {"text": text}
    assert not set(written) & set("<>&")
    assert "##" not in written


def zoned(call: Call, name: str) -> Call:
    return structs.replace(call, schedule=Schedule("2031-06-01 14:30:00", name))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_is_text_wherever_it_stands(text: str) -> None:
    cells = (CellDiff(f"metadata.{text}", text, None),)
    plan = make_plan(
        create("june/inv-1", diff=cells, message=text),
        other("june/inv-2", Action.CHANGED, text, diff=cells, reasons=(text,), source=Location(text)),
        diagnostics=(problem(text, hint=text), problem(text, "W201", hint=text)),
        base=replace(everything().base or pytest.fail("no base"), ref=text, settings=cells),
    )
    found = ValueOrigin(text, text, Location(text, 1, 1, text), formula=text, inputs=(Input(text, None),))
    told = {address("june/inv-1"): Provenance(Location(text), (Field(text, text, found),), 1)}
    beside = replace(
        around(), placed=[structs.replace(item, call=zoned(item.call, text)) for item in around().placed]
    )
    page = WebPage(render_plan(plan, masked=False, excerpt=lambda _: f"{text}\n^", load=beside, origins=told))
    plain = WebPage(render_plan(everything(), masked=False, excerpt=lambda _: "x\n^"))
    assert page.tags <= plain.tags
    assert page.targets == {"#calls"}
    assert page.handlers == set()
    assert page.comments == []


@pytest.mark.parametrize("status", Status)
def test_an_outcome_of_each_status_holds_any_text(status: Status) -> None:
    """What a service answered stands in it, and a call's values where they are asked for."""
    call = create("june/inv-1").call
    assert isinstance(call, Call)
    for text in HOSTILE.values():
        said = structs.replace(call, agent=text, full_name=text, metadata={text: text})
        entry = Entry(address("june/inv-1"), status, said, "d1:", NOW, NOW, call_id=text, error=text)
        remote = RemoteCall(text, text, NOW, result=text, reason=text)
        standings = [
            CallOutcome(entry, text, remote),
            CallOutcome(structs.replace(entry, address=address("june/inv-2")), "busy"),
        ]
        wrong = Drift(DriftKind.UNKNOWN, address("june/lost"), text, text, text)
        report = OutcomeReport(NOW, text, 1, standings, [wrong], not_asked=text)
        page = WebPage(render_outcomes(make_plan(), report, {text: text}, masked=False))
        assert page.tags <= ELEMENTS
        assert (page.targets, page.handlers, page.comments) == ({"#calls"}, set(), [])
        assert cut(text, 2_000) in page.data["texts"]
        assert {item["name"] for item in page.data["actions"]} == {"bad", "quiet"}, "no word becomes a class"


def test_what_a_service_quotes_of_a_person_is_masked() -> None:
    call = create("june/inv-1").call
    assert isinstance(call, Call)
    said = "no such number: +1 (415) 555-0123 of Jane Smith, who owes 14058"
    entry = Entry(address("june/inv-1"), Status.FAILED, call, "d1:", NOW, NOW, error=said)
    for masked in (True, False):
        html = render_outcomes(
            make_plan(), OutcomeReport(NOW, "lin-1", 1, [CallOutcome(entry, "refused")]), {}, masked=masked
        )
        assert "no such number: " in html
        assert [text for text in ("555-0123", "Jane", "14058") if text in html] == (
            [] if masked else ["555-0123", "Jane", "14058"]
        )


def test_calls_placed_before_are_load_too() -> None:
    """Those without a row on the chart: what has one is counted there."""
    (old,) = around().placed
    ahead = other("june/inv-5", Action.UNCHANGED, scheduled_at=old.rings_at)
    kept = structs.replace(old, address=address("may/inv-5"), call_id="call-8")
    plan = make_plan(
        create("june/inv-1"),
        other("june/inv-2", Action.CHANGED, scheduled_at=NOW.replace(year=2032)),
        ahead,
        moves=((kept.address, ahead.address),),
    )
    book = build_book(plan, replace(around(), placed=(old, kept)))
    assert book.beside == (MinuteLoad(int(old.rings_at.timestamp()), "America/Mexico_City", 1),)
    load = measure(book)
    assert (load.calls, load.peaks[0].calls, load.peaks[0].limit, load.peaks[0].over) == (3, 3, 2, 1)
    assert load.peaks[1].limit is None
    assert measure(build_book(plan)).peaks[0].limit is None, "of a saved plan nobody knows"


def test_calls_from_one_number_are_told_apart_though_masked() -> None:
    """Two numbers that end alike look the same once masked."""
    call = create("june/inv-1").call
    assert isinstance(call, Call)
    twin = structs.replace(create("june/inv-2"), call=structs.replace(call, sender="+525500000078"))
    page = WebPage(render_plan(make_plan(create("june/inv-1"), twin), load=LoadContext(per_number=1)))
    assert "most in a minute from one number1 2031-06-01T20:30:00Zof 1 allowed" in page.text.replace("\n", "")
    assert fullest_number_minute(make_plan(twin), LoadContext()) is None


@pytest.mark.parametrize("masked", [True, False])
def test_where_values_came_from_is_masked_like_them(masked: bool) -> None:
    html = render_plan(everything(), masked=masked, origins=origins())
    page = WebPage(html)
    (told,) = [found for found in page.data["columns"]["origins"] if found]
    fields = [page.data["texts"][number] for number in told[::2]]
    assert fields == ["key", "agent", "to_number", "schedule.at"], "not what reconciler attaches itself"
    for text in ("5550123", "2031-06-04", r"\"14:30\""):
        assert (text in html) is not masked
    assert WebPage(render_plan(everything(), masked=masked)).data["origins"] == []


def test_calls_are_counted_by_plan_and_agent() -> None:
    call = create("june/inv-1").call
    assert isinstance(call, Call)
    found = {"june/a": "answered", "june/b": "answered", "may/c": "busy"}
    standings = [
        CallOutcome(Entry(address(name), Status.PLACED, call, "d1:", NOW, NOW, call_id=name), outcome)
        for name, outcome in found.items()
    ]
    story = build_outcome_content(
        make_plan(), OutcomeReport(NOW, "lin-1", 1, standings), {AGENT: "collections"}, masked=True
    )
    plans, hours = story.breakdowns
    assert (plans.title, plans.heads) == ("By plan", ("busy", "answered", "all"))
    assert plans.rows == (("june", (0, 2, 2)), ("may", (1, 0, 1)))
    assert hours.rows == (("06:00", (1, 2, 3)),)
    assert story.frame.counts == "2 answered, 1 busy"
