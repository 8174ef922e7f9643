"""Mask addresses in events, in the ledger and in our own messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from reconciler.domain.masking import mask_address, personal_values, private_of
from reconciler.domain.model import Address, Entry, JsonObject, JsonValue
from reconciler.domain.plan import Change
from reconciler.domain.sensitive import mask_text, may_name_person

_ADDRESS = re.compile(r"(?<![\w./-])([a-z0-9][a-z0-9._-]{0,62})/([A-Za-z0-9][A-Za-z0-9._:/-]{0,127})")
_NAMED = frozenset({"address", "from"})
_SENTENCE_ENDS = ".:"


class AddressMask:
    """Masks the addresses whose keys contain personal data, judged by the calls of each address.

    It stores only those keys, and the other keys that look like a name, which are checked again.
    """

    def __init__(self, changes: Iterable[Change] = (), entries: Iterable[Entry] = ()) -> None:
        self._shown: dict[tuple[str, str], str] = {}
        for change in changes:
            self.add(change.address, private_of(change))
        for entry in entries:
            self.add(entry.address, personal_values(entry.call))

    def add(self, address: Address, private: Iterable[str]) -> None:
        """Add the personal values of a call of this address. May be called several times."""
        name = (address.plan, address.key)
        masked = mask_address(Address(address.plan, self._shown.get(name, address.key)), private)
        if masked.key != address.key or may_name_person(address.key):
            self._shown[name] = masked.key

    def address(self, address: Address) -> Address:
        """The masked address. A key that may be a person's name is masked too if no call of the address is
        known.
        """
        key = self._shown.get((address.plan, address.key))
        if key is None:
            return mask_address(address, (address.key,) if may_name_person(address.key) else ())
        return mask_address(Address(address.plan, key, address.revision))

    def text(self, text: str) -> str:
        """A sentence with the known addresses in it masked, and everything that ``mask_text`` masks."""
        return mask_text(_ADDRESS.sub(self._replaced, text) if self._shown else text)

    def json(self, members: Mapping[str, object]) -> JsonObject:
        """A JSON object with all its texts masked. Its addresses are in ``address`` and ``from``."""
        return {mask_text(name): self._member(name, value) for name, value in members.items()}

    def _member(self, name: str, value: object) -> JsonValue:
        if isinstance(value, str):
            return self._named(value) if name in _NAMED else self.text(value)
        if isinstance(value, list):
            return [self._member(name, item) for item in value]
        if isinstance(value, Mapping):
            return self.json(value)
        return value if isinstance(value, bool | int | float) else None

    def _named(self, text: str) -> str:
        try:
            return str(self.address(Address.parse(text)))
        except ValueError:
            return self.text(text)

    def _replaced(self, match: re.Match[str]) -> str:
        plan, key = match[1], match[2]
        rest = ""
        while (shown := self._shown.get((plan, key))) is None and key and key[-1] in _SENTENCE_ENDS:
            key, rest = key[:-1], key[-1] + rest
        return match[0] if shown is None else f"{plan}/{shown}{rest}"
