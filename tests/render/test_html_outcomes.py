"""The page of `status`: outcomes of calls."""

from __future__ import annotations

import pytest
from msgspec import structs

from reconciler.domain.model import Call, Entry, Status
from reconciler.domain.people import exact_id
from reconciler.domain.service import RemoteCall
from reconciler.evidence.outcomes import CallOutcome, Drift, DriftKind, OutcomeReport
from reconciler.render.escape import cut
from reconciler.render.html import render_outcomes
from reconciler.render.html.outcomes import build_outcome_content
from tests.hostile import HOSTILE
from tests.plans import AGENT, NOW, address, create, make_plan
from tests.webpage import ELEMENTS, WebPage


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


def test_calls_are_counted_by_plan_and_agent() -> None:
    call = create("june/inv-1").call
    assert isinstance(call, Call)
    found = {"june/a": "answered", "june/b": "answered", "may/c": "busy"}
    standings = [
        CallOutcome(Entry(address(name), Status.PLACED, call, "d1:", NOW, NOW, call_id=name), outcome)
        for name, outcome in found.items()
    ]
    content = build_outcome_content(
        make_plan(), OutcomeReport(NOW, "lin-1", 1, standings), {exact_id(AGENT): "collections"}, masked=True
    )
    plans, hours = content.breakdowns
    assert (plans.title, plans.heads) == ("By plan", ("busy", "answered", "all"))
    assert plans.rows == (("june", (0, 2, 2)), ("may", (1, 0, 1)))
    assert hours.rows == (("06:00", (1, 2, 3)),)
    assert content.frame.counts == "2 answered, 1 busy"
