"""``policy`` in ``reconciler.yaml``, read into the rules that guards enforce."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.policy import WEEK, Hours, Policy, Strictness, Window
from reconciler.source.nodes import ListNode, MapNode, Node, Scalar
from reconciler.source.report import Report
from reconciler.source.safeguards import (
    read_caps,
    read_consent,
    read_contacts,
    read_overridable,
    read_per_person,
    read_suppression,
)


def read_policy(node: MapNode, report: Report) -> Policy:
    """The policy of a file whose shape was found right; what contradicts itself is reported."""
    guards, hours = node.get("guards"), node.get("calling_hours")
    return Policy(
        strictness={name: Strictness(text) for name, text in _texts(guards)},
        hours=_hours(hours, report) if isinstance(hours, MapNode) else None,
        caps=read_caps(node, report),
        per_person=read_per_person(node),
        consent=read_consent(node),
        suppression=read_suppression(node, report),
        contacts=read_contacts(node, report),
        overridable=read_overridable(node),
    )


def _texts(node: Node | None) -> Iterator[tuple[str, str]]:
    if isinstance(node, MapNode):
        for name, (_, value) in node.items.items():
            if isinstance(value, Scalar):
                yield name, value.text


def _hours(node: MapNode, report: Report) -> Hours:
    week: list[tuple[Window, ...] | None] = [None] * 7
    windows = node.get("windows")
    for name, (key, value) in windows.items.items() if isinstance(windows, MapNode) else ():
        read = tuple(_windows(value, report))
        for day in _days(name):
            if week[day] is not None:
                hint = "name each day once"
                report.say("E801", f"calling_hours has {WEEK[day]} twice", key.line, key.column, hint)
            week[day] = read
    return Hours(tuple(day or () for day in week))


def _days(name: str) -> Iterator[int]:
    """``mon-fri``: 0 to 4; ``sat-mon`` goes over the week's end."""
    first, _, last = name.partition("-")
    start, end = WEEK.index(first), WEEK.index(last or first)
    return iter(day % 7 for day in range(start, end + 1 if end >= start else end + 8))


def _windows(node: Node, report: Report) -> Iterator[Window]:
    for item in node.items if isinstance(node, ListNode) else [node]:
        if not isinstance(item, Scalar) or item.text == "none":
            continue
        start, end = map(_minute, item.text.split("-"))
        if start < end:
            yield Window(start, end)
        else:
            hint = "over midnight: write two, such as [00:00-02:00, 22:00-24:00]"
            report.say("E801", f"the window {item.text} ends before it starts", item.line, item.column, hint)


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
