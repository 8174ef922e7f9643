"""Members that several JSON documents share."""

from __future__ import annotations

from reconciler.domain.facts import Pause
from reconciler.domain.model import Address, JsonObject
from reconciler.domain.sensitive import mask_text
from reconciler.domain.times import format_instant


def address_document(address: Address) -> JsonObject:
    """An address as text and in parts."""
    return {
        "address": str(address),
        "plan": address.plan,
        "key": address.key,
        "revision": address.revision,
    }


def pause_document(pause: Pause, *, masked: bool) -> JsonObject:
    """``plan`` is null if all plans are paused."""
    return {
        "plan": pause.plan,
        "reason": mask_text(pause.reason) if masked else pause.reason,
        "actor": pause.actor,
        "host": pause.host,
        "at": format_instant(pause.at),
    }
