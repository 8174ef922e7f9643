"""A listening sandbox: bound, served and stopped in the event loop of its caller."""

from __future__ import annotations

import asyncio
import os

from aiohttp import web

from reconciler.sandbox.app import build
from reconciler.sandbox.backend import Backend
from reconciler.sandbox.config import SandboxConfig, SandboxError
from reconciler.system.failures import next_step

_GRACE = 1.0  # seconds for requests in progress when the sandbox stops


class Server:
    """A listening sandbox; created by ``start``, ended by ``close``."""

    def __init__(self, backend: Backend, runner: web.AppRunner, url: str) -> None:
        self.backend = backend
        self.url = url
        self._runner = runner

    @classmethod
    async def start(cls, config: SandboxConfig) -> Server:
        """Listen. Raises ``SandboxError`` if the address or the file of calls cannot be used."""
        backend = Backend(config)
        app = build(backend, asyncio.Event())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE)
        await runner.setup()
        try:
            await web.TCPSite(runner, config.host, config.port).start()
        except (OSError, OverflowError) as error:
            await runner.cleanup()
            backend.ledger.close()
            reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
            hint = next_step(error) if isinstance(error, OSError) else None
            message = f"cannot listen on {config.host} port {config.port}: {reason}"
            raise SandboxError(message, hint=hint) from error
        host = f"[{config.host}]" if ":" in config.host else config.host
        return cls(backend, runner, f"http://{host}:{runner.addresses[0][1]}")

    async def close(self) -> None:
        """Stop listening, end requests in progress, close the file."""
        await self._runner.cleanup()
        self.backend.ledger.close()
