"""The calls to stop by hand, as a part of the comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.domain.plan import CallToStop
from reconciler.render import to_stop
from reconciler.render.escape import for_markdown_cell
from reconciler.render.limited_page import Part

_HEAD = "| call | rings | person | why | what to do |\n|---|---|---|---|---|\n"
_LONGEST = 600


def to_stop_part(calls: Sequence[CallToStop]) -> Iterator[Part]:
    """A heading and a table with a row for each call; nothing if there are none."""
    if calls:
        head = f"\n#### \N{WARNING SIGN} {to_stop.heading(calls)}\n\n{_HEAD}"
        yield Part(2, head, map(_line, calls), len(calls))


def _line(call: CallToStop) -> str:
    texts = (str(call.address), to_stop.rings(call), call.target or "", f"{call.action}: {call.why}")
    cells = " | ".join(for_markdown_cell(text, _LONGEST) for text in (*texts, to_stop.to_do(call)))
    return f"| {cells} |\n"
