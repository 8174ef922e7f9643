"""Canonical JSON: whichever encoder writes it, it has the form of RFC 8785."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.domain.canonical import canonical_json

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
PLAIN = st.none() | st.booleans() | st.integers(-(1 << 53) + 1, (1 << 53) - 1) | TEXT
VALUES = st.recursive(
    PLAIN | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


@example({"\x7f": '\x00\x1f\x7f\u2028"\\/\b', "é": 1, "e": [True, None]})
@example({"\ue000": 0, "\U00010000": 1})
@example({"half": 0.1, "whole": 1e21, "seconds": 30.0})
@given(st.dictionaries(TEXT, VALUES, max_size=6))
def test_values_have_the_form_of_the_standard(members: dict[str, Any]) -> None:
    assert canonical_json(members) == rfc8785.dumps(members)


def test_what_is_no_unicode_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        canonical_json({"half": "\ud800"})


def test_what_the_standard_cannot_write_is_refused() -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical_json({"large": 1 << 53})
