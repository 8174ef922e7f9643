"""Which refusals are believed: a call that was refused may be sent again, and a wrong one phones a person twice.

A service that took a call and then says so behind a refusal, or something between that made two answers of one,
must not bring that about: a refusal that contradicts itself is none.
"""

from __future__ import annotations

import h11

from reconciler.contactship.transport import MAX_ANSWER_BYTES, Answer
from reconciler.domain.model import JsonValue


def doubt(answer: Answer, content: JsonValue) -> str | None:
    """Why a refusal (4xx) of a POST is not believed, None where it is; ``content`` is what it holds, decoded."""
    if not {"content-length", "transfer-encoding"} & answer.headers.keys():
        return "it does not say how long it is"
    try:
        behind = _behind(answer.received)
    except h11.RemoteProtocolError:
        return "it cannot be read a second time"
    if behind:
        return "more came behind it"
    call_id = _named_call(content)
    return None if call_id is None else f"it names the call {call_id}"


def _behind(received: bytes) -> bytes:
    """What came behind the final answer to a POST (https://h11.readthedocs.io, ``trailing_data``)."""
    parser = h11.Connection(h11.CLIENT, MAX_ANSWER_BYTES)
    parser.send(h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")]))
    parser.send(h11.EndOfMessage())
    parser.receive_data(received)
    while not isinstance(parser.next_event(), h11.EndOfMessage):
        pass
    return parser.trailing_data[0]


def _named_call(content: JsonValue) -> JsonValue:
    """The ``call_id`` in a refusal, wherever it stands; None where there is none, or an empty one."""
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
