"""List the service's contacts: ``GET /v1/contacts``.

Source: the vendor's API reference, page get-contacts. It documents an array and no pages, so there is one request;
an array in ``data``, as in other lists, is accepted too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.contactship.paging import read_unpaged
from reconciler.contactship.reader import Reader
from reconciler.domain.model import JsonObject
from reconciler.errors import LookupFailed


@dataclass(frozen=True, slots=True)
class RemoteContact:
    """A contact as the service lists it; missing fields are empty texts."""

    id: str
    phone_number: str
    full_name: str
    email: str
    country: str


async def list_contacts(reader: Reader) -> Sequence[RemoteContact]:
    """All contacts, in the service's order. Raises ``LookupFailed``."""
    items = await read_unpaged(lambda: reader.get("/v1/contacts", {}, "for its contacts"), "contacts")
    return [_contact(item) for item in items]


def _contact(item: JsonObject) -> RemoteContact:
    texts = {
        name: value if isinstance(value := item.get(name), str) else ""
        for name in ("id", "phone_number", "full_name", "email", "country")
    }
    if not texts["id"]:
        raise LookupFailed("the service lists a contact without an id")
    return RemoteContact(**texts)
