"""Well-formed but wrong lists, for fault injection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import groupby
from typing import TypeVar

from reconciler.sandbox.faults import Fault
from reconciler.sandbox.recorded import RecordedCall
from reconciler.sandbox.seeds import Number

Item = TypeVar("Item", RecordedCall, Number)
_ENDLESS = 1000  # how many more items an endless list claims to have


def cut_page(
    items: Sequence[Item], offset: int, limit: int, fault: Fault | None, draw: int
) -> tuple[Sequence[Item], int]:
    """One page of a list, and its count. ``draw`` is a different number for each request."""
    count = len(items)
    if fault is Fault.OTHER_ORDER:
        items = [item for _, same in groupby(items, _second) for item in sorted(same, key=_shuffled(draw))]
    if fault is Fault.HIDDEN_CALL and items:
        items, count = [item for at, item in enumerate(items) if at != draw % count], count - 1
    page = items[offset : offset + limit]
    if fault is Fault.EMPTY_PAGE and offset:
        page = []
    elif fault is Fault.SHORT_PAGE:
        page = page[:-1]
    elif fault is Fault.SAME_PAGE:
        page = items[:limit]
    elif fault is Fault.WRONG_COUNT:
        count = count // 2 if draw % 2 else 2 * count
    elif fault is Fault.ENDLESS and items:
        page, count = [items[at % count] for at in range(offset, offset + limit)], offset + _ENDLESS
    return page, count


def shows_metadata(call_id: str, fault: Fault | None) -> bool:
    """Whether a call is returned with its metadata: for the faults, for none or for about every second call."""
    if fault is Fault.SOME_METADATA:
        return sha256(call_id.encode()).digest()[0] % 2 == 0
    return fault is not Fault.EMPTY_METADATA


def _second(item: RecordedCall | Number) -> str:
    return f"{item.created_at:%Y%m%d%H%M%S}" if isinstance(item, RecordedCall) else ""


def _id(item: RecordedCall | Number) -> str:
    return item.call_id if isinstance(item, RecordedCall) else item.id


def _shuffled(draw: int) -> Callable[[RecordedCall | Number], bytes]:
    return lambda item: sha256(f"{draw}:{_id(item)}".encode()).digest()
