"""The one place where aiohttp comes in, and what is said where it is not installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.sandbox.config import SandboxError

if TYPE_CHECKING:
    from reconciler.sandbox.server import Server


def load_server() -> type[Server]:
    """The server class. Raises ``SandboxError`` where aiohttp is not installed."""
    try:
        from reconciler.sandbox.server import Server  # noqa: PLC0415 - aiohttp only where it is run
    except ModuleNotFoundError as error:
        if error.name != "aiohttp":
            raise
        raise SandboxError("the sandbox needs aiohttp", hint="pip install 'call-reconciler[sandbox]'") from error
    return Server
