"""Phone numbers in free text are found, and what only looks like one is left."""

from __future__ import annotations

import pytest

from reconciler.masking import mask_numbers


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("busy: +14155552001.", "busy: +***01."),
        ("asked +52 (55) 1234-5678, no answer", "asked +***78, no answer"),
        ("0034600111222 called back", "+***22 called back"),
        ("dial 5512345678 again", "dial +***78 again"),
        ("tel:+14155552001", "tel:+***01"),
    ],
)
def test_numbers_are_masked_but_for_their_end(text: str, shown: str) -> None:
    assert mask_numbers(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "at 2026-06-15T14:30:00+02:00, 2031-06-01 10:00:00.123456789",
        "call c1d2e3f4-a5b6-7890-cdef-123456789012",
        "june/5512345678@2 and inv:2026061500001",
        "plan sha256:1f0c9a7d5b3e2f4a6c8d0e1f2a3b4c5d6e7f8091",
        "409 after 3 tries, $14,058.00, invoice 20260615",
    ],
)
def test_times_ids_and_addresses_are_left(text: str) -> None:
    assert mask_numbers(text) == text
