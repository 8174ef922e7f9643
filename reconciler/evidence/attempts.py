"""The attempts of a lost state, as far as they can be reconstructed from a row or from the listing."""

from __future__ import annotations

from datetime import datetime

from reconciler.domain import identity, wire
from reconciler.domain.blinding import UNKNOWN
from reconciler.domain.model import Address, Call, Row
from reconciler.domain.people import exact_id
from reconciler.domain.ports import Intent
from reconciler.domain.service import RemoteCall
from reconciler.domain.times import UNKNOWN_TIME, ring_time
from reconciler.evidence.matching import PENDING, tagged_digest


def from_row(row: Row, attempted_at: datetime, *, earlier: bool) -> Intent:
    """An attempt at the row in its current form; ``earlier`` if the lost state made it."""
    rings_at = ring_time(row.rings_at, row.call.delay_minutes, attempted_at)
    digest = identity.digest(row.call)
    moment = attempted_at if earlier else None
    return Intent(row.address, row.call, digest, wire.endpoint(row.call), rings_at, moment)


def from_listing(address: Address, listed: RemoteCall, row: Row | None) -> Intent:
    """An attempt that is known only from the listing: the person and the agent, but not the content of the call.

    The service does not return when a pending call rings.
    """
    agent = listed.agent or UNKNOWN
    if row is not None and exact_id(agent) == exact_id(row.call.agent):
        agent = row.call.agent  # the same agent, as written in the files
    number = None if listed.contact_id is not None else listed.number or UNKNOWN
    call = Call(agent, sender=UNKNOWN, contact_id=listed.contact_id, to_number=number)
    rings_at = UNKNOWN_TIME if listed.status in PENDING else listed.started_at or listed.created_at
    digest = tagged_digest(listed) or identity.digest(call)
    return Intent(address, call, digest, wire.endpoint(call), rings_at, listed.created_at)
