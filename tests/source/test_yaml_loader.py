"""Strict YAML: text as written, and no traceback for any bytes."""

from __future__ import annotations

import gc
import time

import pytest

from reconciler.domain.model import Severity
from reconciler.source.schema.validator import to_value
from reconciler.source.yaml.loader import Document, load
from reconciler.source.yaml.nodes import ListNode, MapNode, Scalar, ScalarType

TAGS = "".join(f"%TAG !a{number}! x\n" for number in range(100_000))


def read(data: bytes | str) -> Document:
    return load(data.encode() if isinstance(data, str) else data, "f.yaml")


def problems(document: Document) -> list[tuple[str, int, int]]:
    found = [(item.code, item.location) for item in document.diagnostics]
    return [(code, where.line, where.column) for code, where in found if where is not None]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0042", ScalarType.TEXT),
        ("42", ScalarType.NUMBER),
        ("-1.50", ScalarType.NUMBER),
        ("1e3", ScalarType.NUMBER),
        ("+14155550123", ScalarType.TEXT),
        ("10:30", ScalarType.TEXT),
        ("1_000", ScalarType.TEXT),
        ("0x1F", ScalarType.TEXT),
        ("0o17", ScalarType.TEXT),
        ("NO", ScalarType.TEXT),
        ("on", ScalarType.TEXT),
        ("true", ScalarType.BOOLEAN),
        ("False", ScalarType.BOOLEAN),
        ("null", ScalarType.NULL),
        ("~", ScalarType.NULL),
        ("", ScalarType.NULL),
        ("2026-06-15", ScalarType.TEXT),
        (".inf", ScalarType.TEXT),
        ("1" * 5000, ScalarType.TEXT),
    ],
)
def test_scalars_keep_their_text(text: str, kind: ScalarType) -> None:
    document = read(f"a: {text}\n")
    assert isinstance(document.root, MapNode)
    value = document.root.get("a")
    assert isinstance(value, Scalar)
    assert (value.text, value.kind) == (text, kind)
    quoted = read(f'a: "{text}"\n').root
    assert isinstance(quoted, MapNode)
    item = quoted.get("a")
    assert isinstance(item, Scalar)
    assert (item.text, item.kind) == (text, ScalarType.TEXT)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{? foo: b}", ["foo"]),
        ("?foo: b", ["?foo"]),
        ("{a?b: c}", ["a?b"]),
        ('{"?foo": b}', ["?foo"]),
        ("{a: what?, b: is it? yes}", ["a", "b"]),
        ("{what?: a}", ["what?"]),
        ("# ?a\nb: c  # ?d\n", ["b"]),
        ("{a: b, # ?c\n d: e}", ["a", "d"]),
        ("a: |\n  [?b] ?c\nd: e ?f\n", ["a", "d"]),
        ("a: [b ?c, \"?d\", '?e']", ["a"]),
    ],
)
def test_a_question_mark_is_text_or_stands_apart(text: str, names: list[str]) -> None:
    """YAML 1.2.2, section 7.3.3, rule 126 (ns-plain-first)."""
    document = read(text)
    assert not document.diagnostics
    assert isinstance(document.root, MapNode)
    assert list(document.root.items) == names


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{?foo: b}", {"?foo": "b"}),
        ("{a: c, ?b?c: d}", {"a": "c", "?b?c": "d"}),
        ("{a: c,?b: d}", {"a": "c", "?b": "d"}),
        ("{a: ?b}", {"a": "?b"}),
        ('{"a":?b}', {"a": "?b"}),
        ("{? a: ?b}", {"a": "?b"}),
        ("a: [?b]", {"a": ["?b"]}),
        ("a: [b, ?c]", {"a": ["b", "?c"]}),
        ("a: [?\N{TELEPHONE RECEIVER}]", {"a": ["?\N{TELEPHONE RECEIVER}"]}),
        ('a: [?"b"]', {"a": ['?"b"']}),
        ("?a: ?b", {"?a": "?b"}),
        ("a: {b: ?\ue000}", {"a": {"b": "?\ue000"}}),
        ('a: {b: "?c"}  # ?d\ne: |\n  ?f', {"a": {"b": "?c"}, "e": "?f\n"}),
    ],
)
def test_a_question_mark_before_a_text_is_part_of_it(text: str, value: object) -> None:
    """As in YAML 1.2; libyaml alone reads it as in YAML 1.1, as the mark of a key."""
    document = read(text)
    assert not document.diagnostics
    assert document.root is not None
    assert to_value(document.root) == value


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a: | # b\n  c\n", ["c\n"]),
        ("a: >-  # b\n  c\n", ["c"]),
        ('a: "b" # c', ["b"]),
        ("a: \"b#c\"\nb: b#c\nc: '\"''#'\n", ["b#c", "b#c", "\"'#"]),
        ('a: |\n  "b"#c\n  |#d\n', ['"b"#c\n|#d\n']),
        ('#a\nb: c\n#"#\n # ]#\nd: e\n', ["c", "e"]),
        ("{\n#a\nb: c, #d\n# e,#f\nd: e}#"[:-1], ["c", "e"]),
    ],
)
def test_a_comment_stands_apart(text: str, values: list[str]) -> None:
    document = read(text)
    assert not document.diagnostics
    assert isinstance(document.root, MapNode)
    assert [value.text for _, value in document.root.items.values() if isinstance(value, Scalar)] == values


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: |# b\n  c\n", 1, 5),
        ("a: >-#b\n  c\n", 1, 6),
        ("a: |2#b\n  c\n", 1, 6),
        ('a: "b"#c\n', 1, 7),
        ("a: b\nc: 'd'#e\n", 2, 7),
        ("a: [b]#c", 1, 7),
        ("{a: b}#c", 1, 7),
        ("a: [b,#c\n  d]", 1, 7),
        ("{#a\nb: c}", 1, 2),
        ('{"a":#b\n  c}', 1, 6),
    ],
)
def test_a_sign_that_would_cut_a_value_off_is_refused(text: str, line: int, column: int) -> None:
    """YAML 1.2.2, section 6.6, rule 75: without a space before it, this is no comment."""
    document = read(text)
    assert problems(document) == [("E103", line, column)]
    assert "missing space before this comment" in document.diagnostics[0].message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a:\tb", "b"),
        ("a: b\tc", "b\tc"),
        ("a: b\t# c", "b"),
        ("a: 'b\tc'", "b\tc"),
        ("a: |\n  b\n  \tc\n", "b\n\tc\n"),
        ("#\ta\na: b\n \t\n", "b"),
        ("{a:\tb\t,\tc: d}", "b"),
    ],
)
def test_a_tab_separates_or_is_text(text: str, value: str) -> None:
    document = read(text)
    assert not document.diagnostics
    assert isinstance(document.root, MapNode)
    found = document.root.get("a")
    assert isinstance(found, Scalar)
    assert found.text == value


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a:\n\tb: 1\n", 2, 1),
        ("a:\n  b: 1\n\tc: 2\n", 3, 1),
        ('a:\n  b: "1"\n  \tc: 2\n', 3, 3),
        ("a:\n  - b: 1\n  \t- b: 2\n", 3, 3),
        ("a:\n  -\tb: 1\n", 2, 4),
        ("a: |\n \tb\n", 2, 2),
    ],
)
def test_a_tab_never_indents(text: str, line: int, column: int) -> None:
    document = read(text)
    assert problems(document) == [("E103", line, column)]
    assert document.diagnostics[0].message == "tabs are not allowed for indentation"


