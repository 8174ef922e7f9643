"""The sandbox without HTTP: it validates orders, records calls, and holds what the handlers share."""

from __future__ import annotations

import hmac
import uuid
from datetime import datetime
from hashlib import sha256

from reconciler.domain.wire import CONTACT_CALL
from reconciler.sandbox.bodies import CallBody, read_body
from reconciler.sandbox.config import SandboxConfig
from reconciler.sandbox.directory import Directory
from reconciler.sandbox.faults import RECORDED, Fault, FaultDial
from reconciler.sandbox.ledger import CallFile, Ledger
from reconciler.sandbox.recorded import RecordedCall
from reconciler.sandbox.seeds import Contact
from reconciler.sandbox.traffic import Throttle, Traffic


class Backend:
    """The data and rules of one sandbox. Used from one thread; ``ledger.all`` may be read from another."""

    def __init__(self, config: SandboxConfig) -> None:
        """Raises ``SandboxError`` if the file of calls cannot be used."""
        self.config = config
        self.date_offset = config.date_offset
        self.directory = Directory(strict=config.strict_ids)
        self.ledger = Ledger(CallFile(config.db) if config.db else None)
        self.dial = FaultDial(config.faults)
        self.throttle = Throttle(config.rate_limit, config.clock) if config.rate_limit else None
        self.traffic = Traffic()
        for call in self.ledger.all():
            self.directory.remember(call.contact)

    def now(self) -> datetime:
        return self.config.clock()

    def accepts_key(self, key: str) -> bool:
        """Whether a request with this ``x-api-key`` is accepted; compared in constant time."""
        if self.config.api_key is None:
            return bool(key)
        return hmac.compare_digest(_bytes(key), _bytes(self.config.api_key))

    def place(self, endpoint: str, raw: bytes, fault: Fault | None) -> RecordedCall:
        """Validate a body and record its call, with the answer that its client will get. Raises ``Refusal``."""
        answered, status = ("ok", 200) if fault is None else RECORDED[fault]
        now = self.now()
        order = read_body(endpoint, raw, now, self.config.schedule_fields, lenient=self.config.lenient)
        return self._record(order, now, answered, status)

    def place_foreign(self, endpoint: str, raw: bytes, created_at: datetime) -> RecordedCall:
        """Record a call as if it was placed in the dashboard at ``created_at``. Raises ``Refusal``."""
        order = read_body(endpoint, raw, created_at, self.config.schedule_fields)
        return self._record(order, created_at, "foreign", None)

    def _record(self, order: CallBody, created_at: datetime, answered: str, status: int | None) -> RecordedCall:
        self.directory.agent(order.text("agent_id"), missing=400)
        sender, contact = self._parties(order)
        call = RecordedCall(
            call_id=self._next_id(),
            endpoint=order.endpoint,
            body=order.body,
            created_at=created_at,
            rings_at=order.rings_at,
            answered=answered,
            status=status,
            sender=sender,
            contact=contact,
        )
        self.ledger.add(call)
        return call

    def _parties(self, order: CallBody) -> tuple[str, Contact]:
        """The caller (E.164) and the called contact."""
        if order.endpoint == CONTACT_CALL:
            sender = self.directory.number(order.text("from_number_id")).phone_number
            return sender, self.directory.contact(order.text("contact_id"))
        sender = order.text("from_number")
        self.directory.check_registered(sender)
        contact = Contact(
            id=None,
            full_name=order.text("full_name"),
            phone_number=order.text("to_number"),
            email=order.text("email") or None,
            country=order.text("country") or None,
        )
        return sender, contact

    def _next_id(self) -> str:
        if self.config.seed is None:
            return f"call-{uuid.uuid4()}"
        drawn = sha256(f"{self.config.seed}:call:{len(self.ledger)}".encode()).digest()
        return f"call-{uuid.UUID(bytes=drawn[:16], version=4)}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
