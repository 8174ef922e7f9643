"""Untrusted text on a terminal and in a log."""

from __future__ import annotations

import pytest

from reconciler.render.escape import cut, for_json, for_terminal, in_place


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 山田\u3000太郎 💥", "plain é 山田\u3000太郎 💥"),
        ("a\nb\x1b[0m", r"a\x0ab\x1b[0m"),
        ("a\u202eb\u200b", r"a\u202eb\u200b"),
        ("a\ufe0fb\u3164\U000e0100", r"a\ufe0fb\u3164\U000e0100"),
        ("\ufffe", r"\ufffe"),
        ("::error::x", r"\x3a:error::x"),
        ("a ::b\u3000::c é::d", "a \\x3a:b\u3000\\x3a:c é\\x3a:d"),
        ("http://[::1]:8080 a::b", "http://[::1]:8080 a::b"),
        ("##[a] ###[b] ##vso[c] ## d #[e]", r"#\x23[a] ##\x23[b] #\x23vso[c] ## d #[e]"),
    ],
)
def test_what_cannot_be_seen_is_shown_and_what_acts_does_not(text: str, shown: str) -> None:
    assert for_terminal(text) == shown


def test_an_excerpt_keeps_its_columns() -> None:
    line = "  ::error::x ##[group]y\u034f"
    assert in_place(line) == "  :?error::x #?[group]y?".replace("?", "\N{REPLACEMENT CHARACTER}")


def test_json_stays_the_same_document() -> None:
    assert for_json('{"a": "###[x"}') == r'{"a": "#\u0023#[x"}'


def test_a_text_is_cut_by_what_is_shown_of_it() -> None:
    assert cut("a" * 10, 10) == "a" * 10
    assert cut("a" * 11, 10) == "a" * 9 + "…"
    assert cut("\x1b" * 9, 10) == r"\x1b\x1b\…"
