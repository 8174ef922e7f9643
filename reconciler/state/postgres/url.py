"""Reads the URL of a state in PostgreSQL. Needs no database driver."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode

from reconciler.errors import UsageError

SCHEMES = frozenset({"postgresql", "postgres"})
FORM = "postgresql://USER@HOST:PORT/DATABASE"
_SHAPE = re.compile(
    r"postgres(?:ql)?://(?:[^@/?#:]*(?::(?P<password>[^@/?#]*))?@)?[^@/?#]*(?:/[^@?#]*)?(?:\?(?P<query>[^@#]*))?"
)
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)
_SECRETS = frozenset({"password", "sslpassword", "oauth_client_secret"})


@dataclass(frozen=True, slots=True)
class Url:
    """``text`` is for libpq. ``schema`` is the state's, if the URL names one. ``secret``: it has a password or the
    like."""

    text: str = field(repr=False)
    schema: str | None
    secret: bool


def is_server(text: str) -> bool:
    """Whether this is the URL of a server, not the path of a file."""
    return text.partition(":")[0] in SCHEMES


def parse(text: str) -> Url:
    """Parse a URL. What libpq and this tool could read differently is refused, because it could leak a password.

    Raises:
        UsageError: it is malformed.
    """
    match = _SHAPE.fullmatch(text)
    if match is None:
        hint = f"{FORM}; in a user or password, write @ : / ? # as %40 %3A %2F %3F %23"
        raise UsageError("the state's URL is malformed", hint=hint)
    options = _options(match["query"] or "")
    secret = bool(match["password"]) or any(name in _SECRETS for name, _ in options)
    schema = next((value for name, value in reversed(options) if name == "schema"), None)
    if schema is not None and not _SCHEMA.fullmatch(schema):
        raise UsageError("schema= must be a name of a-z, 0-9 and _, at most 63 characters long")
    rest = urlencode([item for item in options if item[0] != "schema"], quote_via=quote)
    return Url(text.partition("?")[0] + (f"?{rest}" if rest else ""), schema, secret)


def _options(query: str) -> list[tuple[str, str]]:
    if not query:
        return []
    try:  # libpq does not read a plus as a space
        return parse_qsl(query.replace("+", "%2B"), keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise UsageError("the state's URL is malformed", hint=f"{FORM}?NAME=VALUE&NAME=VALUE") from error
