"""The source line of a problem: the caret under its place, and nothing private where others read it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.model import Location
from reconciler.source.excerpt import Excerpts
from reconciler.source.yaml.loader import load

TEXT = """\
version: 1
plan: june
calls:
  - key: a  # Canary wants it
    to_number: +14155552678
    full_name: "Canary Person"
    agnet: collections
    schedule: {at: 2031-06-15 14:30:00, timezone: Mars/Base}
    additional_data: {amount: 987654, note: Canary}
    to_numbr: +14155552678
"""
DOCUMENT = load(TEXT.encode(), "f.yaml")


def shown(line: int, column: int, *, masked: bool = True) -> str | None:
    return Excerpts(DOCUMENT, masked=masked).excerpt(Location("f.yaml", line, column))


def test_the_caret_stands_under_the_column() -> None:
    assert shown(7, 5, masked=False) == "    agnet: collections\n    ^"
    assert shown(8, 51, masked=False) == (
        "    schedule: {at: 2031-06-15 14:30:00, timezone: Mars/Base}\n" + " " * 50 + "^"
    )


def test_public_values_stay_and_the_caret_with_them() -> None:
    assert shown(8, 16) == "    schedule: {at: 2031-06-15 14:30:00, timezone: ***}\n" + " " * 15 + "^"
    assert shown(4, 5) == "  - key: a  ***\n    ^"


def test_private_values_go_and_the_caret_keeps_its_place() -> None:
    assert shown(5, 16) == "    to_number: ***\n               ^"
    assert shown(6, 16) == "    full_name: ***\n               ^"
    assert shown(9, 45) == "    additional_data: {***}\n" + " " * 22 + "^"
    assert shown(10, 15) == "    to_numbr: ***\n              ^", "a misspelt field is not known to be harmless"


def test_a_file_that_could_not_be_parsed_shows_names_only() -> None:
    broken = load(b"calls:\n  - to_number: '+14155552678\n", "f.yaml")
    assert broken.root is None
    found = Excerpts(broken, masked=True).excerpt(Location("f.yaml", 2, 16))
    assert found is not None
    assert "4155552678" not in found
    assert found.startswith("  - to_number: ***")


def test_wide_characters_take_two_columns() -> None:
    wide = load("a: 電話 x\n".encode(), "f.yaml")
    assert Excerpts(wide, masked=False).excerpt(Location("f.yaml", 1, 7)) == "a: 電話 x\n        ^"


def test_long_lines_are_cut_around_the_place() -> None:
    long = load(f"a: {'x' * 500}y{'z' * 500}\n".encode(), "f.yaml")
    found = Excerpts(long, masked=False).excerpt(Location("f.yaml", 1, 504))
    assert found is not None
    line, caret = found.split("\n")
    assert line[caret.index("^")] == "y"
    assert len(line) < 120


def test_control_characters_are_not_printed() -> None:
    raw = load(b"a: \x1b[31m\n", "f.yaml")
    found = Excerpts(raw, masked=False).excerpt(Location("f.yaml", 1, 4))
    assert found is not None
    assert "\x1b" not in found


@given(st.integers(1, 12), st.integers(1, 80))
def test_no_place_shows_a_private_value(line: int, column: int) -> None:
    found = shown(line, column) or ""
    assert not [secret for secret in ("4155552678", "Canary", "987654") if secret in found]


@given(st.text(max_size=80), st.integers(1, 5), st.integers(1, 90), st.booleans())
def test_any_text_at_any_place_gives_an_excerpt_or_none(text: str, line: int, column: int, masked: bool) -> None:
    document = load(text.encode("utf-8", "surrogatepass"), "f.yaml")
    found = Excerpts(document, masked=masked).excerpt(Location("f.yaml", line, column))
    assert found is None or found.count("\n") == 1
