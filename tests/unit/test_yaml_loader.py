"""Strict YAML: the same nodes from both parsers, text as written, and no traceback for any bytes."""

from __future__ import annotations

import gc

import pytest

from reconciler.model import Severity
from reconciler.source.nodes import Kind, ListNode, MapNode, Scalar
from reconciler.source.yaml import Document, load

both = pytest.mark.parametrize("pure", [False, True], ids=["libyaml", "pure"])


def read(data: bytes | str, *, pure: bool = False) -> Document:
    return load(data.encode() if isinstance(data, str) else data, "f.yaml", pure=pure)


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
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{?foo: b}", ["?foo"]),
        ("{a: c, ?b?c: d}", ["a", "?b?c"]),
        ("{?: b}", ["?"]),
        ("{? foo: b}", ["foo"]),
        ("?foo: b", ["?foo"]),
        ("{a?b: c}", ["a?b"]),
    ],
)
def test_a_question_mark_marks_a_key_only_where_it_stands_alone(text: str, names: list[str], pure: bool) -> None:
    """YAML 1.2.2, section 7.3.3, rule 126 (ns-plain-first)."""
    root = read(text, pure=pure).root
    assert isinstance(root, MapNode)
    assert list(root.items) == names


@both
@pytest.mark.parametrize("text", ["{a: ?b}", '{"a":?b}', "{? a: ?b}", "a: ?b"])
def test_a_value_may_start_with_a_question_mark(text: str, pure: bool) -> None:
    root = read(text, pure=pure).root
    assert isinstance(root, MapNode)
    value = root.get("a")
    assert isinstance(value, Scalar)
    assert value.text == "?b"


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


@both
@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"a: 1\nb: \xe9\n", [("E101", 2, 4)]),
        (b"\xef\xbb\xbf\xe9", [("E101", 1, 1)]),
        ("a: é\r\nb: ".encode() + b"\xed\xa0\x80", [("E101", 2, 4)]),
        ("a: 1".encode("utf-16"), [("E101", 1, 1)]),
        ("a: 1".encode("utf-32"), [("E101", 1, 1)]),
        (b"a: \x00 \x07\n", [("E102", 1, 4), ("E102", 1, 6)]),
        ("a: x\u2028y\n", [("E102", 1, 5)]),
        ("a: x\u2029y\n", [("E102", 1, 5)]),
        ("a: x\x85y\n", [("E102", 1, 5)]),
        ("a: 1\rb: \x7f\r", [("E102", 2, 4)]),
        ("a: b\ufeffc\n", [("E102", 1, 5)]),
        ('a: 1\nb: "x\\0y"\n', [("E102", 2, 4)]),
        ('a: 1\nb: "x\\ud800y"\n', [("E103", 2, 4)]),
        ('a: 1\nb: "x\\UFFFFFFFF"\n', [("E103", 2, 4)]),
        ('a: "C:\\users"\n', [("E103", 1, 4)]),
        ("a:\n\tb: 1\n", [("E103", 2, 1)]),
        ("a: 1\nb:2\nc: 3\n", [("E103", 2, 2)]),
        ("a: 'x\nb: 1\n", [("E103", 1, 4)]),
        ("a: it: is\n", [("E103", 1, 6)]),
        ("a: @x\n", [("E103", 1, 4)]),
        ("a: `x\n", [("E103", 1, 4)]),
        ("a: %x\n", [("E103", 1, 4)]),
        ("a: ** x\n", [("E103", 1, 4)]),
        ("a: & x\n", [("E103", 1, 4)]),
        ("a: >x\n", [("E103", 1, 4)]),
        ("a: 'it's'\n", [("E103", 1, 8)]),
        ("a: x]\nb: ]\n", [("E103", 2, 4)]),
        ("a: 1\n  b: 2\n", [("E103", 2, 4)]),
        ("a: [1, 2\nb: 1\n", [("E103", 1, 4)]),
        ("a: - b\n", [("E103", 1, 4)]),
        ("x" * 1100 + ": 1\n", [("E103", 1, 1101)]),
        ("", [("E104", 1, 1)]),
        ("# only\n\n", [("E104", 1, 1)]),
        ("---\n", [("E104", 1, 1)]),
        ("a: 1\n---\nb: 2\n", [("E105", 2, 1)]),
        ("a: 1\r\n...\r\n# c\r\nb: @\r\n", [("E105", 4, 1)]),
        ("- a\n", [("E106", 1, 1)]),
        ("\n hello\n", [("E106", 2, 2)]),
        ("a: 1\nb: {c: 1, 'c': 2}\na: 3\n", [("E107", 2, 11), ("E107", 3, 1)]),
        ("%YAML 1.3\n---\na: 1\n", [("E108", 1, 1)]),
        ("%YAML 1.1\n---\na: 1\n", [("E108", 1, 1)]),
        ("%TAG !e! x\n---\na: 1\n", [("E108", 1, 1)]),
        ("%TAG !a! x\n" * 20 + "---\na: 1\n", [("E108", 9, 1)]),
        ("%FOO\n---\na: 1\n", [("E103", 1, 1)]),
        ("a: !x 1\nb: !!str 2\nc: !e!y 3\n", [("E108", 1, 4), ("E108", 2, 4), ("E108", 3, 4)]),
        ("a: &x 1\nb: *x\n", [("E109", 1, 4), ("E109", 2, 4)]),
        ("a: 1\n<<: {b: 1}\n", [("E110", 2, 1)]),
        ("a: " + "[" * 40, [("E111", 1, 35)]),
        ("a: {[b]: 1, ~: 2, '': 3}\n", [("E112", 1, 5), ("E112", 1, 13), ("E112", 1, 19)]),
    ],
)
def test_each_problem_has_its_place(data: bytes | str, found: list[tuple[str, int, int]], pure: bool) -> None:
    document = read(data, pure=pure)
    assert problems(document) == found
    assert all(item.severity is Severity.ERROR and item.message and item.hint for item in document.diagnostics)
    assert all("\n" not in item.message and "expected <" not in item.message for item in document.diagnostics)


