"""Calls without what they say: each text as a keyed digest, alike where the texts are alike, and only there.

Whoever has the key can test a guess, a phone number for one: blinding keeps values from being read, not from
being recognised.
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
_OPEN_FIELDS = frozenset({"delay_minutes"})  # a number of minutes is nobody's data
_BLIND_TEXT = re.compile(r"[0-9a-f]{16}")


class View(Protocol):
    """How a planner compares a row's call with the calls that the state holds."""

    def digest(self, digest: str) -> str:
        """The digest of a row's call, as the state would have it."""
        ...

    def target(self, target: str) -> str:
        """A contact's id or a number, as the state would have it."""
        ...

    def sender(self, call: Call) -> str:
        """The number a row's call comes from, as the state would have it."""
        ...

    def diff(self, entry: Entry, call: Call) -> tuple[CellDiff, ...]:
        """The cells in which a row's call differs from what was placed."""
        ...

    def placed(self, entry: Entry, row: Call | None) -> Call | None:
        """The call that was placed, as far as it can be read; ``row`` is the call of its row now, where there is
        one. None where nobody can say what it was."""
        ...


class Clear:
    """The view of a state that holds calls as they are, unless they were redacted, or known only in part."""

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

    def placed(self, entry: Entry, row: Call | None) -> Call | None:  # noqa: ARG002 - a state knows it by itself
        return entry.call


@dataclass(frozen=True, slots=True)
class Blind:
    """The view of a state that holds calls blinded with ``key``.

    ``known`` are calls of which one may be the placed one, by their blinded digests: what was placed is told from
    them where it can be.
    """

    key: bytes
    known: Mapping[str, Call] = field(default_factory=dict)

    def knowing(self, calls: Iterable[Call]) -> Blind:
        """The same view, with calls to tell old values from."""
        return replace(self, known={self.digest(identity.digest(call)): call for call in calls})

    def digest(self, digest: str) -> str:
        return DIGEST_PREFIX + self._keyed("digest", digest)

    def target(self, target: str) -> str:
        return self._text("target", exact_id(target))

    def sender(self, call: Call) -> str:
        return self._text("from", exact_id(call.sender))

    def diff(self, entry: Entry, call: Call) -> tuple[CellDiff, ...]:
        placed = self.known.get(entry.digest)
        if placed is not None:
            return identity.diff(placed, call)
        wanted = identity.cells(call)
        return tuple(_told(cell, wanted.get(cell.field)) for cell in identity.diff(entry.call, self.call(call)))

    def placed(self, entry: Entry, row: Call | None) -> Call | None:
        if row is not None and self.digest(identity.digest(row)) == entry.digest:
            return row
        return self.known.get(entry.digest)

    def call(self, call: Call) -> Call:
        """The call with its texts blinded; which fields it has, and ``delay_minutes``, are left as they are.

        A text is blinded together with its field, so that two fields that say the same do not look alike. It is
        blinded as it is meant, so that another spelling of it looks alike.
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
        # Both kinds of target are one field here: the planner compares them with each other.
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
    """Whether a call is known only as the service lists it: whom it rings, and by which agent."""
    return call.sender == UNKNOWN


def derived_key(secret: str, purpose: str) -> bytes:
    """A key of its own for each purpose; it does not tell the secret."""
    return hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256)


def is_blind(call: Call) -> bool:
    """Whether every text of a call can be a blinded one."""
    cells = identity.cells(call).items()
    return all(is_blind_text(text) for name, text in cells if name not in _OPEN_FIELDS)


def is_blind_text(text: str) -> bool:
    """Whether a text can be a blinded one."""
    return _BLIND_TEXT.fullmatch(text) is not None


def _told(cell: CellDiff, after: str | None) -> CellDiff:
    if cell.before is None or cell.field in _OPEN_FIELDS:
        return structs.replace(cell, after=after)
    return CellDiff(cell.field, HIDDEN, after, hidden=True)
