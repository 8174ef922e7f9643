"""Rows and changes of any content, for what must carry them whole."""

from __future__ import annotations

from datetime import UTC

from hypothesis import strategies as st

from reconciler.domain.model import Address, Call, Location, Request, Row, Schedule
from reconciler.domain.plan import Action, CellDiff, Change, Moment

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
MAYBE = st.none() | TEXT
MAPS = st.dictionaries(TEXT, TEXT, max_size=3)
MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(fold=0))
NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
LINES = st.integers(1, 10**9)
ADDRESSES = st.builds(Address, st.sampled_from(["a", "b"]), TEXT, st.integers(1, 10**9))
PLACES = st.builds(Location, TEXT, LINES, LINES, MAYBE)
CALLS = st.builds(
    Call,
    *(TEXT, TEXT, *[MAYBE] * 6),
    schedule=st.none() | st.builds(Schedule, TEXT, TEXT),
    delay_minutes=st.none() | st.integers(1, 10**6) | st.floats(allow_nan=False, allow_infinity=False),
    additional_data=MAPS,
    metadata=MAPS,
)
ROWS = st.builds(
    Row,
    *(ADDRESSES, CALLS, PLACES),
    rings_at=st.none() | MOMENTS,
    enabled=st.booleans(),
    place_by=st.none() | MOMENTS,
    distinct=st.booleans(),
    called_timezone=MAYBE,
)
CHANGES = st.builds(
    Change,
    *(ADDRESSES, st.sampled_from(Action), TEXT),
    source=st.none() | PLACES,
    call=st.none() | CALLS,
    request=st.none() | st.builds(Request, TEXT, st.dictionaries(TEXT, JSON, max_size=3)),
    scheduled_at=st.none() | MOMENTS,
    place_by=st.none() | MOMENTS,
    distinct=st.booleans(),
    diff=st.lists(st.builds(CellDiff, TEXT, MAYBE, MAYBE, st.booleans()), max_size=2).map(tuple),
    reasons=st.lists(TEXT, max_size=2).map(tuple),
    message=MAYBE,
    introduced=st.none() | st.booleans(),
    called_timezone=MAYBE,
    message_parts=st.none() | st.lists(TEXT | st.builds(Moment, MOMENTS, TEXT), max_size=3).map(tuple),
    shown_call=st.none() | CALLS,
    advice=TEXT,
)
