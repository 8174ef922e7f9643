"""A service that writes what a test wants on the wire, byte for byte, and counts what it truly took."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class Reply:
    """Whether a call was taken, and the segments that are written, a moment apart."""

    taken: bool
    segments: Sequence[bytes]


Script: TypeAlias = Callable[[int, dict[str, Any]], Reply]


def answer(status: str, content: object, *headers: str) -> bytes:
    """A whole answer with a JSON body, or with bytes as they are."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    head = [f"HTTP/1.1 {status}", "content-type: application/json", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def receipt(call_id: str) -> bytes:
    """The documented answer to a call that was placed."""
    return answer("200 OK", {"call_id": call_id, "created_at": "2026-06-01T12:00:00Z"})


NO_CALLS = answer("200 OK", {"data": [], "count": 0})


@dataclass
class RawService:
    """``calls`` are the bodies that were taken, ``posts`` how many came; GETs are answered by ``listing``."""

    script: Script
    listing: Callable[[str], Sequence[bytes]]
    url: str = ""
    posts: int = 0
    calls: list[dict[str, Any]] = field(default_factory=list)


class _Handler(socketserver.StreamRequestHandler):
    service: ClassVar[RawService]

    def handle(self) -> None:
        try:
            while head := self._head():
                self._answer(head)
        except ConnectionError:
            pass

    def _head(self) -> list[bytes]:
        lines = []
        while (line := self.rfile.readline().strip()) != b"":
            lines.append(line)
        return lines

    def _answer(self, head: list[bytes]) -> None:
        lengths = [int(line[15:]) for line in head if line.lower().startswith(b"content-length:")]
        body = self.rfile.read(lengths[0]) if lengths else b""
        if not head[0].startswith(b"POST"):
            return self._write(self.service.listing(head[0].split()[1].decode()))
        self.service.posts += 1
        reply = self.service.script(self.service.posts, json.loads(body))
        if reply.taken:
            self.service.calls.append(json.loads(body))
        return self._write(reply.segments)

    def _write(self, segments: Sequence[bytes]) -> None:
        for number, segment in enumerate(segments):
            if number:
                time.sleep(0.02)
            self.wfile.write(segment)


def _nothing(path: str) -> Sequence[bytes]:
    """No calls, by id neither."""
    return [NO_CALLS if path.partition("?")[0] == "/v1/calls" else answer("404 Not Found", {"message": "no call"})]


@contextmanager
def raw_service(script: Script, listing: Callable[[str], Sequence[bytes]] | None = None) -> Iterator[RawService]:
    """The service on a port of its own, for the length of a ``with`` block."""
    service = RawService(script, listing or _nothing)
    handler = type("Handler", (_Handler,), {"service": service})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        service.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
