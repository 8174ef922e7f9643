"""The URL for requests and the key that goes with them: from the environment or an option, never from a file."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reconciler.domain.hosts import is_loopback
from reconciler.errors import ReconcilerError, UsageError
from reconciler.system import environment
from reconciler.system.failures import error_message, next_step
from reconciler.system.files import MAX_KEY, read_named

DEFAULT_BASE_URL = "https://api.contactship.ai"
BASE_URL_VARIABLE = environment.BASE_URL
API_KEY_VARIABLE = environment.API_KEY


@dataclass(frozen=True, slots=True)
class ServiceOrigin:
    """Scheme, host, port and path prefix of every request. ``loopback``: this machine."""

    base: str
    loopback: bool

    def url(self, path: str) -> str:
        """The URL of ``path``, which starts with a slash and never contains unquoted external text."""
        return self.base + path


def parse_origin(text: str) -> ServiceOrigin:
    """Parse a base URL: https, or http on loopback only.

    Raises:
        UsageError: anything else, or a URL with a user, a query, a fragment, a blank or a control character.
    """
    decoded = unquote(text)
    if not decoded.isprintable() or any(character.isspace() for character in decoded):
        raise UsageError("the base URL may not contain spaces or control characters, nor %xx for one")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"not a URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise UsageError("the base URL must start with https:// (http:// on loopback only)")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UsageError("the base URL may not contain a user, a query or a fragment")
    loopback = is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise UsageError("the base URL must be https: http is allowed on loopback only")
    return ServiceOrigin(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", loopback)


def read_api_key(path: Path | None, variable: str | None) -> str:
    """The API key, from the named file, else from the environment's value.

    Raises:
        ReconcilerError: there is none, or it cannot be sent as a header.
    """
    key = variable or ""
    if path is not None:
        try:
            key = read_named(path, MAX_KEY).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ReconcilerError(f"the API key file {path} is not text") from error
        except OSError as error:
            raise ReconcilerError(f"cannot read {path}: {error_message(error)}", hint=next_step(error)) from error
    key = key.strip()
    if not key:
        hint = (
            f"set {API_KEY_VARIABLE} or pass --api-key-file FILE; it is never read from a YAML file. "
            "To try it without an account, run: reconciler demo"
        )
        raise ReconcilerError("no API key", hint=hint)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ReconcilerError("the API key contains characters that are not allowed in a header")
    return key


def is_exposed(key_file: Path) -> bool:
    """Whether other users of this machine may read the key file. Raises ``OSError`` if it does not exist."""
    mode = key_file.stat().st_mode
    return stat.S_ISREG(mode) and bool(mode & 0o077)
