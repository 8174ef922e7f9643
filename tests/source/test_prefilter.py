"""The prefilter passes no row that jsonschema refuses, and passes the rows that people write."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.source import report as report_module
from reconciler.source.report import FileReport
from reconciler.source.schema import shape
from reconciler.source.schema.prefilter import prefilter
from reconciler.source.yaml.nodes import ListNode, MapNode, Node, Scalar
from tests.conftest import contact

GOOD: dict[str, list[str]] = {
    "key": ["inv-1", "1001", "a/2026-06-01"],
    "contact_id": [contact(1), contact(2)],
    "to_number": ["+14155550123", "+525550000111"],
    "agent": ["collections", "12", "~"],
    "from": ["mx-main", "~"],
    "full_name": ["Jane Smith", "José", "7"],
    "email": ["jane@example.com"],
    "webhook_url": ["https://example.com/x"],
    "delay_minutes": ["5", "0.5"],
    "place_by": ["2026-06-15T18:00:00Z"],
    "revision": ["1", "2"],
    "enabled": ["true", "false"],
    "distinct": ["true"],
    "at": ["2026-06-15 14:30:00"],
    "timezone": ["America/Mexico_City"],
}
ODD = [
    "",
    "~",
    "true",
    "0",
    "-1",
    "1.5",
    "1e3",
    "1000000000",
    "0042",
    "+14155550123\n",
    "a@b\x1c",
    "a\x85@b",
    "x" * 501,
]
ODD += [
    "2026-06-15 14:30:00\n",
    "https://a\ufeffb",
    "https://a\u2028b",
    "k\n",
    "é",
    "\x1ck",
    "12",
    "9" * 120,
    "[]",
]
SCHEDULE, MAPS = ("at", "timezone"), ("additional_data", "metadata")


def scalar(text: str, *, plain: bool = True) -> Scalar:
    return Scalar(text, plain, 1, 1)


def node(items: dict[str, Node]) -> MapNode:
    return MapNode(1, 1, {name: (scalar(name), item) for name, item in items.items()})


def random_row(dice: random.Random) -> MapNode:
    """A row that is right, and about every second time is then spoiled in one place or two."""
    items: dict[str, Node] = {}
    target = dice.choice(["contact_id", "to_number"])
    for name in ["key", target, *dice.sample([name for name in GOOD if name not in SCHEDULE], k=3)]:
        if name in ("contact_id", "to_number") and name != target and dice.random() < 0.8:
            continue
        items[name] = scalar(dice.choice(GOOD[name]), plain=dice.random() < 0.8)
    items["schedule"] = node({name: scalar(dice.choice(GOOD[name])) for name in SCHEDULE})
    for name in MAPS:
        texts = ["14058", "0042", "true", "~", "text", "1.50"]
        items[name] = node(
            {field: scalar(dice.choice(texts)) for field in dice.sample(["a", "b", "revision"], k=2)}
        )
    for _ in range(dice.choice([0, 0, 1, 2])):
        spoil(items, dice)
    return node(items)


def spoil(items: dict[str, Node], dice: random.Random) -> None:
    name = dice.choice([*GOOD, *MAPS, "schedule", "nonsense"])
    odd: Node = scalar(dice.choice(ODD), plain=dice.random() < 0.7)
    if dice.random() < 0.1:
        odd = dice.choice([ListNode(1, 1, [odd]), node({"x": odd}), node({"reconciler_x": odd})])
    if name in SCHEDULE and isinstance(schedule := items.get("schedule"), MapNode):
        schedule.items[name] = (scalar(name), odd)
    elif name in items and dice.random() < 0.2:
        del items[name]
    else:
        items[name] = odd


def file_of(rows: list[MapNode]) -> MapNode:
    return node({"version": scalar("1"), "plan": scalar("p"), "calls": ListNode(1, 1, list(rows))})


def found(root: MapNode) -> tuple[object, object]:
    report = FileReport("f.yaml")
    shape.check_shape(root, "callplan", report)
    return report.diagnostics, report.bad


class Nothing:
    """A prefilter that passes nothing."""

    def passes(self, _: Node) -> bool:
        return False

    def problems(self, _: Node) -> frozenset[str]:
        return frozenset()


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every problem of a kind is kept."""
    for module in (shape, report_module):
        monkeypatch.setattr(module, "MAX_PER_KIND", 1 << 30)


def explained(root: MapNode) -> tuple[object, object]:
    """The same by jsonschema alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shape, "prefilter", lambda *_: Nothing())
        return found(root)


@pytest.mark.usefixtures("unlimited")
def test_two_thousand_rows_are_judged_alike_with_and_without_it() -> None:
    dice = random.Random(7)
    rows = [random_row(dice) for _ in range(2_000)]
    passed = sum(map(prefilter("callplan", "row", "target").passes, rows))
    assert found(file_of(rows)) == explained(file_of(rows))
    assert 800 < passed < 1_600, "both kinds of rows are among them"


def place(node: Node, line: int) -> None:
    """Move a node to a line of its own. A byte order mark inside a URL is doubted, and allowed: it goes."""
    node.line = line
    if isinstance(node, Scalar):
        node.text = node.text.replace("\ufeff", " ")
    elif isinstance(node, MapNode):
        for _, item in node.items.values():
            place(item, line)


def test_rows_that_are_only_counted_are_counted_right(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (shape, report_module):
        monkeypatch.setattr(module, "MAX_PER_KIND", 40)
    dice = random.Random(11)
    rows = [random_row(dice) for _ in range(2_400)]
    for line, row in enumerate(rows, start=1):
        place(row, line)

    def counted() -> tuple[list[str], int]:
        report = FileReport("f.yaml")
        shape.check_shape(file_of(rows), "callplan", report)
        report.finish()
        messages = [item.message for item in report.diagnostics if item.message.startswith("and ")]
        return sorted(messages), len(report.skipped)

    messages, skipped = counted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shape, "MAX_PER_KIND", 1 << 30)
        exact, none = counted()
    assert messages == exact
    assert len(messages) > 5, messages
    assert (skipped > 100, none) == (True, 0)


def test_rows_without_a_mistake_pass() -> None:
    dice = random.Random(8)
    passes = prefilter("callplan", "row", "target").passes
    rows = [random_row(dice) for _ in range(1_000)]
    right = [row for row in rows if explained(file_of([row])) == ([], set())]
    assert len(right) > 250
    doubted = [row for row in right if not passes(row)]
    assert all(isinstance(row.items["metadata"][1], MapNode) for row in doubted)
    assert len(doubted) < len(right) / 2


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([*GOOD, "additional_data"]), st.text(max_size=30), st.booleans())
def test_no_value_passes_that_jsonschema_refuses(name: str, text: str, plain: bool) -> None:
    row = node({"key": scalar("k"), "contact_id": scalar(contact(1)), name: scalar(text, plain=plain)})
    if prefilter("callplan", "row", "target").passes(row):
        assert explained(file_of([row])) == ([], set())
