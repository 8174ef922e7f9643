"""The fast path for rows without problems. All others are left to ``rows``, which reports the problems.

Rows that set the same fields share a shape. What depends on field names only is computed once per shape. Each row
adds its texts, most of which are cached. Both paths use the same functions to check them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import TypeAlias
from unicodedata import normalize

from reconciler.domain.model import ROW_KEY, Address, Call, Location, Row
from reconciler.domain.settings import Project
from reconciler.source.rows.cells import OUR_NAMES, PHONE_ONLY, Cell, Cells, Layer, Source, over
from reconciler.source.rows.parties import OTHER_SENDER, agent_id, sender_id, webhook_problem
from reconciler.source.rows.phone_numbers import judge_number
from reconciler.source.rows.reading import Place
from reconciler.source.rows.rows import Identity
from reconciler.source.rows.timing import instant, minutes, set_time
from reconciler.source.rows.zones import is_place
from reconciler.source.yaml.nodes import BOOLEANS

_MOST_KINDS = 1000
_FIELDS = (
    "key", "revision", "enabled", "distinct",
    "agent", "from", "contact_id", "to_number", "full_name", "email", "country", "webhook_url",
    "schedule.at", "schedule.timezone", "delay_minutes", "place_by", "called_timezone",
)  # fmt: skip
_Texts: TypeAlias = "tuple[str | None, ...]"


@dataclass(frozen=True, slots=True)
class RowShape:
    """Rows that set the same fields. Their texts are in one tuple: the row's, the computed ones, then ``fixed``,
    which holds those of the defaults and a None. ``fields`` selects ``_FIELDS`` from it; the other members are
    positions in it.
    """

    fixed: _Texts
    fields: Callable[[_Texts], _Texts]
    tags: tuple[int, ...]
    additional_data: Mapping[str, int]
    metadata: Mapping[str, int]
    agent_is_id: bool
    sender_is_id: bool


class Ordinary:
    """Makes the rows of one plan file that have no problems."""

    def __init__(self, identity: Identity, defaults: Layer, project: Project) -> None:
        self._identity = identity
        self._defaults = defaults
        self._kinds: dict[object, RowShape | None] = {}
        self._agent = lru_cache(1024)(lambda text: agent_id(text, project))
        self._sender = lru_cache(1024)(lambda text, contact: sender_id(text, project, contact=contact))
        self._forbidden = lru_cache(1024)(lambda url: webhook_problem(url, project))

    def row(self, place: Place, own: Layer, made: Layer) -> Row | None:
        """The row from ``own``, ``made`` and the defaults; None if it needs the slow path."""
        kind = self.kind(own, made)
        if kind is None:
            return None
        texts = [cell.text for cell in own.cells.values()]
        if made.cells:
            texts += [cell.text for cell in made.cells.values()]
        return self.row_of(kind, texts, place.row())

    def kind(self, own: Layer, made: Layer) -> RowShape | None:
        """The shape of the rows that set the same fields; None if they need the slow path."""
        if own.bad or own.removed or made.bad:
            return None
        mark = (own.schedule, own.blank, *own.cells, None, made.blank, *made.cells)
        kind = self._kinds.get(mark)
        if kind is None and mark not in self._kinds and len(self._kinds) < _MOST_KINDS:
            kind = self._kinds[mark] = self._kind(own, made)
        return kind

    def _kind(self, own: Layer, made: Layer) -> RowShape | None:
        """None if the field names already need the slow path: no target, no zone, two timings, and so on."""
        first = len(own.cells)
        upper = Layer(_numbered(own.cells, 0, Source.ROW), schedule=own.schedule, blank=own.blank)
        computed = Layer(_numbered(made.cells, first, Source.FORMULA), blank=made.blank)
        merged = over(upper, over(computed, self._defaults))
        merged.cells, ids = _under_our_names(merged.cells)
        if len({normalize("NFC", name) for name in merged.cells}) < len(merged.cells):
            return None
        if merged.bad or not self._usual(merged.cells, writes_schedule=own.schedule):
            return None
        at: dict[str, int] = {}
        fixed: list[str | None] = []
        for name, cell in merged.cells.items():
            if isinstance(cell.origin, int):
                at[name] = cell.origin
            else:
                at[name] = first + len(made.cells) + len(fixed)
                fixed.append(cell.text)
        nothing = first + len(made.cells) + len(fixed)
        return RowShape(
            fixed=(*fixed, None),
            fields=itemgetter(*(at.get(name, nothing) for name in _FIELDS)),
            tags=tuple(at[f"metadata.{tag}"] for tag in self._identity.tags or ()),
            additional_data=_of_map("additional_data.", at),
            metadata=_of_map("metadata.", at),
            agent_is_id="agent_id" in ids,
            sender_is_id="from_number_id" in ids,
        )

    def _usual(self, names: Cells, *, writes_schedule: bool) -> bool:
        tags, contact = self._identity.tags, "contact_id" in names
        keyed = "key" in names if tags is None else tags and all(f"metadata.{tag}" in names for tag in tags)
        return bool(
            self._identity.plan is not None
            and keyed
            and ("key" in names) is (tags is None)
            and names.keys() >= {"agent", "from"}
            and names.keys().isdisjoint(OUR_NAMES)
            and contact is not ("to_number" in names)
            and (names.keys().isdisjoint(PHONE_ONLY) if contact else "full_name" in names)
            and (
                "schedule.timezone" in names and "delay_minutes" not in names
                if "schedule.at" in names
                else names.keys() >= {"place_by", "delay_minutes"} and not writes_schedule
            )
        )

    def row_of(self, kind: RowShape, own: Sequence[str], source: Location) -> Row | None:
        """The row of a shape with these texts (its own and computed ones); None if it needs the slow path."""
        texts = (*own, *kind.fixed)
        (
            key, revision, enabled, distinct,
            agent, sender, contact, number, name, email, country, webhook,
            at, timezone, delay, place_by, called,
        ) = kind.fields(texts)  # fmt: skip
        if kind.tags:
            key = self._joined([texts[index] for index in kind.tags])
        agent = agent if kind.agent_is_id else self._agent(agent)
        sender = sender if kind.sender_is_id else self._sender(sender, contact is not None)
        timing = (None, None) if at is None or timezone is None else set_time(at, timezone)
        until = None if place_by is None else instant(place_by)
        if key is None or agent is None or sender is None or timing is None or self._identity.plan is None:
            return None
        if (place_by is not None and until is None) or (called is not None and not is_place(called)):
            return None
        if number is not None and judge_number(number) != "valid":
            return None
        if webhook is not None and self._forbidden(webhook) is not None:
            return None
        data = {name: texts[index] or "" for name, index in kind.additional_data.items()}
        metadata = {name: texts[index] or "" for name, index in kind.metadata.items()}
        wait = None if delay is None else minutes(delay)
        schedule, rings_at = timing
        return Row(
            Address(self._identity.plan, key, 1 if revision is None else int(revision)),
            Call(agent, sender, contact, number, name, email, country, webhook, schedule, wait, data, metadata),
            source,
            rings_at,
            True if enabled is None else BOOLEANS.get(enabled, True),
            until,
            False if distinct is None else BOOLEANS.get(distinct, False),
            called,
        )

    def _joined(self, tags: list[str | None]) -> str | None:
        """The key from tags; None if a tag is empty, or the key is invalid."""
        texts = [text for text in tags if text]
        key = "/".join(texts)
        return key if len(texts) == len(tags) and ROW_KEY.fullmatch(key) else None


def _under_our_names(cells: Cells) -> tuple[Cells, set[str]]:
    """The cells with the API's names replaced by ours, and the set of replaced names.

    Nothing is replaced if one field has two names, or a name belongs to the other type of call.
    """
    ids = cells.keys() & OUR_NAMES.keys()
    if not ids:
        return cells, set()
    renamed = {OUR_NAMES.get(name, name): cell for name, cell in cells.items()}
    if len(renamed) < len(cells) or OTHER_SENDER["contact_id" in cells] in ids:
        return cells, set()
    return renamed, ids


def _numbered(cells: Cells, first: int, source: Source) -> Cells:
    """Cells with the positions of their texts in the tuple of a row."""
    return {name: Cell("", source, index) for index, name in enumerate(cells, start=first)}


def _of_map(prefix: str, at: Mapping[str, int]) -> Mapping[str, int]:
    return {name.removeprefix(prefix): index for name, index in at.items() if name.startswith(prefix)}
