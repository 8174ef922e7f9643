"""A process that has everything imported, and forks for each command: a real process, without its start-up.

``Zygote.start`` is to ``subprocess.Popen`` what ``fork`` is to a new interpreter: the command has a process,
folder, environment, streams and exit code of its own. What an interpreter reads when it starts (``PYTHON...``, the
locale) cannot be given to it: such commands are started afresh. For scripts, and for commands that start commands,
``Zygote.install`` writes a program ``reconciler`` that does the same.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from reconciler.sandbox import SandboxConfig, running
from tests.stand_in import AT_START, write_stand_in
from tests.warm import import_all

ROOT = Path(__file__).parent.parent
COMMAND = "reconciler.cli"
VICTIM = "tests.crash.victim"


def suits(env: Mapping[str, str]) -> bool:
    """Whether a command with these variables may be forked."""
    return not any(name.startswith(AT_START) and os.environ.get(name) != value for name, value in env.items())


def clean_environment() -> dict[str, str]:
    """This process's environment without what steers the command."""
    prefixes = ("RECONCILER_", "CONTACTSHIP_", "GITHUB_", "GITLAB_", "COV_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    kept.pop("CI", None)
    return kept


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
    _folder: Path = Path()
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
        self,
        args: list[str],
        cwd: Path,
        env: Mapping[str, str],
        stdin: str = "",
        module: str = COMMAND,
        terminal: int | None = None,
    ) -> Forked:
        """Have ``main(args)`` of a module run in a process of its own, on a terminal if there is one."""
        out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - open until both are read
        reads, writes = os.pipe()
        with tempfile.TemporaryFile() as given:
            given.write(stdin.encode())
            given.seek(0)
            request = {"module": module, "args": args, "cwd": str(cwd), "env": dict(env)}
            data = json.dumps(request).encode()
            channel = self._channel()
            streams = [given.fileno(), out.fileno(), err.fileno()] if terminal is None else [terminal] * 3
            socket.send_fds(channel, [len(data).to_bytes(4, "big")], [*streams, writes])
            channel.sendall(data)
        os.close(writes)
        told = os.fdopen(reads, "rb", buffering=0)
        return Forked(args, int(told.readline()), told, out, err)

    def install(self, folder: Path, module: str = COMMAND) -> None:
        """Write a program ``reconciler`` into a folder, which has ``main`` of a module run."""
        self._channel()
        write_stand_in(folder / "reconciler", self._folder / "socket", module)

    @property
    def programs(self) -> Path:
        """A folder for ``PATH``, with such a program for the command."""
        self._channel()
        return self._folder

    def _channel(self) -> socket.socket:
        if self._socket is None:
            ours, theirs = socket.socketpair()
            command = [sys.executable, "-m", "tests.zygote", str(theirs.fileno())]
            with running(SandboxConfig(port=0, api_key="warm")) as service:
                service_env = {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": "warm"}
                self._process = subprocess.Popen(
                    command, pass_fds=[theirs.fileno()], cwd=ROOT, env=clean_environment() | service_env
                )
                theirs.close()
                self._folder = Path(os.fsdecode(ours.recv(4096)))
                assert self._folder.is_absolute(), "it has ended"
            self._socket = ours
        return self._socket


def _text(data: bytes) -> str:
    """As ``subprocess`` reads text: with universal line breaks."""
    return data.decode().replace("\r\n", "\n").replace("\r", "\n")


def _serve(channel: socket.socket, door: socket.socket) -> None:
    """Fork for each request, and tell of each end, until the other side of the channel is gone.

    A request from the channel brings the file that is told; who comes through the door is told on the connection.
    """
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    tell: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([channel, door, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _tell_ends(tell)
        if door in ready:
            with door.accept()[0] as caller:
                request, fds = _receive(caller, 3)
                if request:
                    _fork(request, [*fds, os.dup(caller.fileno())], tell, (channel, door, woken, wake, caller))
        if channel in ready:
            request, fds = _receive(channel, 4)
            if not request:
                return
            _fork(request, fds, tell, (channel, door, woken, wake))


def _receive(channel: socket.socket, files: int) -> tuple[bytes, list[int]]:
    """A request, empty when the other side is gone, and its files."""
    head, fds, _, _ = socket.recv_fds(channel, 4, files)
    size, data = int.from_bytes(head, "big"), b""
    while len(data) < size and (piece := channel.recv(size - len(data))):
        data += piece
    return data, fds


def _fork(request: bytes, fds: list[int], tell: dict[int, int], held: Sequence[socket.socket]) -> None:
    """Fork the command; the last of ``fds`` is told its process id now, and its exit code at its end."""
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in held:
            one.close()
        for fd in (*tell.values(), fds.pop()):
            os.close(fd)
        _become(json.loads(request), fds)
    tell[child] = fds.pop()
    for fd in fds:
        os.close(fd)
    _write(tell[child], child)


def _write(fd: int, number: int) -> None:
    with suppress(ConnectionError):  # nobody waits for it any more
        os.write(fd, f"{number}\n".encode())


def _tell_ends(tell: dict[int, int]) -> None:
    for child in list(tell):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            fd = tell.pop(pid)
            _write(fd, os.waitstatus_to_exitcode(status))
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
        if os.isatty(1):
            sys.stdout.reconfigure(line_buffering=True)
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


if __name__ == "__main__":
    import_all()
    channel = socket.socket(fileno=int(sys.argv[1]))
    with tempfile.TemporaryDirectory(prefix="zygote-") as folder, socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{folder}/socket")
        door.listen()
        write_stand_in(Path(folder, "reconciler"), Path(folder, "socket"), COMMAND)
        sys.executable = f"{folder}/reconciler"  # so that a command which starts commands forks them too
        channel.send(os.fsencode(folder))
        _serve(channel, door)
