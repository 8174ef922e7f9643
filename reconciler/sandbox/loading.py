"""The only place that imports aiohttp, with the error if it is not installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.sandbox.config import SandboxError

if TYPE_CHECKING:
    from reconciler.sandbox.server import Server


def load_server() -> type[Server]:
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
