"""The identity of a call: its logical form, its digest, and the tags that prove it was placed by this tool."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from unicodedata import is_normalized, normalize

from msgspec import convert, structs, to_builtins
from msgspec.json import Decoder

from reconciler.domain.canonical import canonical_json
from reconciler.domain.model import TAG_PREFIX, Address, Call, JsonObject, JsonValue
from reconciler.domain.people import exact_id
from reconciler.domain.plan import CellDiff
from reconciler.domain.times import canonical_zone

DIGEST_PREFIX = "d1:sha256:"

_CALLS = Decoder(Call)

TEXT_FIELDS = ("contact_id", "to_number", "full_name", "email", "country", "webhook_url")


def to_logical(call: Call) -> JsonObject:
    """The call with our field names, without absent fields. The state stores it, and the digest covers it."""
    logical: JsonObject = to_builtins(call)
    return logical


def from_logical(logical: Mapping[str, JsonValue]) -> Call:
    """The inverse of ``to_logical``.

    Raises:
        ValueError: a field is missing, unknown or of the wrong type.
    """
    return check_target(convert(logical, Call))


def from_text(text: str) -> Call:
    """The same for the logical form as JSON.

    Raises:
        ValueError: as ``from_logical``, or it is not JSON.
    """
    return check_target(_CALLS.decode(text))


def check_target(call: Call) -> Call:
    """Return ``call``. Raises ``ValueError`` if it has no target, or two."""
    if (call.contact_id is None) == (call.to_number is None):
        raise ValueError("a call needs exactly one of 'contact_id' and 'to_number'")
    return call


def _nfc(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return normalize("NFC", value)
    if isinstance(value, dict):
        return {normalize("NFC", key): _nfc(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_nfc(item) for item in value]
    return value


def meaning(call: Call) -> Call:
    """The call with normalized ids and the canonical name of its zone, so that calls which differ only in spelling
    are equal. The request keeps the spelling of the file."""
    schedule = call.schedule
    zone = None if schedule is None else canonical_zone(schedule.timezone)
    agent, sender, contact = _bare(call.agent), _bare(call.sender), call.contact_id and exact_id(call.contact_id)
    if (agent, sender, contact) == (call.agent, call.sender, call.contact_id) and (
        schedule is None or zone == schedule.timezone
    ):
        return call
    if schedule is not None and zone is not None:
        schedule = structs.replace(schedule, timezone=zone)
    return structs.replace(call, agent=agent, sender=sender, contact_id=contact, schedule=schedule)


_bare = lru_cache(maxsize=4096)(exact_id)  # few agents and numbers make many calls


def digest(call: Call) -> str:
    """``d1:sha256:<hex>`` over the RFC 8785 JSON of the normalized logical call, text in NFC."""
    written = canonical_json(meaning(call))
    if not written.isascii() and not is_normalized("NFC", written.decode()):
        written = canonical_json(_nfc(to_logical(meaning(call))))
    return DIGEST_PREFIX + hashlib.sha256(written).hexdigest()


def tags(lineage: str, address: Address, call_digest: str) -> dict[str, str]:
    """The metadata that this tool adds to each call. All values are text."""
    return {
        f"{TAG_PREFIX}lineage": lineage,
        f"{TAG_PREFIX}plan": address.plan,
        f"{TAG_PREFIX}key": address.key,
        f"{TAG_PREFIX}revision": str(address.revision),
        f"{TAG_PREFIX}digest": call_digest,
    }


def cells(call: Call) -> dict[str, str]:
    """The call as a flat mapping from field path (``schedule.at``) to text in NFC."""
    flat: dict[str, str] = {}
    for name, value in to_logical(call).items():
        if isinstance(value, dict):
            flat |= {f"{name}.{normalize('NFC', key)}": _cell(item) for key, item in value.items()}
        else:
            flat[name] = _cell(value)
    return flat


def _cell(value: JsonValue) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return normalize("NFC", str(value))


def diff(before: Call, after: Call) -> tuple[CellDiff, ...]:
    """The cells whose normalized values differ, with the values as written, sorted by field path."""
    old, new = cells(before), cells(after)
    differing = diff_cells(cells(meaning(before)), cells(meaning(after)))
    return tuple(CellDiff(cell.field, old.get(cell.field), new.get(cell.field)) for cell in differing)


def diff_cells(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[CellDiff, ...]:
    """The same for cells."""
    return tuple(
        CellDiff(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )
