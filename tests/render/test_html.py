"""The page for a browser: one file that stands alone, the verdict first, and nothing in it acts."""

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

from reconciler.domain.masking import mask_plan
from reconciler.domain.model import Call, Location, Schedule
from reconciler.domain.people import exact_id
from reconciler.domain.plan import Action, CallToStop, CellDiff, Lifted, Plan
from reconciler.domain.times import scheduled_instant
from reconciler.render.html import render_plan
from reconciler.render.html.content import PageContent, build_content
from reconciler.render.html.document import SCRIPTS, asset, embedded
from reconciler.render.html.plan_book import build_book
from reconciler.source.provenance import Field, Input, Provenance, ValueOrigin
from tests.hostile import HOSTILE
from tests.plans import AGENT, NOW, address, create, everything, load_context, make_plan, origins, other, problem
from tests.webpage import ELEMENTS, RUN, WebPage

TEXTS = st.text(max_size=40) | st.sampled_from(list(HOSTILE.values()))
LINKS = {"#calls", "#problems"}


def page_content(plan: Plan, *, masked: bool = True) -> PageContent:
    shown = mask_plan(plan) if masked else plan
    return build_content(build_book(shown), shown, "sha256:0", masked=masked, excerpt=lambda _: None)


def to_stop(name: str) -> CallToStop:
    rings = scheduled_instant("2031-06-01 14:30:00", "America/Mexico_City")
    return CallToStop(
        *(address(name), Action.REMOVED, ("removed",), "its row is gone", rings, "America/Mexico_City", "call-7")
    )


def column(page: WebPage, name: str) -> list[str]:
    """A column of the sheet whose cells are texts."""
    return [page.data["texts"][number] for number in page.data["columns"][name]]


def test_the_page_stands_alone() -> None:
    html = render_plan(everything())
    page = WebPage(html)
    assert page.tags <= ELEMENTS
    assert page.targets == LINKS
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


def test_the_verdict_comes_first_then_counts_problems_chart_and_sheet() -> None:
    page = WebPage(render_plan(everything()))
    order = (
        *("reconciler plan", "compared with origin/main", "It cannot be applied: 1 error, 1 blocked."),
        *("This branch changes reconciler.yaml", "7 to place 2 already on origin/main"),
        *("What needs attention", "When calls ring", "Search", "lin-1, serial 12"),
    )
    text = page.text[page.text.index("Skip to the sheet") :]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert page.headings == [
        *("⚠ This branch changes reconciler.yaml", "Summary", "What needs attention"),
        *("1 error E201", "1 blocked", "2 changed (the API cannot edit a call)"),
        *("1 removed (the API cannot cancel a call)", "1 warning W201"),
        *("When calls ring", "Calls", "1 renamed", ""),
    ]
    assert page.title == "reconciler: 1 blocked, 2 changed, 1 removed, 7 to place, 1 held, 1 unchanged"
    assert "1 edited after the call rang: nothing to do." in page.text


def test_every_count_has_a_card() -> None:
    content = page_content(everything())
    assert [(card.count, card.label, card.on_base, card.target) for card in content.cards] == [
        (1, "error", 0, "#problems"),
        (1, "blocked", 0, ""),
        (2, "changed", 0, ""),
        (1, "removed", 0, ""),
        (7, "to place", 2, ""),
        (1, "held", 0, ""),
        (1, "unchanged", 1, ""),
        (1, "warning", 0, "#problems"),
    ]
    assert page_content(make_plan()).cards == ()


def test_problems_of_one_code_share_explanation_and_hint() -> None:
    hint = "write it in international format"
    diagnostics = (
        problem("'044 55' is no number", "E304", line=4, hint=hint),
        problem("'01 800' is no number", "E304", line=9, hint=hint),
        problem("missing field 'to'", "E202", line=12),
    )
    page = WebPage(render_plan(make_plan(diagnostics=diagnostics)))
    assert page.text.count(hint) == 1
    assert page.text.index("2 errors E304 an impossible phone number") < page.text.index("1 error E202")


def test_calls_to_stop_come_first_and_can_be_found_in_the_sheet() -> None:
    plan = make_plan(
        create("june/inv-1"),
        other("june/inv-2", Action.REMOVED, shown_call=create("june/inv-2").call),
        to_stop=(to_stop("june/inv-2"),),
    )
    content = page_content(plan, masked=False)
    card = content.cards[0]
    assert (card.count, card.label, card.reason) == (1, "to stop by hand", "to stop by hand")
    (group,) = content.attention
    assert "reconciler resolve ADDRESS --stopped" in group.group.instruction
    assert [(line.person, line.when, line.place) for line in group.calls] == [
        ("Jane Smith", "Sun 1 Jun 14:30 in Mexico City", "call-7")
    ]
    (line,) = [line for line in content.book.lines if "to stop by hand" in line.reasons]
    assert str(line.address) == "june/inv-2"


def test_overridden_guards_are_named_before_the_counts() -> None:
    page = WebPage(render_plan(make_plan(create("june/inv-1"), lifted=(Lifted("G006", "the launch, agreed"),))))
    text = page.text[page.text.index("Skip to the sheet") :]
    assert text.index("G006 is overridden: the launch, agreed") < text.index("1 to place")