@both
@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("a:\n\tb: 1\n", "a tab", "spaces"),
        ("a:1\nb: 2\n", "no space after this colon", "with a space"),
        ("a: 'x\n", "does not end", "close the quote"),
        ("a: it: is\n", "': '", "quotes"),
        ("a: @x\n", "start with @", "quote"),
        ("a: ** x\n", "start with *", "quote"),
        ("a: > 5\n", "start with >", "quote"),
        ("a: 'it's'\n", "after the closing quote", "''"),
        ("a: 1\n  b: 2\n", "indented deeper", "align"),
        ('a: "\\ud83d\\ude00"\n', "half of a character", r"\U0001F600"),
        ('a: "\\ud83d"\n', "half of a character", "itself"),
        ('a: "\\u12"\n', "too few digits", "backslash"),
        ("a: !e!y 3\n", "tag !e!: tags are not read", "remove it"),
        ("a: x\u2028y\n", "U+2028", r"\u2028"),
        ("a: 1\nb: 2\na: 3\n", "line 1", "keep one"),
        ("a: &x 1\n", "anchor &x", "defaults"),
        ("<<: {a: 1}\n", "merge keys", "defaults"),
    ],
)
def test_the_words_say_what_to_do(text: str, message: str, hint: str, pure: bool) -> None:
    item = read(text, pure=pure).diagnostics[0]
    assert message in item.message
    assert hint in (item.hint or "")


@both
def test_the_mark_of_utf_32_is_not_taken_for_utf_16(pure: bool) -> None:
    for name in ("utf-16", "utf-32"):
        assert name.upper() in read("a: 1".encode(name), pure=pure).diagnostics[0].message


@both
def test_what_was_found_before_a_syntax_error_is_kept(pure: bool) -> None:
    document = read("a: &x 1\na: 2\nb: @\n", pure=pure)
    assert document.root is None
    assert problems(document) == [("E109", 1, 4), ("E107", 2, 1), ("E103", 3, 4)]


@both
def test_an_alias_is_null_and_the_file_has_errors(pure: bool) -> None:
    document = read("a: &x 1\nb: *x\n", pure=pure)
    assert isinstance(document.root, MapNode)
    value = document.root.get("b")
    assert isinstance(value, Scalar)
    assert value.kind is Kind.NULL
    assert document.diagnostics


@both
@pytest.mark.parametrize(
    "text",
    [
        "\0" * 1_000_000,
        "\x85" * 1_000_000,
        "a: 1\n---\n" + "[" * 1_000_000,
        "a: '" + "\t" * 100_000 + "'",
        "%TAG !a! x\n" * 100_000,
    ],
    ids=["nul", "forbidden", "second document", "tabs", "directives"],
)
def test_no_file_takes_long(text: str, pure: bool) -> None:
    assert read(text, pure=pure).diagnostics or text.startswith("a: '")


@both
def test_collection_is_as_it_was(pure: bool) -> None:
    for text in ("a: 1", "a: @", "[" * 50):
        read(text, pure=pure)
        assert gc.isenabled()
    gc.disable()
    try:
        read("a: 1", pure=pure)
        assert not gc.isenabled()
    finally:
        gc.enable()
