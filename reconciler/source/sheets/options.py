"""The settings of one spreadsheet file in a plan file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.source.yaml.nodes import MapNode, Node, Scalar

_WHOLE = re.compile(r"([1-9][0-9]{0,8})(?:\.0+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Options:
    """``file`` is the scalar with the file's name; the others are None if they are not set.

    ``header`` is the number of the row that names the columns.
    """

    file: Scalar
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sha256: str | None = None
    hidden: str | None = None
    key: str | None = None
    header: int | None = None


def read_options(node: Node) -> Options | None:
    """The options of ``{file: ..., ...}`` or of a bare file name; None if there is no valid name."""
    if isinstance(node, Scalar):
        return Options(node) if node.text else None
    if not isinstance(node, MapNode):
        return None
    file = node.get("file")
    texts = {name: value.text for name, (_, value) in node.items.items() if isinstance(value, Scalar)}
    if not isinstance(file, Scalar):
        return None
    return Options(
        file,
        sheet=texts.get("sheet"),
        encoding=texts.get("encoding"),
        delimiter=texts.get("delimiter"),
        sha256=texts.get("sha256"),
        hidden=texts.get("hidden"),
        key=texts.get("key"),
        header=_row_number(texts.get("header")),
    )


def _row_number(text: str | None) -> int | None:
    """A number that fits the schema, which also allows ``3.0``; None for others, which the schema reports."""
    whole = _WHOLE.fullmatch(text or "")
    return int(whole[1]) if whole else None