def test_a_last_line_break_changes_no_value() -> None:
    """Editors add it, and a changed value would be a changed call."""
    roots = [read(text).root for text in ("a: |\n  b", "a: |\n  b\n")]
    assert roots[0] == roots[1]
    assert isinstance(roots[0], MapNode)
    assert isinstance(value := roots[0].get("a"), Scalar)
    assert value.text == "b\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_places_count_from_one_in_characters(newline: str) -> None:
    document = read(newline.join(["é: 'x'", "list:", "  - 📞: y", "    z: w", ""]))
    assert isinstance(document.root, MapNode)
    rows = document.root.get("list")
    assert isinstance(rows, ListNode)
    row = rows.items[0]
    assert isinstance(row, MapNode)
    key, value = row.items["📞"]
    assert isinstance(value, Scalar)
    assert ((row.line, row.column), (key.line, key.column), (value.line, value.column)) == ((3, 5), (3, 5), (3, 8))
    assert row.items["z"][0].line == 4


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_a_million_openings_are_refused_at_once(opening: str) -> None:
    document = read(opening * 1_000_000)
    assert document.root is None
    assert document.diagnostics[-1].code in {"E111", "E103"}


def test_every_problem_of_a_file_is_told() -> None:
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
    assert problems(read(text)) == found


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
        ("# a\n%YAML 1.2 # b\n%TAG !a! x\n---\na: 1\n", [("E108", 3, 1)]),
        ("%FOO\n---\na: 1\n", [("E103", 1, 1)]),
        ("%YAML 1.2\na: 1\n", [("E103", 2, 1)]),
        ("a: 1\n%FOO\n---\nb: 2\n", [("E103", 2, 1)]),
        ("a: 1\n%YAML 1.2\n---\nb: 2\n", [("E105", 2, 1)]),
        ("a: 1\n...\n%YAML 1.11111111111111111111\n", [("E105", 3, 1)]),
        ("a: 1\n---\n@", [("E105", 2, 1)]),
        ("a: ! null\nb: ! [c]\n", [("E108", 1, 4), ("E108", 2, 4)]),
        ("a: !x 1\nb: !!str 2\nc: !e!y 3\n", [("E108", 1, 4), ("E108", 2, 4), ("E108", 3, 4)]),
        ("a: &x 1\nb: *x\n", [("E109", 1, 4), ("E109", 2, 4)]),
        ("a: 1\n<<: {b: 1}\n", [("E110", 2, 1)]),
        ("a: " + "[" * 40, [("E111", 1, 35)]),
        ("a: {[b]: 1, ~: 2, '': 3}\n", [("E112", 1, 5), ("E112", 1, 13), ("E112", 1, 19)]),
    ],
)
def test_each_problem_has_its_place(data: bytes | str, found: list[tuple[str, int, int]]) -> None:
    document = read(data)
    assert problems(document) == found
    assert all(item.severity is Severity.ERROR and item.message and item.hint for item in document.diagnostics)
    assert all("\n" not in item.message and "expected <" not in item.message for item in document.diagnostics)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("a:\n\tb: 1\n", "tabs are not allowed", "spaces"),
        ("a:1\nb: 2\n", "missing space after this colon", "with a space"),
        ("a: 'x\n", "missing closing quote", "close the quote"),
        ("a: it: is\n", "': '", "quotes"),
        ("a: @x\n", "start with @", "quote"),
        ("a: ** x\n", "start with *", "quote"),
        ("a: > 5\n", "start with >", "quote"),
        ("a: 'it's'\n", "after the closing quote", "''"),
        ("a: 1\n  b: 2\n", "indented deeper", "align"),
        ('a: "\\ud83d\\ude00"\n', "half of a character", r"\U0001F600"),
        ('a: "\\ud83d"\n', "half of a character", "itself"),
        ('a: "\\u12"\n', "too few digits", "backslash"),
        ("a: !e!y 3\n", "tag !e!: tags are not supported", "remove it"),
        ("a: x\u2028y\n", "U+2028", r"\u2028"),
        ("a: 1\nb: 2\na: 3\n", "line 1", "keep one"),
        ("a: &x 1\n", "anchor &x", "defaults"),
        ("<<: {a: 1}\n", "merge keys", "defaults"),
    ],
)
def test_the_words_say_what_to_do(text: str, message: str, hint: str) -> None:
    item = read(text).diagnostics[0]
    assert message in item.message
    assert hint in (item.hint or "")


