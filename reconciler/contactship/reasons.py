"""Why the service was not reached, for a person: the cause beneath httpx's exception, and what to do about it."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from reconciler.contactship.transport import ProtocolViolation

_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_REFUSED = "is something listening there? Check the base URL's host and port"
_SLOW = "is the network slow, or a firewall in between?"
_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL})


@dataclass(frozen=True, slots=True)
class Reason:
    """What happened, in words, and the next step where there is one."""

    message: str
    hint: str | None = None


def explain(error: BaseException) -> Reason:
    """The first cause that a person can act on; the exception's own name where none is known."""
    for cause in _causes(error):
        reason = _known(cause)
        if reason is not None:
            return reason
    if any(isinstance(cause, TimeoutError) for cause in _causes(error)):
        return Reason("no answer in time", _proxied(_SLOW))
    return Reason(f"{type(error).__name__}: {error}".rstrip(" .:"))


def _known(cause: BaseException) -> Reason | None:
    match cause:
        case ProtocolViolation():
            return Reason(str(cause), "is there a proxy or another service in between?")
        case httpx.ConnectTimeout():
            return Reason("no connection in time", _proxied(_SLOW))
        case ssl.SSLCertVerificationError():
            hint = "is the base URL's host right? Where a proxy opens TLS, name its certificates: SSL_CERT_FILE"
            return Reason(f"its certificate is not trusted: {cause.verify_message}", hint)
        case ssl.SSLError():
            hint = "does the port speak https? A local sandbox is http://127.0.0.1:PORT"
            return Reason(f"TLS failed: {(cause.reason or str(cause)).replace('_', ' ').lower()}", hint)
        case socket.gaierror():
            hint = "check the host in the base URL, and the name server of this machine"
            return Reason("its host name has no address (DNS)", _proxied(hint))
        case ConnectionRefusedError():
            return Reason("the connection was refused", _proxied(_REFUSED))
        case ConnectionResetError() | BrokenPipeError():
            return Reason("the connection was cut", "try again; if it stays, look for a firewall or a proxy")
        case OSError(errno=number) if number in _UNREACHABLE:
            return Reason("no route to it from here", _proxied("is this machine online? A VPN, a firewall?"))
    return None


def _proxied(hint: str) -> str:
    """A proxy of the environment is never used: whoever relies on one should be told here."""
    name = next((name for name in _PROXIES if os.environ.get(name)), None)
    return hint if name is None else f"{name} is set, and not used: the key goes straight to one origin. {hint}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception, what caused it, and so on; the parts of a group (one for each address tried) in order."""
    pending, seen = [error], set[int]()
    while pending:
        cause = pending.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            pending += cause.exceptions
        pending += [other for other in (cause.__cause__, cause.__context__) if other is not None]
