"""A process that has everything imported, and forks for each command: a real process, without its start-up.

``Zygote.start`` is to ``subprocess.Popen`` what ``fork`` is to a new interpreter: the command has a process,
folder, environment, streams and exit code of its own. What an interpreter reads when it starts (``PYTHON...``, the
locale) cannot be given to it: such commands are started afresh.
"""

from __future__ import annotations

import gc
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent
COMMAND = "reconciler.cli"
VICTIM = "tests.crash.victim"
_PLAN = """\
version: 1
plan: warm
calls:
  - {key: 1, agent: a1b2c3d4-e5f6-7890-abcd-ef1234567890, from: a1b2c3d4-e5f6-7890-abcd-ef1234567891,
     contact_id: c1d2e3f4-a5b6-7890-cdef-123456789012,
     schedule: {at: 2031-06-16 14:30:00, timezone: America/Bogota}}
"""
_LATE = ("anyio._backends._asyncio", "filelock", "httpcore", "pyexpat")  # imported where they are used
_AT_START = ("PYTHON", "LC_", "LANG")


def suits(env: Mapping[str, str]) -> bool:
    """Whether a command with these variables may be forked."""
    return not any(name.startswith(_AT_START) and os.environ.get(name) != value for name, value in env.items())


@dataclass
class Forked:
    """A command at work, handled as ``subprocess.Popen`` is."""

    args: list[str]
    pid: int
    _told: IO[bytes]
    _out: IO[bytes]
    _err: IO[bytes]
    returncode: int | None = None

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float = 60) -> int:
        """The exit code, negative where a signal ended it. Raises ``subprocess.TimeoutExpired``."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return code

    def communicate(self, timeout: float = 60) -> tuple[str, str]:
        """What it wrote until its end."""
        self.wait(timeout)
        streams = []
        for stream in (self._out, self._err):
            with stream:
                stream.seek(0)
                streams.append(_text(stream.read()))
        return streams[0], streams[1]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            with self._told:
                self.returncode = int(self._told.readline())
        return self.returncode


@dataclass
class Zygote:
    """Started when it is first needed; ends with the process that holds it."""

    _socket: socket.socket | None = None
    _process: subprocess.Popen[bytes] | None = None

    def run(
        self,
        args: list[str],
        cwd: Path,
        env: Mapping[str, str],
        stdin: str = "",
        module: str = COMMAND,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """As ``subprocess.run``. Raises ``subprocess.TimeoutExpired`` after ``timeout`` seconds."""
        command = self.start(args, cwd, env, stdin, module)
        try:
            out, err = command.communicate(timeout)
        except subprocess.TimeoutExpired:
            command.kill()
            raise
        return subprocess.CompletedProcess(args, command.wait(), out, err)

    def start(
        self, args: list[str], cwd: Path, env: Mapping[str, str], stdin: str = "", module: str = COMMAND
    ) -> Forked:
        """Have ``main(args)`` of a module run in a process of its own."""
        out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - open until both are read
        reads, writes = os.pipe()
        with tempfile.TemporaryFile() as given:
            given.write(stdin.encode())
            given.seek(0)
            request = {"module": module, "args": args, "cwd": str(cwd), "env": dict(env)}
            data = json.dumps(request).encode()
            channel = self._channel()
            fds = [given.fileno(), out.fileno(), err.fileno(), writes]
            socket.send_fds(channel, [len(data).to_bytes(4, "big")], fds)
            channel.sendall(data)
        os.close(writes)
        told = os.fdopen(reads, "rb", buffering=0)
        return Forked(args, int(told.readline()), told, out, err)

    def _channel(self) -> socket.socket:
        if self._socket is None:
            ours, theirs = socket.socketpair()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.zygote", str(theirs.fileno())], pass_fds=[theirs.fileno()], cwd=ROOT
            )
            theirs.close()
            self._socket = ours
        return self._socket


def _text(data: bytes) -> str:
    """As ``subprocess`` reads text: with universal line breaks."""
    return data.decode().replace("\r\n", "\n").replace("\r", "\n")


def _serve(channel: socket.socket) -> None:
    """Fork for each request, and tell of each end, until the other side is gone."""
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    tell: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([channel, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _tell_ends(tell)
        if channel in ready:
            head, fds, _, _ = socket.recv_fds(channel, 4, 4)
            if not head:
                return
            request = _read(channel, int.from_bytes(head, "big"))
            child = os.fork()
            if child == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for held in (channel, woken, wake):
                    held.close()
                for fd in (*tell.values(), fds.pop()):
                    os.close(fd)
                _become(json.loads(request), fds)
            tell[child] = fds.pop()
            for fd in fds:
                os.close(fd)
            os.write(tell[child], f"{child}\n".encode())


def _read(channel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += channel.recv(size - len(data))
    return data


def _tell_ends(tell: dict[int, int]) -> None:
    for child in list(tell):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            fd = tell.pop(pid)
            with suppress(BrokenPipeError):  # nobody waits for it any more
                os.write(fd, f"{os.waitstatus_to_exitcode(status)}\n".encode())
            os.close(fd)


def _become(request: dict[str, Any], fds: list[int]) -> None:
    """The command, in this process. Does not return."""
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
        code = import_module(request["module"]).main(request["args"])
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

    import reconciler
    from reconciler.contactship import transport

    for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if not module.name.endswith("__main__") and ".sandbox" not in module.name:
            import_module(module.name)
    for name in (VICTIM, *_LATE):
        import_module(name)
    _compile()
    transport.tls_context()
    shorten_pauses()
    gc.collect()
    gc.freeze()  # no collection of a command's own goes through what is shared


def shorten_pauses() -> None:
    """Ask again sooner: what is asked, how often and in which order stays the same."""
    from reconciler.contactship import paging, reader
    from reconciler.placing import joint, schedule_check

    reader.PAUSE, paging.PAUSE = 0.01, 0.005
    schedule_check.FIRST_PAUSE, joint.POLL = 0.01, 0.02
    joint.PROGRESS_EVERY = 0


def _compile() -> None:
    """By a command that reads a project, and no state: schemas and the page are compiled once in a process."""
    with tempfile.TemporaryDirectory() as project, redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        Path(project, "calls").mkdir()
        Path(project, "reconciler.yaml").write_text("version: 1\n", encoding="utf-8")
        Path(project, "calls/warm.yaml").write_text(_PLAN, encoding="utf-8")
        assert import_module(COMMAND).main(["-C", project, "plan", "--no-state", "--format", "html"]) == 0


if __name__ == "__main__":
    _import_all()
    _serve(socket.socket(fileno=int(sys.argv[1])))
