"""A sandbox in the foreground, until SIGHUP, SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from reconciler.sandbox.config import SandboxConfig
from reconciler.sandbox.loading import load_server


def serve(config: SandboxConfig, ready: Callable[[str], None]) -> None:
    """Listen, pass the URL to ``ready``, and return after a signal. For the main thread.

    Raises:
        SandboxError: aiohttp is missing, or the address or the file of calls cannot be used.
    """
    server_class = load_server()

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        server = await server_class.start(config)
        try:
            ready(server.url)
            await stop.wait()
        finally:
            await server.close()

    asyncio.run(run())
