"""Strict YAML: the same nodes from both parsers, text as written, and no traceback for any bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import Severity
from reconciler.source.nodes import Kind, ListNode, MapNode, Node, Scalar
from reconciler.source.yaml import Document, load

both = pytest.mark.parametrize("pure", [False, True], ids=["libyaml", "pure"])


def read(data: bytes | str, *, pure: bool = False) -> Document:
    return load(data.encode() if isinstance(data, str) else data, "f.yaml", pure=pure)


def plain(node: Node | None) -> Any:
    """The node's texts, without places."""
    if isinstance(node, MapNode):
        return {key: plain(value) for key, (_, value) in node.items.items()}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return None if node is None else node.text


def problems(document: Document) -> list[tuple[str, int, int]]:
    found = [(item.code, item.location) for item in document.diagnostics]
    return [(code, where.line, where.column) for code, where in found if where is not None]


@both
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0042", Kind.TEXT),
        ("42", Kind.NUMBER),
        ("-1.50", Kind.NUMBER),
        ("1e3", Kind.NUMBER),
        ("+14155550123", Kind.TEXT),
        ("10:30", Kind.TEXT),
        ("1_000", Kind.TEXT),
        ("0x1F", Kind.TEXT),
        ("0o17", Kind.TEXT),
        ("NO", Kind.TEXT),
        ("on", Kind.TEXT),
        ("true", Kind.BOOLEAN),
        ("False", Kind.BOOLEAN),
        ("null", Kind.NULL),
        ("~", Kind.NULL),
        ("", Kind.NULL),
        ("2026-06-15", Kind.TEXT),
        (".inf", Kind.TEXT),
        ("1" * 5000, Kind.TEXT),
    ],
)
def test_scalars_keep_their_text(text: str, kind: Kind, pure: bool) -> None:
    document = read(f"a: {text}\n", pure=pure)
    assert isinstance(document.root, MapNode)
    value = document.root.get("a")
    assert isinstance(value, Scalar)
    assert (value.text, value.kind) == (text, kind)
    quoted = read(f'a: "{text}"\n', pure=pure).root
    assert isinstance(quoted, MapNode)
    item = quoted.get("a")
    assert isinstance(item, Scalar)
    assert (item.text, item.kind) == (text, Kind.TEXT)


@both
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_places_count_from_one_in_characters(newline: str, pure: bool) -> None:
    document = read(newline.join(["é: 'x'", "list:", "  - 📞: y", "    z: w", ""]), pure=pure)
    assert isinstance(document.root, MapNode)
    rows = document.root.get("list")
    assert isinstance(rows, ListNode)
    row = rows.items[0]
    assert isinstance(row, MapNode)
    key, value = row.items["📞"]
    assert isinstance(value, Scalar)
    assert ((row.line, row.column), (key.line, key.column), (value.line, value.column)) == ((3, 5), (3, 5), (3, 8))
    assert row.items["z"][0].line == 4


@both
@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_a_million_openings_are_refused_at_once(opening: str, pure: bool) -> None:
    document = read(opening * 1_000_000, pure=pure)
    assert document.root is None
    assert document.diagnostics[-1].code in {"E111", "E103"}


@both
def test_every_problem_of_a_file_is_told(pure: bool) -> None:
    text = "a: !!str 1\na: 2\nb: &x 3\nc: *x\n<<: {d: 1}\n? [e]\n: 4\n---\nf: 5\n"
    found = [
        ("E108", 1, 4),
        ("E107", 2, 1),
        ("E109", 3, 4),
        ("E109", 4, 4),
        ("E110", 5, 1),
        ("E112", 6, 3),
        ("E105", 8, 1),
    ]
    assert problems(read(text, pure=pure)) == found


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
names = texts.filter(bool)
trees = st.recursive(texts, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4))


@given(st.dictionaries(names, trees, max_size=4))
def test_what_json_writes_is_read_back_by_both(tree: dict[str, Any]) -> None:
    text = json.dumps(tree, indent=1)
    if "\\ud" in text:  # JSON writes characters beyond U+FFFF as two escapes, which YAML does not pair
        text = json.dumps(tree, indent=1, ensure_ascii=False)
    first, second = read(text), read(text, pure=True)
    assert first == second
    if first.root is not None:
        assert plain(first.root) == tree
    else:
        assert not text.isprintable() or first.diagnostics


@given(st.binary(max_size=200))
def test_any_bytes_give_nodes_or_an_error(data: bytes) -> None:
    for pure in (False, True):
        document = read(data, pure=pure)
        assert document.root is not None or any(item.severity is Severity.ERROR for item in document.diagnostics)


PIECES = [
    "a", "b", "1", ":", ": ", "-", "- ", "\n", "\n  ", "\n    ", " ", "\t",
    "#", "'", '"', "[", "]", "{", "}", ",", ">", "|", "&x ", "*x",
    "!t ", "? ", "%", "@", "`", "---\n", "...\n", "<<", "\\", "~", "é", "\r\n",
    "null",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_both_parsers_agree_on_any_text(text: str) -> None:
    first, second = read(text), read(text, pure=True)
    assert (first.root is None) == (second.root is None), text
    if first.root is not None:
        assert first == second
    for document in (first, second):
        assert document.root is not None or document.diagnostics
