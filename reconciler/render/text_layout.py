"""The rows of one group as text: how many are shown, the width of columns, and what the heading says for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.plan import Change
from reconciler.quantities import format_count
from reconciler.render import formats
from reconciler.render.escape import for_terminal
from reconciler.render.formats import written_time

_WIDEST = 40
SHOWN = 10
_SLACK = 5  # hiding fewer items than this does not shorten the output
_PLANS = 3


@dataclass(frozen=True, slots=True)
class Columns:
    """``address`` is the width of that column, ``zone`` the time zone that all rows share. Both are unset for a
    file.
    """

    now: datetime | None = None
    address: int = 0
    zone: str | None = None

    @classmethod
    def for_changes(cls, changes: Sequence[Change], now: datetime | None) -> Columns:
        """``now`` is set for a person at a terminal, and None for a file."""
        if now is None:
            return cls()
        widest = max((len(for_terminal(str(change.address))) for change in changes), default=0)
        zones = {zone for change in changes if (zone := _zone(change)) is not None}
        return cls(now, min(widest, _WIDEST), zones.pop() if len(zones) == 1 else None)

    def heading(self, words: str) -> str:
        """``to place, times in Mexico City``."""
        return words if self.zone is None else f"{words}, times {formats.zone_place(self.zone)}"

    def when(self, change: Change, room: int) -> str:
        """When a call rings: in the row's form, or relative to now for a person if there is room."""
        zone = _zone(change)
        if change.call is None:
            return ""
        if self.now is None or zone is None or change.scheduled_at is None:
            return for_terminal(written_time(change.call))
        relative, wall = formats.rings(change.scheduled_at, zone, self.now)
        wall = wall if self.zone is not None else f"{wall} {formats.zone_place(zone)}"
        return both if len(both := f"{relative}, {wall}") <= room else wall


def _zone(change: Change) -> str | None:
    schedule = change.call.schedule if change.call is not None else None
    return None if schedule is None else schedule.timezone


def fold(changes: Sequence[Change], *, full: bool) -> tuple[Sequence[Change], str | None]:
    """The changes to show, and a line that summarises the hidden ones."""
    if full or len(changes) <= SHOWN + _SLACK:
        return changes, None
    return changes[:SHOWN], _hidden_text(changes[SHOWN:])


def _hidden_text(hidden: Sequence[Change]) -> str:
    """``and 1,990 more (june 1,500, may 490): --full shows all``, the largest plans first."""
    plans = Counter(change.address.plan for change in hidden)
    parts = [f"{name} {count:,}" for name, count in plans.most_common(_PLANS)]
    if len(plans) > _PLANS:
        parts.append(format_count(len(plans) - _PLANS, "other plan"))
    where = f" ({', '.join(parts)})" if len(plans) > 1 else ""
    return f"and {len(hidden):,} more{where}: --full shows all"
