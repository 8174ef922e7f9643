"""Whatever a file holds: no traceback and no silent loss."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.domain.model import Severity
from reconciler.source.yaml.loader import Document, load
from reconciler.source.yaml.nodes import ListNode, MapNode, Node


def read(data: str | bytes) -> Document:
    return load(data.encode() if isinstance(data, str) else data, "f.yaml")


def plain(node: Node | None) -> Any:
    if isinstance(node, MapNode):
        return {key: plain(value) for key, (_, value) in node.items.items()}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return None if node is None else node.text


def places(node: Node) -> Iterator[tuple[int, int]]:
    yield node.line, node.column
    if isinstance(node, MapNode):
        for key, value in node.items.values():
            yield key.line, key.column
            yield from places(value)
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from places(item)


def check(data: str | bytes) -> None:
    """What must hold for any file."""
    document = read(data)
    assert document.root is not None or document.diagnostics
    assert all(item.severity is Severity.ERROR for item in document.diagnostics)
    lines = document.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = [item.location for item in document.diagnostics]
    spots = [(where.line, where.column) for where in found if where is not None]
    assert len(spots) == len(found)
    if document.root is not None:
        spots += places(document.root)
    if document.text:  # what is missing at the end may stand in the line after it
        assert all(1 <= line <= len(lines) + 1 and column >= 1 for line, column in spots)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    check(data)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    check(text)


NASTY = [
    "", "~", "null", "NO", "0042", "1.50", "+14155550123", "10:30", "<<", "- a", "a: b", "# c", "x #", "@", "*",
    "&", "e\u0301", "\u00e9", "📞", "'", '"', "\\", "%", "|", ">", "? ", "{a}", "[b]", "a,b", " lead", "trail ",
    "\t", "=", "---", "...", "two\nlines", "\r", "\r\n", "\x07", "\x1b[31m", "\x85", "\u2028", "\ufeff", "!x",
    "http://h/?a=1",
]  # fmt: skip
nasty = st.sampled_from(NASTY)
texts = nasty | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
names = texts.filter(bool)
trees = st.recursive(texts, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4))
maps = st.dictionaries(names, trees, max_size=4)


@settings(deadline=None)
@given(maps, st.sampled_from([None, 1, 4]), st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_json_writes_comes_back(tree: dict[str, Any], indent: int | None, newline: str) -> None:
    """YAML holds JSON, but for pairs of escapes and some raw characters: those are refused."""
    text = json.dumps(tree, indent=indent)
    if "\\ud" in text:
        text = json.dumps(tree, indent=indent, ensure_ascii=False)
    document = read(text.replace("\n", newline))
    if any(item.code in {"E102", "E103"} for item in document.diagnostics):
        assert not text.isprintable() or len(max(text.split('"'), key=len)) > 1000
    else:
        assert not document.diagnostics
        assert plain(document.root) == tree


@settings(deadline=None)
@given(maps, st.booleans(), st.booleans(), st.sampled_from([20, 80, 10_000]))
def test_what_another_yaml_writer_writes_comes_back(
    tree: dict[str, Any], flow: bool, raw: bool, width: int
) -> None:
    text = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=raw, width=width, sort_keys=False)
    if any(char in text for char in "\x85\u2028\u2029\ufeff"):
        return
    document = read(text)
    known = {item.code for item in document.diagnostics}
    if not known:
        assert plain(document.root) == tree
    else:
        assert known == {"E103"}
        assert yaml_refuses(text)


def yaml_refuses(text: str) -> bool:
    """PyYAML cannot read all that it writes, such as long names in a flow map."""
    try:
        yaml.safe_load(text)
    except yaml.YAMLError:
        return True
    return False


PIECES = [
    "a", "b", "1", ":", ": ", "-", "- ", "\n", "\n  ", "\n    ", " ", "\t", "#", " # c\td", "'", '"', "[", "]",
    "{", "}", ",", ">", "|", "|-\n  ", "&x ", "*x", "!t ", "!!str ", "!e!x ", "!", "? ", "?", "%", "@", "`", "---",
    "---\n", "...\n", "<<", "\\", "\\0", "\\ud800", "\\UFFFFFFFF", "~", "é", "📞", "\r\n", "\r", "null", "a: ",
    "\n%YAML 1.2\n", "%YAML 1.1\n", "%YAML 1.3\n", "%TAG !e! x\n", "%FOO\n", "\n#\t\n", "'x\ty'", "!<x> ", "!%",
]  # fmt: skip
LINES = [
    "a: 1\n", "b: x y\n", "c:\n  - 1\n  - k: v\n    l: 'm'\n", "k: |\n  text\n  more\n", "l: >-\n  fold\n\n  ed\n",
    'd: {e: f, g: [h, "i\\tj"]}\n', "# comment\n", 'm: "multi\n  line"\n', "n: pl\n  ain\n", "u: {v: http://h/?a=1}\n",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_signs_in_any_order(text: str) -> None:
    check(text)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = "".join(draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=5)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(PIECES)) + text[at + draw(st.sampled_from([0, 0, 1, 3])) :]
    return text


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_nearly_right_files(text: str) -> None:
    check(text)
