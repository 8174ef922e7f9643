"""The plan as text: for a file whole and the same each time, for a person folded and told in their words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reconciler.domain.model import Schedule
from reconciler.domain.plan import Action, Change, Plan
from reconciler.domain.times import scheduled_instant
from reconciler.render import formats
from reconciler.render.console import OutputStyle
from reconciler.render.load_chart import load_chart
from reconciler.render.subject import Subject
from reconciler.render.text import render_plan
from reconciler.render.text_layout import Columns
from tests.plans import NOW, create, everything, make_plan, other

GOLDEN = Path(__file__).parent
MEXICO = ZoneInfo("America/Mexico_City")


def person(plan: Plan, width: int = 80, *, full: bool = False) -> list[str]:
    return render_plan(plan, OutputStyle(width=width, masked=False, now=NOW, full=full)).splitlines()


def many(count: int, *, plan: str = "june", minutes: int = 10, start: str = "2031-06-01 09:00:00") -> list[Change]:
    first = datetime.fromisoformat(start)
    return [
        create(f"{plan}/inv-{number:05d}", str(first + timedelta(minutes=minutes * number)))
        for number in range(count)
    ]


@pytest.mark.parametrize(("name", "look"), [
    ("plan-80.txt", OutputStyle(width=80, masked=False, now=NOW)),
    ("plan-200.txt", OutputStyle(width=200, masked=False, now=NOW)),
    ("plan-piped.txt", OutputStyle()),
])  # fmt: skip
def test_a_plan_with_everything_in_it(name: str, look: OutputStyle) -> None:
    assert render_plan(everything(), look) == (GOLDEN / name).read_text(encoding="utf-8")


def test_colour_changes_no_character() -> None:
    import re

    plain, coloured = (render_plan(everything(), OutputStyle(80, color=color, now=NOW)) for color in (False, True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_a_file_depends_on_nothing_but_the_plan_and_holds_every_row() -> None:
    text = render_plan(make_plan(*many(300)), OutputStyle())
    assert text.splitlines()[0].startswith("Plan: 300 to place.")
    assert text.splitlines()[1:3] == [
        "First Sun 1 Jun 09:00 in Mexico City.",
        "Last  Tue 3 Jun 10:50 in Mexico City.",
    ]
    assert text.count("june/inv-") == 300
    assert "--full" not in text
    assert text.splitlines()[-1] == "Plan: 300 to place.", "said again at the end of a long one"


def test_a_person_sees_few_rows_of_a_long_list_unless_they_ask() -> None:
    plan = make_plan(*many(100), *many(20, plan="may", start="2031-06-05 09:00:00"))
    folded = person(plan)
    assert sum(line.startswith("  + ") for line in folded) == 10
    assert "    and 110 more (june 90, may 20): --full shows all" in folded
    assert len(folded) < 40
    assert sum(line.startswith("  + ") for line in person(plan, full=True)) == 120


def test_nothing_is_folded_away_for_less_than_the_line_it_takes() -> None:
    assert not any("more" in line for line in person(make_plan(*many(15))))
    assert any("and 6 more: --full" in line for line in person(make_plan(*many(16))))
    blocked = [other(f"p{number % 6}/x{number:02d}", Action.BLOCKED) for number in range(40)]
    assert any("2 other plans" in line for line in person(make_plan(*blocked)))


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_of_ours_is_wider_than_the_terminal(width: int) -> None:
    lines = person(make_plan(*many(400, plan="june-renewals-of-mexico", minutes=50)), width)
    assert max(map(len, lines)) <= max(width, 80)


def test_rows_in_several_zones_each_name_theirs() -> None:
    from msgspec import structs

    from reconciler.domain.model import Schedule

    first, second = many(2)
    assert second.call is not None
    madrid = structs.replace(
        second, call=structs.replace(second.call, schedule=Schedule("2031-06-01 17:10:00", "Europe/Madrid"))
    )
    lines = person(make_plan(first, madrid), 120)
    assert any(line.startswith("  + Sun 1 Jun 17:10  Madrid       Jane Smith") for line in lines)
    assert any(line.startswith("  + Sun 1 Jun 09:00  Mexico City  Jane Smith") for line in lines)
    assert not any("times in" in line for line in lines)


@pytest.mark.parametrize(
    ("delta", "told"),
    [
        (timedelta(seconds=20), "now"),
        (timedelta(minutes=25), "in 25 min"),
        (timedelta(minutes=-25), "25 min ago"),
        (timedelta(hours=5), "in 5 h"),
        (timedelta(hours=47), "in 47 h"),
        (timedelta(days=3), "in 3 days"),
        (timedelta(days=2, hours=14), "in 3 days"),
        (timedelta(days=-3), "3 days ago"),
        (timedelta(days=1500), "in 4 years"),
    ],
)
def test_how_far_ahead(delta: timedelta, told: str) -> None:
    now = datetime(2031, 5, 30, 18, tzinfo=UTC)  # noon in Mexico City
    assert formats.relative((now + delta).astimezone(MEXICO), now) == told


def test_the_year_and_the_seconds_only_where_they_say_something() -> None:
    assert formats.wall(datetime(2031, 6, 15, 10, 0, tzinfo=MEXICO), NOW) == "Sun 15 Jun 10:00"
    assert formats.wall(datetime(2032, 6, 15, 10, 0, 5, tzinfo=MEXICO), NOW) == "Tue 15 Jun 2032 10:00:05"


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("America/Mexico_City", "in Mexico City"),
        ("America/Argentina/Buenos_Aires", "in Buenos Aires"),
        ("UTC", "UTC"),
        ("Etc/GMT+5", "Etc/GMT+5"),
    ],
)
def test_a_zone_by_its_place(zone: str, told: str) -> None:
    assert formats.zone_place(zone) == told


@pytest.mark.parametrize(
    ("minutes", "unit"), [(10, "hour"), (60, "day"), (6 * 60, "week"), (48 * 60, "month"), (60 * 24 * 9, "month")]
)
def test_the_chart_takes_the_smallest_unit_that_fits(minutes: int, unit: str) -> None:
    chart = load_chart(make_plan(*many(60, minutes=minutes)), NOW, 80)
    assert chart[0].startswith(f"Load by {unit}, in Mexico City")
    assert len(chart) <= 16


def test_the_chart_says_where_it_is_busiest_and_shows_empty_days() -> None:
    days = [*many(12, minutes=0), *many(3, plan="may", start="2031-06-04 09:00:00")]
    assert load_chart(make_plan(*days), NOW, 60) == [
        "Load by day, in Mexico City; most in one minute: 12 at Sun 1 Jun 09:00",
        f"  Sun 1 Jun  {'█' * 40} 12",
        "  Mon 2 Jun",
        "  Tue 3 Jun",
        f"  Wed 4 Jun  {'█' * 10} 3",
    ]


@pytest.mark.parametrize(
    "changes", [[], many(9), many(30, minutes=0), [create(f"june/x{n}", None) for n in range(30)]]
)
def test_a_chart_that_would_say_nothing_is_not_drawn(changes: list[Change]) -> None:
    assert load_chart(make_plan(*changes), NOW, 80) == []


@given(st.lists(st.integers(0, 60 * 24 * 800), min_size=10, max_size=60), st.integers(60, 220))
def test_a_chart_counts_each_call_once(minutes: list[int], width: int) -> None:
    start = datetime(2031, 1, 1)
    dates = [(start + timedelta(minutes=minute)).replace(hour=12) for minute in minutes]
    plan = make_plan(*(create(f"june/x{number}", str(date)) for number, date in enumerate(dates)))
    chart = load_chart(plan, NOW, width)
    counts = [int(line.rsplit(" ", 1)[1].replace(",", "")) for line in chart[1:] if "█" in line]
    later = [int(line.split(": ")[1].split(" ")[0]) for line in chart[1:] if " later " in line]
    assert not chart or sum(counts) + sum(later) == len(dates)
    assert all(len(line) <= max(width, 80) for line in chart)


def test_no_time_and_no_address_of_a_long_list_is_cut() -> None:
    changes = many(250, minutes=40)
    changes.append(create("june/a-key-that-is-longer-than-all-before-it", "2031-06-10 09:00:20"))
    lines = render_plan(make_plan(*changes), OutputStyle()).splitlines()
    last = next(line for line in lines if "a-key-that-is-longer" in line)
    assert "Tue 10 Jun 09:00:20  " in last
    assert "june/a-key-that-is-longer-than-all-before-it  " in last
    assert not any("\N{HORIZONTAL ELLIPSIS}" in line for line in lines)


@pytest.mark.parametrize("color", [False, True])
def test_a_row_in_another_zone_than_all_before_it_says_its_zone(color: bool) -> None:
    far = create("june/madrid", "2031-06-10 09:00:00")
    assert far.call is not None
    far = structs.replace(
        far,
        call=structs.replace(far.call, schedule=Schedule("2031-06-10 09:00:00", "Europe/Madrid")),
        scheduled_at=scheduled_instant("2031-06-10 09:00:00", "Europe/Madrid"),
    )
    text = render_plan(make_plan(*many(250), far), OutputStyle(color=color))
    assert "times in Mexico City" in text
    line = next(line for line in text.splitlines() if "june/madrid" in line)
    assert "Tue 10 Jun 09:00 in Madrid" in line


def test_a_time_after_many_calls_at_once_says_its_zone() -> None:
    at_once = [create(f"june/now-{number:03}", None) for number in range(250)]
    text = render_plan(make_plan(*at_once, create("june/later", "2031-06-10 09:00:00")), OutputStyle())
    assert "times in" not in text
    assert "Tue 10 Jun 09:00 in Mexico City" in next(line for line in text.splitlines() if "june/later" in line)


_CELLS = st.text(st.sampled_from("ab1 :#.é漢\u200b\x1b\N{HORIZONTAL ELLIPSIS}"), max_size=6)
_SUBJECTS = st.builds(
    Subject,
    person=_CELLS,
    target=_CELLS,
    rings=_CELLS,
    value=_CELLS,
    zone=st.sampled_from(["", "UTC", "Europe/Kyiv"]),
)
_SIZES = st.integers(min_value=0, max_value=6)
_COLUMNS = st.builds(
    Columns,
    rings=_SIZES, place=_SIZES, person=_SIZES, target=_SIZES, value=_SIZES, address=_SIZES,
    zone=st.sampled_from([None, "UTC"]), own_line=st.booleans(), right=st.booleans(),
)  # fmt: skip


@given(_COLUMNS, _SUBJECTS, _CELLS)
def test_the_fast_line_is_the_line_without_colour(columns: Columns, subject: Subject, address: str) -> None:
    fast = columns.plain_line()("+", subject, address)
    assert fast in {None, columns.line("+", "green", subject, address).drawn(color=False)}


def test_an_ordinary_row_takes_the_fast_line() -> None:
    subject = Subject(person="Jane", target="+1", rings="Sun 1 Jun 09:00", zone="UTC")
    columns = Columns.for_rows([(subject, "june/a")], OutputStyle(), "")
    assert columns.plain_line()("+", subject, "june/a") == "  + Sun 1 Jun 09:00  Jane  +1  june/a"
