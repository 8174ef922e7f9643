"""A process that has everything imported, and forks for each command: a real process, without its start-up.

``Zygote.run`` is to ``subprocess.run`` what ``fork`` is to a new interpreter: the command has a process, folder,
environment, streams and exit code of its own. What an interpreter reads when it starts (``PYTHON...``, the locale)
cannot be given to it: such commands are started afresh.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_AT_START = ("PYTHON", "LC_", "LANG")


def suits(env: Mapping[str, str]) -> bool:
    """Whether a command with these variables may be forked."""
    return not any(name.startswith(_AT_START) and os.environ.get(name) != value for name, value in env.items())


@dataclass
class Zygote:
    """Started when it is first needed; ends with the process that holds it."""

    _socket: socket.socket | None = None
    _process: subprocess.Popen[bytes] | None = None

    def run(
        self, args: list[str], cwd: Path, env: Mapping[str, str], stdin: str | None
    ) -> tuple[int, bytes, bytes]:
        """Exit code and both streams. Raises ``subprocess.TimeoutExpired`` after a minute."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write((stdin or "").encode())
            given.seek(0)
            request = json.dumps({"args": args, "cwd": str(cwd), "env": dict(env)}).encode()
            channel = self._channel()
            head = len(request).to_bytes(4, "big")
            socket.send_fds(channel, [head], [given.fileno(), out.fileno(), err.fileno()])
            channel.sendall(request)
            with channel.makefile("rb") as answers:
                answer = json.loads(answers.readline())
            if answer["code"] is None:
                raise subprocess.TimeoutExpired(args, 60)
            out.seek(0)
            err.seek(0)
            return answer["code"], out.read(), err.read()

    def _channel(self) -> socket.socket:
        if self._socket is None:
            ours, theirs = socket.socketpair()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.zygote", str(theirs.fileno())], pass_fds=[theirs.fileno()], cwd=ROOT
            )
            theirs.close()
            self._socket = ours
        return self._socket


def _serve(channel: socket.socket) -> None:
    """Requests one after the other, until the other side is gone."""
    while True:
        head, fds, _, _ = socket.recv_fds(channel, 4, 3)
        if not head:
            return
        size, request = int.from_bytes(head, "big"), b""
        while len(request) < size:
            request += channel.recv(size - len(request))
        child = os.fork()
        if child == 0:
            channel.close()
            _become(json.loads(request), fds)
        for fd in fds:
            os.close(fd)
        channel.sendall(json.dumps({"code": _wait(child)}).encode() + b"\n")


def _wait(child: int) -> int | None:
    deadline = time.monotonic() + 60
    pid, status = os.waitpid(child, os.WNOHANG)
    pause = 0.0005
    while not pid and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 2, 0.01)
        pid, status = os.waitpid(child, os.WNOHANG)
    if not pid:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None
    return os.waitstatus_to_exitcode(status)


def _become(request: dict[str, Any], fds: list[int]) -> None:
    """The command, in this process. Does not return."""
    from reconciler.cli import main

    code: object = 1
    try:
        for at, fd in enumerate(fds):
            os.dup2(fd, at)
            os.close(fd)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        time.tzset()
        sys.argv = ["reconciler", *request["args"]]
        code = main()
    except SystemExit as ending:
        code = ending.code
    except BaseException:  # noqa: BLE001 - an interpreter does the same
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(code if isinstance(code, int) else 1)


def _import_all() -> None:
    import pkgutil
    from importlib import import_module

    import reconciler

    for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if not module.name.endswith("__main__") and ".sandbox" not in module.name:
            import_module(module.name)


if __name__ == "__main__":
    _import_all()
    _serve(socket.socket(fileno=int(sys.argv[1])))
