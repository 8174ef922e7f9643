"""Ask a server on this machine whether it is the sandbox, which phones nobody."""

from __future__ import annotations

import asyncio

import httpx

from reconciler.contactship.origin import ServiceOrigin
from reconciler.contactship.transport import tls_context
from reconciler.domain.service import SANDBOX_HEADER

_PATIENCE = 2.0  # seconds


def is_sandbox(origin: ServiceOrigin) -> bool:
    """Whether it says so. Only a server on this machine is asked, without the key.

    Another server there may be a tunnel to the real service, so an address on this machine proves nothing.
    """
    return origin.loopback and asyncio.run(_ask(origin.url("/_sandbox/health")))


async def _ask(url: str) -> bool:
    try:
        async with (
            asyncio.timeout(_PATIENCE),
            httpx.AsyncClient(trust_env=False, verify=tls_context()) as client,
            client.stream("GET", url) as answer,
        ):
            return answer.status_code == httpx.codes.OK and SANDBOX_HEADER in answer.headers
    except (httpx.HTTPError, OSError, TimeoutError):
        return False
