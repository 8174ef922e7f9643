"""The rows of one plan file: identity first, then the call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.model import PLAN_NAME, ROW_KEY, Address, Call, Location, Move, Row
from reconciler.settings import Project
from reconciler.source.cells import merge
from reconciler.source.nodes import ListNode, MapNode, Node, Scalar
from reconciler.source.parties import read_parties
from reconciler.source.reading import Reading
from reconciler.source.report import Report
from reconciler.source.shape import check_shape
from reconciler.source.timing import read_timing
from reconciler.source.wording import quoted

SCHEMA = "callplan"


@dataclass(frozen=True, slots=True)
class PlanFile:
    """One plan file as read. ``name`` and ``named_at`` are set where its plan has a usable name."""

    rows: tuple[Row, ...]
    moves: tuple[Move, ...] = ()
    name: str | None = None
    named_at: tuple[int, int] = (1, 1)


def read_plan_file(root: MapNode, project: Project, report: Report) -> PlanFile:
    """All rows of a file; every mistake goes to ``report``, and a row with one is left out."""
    check_shape(root, SCHEMA, report)
    name_node = root.get("plan")
    name = name_node.text if isinstance(name_node, Scalar) and PLAN_NAME.fullmatch(name_node.text) else None
    named_at = (name_node.line, name_node.column) if name_node is not None else (1, 1)
    calls = root.get("calls")
    items = calls.items if isinstance(calls, ListNode) else []
    defaults = root.get("defaults")
    base = defaults if isinstance(defaults, MapNode) else None
    if base is not None:
        _check_defaults(base, report)
    identity = _identity(root, report)
    rows = [
        _read_row(Reading(item, merge(item, index, base, report), report), name, identity, index, project)
        for index, item in enumerate(items)
        if isinstance(item, MapNode)
    ]
    return PlanFile(tuple(row for row in rows if row is not None), tuple(_moves(root, report)), name, named_at)


def _moves(root: MapNode, report: Report) -> Iterator[Move]:
    node = root.get("moved")
    for index, item in enumerate(node.items if isinstance(node, ListNode) else ()):
        if not isinstance(item, MapNode) or any(path[:2] == ("moved", index) for path in report.bad):
            continue
        old, new = item.get("from"), item.get("to")
        if not isinstance(old, Scalar) or not isinstance(new, Scalar):
            continue
        plan, _, key = old.text.partition("/")
        to_plan, _, to_key = new.text.partition("/")
        if bool(key) is not bool(to_key):
            message = f"a plan is moved to a plan, a row to a row: {old.text} and {new.text} are not alike"
            report.say("E406", message, new.line, new.column, "write two plan names, or two plan/key")
            continue
        yield Move(plan, key or None, to_plan, to_key or None, Location(report.file, item.line, item.column))


def _check_defaults(defaults: MapNode, report: Report) -> None:
    schedule, delay = defaults.get("schedule"), defaults.items.get("delay_minutes")
    if delay is not None and isinstance(schedule, MapNode) and "at" in schedule.items:
        key = delay[0]
        message = "defaults have both schedule.at and delay_minutes"
        report.say("E306", message, key.line, key.column, "remove one of them")
        report.bad |= {("defaults", "schedule"), ("defaults", "delay_minutes")}


def _identity(root: MapNode, report: Report) -> tuple[str, ...] | None:
    """The tags a key is made of; None where rows have keys, empty where the list itself is wrong."""
    node: Node | None = root.get("identity")
    if node is None:
        return None
    if not isinstance(node, ListNode) or any(path[:1] == ("identity",) for path in report.bad):
        return ()
    return tuple(item.text for item in node.items if isinstance(item, Scalar))


def _read_row(
    reading: Reading, plan: str | None, identity: tuple[str, ...] | None, index: int, project: Project
) -> Row | None:
    key = _key(reading, identity)
    revision = _revision(reading)
    if plan is not None and key is not None and revision is not None:
        reading.address = Address(plan, key, revision)
    parties = read_parties(reading, project)
    timing = read_timing(reading)
    bad = any(path[:2] == ("calls", index) for path in reading.report.bad) or reading.merged.blocked
    if reading.failed or bad or reading.address is None:
        return None
    call = Call(
        agent=parties.agent,
        sender=parties.sender,
        contact_id=parties.contact_id,
        to_number=parties.to_number,
        full_name=parties.full_name,
        email=parties.email,
        country=parties.country,
        webhook_url=parties.webhook_url,
        schedule=timing.schedule,
        delay_minutes=timing.delay_minutes,
        additional_data=reading.texts("additional_data"),
        metadata=reading.texts("metadata"),
    )
    return Row(
        address=reading.address,
        call=call,
        source=reading.location,
        rings_at=timing.rings_at,
        enabled=_flag(reading, "enabled", default=True),
        place_by=timing.place_by,
        distinct=_flag(reading, "distinct", default=False),
    )


def _key(reading: Reading, identity: tuple[str, ...] | None) -> str | None:
    text = reading.text("key")
    if identity is None:
        if text is None:
            hint = "add key: ..., a name that stays the same when rows move; or identity: at the top of the file"
            reading.wrong("E316", "key", "a row needs a key", hint)
        return text
    if text is not None:
        hint = "remove the key, or the file's identity"
        reading.wrong("E317", "key", "identity makes the key of this file's rows, so a row has none", hint)
        return None
    values = reading.texts("metadata")
    missing = [tag for tag in identity if not values.get(tag)]
    if missing or not identity:
        if missing:
            hint = f"add metadata: {{{missing[0]}: ...}}"
            reading.wrong("E318", "metadata", f"identity needs metadata.{missing[0]}, which this row lacks", hint)
        return None
    made = "/".join(values[tag] for tag in identity)
    if not ROW_KEY.fullmatch(made):
        hint = "up to 128 letters, digits and . _ : / -, starting with a letter or digit"
        reading.wrong(
            "E319", f"metadata.{identity[0]}", f"identity makes the key {quoted(made)}, which is none", hint
        )
        return None
    return made


def _revision(reading: Reading) -> int | None:
    cell = reading.cell("revision")
    if cell is None:
        return None if reading.blocked("revision") else 1
    return int(cell.text)


def _flag(reading: Reading, field: str, *, default: bool) -> bool:
    cell = reading.cell(field)
    return default if cell is None else cell.scalar.boolean
