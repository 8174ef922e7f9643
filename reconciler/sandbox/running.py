"""Run a sandbox: in the foreground until a signal, or in a background thread for tests and the demo.

Only ``_load_server`` imports aiohttp.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING

from reconciler.domain.model import JsonObject
from reconciler.sandbox.config import SandboxConfig, SandboxError
from reconciler.sandbox.faults import FaultRule
from reconciler.sandbox.recorded import RecordedCall

if TYPE_CHECKING:
    from reconciler.sandbox.server import Server


def _load_server() -> type[Server]:
    """The server class. Raises ``SandboxError`` if aiohttp is not installed."""
    try:
        from reconciler.sandbox.server import Server  # noqa: PLC0415 - aiohttp only where it is run
    except ModuleNotFoundError as error:
        if error.name != "aiohttp":
            raise
        raise SandboxError(
            "the sandbox needs aiohttp", hint="install it: pip install 'call-reconciler[sandbox]'"
        ) from error
    return Server


def serve(config: SandboxConfig, ready: Callable[[str], None]) -> None:
    """Listen, pass the URL to ``ready``, and return after a signal. For the main thread.

    Raises:
        SandboxError: aiohttp is missing, or the address or the file of calls cannot be used.
    """
    server_class = _load_server()

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


class RunningSandbox:
    """The handle of a running sandbox. Its methods may be called from any thread, even after it has stopped."""

    def __init__(self, server: Server) -> None:
        self._backend = server.backend
        self.url = server.url

    def calls(self) -> tuple[RecordedCall, ...]:
        """Every recorded call, in order, whatever answer its client got."""
        return self._backend.ledger.all()

    def requests(self) -> JsonObject:
        """The counts of ``GET /_sandbox/requests``."""
        return self._backend.traffic.as_json()

    def set_faults(self, *rules: str | FaultRule) -> None:
        """Replace the fault rules (none: no more faults) and count requests from 1 again.

        The seed, the stall and the other settings stay as configured. Raises ``ValueError`` for a wrong rule.
        """
        parsed = tuple(rule if isinstance(rule, FaultRule) else FaultRule.parse(rule) for rule in rules)
        self._backend.dial.turn_to(replace(self._backend.config.faults, rules=parsed))


@contextmanager
def running(config: SandboxConfig | None = None) -> Iterator[RunningSandbox]:
    """Run a sandbox in its own thread for the duration of a ``with`` block, and clean up completely.

    Raises:
        SandboxError: aiohttp is missing, or the address or the file of calls cannot be used.
    """
    server_class = _load_server()
    loops: SimpleQueue[asyncio.AbstractEventLoop] = SimpleQueue()
    thread = threading.Thread(target=_spin, args=(loops,), name="sandbox", daemon=True)
    thread.start()
    loop = loops.get()
    try:
        server = asyncio.run_coroutine_threadsafe(server_class.start(config or SandboxConfig()), loop).result()
        try:
            yield RunningSandbox(server)
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _spin(loops: SimpleQueue[asyncio.AbstractEventLoop]) -> None:
    """Run a loop until it is stopped; then its remaining tasks are cancelled, and it is closed."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        loops.put(loop)
        loop.run_forever()
