"""Blinded calls: each text is replaced by a keyed digest. Equal texts have equal digests, others do not.

Blinding hides values, but anyone who has the key can test a guess, such as a phone number.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol
from unicodedata import normalize

from msgspec import structs

from reconciler.domain import identity
from reconciler.domain.model import Call, Entry
from reconciler.domain.people import exact_id
from reconciler.domain.plan import CellDiff

DIGEST_PREFIX = identity.DIGEST_PREFIX.replace("sha256", "hmac-sha256")
HIDDEN = "(not in the snapshot)"
REDACTED = "(redacted)"
UNKNOWN = "(unknown)"
_OPEN_FIELDS = frozenset({"delay_minutes"})  # a number of minutes is not personal data
_BLIND_TEXT = re.compile(r"[0-9a-f]{16}")


class View(Protocol):
    """How a planner compares a row's call with the calls that the state holds."""

    def digest(self, digest: str) -> str:
        """The digest of a row's call, in the form that the state stores."""
        ...

    def target(self, target: str) -> str:
        """A contact's id or a number, in the form that the state stores."""
        ...

    def sender(self, call: Call) -> str:
        """The number a row's call comes from, in the form that the state stores."""
        ...

    def diff(self, entry: Entry, call: Call) -> tuple[CellDiff, ...]:
        """The cells in which a row's call differs from the placed call."""
        ...

    def placed(self, entry: Entry, row: Call | None) -> Call | None:
        """The placed call as far as it can be read, or None. ``row`` is the current call of its row, if the row
        still exists."""
        ...


class ClearView:
    """The view of a state that stores calls in clear, except redacted and partially known ones."""

    def digest(self, digest: str) -> str:
        return digest

    def target(self, target: str) -> str:
        return target

    def sender(self, call: Call) -> str:
        return call.sender

    def diff(self, entry: Entry, call: Call) -> tuple[CellDiff, ...]:
        cells = identity.diff(entry.call, call)
        if is_partial(entry.call):
            listed = {cell.field: cell.before for cell in cells if cell.before not in {None, UNKNOWN, REDACTED}}
            return tuple(
                CellDiff(cell.field, listed.get(cell.field, UNKNOWN), cell.after, hidden=cell.field not in listed)
                for cell in cells
            )
        return tuple(structs.replace(cell, hidden=True) if cell.before == REDACTED else cell for cell in cells)

    def placed(self, entry: Entry, row: Call | None) -> Call | None:  # noqa: ARG002 - a clear state stores the call
        return entry.call


@dataclass(frozen=True, slots=True)
class BlindedView:
    """The view of a state that stores calls blinded with ``key``.

    ``calls`` maps blinded digests to calls in clear. A placed call whose digest is among them can be read.
    """

    key: bytes
    calls: Mapping[str, Call] = field(default_factory=dict)

    def with_calls(self, calls: Iterable[Call]) -> BlindedView:
        """The same view, with calls from which old values can be read."""
        return replace(self, calls={self.digest(identity.digest(call)): call for call in calls})

    def digest(self, digest: str) -> str:
        return DIGEST_PREFIX + self._keyed("digest", digest)

    def target(self, target: str) -> str:
        return self._text("target", exact_id(target))

    def sender(self, call: Call) -> str:
        return self._text("from", exact_id(call.sender))

    def diff(self, entry: Entry, call: Call) -> tuple[CellDiff, ...]:
        placed = self.calls.get(entry.digest)
        if placed is not None:
            return identity.diff(placed, call)
        wanted = identity.cells(call)
        return tuple(
            _hide_before(cell, wanted.get(cell.field)) for cell in identity.diff(entry.call, self.call(call))
        )

    def placed(self, entry: Entry, row: Call | None) -> Call | None:
        if row is not None and self.digest(identity.digest(row)) == entry.digest:
            return row
        return self.calls.get(entry.digest)

    def call(self, call: Call) -> Call:
        """The call with its texts blinded. The set of fields and ``delay_minutes`` are not changed.

        The digest covers the field's name, so equal texts in two fields have different digests. It is made from
        the normalized value, so two spellings of one value have the same digest.
        """
        call = identity.meaning(call)
        texts = {name: self._optional(name, getattr(call, name)) for name in identity.TEXT_FIELDS}
        schedule = call.schedule and structs.replace(
            call.schedule,
            at=self._text("schedule.at", call.schedule.at),
            timezone=self._text("schedule.timezone", call.schedule.timezone),
        )
        return Call(
            agent=self._text("agent", call.agent),
            sender=self._text("from", call.sender),
            **texts,
            schedule=schedule,
            delay_minutes=call.delay_minutes,
            additional_data=self._map("additional_data", call.additional_data),
            metadata=self._map("metadata", call.metadata),
        )

    def _optional(self, name: str, text: str | None) -> str | None:
        # The planner compares both kinds of target with each other, so they share one name.
        name = "target" if name in {"contact_id", "to_number"} else name
        return None if text is None else self._text(name, text)

    def _map(self, name: str, texts: Mapping[str, str]) -> dict[str, str]:
        plain = {normalize("NFC", key): text for key, text in texts.items()}
        return {key: self._text(f"{name}.{key}", text) for key, text in plain.items()}

    def _text(self, name: str, text: str) -> str:
        return self._keyed(name, normalize("NFC", text))[:16]

    def _keyed(self, name: str, text: str) -> str:
        return hmac.digest(self.key, f"{name}\n{text}".encode(), hashlib.sha256).hex()


def is_partial(call: Call) -> bool:
    """Whether only what the service lists is known of a call: its target and its agent."""
    return call.sender == UNKNOWN


def derived_key(secret: str, purpose: str) -> bytes:
    """A separate key for each purpose. The secret cannot be computed from it."""
    return hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256)


def is_blind(call: Call) -> bool:
    """Whether every text of a call has the form of a blinded text."""
    cells = identity.cells(call).items()
    return all(is_blind_text(text) for name, text in cells if name not in _OPEN_FIELDS)


def is_blind_text(text: str) -> bool:
    """Whether a text has the form of a blinded text."""
    return _BLIND_TEXT.fullmatch(text) is not None


def _hide_before(cell: CellDiff, after: str | None) -> CellDiff:
    if cell.before is None or cell.field in _OPEN_FIELDS:
        return structs.replace(cell, after=after)
    return CellDiff(cell.field, HIDDEN, after, hidden=True)