@pytest.mark.parametrize("masked", [True, False])
def test_each_call_shows_whom_when_and_the_chosen_field(masked: bool) -> None:
    agent = {exact_id(AGENT): "collections"}
    plan = make_plan(create("june/inv-1"), show="additional_data.amount_debt", aliases=agent)
    page = WebPage(render_plan(plan, masked=masked))
    shown = [column(page, name)[0] for name in ("person", "when", "value", "agent")]
    name, debt = ("***", "***") if masked else ("Jane Smith", "14058")
    assert shown[0] == (page_content(plan).book.lines[0].person if masked else name)
    assert "Jane" not in shown[0] or not masked
    assert shown[1:] == ["Sun 1 Jun 14:30 Mexico City", debt, "collections"]
    assert page.data["heads"]["value"] == "amount_debt"


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
    assert "Hint: did you mean additional_data?" in page.text


def test_a_long_plan_is_all_in_the_sheet_and_bounded_elsewhere() -> None:
    calls = [create(f"june/inv-{number}", f"2031-06-{1 + number % 28:02} 14:30:00") for number in range(3_000)]
    edited = (CellDiff("metadata.a", "1", "2"),) * 50
    changed = [
        other(f"may/inv-{number}", Action.CHANGED, f"still rings ({number})", diff=edited) for number in range(60)
    ]
    many = tuple(problem("wrong", line=number) for number in range(1, 301))
    page = WebPage(render_plan(make_plan(*calls, *changed, diagnostics=many)))
    assert len(page.data["columns"]["key"]) == 3_060
    for said in ("and 40 more, in the sheet below", "and 30 more fields", "and 200 more: reconciler validate"):
        assert said in page.text
    assert "The first 200; all of them with scripts allowed" in page.text
    assert page.text.count("still rings") == 20


def test_blocked_calls_are_grouped_by_guard() -> None:
    blocked = structs.replace(
        create("june/inv-1"), action=Action.BLOCKED, message="no calls at night", reasons=("G001",)
    )
    zoned = structs.replace(create("june/inv-2"), called_timezone="America/Bogota")
    same = other("june/inv-3", Action.BLOCKED, "the same call", reasons=("same-call",))
    page = WebPage(render_plan(make_plan(blocked, zoned, same, next_apply_by=NOW)))
    assert page.headings[2:4] == ["1 blocked by G001 (calling-hours)", "1 blocked: same-call"]
    assert "A call outside the calling hours." in page.text
    assert "Apply again before Fri 30 May 2031 12:00 UTC" in page.text
    assert {"G001 (calling-hours)", "called person's time zone", "America/Bogota"} <= set(page.data["texts"])


def test_a_plan_without_calls_says_why() -> None:
    page = WebPage(render_plan(make_plan(serial=None, lineage=None)))
    assert "The plan files have no rows, and no earlier call needs attention." in page.text
    assert "every row counts as new" in page.text
    assert page.data["columns"] == {}
    assert "Correct the errors above first." in render_plan(make_plan(diagnostics=(problem("no plan"),)))


@given(TEXTS)
def test_data_in_a_script_is_data(text: str) -> None:
    written = str(embedded({"text": text}))
    assert json.loads(written) == {"text": text}
    assert not set(written) & set("<>&")
    assert "##" not in written


def zoned(call: Call, name: str) -> Call:
    return structs.replace(call, schedule=Schedule("2031-06-01 14:30:00", name))


def hostile_call(text: str) -> Call:
    call = create("june/inv-1").call
    assert isinstance(call, Call)
    return structs.replace(call, full_name=text, agent=text, metadata={text: text})


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_is_text_wherever_it_stands(text: str) -> None:
    cells = (CellDiff(f"metadata.{text}", text, None),)
    plan = make_plan(
        create("june/inv-1", diff=cells, message=text),
        other("june/inv-2", Action.CHANGED, text, diff=cells, reasons=(text,), source=Location(text)),
        other("june/inv-3", Action.BLOCKED, text, reasons=(text,), shown_call=hostile_call(text)),
        other("june/inv-4", Action.REMOVED),
        to_stop=(structs.replace(to_stop("june/inv-4"), why=text, call_id=text, target=text),),
        lifted=(Lifted(text, text),),
        show=f"metadata.{text}",
        aliases={exact_id(AGENT): text, exact_id(text): text},
        diagnostics=(problem(text, hint=text), problem(text, "W201", hint=text)),
        base=replace(everything().base or pytest.fail("no base"), ref=text, settings=cells),
    )
    origin = ValueOrigin(text, text, Location(text, 1, 1, text), formula=text, inputs=(Input(text, None),))
    sources = {address("june/inv-1"): Provenance(Location(text), (Field(text, text, origin),), 1)}
    load = replace(
        load_context(),
        placed=[structs.replace(item, call=zoned(item.call, text)) for item in load_context().placed],
    )
    page = WebPage(render_plan(plan, masked=False, excerpt=lambda _: f"{text}\n^", load=load, origins=sources))
    plain = WebPage(render_plan(everything(), masked=False, excerpt=lambda _: "x\n^"))
    assert page.tags <= plain.tags
    assert page.targets == LINKS
    assert page.handlers == set()
    assert page.comments == []


@pytest.mark.parametrize("masked", [True, False])
def test_where_values_came_from_is_masked_like_them(masked: bool) -> None:
    html = render_plan(everything(), masked=masked, origins=origins())
    page = WebPage(html)
    (fields,) = [item for item in page.data["columns"]["origins"] if item]
    names = [page.data["texts"][number] for number in fields[::2]]
    assert names == ["key", "agent", "to_number", "schedule.at"], "not what reconciler attaches itself"
    for text in ("5550123", "2031-06-04", r"\"14:30\""):
        assert (text in html) is not masked
    assert WebPage(render_plan(everything(), masked=masked)).data["origins"] == []
