"""Shorten long lists: how many items are shown, and the summary of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reconciler.domain.plan import Change
from reconciler.quantities import format_count

SHOWN = 10
_SLACK = 5  # hiding fewer items than this does not shorten the output
_PLANS = 3


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
