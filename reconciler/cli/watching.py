"""``plan --watch``: plan again whenever a file of the project is saved, and show the page in a browser."""

from __future__ import annotations

import secrets
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.output import say
from reconciler.system import programs

if TYPE_CHECKING:
    from socket import socket

    from reconciler.cli.app import App
    from reconciler.cli.workspace import Workspace

_SUFFIXES = frozenset({".yaml", ".yml", ".csv", ".tsv", ".xlsx", ".ods"})
_DEBOUNCE = 300  # milliseconds: an editor writes a file in several steps
_ROUND = 200  # milliseconds
_LOCK_FILES = ("~$", ".~lock.")  # what Excel and LibreOffice put beside an open workbook
_KEEP_ALIVE = 20.0  # seconds between two signs of life to a browser

# The page is in a frame of its own, so that its content security policy stays as strict as in a file.
_FRAME = """\
<!doctype html><html lang="en"><meta charset="utf-8"><title>reconciler plan --watch</title>
<style>html,body,iframe{margin:0;border:0;width:100%;height:100%;display:block}</style>
<iframe id="plan" src="plan" title="The plan"></iframe>
<script>
const frame = document.getElementById("plan");
new EventSource("changes?VERSION").onmessage = () => {
  const view = frame.contentWindow, place = view.location.hash, top = view.scrollY;
  frame.onload = () => frame.contentWindow.scrollTo(0, top);
  view.location.replace("plan?" + Date.now() + place);
};
</script></html>
"""


def repeat_on_save(
    app: App,
    workspace: Workspace,
    written: Sequence[str],
    page: LivePage | None,
    action: Callable[[], None],
    *,
    open_page: bool,
) -> None:
    """Run ``action`` now, and again whenever a plan file, a sheet, a list, the settings or the state is saved.

    ``written`` are the files that the action writes. Ends with ``KeyboardInterrupt``.
    """
    root = workspace.project.root
    own = {app.directory / file for file in written}

    def matters(_: object, name: str) -> bool:
        path = Path(name)
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        is_input = path.suffix.lower() in _SUFFIXES and not hidden and not path.name.startswith(_LOCK_FILES)
        return path == workspace.file or (is_input and path not in own)

    import watchfiles  # noqa: PLC0415 - 60 ms

    # The first round comes when the watch is on already, so that nothing that is saved meanwhile is missed.
    running = False
    rounds = watchfiles.watch(
        root, watch_filter=matters, debounce=_DEBOUNCE, rust_timeout=_ROUND, yield_on_timeout=True
    )
    for changes in rounds:
        if changes or not running:
            _run(action, page)
        if not running and page is not None and open_page:
            with programs.clean_environment():
                webbrowser.open(page.url)
        running = True


def _run(action: Callable[[], None], page: LivePage | None) -> None:
    if sys.stdout.isatty():
        click.clear()
    action()
    say(f"{datetime.now():%H:%M:%S} Waiting for the next change. Ctrl-C ends.", err=True)  # noqa: DTZ005 - shown here
    if page is not None:
        say(f"The page: {page.url}", err=True)


@dataclass
class LivePage:
    """The latest page, and the browsers that wait for the next. ``url`` contains a secret, so that other users of
    this machine cannot read the page.
    """

    url: str = ""
    _page: bytes = b""
    _version: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def publish(self, page: bytes) -> None:
        """Show ``page`` from now on; browsers load it."""
        with self._changed:
            self._page = page
            self._version += 1
            self._changed.notify_all()

    def latest(self) -> tuple[bytes, int]:
        with self._changed:
            return self._page, self._version

    def newer_than(self, version: int) -> int:
        """The version once it is newer, or the same one after some seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._version > version, timeout=_KEEP_ALIVE)
            return self._version


class _Server(ThreadingHTTPServer):
    """Serves one page on a free port of this machine, below a secret path."""

    daemon_threads = True

    def __init__(self, page: LivePage) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page = page
        self.path = f"/{secrets.token_urlsafe(16)}/"
        self.host = f"127.0.0.1:{self.server_port}"

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """A browser that left is no error, and the terminal belongs to the plan."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Only requests to this machine's address are answered, so that no site in the browser can read the page under
    a name that it points here.
    """

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        allowed = path.startswith(self.server.path) and self.headers.get("Host") == self.server.host
        name = path.removeprefix(self.server.path)
        if not allowed or name not in {"", "plan", "changes"}:
            self.send_error(HTTPStatus.NOT_FOUND)
        elif name == "changes":
            self._stream(int(query) if query.isdecimal() else 0)
        else:
            page, version = self.server.page.latest()
            self._send(page if name else _FRAME.replace("VERSION", str(version)).encode())

    def log_message(self, *_: object) -> None:
        """The terminal belongs to the plan."""

    def _send(self, page: bytes) -> None:
        self._start(
            "text/html; charset=utf-8", {"Content-Length": str(len(page)), "Referrer-Policy": "no-referrer"}
        )
        self.wfile.write(page)

    def _stream(self, version: int) -> None:
        """Server-sent events (HTML Living Standard, 9.2): one for each page that is newer than ``version``."""
        self._start("text/event-stream", {"Connection": "close"})
        try:
            while True:
                newest = self.server.page.newer_than(version)
                self.wfile.write(b"data: new\n\n" if newest > version else b":\n\n")
                self.wfile.flush()
                version = newest
        except OSError:  # the browser left
            self.close_connection = True

    def _start(self, kind: str, headers: dict[str, str]) -> None:
        self.send_response(HTTPStatus.OK)
        for name, value in {"Content-Type": kind, "Cache-Control": "no-store", **headers}.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def serving() -> Iterator[LivePage]:
    """Serve a page while the block runs."""
    page = LivePage()
    server = _Server(page)
    page.url = f"http://{server.host}{server.path}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield page
    finally:
        server.shutdown()
        server.server_close()
