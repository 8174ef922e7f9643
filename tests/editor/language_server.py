"""A client of a language server (LSP 3.17) over its standard streams."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

SETTINGS = {"yaml": {"schemaStore": {"enable": False}, "validate": True, "hover": True, "completion": True}}


class LanguageServer:
    """One server for one folder. It answers what the server asks for its settings."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._last = 0
        self._diagnostics: dict[str, list[Any]] = {}
        capabilities = {"workspace": {"configuration": True}, "textDocument": {"hover": {}, "completion": {}}}
        self._request("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": capabilities})
        self._send({"method": "initialized", "params": {}})
        self._send({"method": "workspace/didChangeConfiguration", "params": {"settings": SETTINGS}})

    def __enter__(self) -> LanguageServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def open(self, file: Path) -> list[Any]:
        """Open a document, and wait for its diagnostics."""
        document = {"uri": file.as_uri(), "languageId": "yaml", "version": 1, "text": file.read_text()}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        while file.as_uri() not in self._diagnostics:
            self._handle(self._read())
        return self._diagnostics[file.as_uri()]

    def completions(self, file: Path, line: int, character: int) -> list[str]:
        """The labels that are offered at a position; both count from 0."""
        answer = self._request("textDocument/completion", _position(file, line, character))
        return [str(item["label"]) for item in (answer["items"] if isinstance(answer, dict) else answer)]

    def hover(self, file: Path, line: int, character: int) -> str:
        answer = self._request("textDocument/hover", _position(file, line, character))
        return json.dumps(answer and answer["contents"])

    def _request(self, method: str, params: Mapping[str, Any]) -> Any:
        self._last += 1
        self._send({"id": self._last, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == self._last and "method" not in message:
                assert "error" not in message, message
                return message["result"]
            self._handle(message)

    def _handle(self, message: Mapping[str, Any]) -> None:
        method = message.get("method")
        if method == "textDocument/publishDiagnostics":
            self._diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif method == "workspace/configuration":
            asked = [item.get("section", "") for item in message["params"]["items"]]
            self._send({"id": message["id"], "result": [SETTINGS.get(section, {}) for section in asked]})
        elif "id" in message and method is not None:
            self._send({"id": message["id"], "result": None})

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the language server ended"
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message


def _position(file: Path, line: int, character: int) -> dict[str, Any]:
    return {"textDocument": {"uri": file.as_uri()}, "position": {"line": line, "character": character}}
