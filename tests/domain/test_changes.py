"""Changes by action and in the order in which they ring, with little memory for each."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from reconciler.domain import changes
from reconciler.domain.changes import ChangeIndex, Changes
from reconciler.domain.plan import Action, Change
from tests.plans import NOW, create

_ROWS = st.lists(st.tuples(st.sampled_from([Action.CREATE, Action.WAITING]), st.integers(-1, 5)), max_size=30)


def _change(number: int, action: Action, hour: int) -> Change:
    at = None if hour < 0 else NOW + timedelta(hours=hour)
    return structs.replace(create(f"june/{number:02}", None), action=action, scheduled_at=at)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_ROWS)
@example([(Action.CREATE, hour) for hour in range(5)])
@example([(Action.CREATE, hour) for hour in (3, 1, 1, 0, -1, 3, 2)])
def test_changes_by_time_are_sorted_and_keep_their_order_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch, rows: list[tuple[Action, int]]
) -> None:
    monkeypatch.setattr(changes, "_SORTED_TOGETHER", 3)
    items = [_change(number, *row) for number, row in enumerate(rows)]
    made = Changes.from_items(items)
    for action in (Action.CREATE, Action.WAITING, Action.BLOCKED):
        chosen = [item for item in items if item.action is action]
        by_time = sorted(chosen, key=lambda item: (item.scheduled_at is not None, item.scheduled_at or NOW))
        assert [item.address for item in made.by_time(action)] == [item.address for item in by_time]
        assert [item.address for item in made.with_action(action)] == [item.address for item in chosen]
        assert [item.address for item in made.by_time(action)[2:5]] == [item.address for item in by_time[2:5]]
    mapped = made.mapped(lambda change: structs.replace(change, message="seen"))
    assert all(item.message == "seen" for item in mapped.by_time(Action.CREATE))


@pytest.mark.parametrize("step", [1, 7919], ids=["in order", "in disorder"])
def test_sorting_by_time_takes_little_memory_for_each_change(step: int) -> None:
    count, index, change = 120_003, ChangeIndex(), create("june/a", None)
    for number in range(count):
        index.add(structs.replace(change, scheduled_at=NOW + timedelta(seconds=number * step % count)))
    tracemalloc.start()
    try:
        places = index.by_time(Action.CREATE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(places) == count
    assert peak < 50 * count  # bytes
