"""The fast path for rows without problems. All others are left to ``row.read_row``, which explains the problems.

Rows that set the same fields share a shape. What depends on field names only is checked once per shape: the fast
path waits until ``read_row`` has made a row of the shape without any problem, and the fast path an equal one. Each
row adds its texts, most of which are cached. Both paths use the same functions to check them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import TypeAlias

from reconciler.domain.model import ROW_KEY, Address, Call, Location, Row
from reconciler.domain.settings import Project
from reconciler.source.report import FileReport
from reconciler.source.rows.cells import OUR_NAMES, Cell, Cells, Identity, Layer, Source, layer_of, over
from reconciler.source.rows.parties import agent_id, sender_id, webhook_problem
from reconciler.source.rows.phone_numbers import judge_number
from reconciler.source.rows.timing import instant, minutes, set_time
from reconciler.source.rows.zones import is_place
from reconciler.source.yaml.nodes import BOOLEANS, NULLS, MapNode, Node, Scalar

NOTHING = Layer()
_MAX_SHAPES = 1000
_FIELDS = (
    "key", "revision", "enabled", "distinct",
    "agent", "from", "contact_id", "to_number", "full_name", "email", "country", "webhook_url",
    "schedule.at", "schedule.timezone", "delay_minutes", "place_by", "called_timezone",
)  # fmt: skip
_Texts: TypeAlias = "tuple[str | None, ...]"


@dataclass(slots=True)
class RowShape:
    """Rows that set the same fields. Their texts are in one tuple: the row's, the computed ones, then ``fixed``,
    which holds those of the defaults and a None. ``fields`` selects ``_FIELDS`` from it; the other members are
    positions in it. ``accepted``: both paths have made the same row of this shape.
    """

    fixed: _Texts
    fields: Callable[[_Texts], _Texts]
    tags: tuple[int, ...]
    additional_data: Mapping[str, int]
    metadata: Mapping[str, int]
    agent_is_id: bool
    sender_is_id: bool
    accepted: bool = False


class OrdinaryRows:
    """Makes the rows of one plan file that have no problems."""

    def __init__(self, identity: Identity, defaults: Layer, project: Project) -> None:
        self._plan = identity.plan or ""
        self._tags = [f"metadata.{tag}" for tag in identity.tags or ()]
        self._defaults = defaults
        self._shapes: dict[object, RowShape | None] = {}
        self._agent = lru_cache(1024)(lambda text: agent_id(text, project))
        self._sender = lru_cache(1024)(lambda text, contact: sender_id(text, project, contact=contact))
        self._webhook_problem = lru_cache(1024)(lambda url: webhook_problem(url, project))

    def shape(self, own: Layer, made: Layer) -> RowShape | None:
        """The shape of the rows that set the same fields; None if they need the slow path."""
        if own.bad or own.removed or made.bad:
            return None
        names = (own.schedule, own.blank, *own.cells, None, made.blank, *made.cells)
        if names not in self._shapes and len(self._shapes) < _MAX_SHAPES:
            self._shapes[names] = self._new_shape(own, made)
        return self._shapes.get(names)

    def _new_shape(self, own: Layer, made: Layer) -> RowShape | None:
        first = len(own.cells)
        upper = Layer(_numbered(own.cells, 0, Source.ROW), schedule=own.schedule, blank=own.blank)
        computed = Layer(_numbered(made.cells, first, Source.FORMULA), blank=made.blank)
        merged = over(upper, over(computed, self._defaults))
        cells = {OUR_NAMES.get(name, name): cell for name, cell in merged.cells.items()}
        if len(cells) < len(merged.cells) or not cells.keys() >= {*self._tags}:
            return None
        at: dict[str, int] = {}
        fixed: list[str | None] = []
        for name, cell in cells.items():
            if isinstance(cell.origin, int):
                at[name] = cell.origin
            else:
                at[name] = first + len(made.cells) + len(fixed)
                fixed.append(cell.text)
        nothing = first + len(made.cells) + len(fixed)
        return RowShape(
            fixed=(*fixed, None),
            fields=itemgetter(*(at.get(name, nothing) for name in _FIELDS)),
            tags=tuple(at[tag] for tag in self._tags),
            additional_data=_entries("additional_data.", at),
            metadata=_entries("metadata.", at),
            agent_is_id="agent_id" in merged.cells,
            sender_is_id="from_number_id" in merged.cells,
        )

    def accept(self, shape: RowShape, own: Sequence[str], row: Row) -> None:
        """Use the fast path for a shape from now on, if it makes the same row as ``read_row``."""
        shape.accepted = self._make(shape, own, row.source) == row

    def row(self, shape: RowShape, own: Sequence[str], source: Location) -> Row | None:
        """The row of a shape with these texts (its own and computed ones); None if it needs the slow path."""
        return self._make(shape, own, source) if shape.accepted else None

    def _make(self, shape: RowShape, own: Sequence[str], source: Location) -> Row | None:
        texts = (*own, *shape.fixed)
        (
            key, revision, enabled, distinct,
            agent, sender, contact, number, name, email, country, webhook,
            at, timezone, delay, place_by, called,
        ) = shape.fields(texts)  # fmt: skip
        if shape.tags:
            key = _joined([texts[index] for index in shape.tags])
        agent = agent if shape.agent_is_id else self._agent(agent)
        sender = sender if shape.sender_is_id else self._sender(sender, contact is not None)
        timing = (None, None) if at is None or timezone is None else set_time(at, timezone)
        until = None if place_by is None else instant(place_by)
        if key is None or agent is None or sender is None or timing is None:
            return None
        if (place_by is not None and until is None) or (called is not None and not is_place(called)):
            return None
        if number is not None and judge_number(number) != "valid":
            return None
        if webhook is not None and self._webhook_problem(webhook) is not None:
            return None
        data = {name: texts[index] or "" for name, index in shape.additional_data.items()}
        metadata = {name: texts[index] or "" for name, index in shape.metadata.items()}
        wait = None if delay is None else minutes(delay)
        schedule, rings_at = timing
        return Row(
            Address(self._plan, key, 1 if revision is None else int(revision)),
            Call(agent, sender, contact, number, name, email, country, webhook, schedule, wait, data, metadata),
            source,
            rings_at,
            True if enabled is None else BOOLEANS.get(enabled, True),
            until,
            False if distinct is None else BOOLEANS.get(distinct, False),
            called,
        )


class OrdinaryCalls:
    """The fast path for rows of ``calls``: it creates no cells and layers."""

    def __init__(self, rows: OrdinaryRows, report: FileReport) -> None:
        self._rows = rows
        self._report = report
        self._shapes: dict[tuple[str | int, ...], RowShape | None] = {}

    def row(self, node: MapNode, index: int) -> Row | None:
        """The row, or None if it needs the slow path. The row at ``index`` must fit the schema."""
        texts: list[str] = []
        names: list[str | int] = []
        for name, (_, value) in node.items.items():
            names.append(name)
            if isinstance(value, MapNode):
                names += (len(value.items), *value.items)
                for _, item in value.items.values():
                    if not _add_text(item, texts):
                        return None
            elif not _add_text(value, texts):
                return None
        written = tuple(names)
        if written not in self._shapes:
            own = layer_of(node, ("calls", index), self._report, Source.ROW)
            self._shapes[written] = None if "repeat" in node.items else self._rows.shape(own, NOTHING)
        shape = self._shapes[written]
        if shape is None or not shape.accepted:
            return None
        return self._rows.row(shape, texts, Location(self._report.file, node.line, node.column))


def _add_text(node: Node, texts: list[str]) -> bool:
    """Append the text of a value. False if it is not plain text: a map, a list, null or a formula."""
    if not isinstance(node, Scalar) or (node.plain and node.text in NULLS) or node.text[:1] == "=":
        return False
    texts.append(node.text)
    return True


def _joined(tags: Sequence[str | None]) -> str | None:
    """The key from tags; None if a tag is empty, or the key is invalid."""
    key = "/".join(text or "" for text in tags)
    return key if all(tags) and ROW_KEY.fullmatch(key) else None


def _numbered(cells: Cells, first: int, source: Source) -> Cells:
    """Cells with the positions of their texts in the tuple of a row."""
    return {name: Cell("", source, index) for index, name in enumerate(cells, start=first)}


def _entries(prefix: str, at: Mapping[str, int]) -> Mapping[str, int]:
    return {name.removeprefix(prefix): index for name, index in at.items() if name.startswith(prefix)}
