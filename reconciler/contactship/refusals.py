"""Decide which refusals are trusted: a refused call may be sent again, so a false refusal would call a person
twice.

A service may place a call and then return an error, or a proxy may mix up two answers. So a refusal that
contradicts itself is not trusted.
"""

from __future__ import annotations

import h11

from reconciler.contactship.transport import MAX_ANSWER_BYTES, Answer, decode_json
from reconciler.domain.model import JsonValue


def doubt(answer: Answer) -> str | None:
    """Why a refusal (4xx) of a POST is not trusted, None if it is."""
    if not {"content-length", "transfer-encoding"} & answer.headers.keys():
        return "it has no length"
    try:
        behind = _behind(answer.received)
    except h11.RemoteProtocolError:
        return "it cannot be parsed a second time"
    if behind:
        return "more data followed it"
    try:
        call_id = _named_call(decode_json(answer.content))
    except ValueError:
        return None
    return None if call_id is None else f"it names the call {call_id}"


def _behind(received: bytes) -> bytes:
    """The bytes after the final answer to a POST (https://h11.readthedocs.io, ``trailing_data``).

    Neither httpx nor httpcore shows them, so the bytes are read again with the parser that httpcore uses.
    """
    parser = h11.Connection(h11.CLIENT, MAX_ANSWER_BYTES)
    parser.send(h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")]))
    parser.send(h11.EndOfMessage())
    parser.receive_data(received)
    while not isinstance(parser.next_event(), h11.EndOfMessage):
        pass
    return parser.trailing_data[0]


def _named_call(content: JsonValue) -> JsonValue:
    """The ``call_id`` anywhere in a refusal; None if there is none, or it is empty."""
    values = [content]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            if call_id := value.get("call_id"):
                return call_id
            values += value.values()
        elif isinstance(value, list):
            values += value
    return None