def test_the_mark_of_utf_32_is_not_taken_for_utf_16() -> None:
    for name in ("utf-16", "utf-32"):
        assert name.upper() in read("a: 1".encode(name)).diagnostics[0].message


def test_what_was_found_before_a_syntax_error_is_kept() -> None:
    document = read("a: &x 1\na: 2\nb: @\n")
    assert document.root is None
    assert problems(document) == [("E109", 1, 4), ("E107", 2, 1), ("E103", 3, 4)]


def test_an_alias_is_null_and_the_file_has_errors() -> None:
    document = read("a: &x 1\nb: *x\n")
    assert isinstance(document.root, MapNode)
    value = document.root.get("b")
    assert isinstance(value, Scalar)
    assert value.kind is ScalarType.NULL
    assert document.diagnostics


@pytest.mark.parametrize(
    "text",
    [
        "\0" * 1_000_000,
        "\x85" * 1_000_000,
        "a: 1\n---\n" + "[" * 1_000_000,
        "a: '" + "\t" * 100_000 + "'",
        TAGS,
        f"a: 1\n{TAGS}",
        f"...\n{TAGS}",
        f"a: 1\n...\n{TAGS}",
        "%YAML 1.2\n" * 100_000,
        "a: [" + "?a, " * 100_000,
        "a: |#" + "b" * 1_000_000,
    ],
    ids=[
        "nul", "forbidden", "second document", "tabs", "tags", "late tags", "tags after an end", "second tags",
        "versions", "question marks", "comment",
    ],
)  # fmt: skip
def test_no_file_takes_long(text: str) -> None:
    began = time.process_time()
    assert read(text).diagnostics or text.startswith("a: '")
    assert time.process_time() - began < 10  # what is quadratic takes a minute


def test_collection_is_as_it_was() -> None:
    for text in ("a: 1", "a: @", "[" * 50):
        read(text)
        assert gc.isenabled()
    gc.disable()
    try:
        read("a: 1")
        assert not gc.isenabled()
    finally:
        gc.enable()
