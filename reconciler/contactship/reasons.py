"""Why the service could not be reached: the cause behind httpx's exception, and the next step."""

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
_REFUSED = "check the base URL's host and port, and that a server is listening there"
_SLOW = "check for a slow network or a firewall"
_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL})


@dataclass(frozen=True, slots=True)
class Reason:
    """What happened, and the next step if there is one."""

    message: str
    hint: str | None = None


def explain(error: BaseException) -> Reason:
    """The first cause that a person can act on, or the exception's name."""
    for cause in _causes(error):
        reason = _find_reason(cause)
        if reason is not None:
            return reason
    if any(isinstance(cause, TimeoutError) for cause in _causes(error)):
        return Reason("no answer in time", _proxied(_SLOW))
    return Reason(f"{type(error).__name__}: {error}".rstrip(" .:"))


def _find_reason(cause: BaseException) -> Reason | None:
    match cause:
        case ProtocolViolation():
            return Reason(str(cause), "check for a proxy or another service in between")
        case httpx.ConnectTimeout():
            return Reason("no connection in time", _proxied(_SLOW))
        case ssl.SSLCertVerificationError():
            hint = "check the base URL's host. If a proxy intercepts TLS, set SSL_CERT_FILE to its certificates"
            return Reason(f"its certificate is not trusted: {cause.verify_message}", hint)
        case ssl.SSLError():
            hint = "check that the port serves https. The URL of a local sandbox is http://127.0.0.1:PORT"
            return Reason(f"TLS failed: {(cause.reason or str(cause)).replace('_', ' ').lower()}", hint)
        case socket.gaierror():
            hint = "check the host in the base URL, and this machine's name server"
            return Reason("its host name has no address (DNS)", _proxied(hint))
        case ConnectionRefusedError():
            return Reason("the connection was refused", _proxied(_REFUSED))
        case ConnectionResetError() | BrokenPipeError():
            return Reason("the connection was cut", "try again. If it persists, check for a firewall or a proxy")
        case OSError(errno=number) if number in _UNREACHABLE:
            return Reason(
                "no route to it from here", _proxied("check that this machine is online, and its VPN and firewall")
            )
    return None


def _proxied(hint: str) -> str:
    """A proxy in the environment is never used; the hint tells users who rely on one."""
    name = next((name for name in _PROXIES if os.environ.get(name)), None)
    return hint if name is None else f"{name} is set but not used: the key is sent directly to one origin. {hint}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception, its cause, and so on; the parts of a group (one for each tried address) in order."""
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
