"""Column widths for the rows of one group, and what its heading shows once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.plan import Change
from reconciler.render import formats
from reconciler.render.escape import for_terminal
from reconciler.render.formats import written_time

_WIDEST = 40


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
        return told if len(told := f"{relative}, {wall}") <= room else wall


def _zone(change: Change) -> str | None:
    schedule = change.call.schedule if change.call is not None else None
    return None if schedule is None else schedule.timezone
