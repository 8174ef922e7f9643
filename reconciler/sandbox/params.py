"""The query of a GET, parsed strictly: unknown, repeated and malformed parameters are refused with a 400."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from reconciler.sandbox.refusal import Refusal


class Params:
    """Query parameters by name. Every method returns its default if the parameter is absent."""

    def __init__(self, pairs: Iterable[tuple[str, str]], known: Collection[str]) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            if name not in known:
                raise Refusal(400, f"{name} is not a known parameter")
            if name in self._values:
                raise Refusal(400, f"{name} must not be repeated")
            self._values[name] = value

    def text(self, name: str) -> str | None:
        return self._values.get(name)

    def integer(self, name: str, default: int, minimum: int) -> int:
        """A whole number of at least ``minimum``."""
        value = self._values.get(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) <= 9 and int(value) >= minimum):
            raise Refusal(400, f"{name} must be a whole number of at least {minimum}")
        return int(value)

    def one_of(self, name: str, choices: Collection[str]) -> str | None:
        value = self._values.get(name)
        if value is not None and value not in choices:
            raise Refusal(400, f"{name} must be one of {', '.join(sorted(choices))}")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """``true`` or ``false``."""
        value = self.one_of(name, ("true", "false"))
        return default if value is None else value == "true"

    def instant(self, name: str) -> datetime | None:
        """An ISO 8601 date or time, in UTC if it has no offset; a date without a time is its midnight."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise Refusal(400, f"{name} must be an ISO 8601 date or time") from error
