"""When calls ring, on the page."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from reconciler.domain.model import Call
from reconciler.domain.plan import Action
from reconciler.render.html import render_plan
from reconciler.render.html.load import measure
from reconciler.render.html.plan_book import build_book
from reconciler.render.load_context import LoadContext, MinuteLoad, fullest_number_minute
from tests.plans import NOW, address, create, load_context, make_plan, other
from tests.webpage import WebPage


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
        ("minute", 2, "Sun 1 Jun 20:30 UTC"),
        ("hour", 3, "Sun 1 Jun 20:00 UTC"),
        ("day", 3, "Sun 1 Jun 00:00 UTC"),
    ]
    assert load.days == (("Sun 1 Jun", 3), ("Sun 30 May 2032", 2))


def test_calls_placed_before_are_load_too() -> None:
    """Those without a row on the chart: what has one is counted there."""
    (old,) = load_context().placed
    ahead = other("june/inv-5", Action.UNCHANGED, scheduled_at=old.rings_at)
    kept = structs.replace(old, address=address("may/inv-5"), call_id="call-8")
    plan = make_plan(
        create("june/inv-1"),
        other("june/inv-2", Action.CHANGED, scheduled_at=NOW.replace(year=2032)),
        ahead,
        moves=((kept.address, ahead.address),),
    )
    book = build_book(plan, replace(load_context(), placed=(old, kept)))
    assert book.unlisted == (MinuteLoad(int(old.rings_at.timestamp()), "America/Mexico_City", 1),)
    load = measure(book)
    assert (load.calls, load.peaks[0].calls, load.peaks[0].limit, load.peaks[0].over) == (3, 3, 2, 1)
    assert load.peaks[1].limit is None
    assert measure(build_book(plan)).peaks[0].limit is None, "of a saved plan nobody knows"


def test_calls_from_one_number_are_counted_apart_though_masked() -> None:
    """Two numbers that end alike look the same once masked."""
    call = create("june/inv-1").call
    assert isinstance(call, Call)
    twin = structs.replace(create("june/inv-2"), call=structs.replace(call, sender="+525500000078"))
    page = WebPage(render_plan(make_plan(create("june/inv-1"), twin), load=LoadContext(per_number=1)))
    assert "most in a minute from one number 1 Sun 1 Jun 20:30 UTC of 1 allowed" in page.text.replace("\n", "")
    assert fullest_number_minute(make_plan(twin), LoadContext()) is None
