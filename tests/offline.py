"""The command where no connection can be opened, nor a name looked up."""

from __future__ import annotations

import socket
from typing import NoReturn

from reconciler import cli


def main(args: list[str]) -> int:
    for owner, name in ((socket.socket, "connect"), (socket, "create_connection"), (socket, "getaddrinfo")):
        setattr(owner, name, _refuse)
    return cli.main(args)


def _refuse(*args: object, **kwargs: object) -> NoReturn:
    raise RuntimeError("a plan opened a connection")
