"""The sheet as data for the page's script: columns of numbers, and each text once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reconciler import identity
from reconciler.model import Action, Call, Change, JsonObject, JsonValue
from reconciler.render.escape import cut
from reconciler.render.html.load import SERIES, series
from reconciler.render.words import short, when, word

MARKS = {
    Action.BLOCKED: "!",
    Action.UNCERTAIN: "?",
    Action.CHANGED: "\N{RIGHTWARDS ARROW}",
    Action.REMOVED: "---",
    Action.EXPIRED: "\N{MULTIPLICATION SIGN}",
    Action.CREATE: "+++",
    Action.WAITING: "\N{HORIZONTAL ELLIPSIS}",
    Action.HELD: "\N{WHITE CIRCLE}",
    Action.UNCHANGED: "=",
}
_ACTIONS = {action: number for number, action in enumerate(Action)}
LONGEST = 2_000


class _Texts:
    """Numbers for texts; 0 is the empty one."""

    def __init__(self) -> None:
        self._numbers = {"": 0}

    def __call__(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    def listed(self) -> list[JsonValue]:
        return [cut(text, LONGEST) for text in self._numbers]


def sheet(changes: Sequence[Change], now: datetime, *, branch: bool) -> JsonObject:
    """The document that ``assets/data.js`` reads: every change, in the order given.

    ``branch`` says whether changes are told apart by who brings them.
    """
    texts = _Texts()
    rows = [_row(change, now, texts) for change in changes]
    names = list(rows[0]) if rows else []
    return {
        "now": int(now.timestamp()),
        "branch": branch,
        "actions": [{"name": action.value, "word": word(action), "mark": MARKS[action]} for action in Action],
        "series": list(SERIES),
        "columns": {name: [row[name] for row in rows] for name in names},
        "texts": texts.listed(),
    }


def _row(change: Change, now: datetime, texts: _Texts) -> JsonObject:
    """One row's cells. A text is its number; ``rings`` is in seconds since 1970; what a row lacks is 0 or null."""
    call, source, rings = change.call, change.source, change.scheduled_at
    zone = call.schedule.timezone if call is not None and call.schedule is not None else ""
    return {
        "plan": texts(change.address.plan),
        "key": texts(change.address.key),
        "revision": change.address.revision,
        "action": _ACTIONS[change.action],
        "rings": None if rings is None else int(rings.timestamp()),
        "when": 0 if call is None else texts(call.schedule.at if call.schedule else when(call)),
        "zone": texts(zone),
        "load": series(change, now),
        "to": 0 if call is None else texts(short(call.target)),
        "agent": 0 if call is None else texts(call.agent),
        "file": 0 if source is None else texts(source.file),
        "place": 0 if source is None else texts(str(source)),
        "message": texts(change.message or ""),
        "reasons": [texts(reason) for reason in change.reasons] or 0,
        "theirs": int(change.introduced is False),
        "diff": [_cell(cell.field, cell.before, cell.after, texts) for cell in change.diff] or 0,
        "fields": 0 if call is None else _fields(call, texts),
    }


def _cell(field: str, before: str | None, after: str | None, texts: _Texts) -> JsonValue:
    sides: list[JsonValue] = [None if side is None else texts(side) for side in (before, after)]
    return [texts(field), *sides]


def _fields(call: Call, texts: _Texts) -> JsonValue:
    """Names and values in turn."""
    return [texts(text) for pair in identity.cells(call).items() for text in pair]
