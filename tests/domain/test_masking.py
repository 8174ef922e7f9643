"""What may be shown in public is decided by shape: numbers and addresses of people go, times and ids stay."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from reconciler.domain import sensitive
from reconciler.domain.masking import mask_address, mask_call, mask_diagnostic
from reconciler.domain.model import Address, Call, Diagnostic, Location, Severity
from reconciler.domain.sensitive import FIELD_NAMES, is_harmless, mask_message, mask_text
from reconciler.render.escape import for_json, inert_json
from reconciler.source.formulas.functions import slug
from reconciler.source.schema.packaged import schema_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("busy: +14155552001.", "busy: +***01."),
        ("asked +52 (55) 1234-5678, no answer", "asked +***78, no answer"),
        ("0034600111222 called back", "+***22 called back"),
        ("dial 5512345678 again", "dial +***78 again"),
        ("tel:+14155552001", "tel:+***01"),
        ("at 600111222", "at +***22"),
        ("(415) 555-2671 or 415.555.2672", "(+***71 or +***72"),
        ("june/5512345678@2 and inv:2026061500001", "june/+***78@2 and inv:+***01"),
        ("june/55-1234-5678", "june/+***78"),
        ("\uff0b525512345678", "+***78"),
        ("write to ana.torres@mail.example now", "write to *** now"),
        ("june/ana@x.com", "june/***"),
        ("q=ana%40x.com", "***"),
    ],
)
def test_numbers_and_mail_addresses_are_masked(text: str, shown: str) -> None:
    assert mask_text(text) == shown
    assert mask_text(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "at 2026-06-15T14:30:00+02:00, 2031-06-01 10:00:00.123456789",
        "call c1d2e3f4-a5b6-7890-cdef-123456789012",
        "agent-a1b2c3d4-e5f6-7890-abcd-ef1234567890",
        "june/inv-1001@2, visits/2026-06-08, june-20260615-0001",
        "june/inv-1001-2026-06-15, june/1001/2026-06-15",
        "plan sha256:1f0c9a7d5b3e2f4a6c8d0e1f2a3b4c5d6e7f8091",
        "409 after 3 tries, $14,058.00, invoice 20260615",
        "+1 more, C++ and 5,000 calls, 09:00-20:00",
        "America/Mexico_City",
        "calls/june.yaml:14:5",
        "postgresql://runner@db.example.com/calls",
    ],
)
def test_times_ids_and_addresses_are_left(text: str) -> None:
    assert mask_text(text) == text


@given(st.binary(min_size=32, max_size=32), st.integers(0, 99_999))
@example(hashlib.sha256(b"entry 312").digest(), 7)
def test_digests_are_left_whatever_stands_before_them(digest: bytes, number: int) -> None:
    """A digest holds runs of digits by chance, and a number before it must not make one of both."""
    whole = digest.hex()
    assume(any(character in "abcdef" for character in whole))
    for text in (whole, f"{number} {whole}", f"{number}-{whole}", f"'{whole}'", f"sha256:{whole}"):
        assert mask_text(text) == text


@pytest.mark.parametrize("text", ["entry 7 (221415555a01)", "call 4155550123ab", "14155550123e"])
def test_an_abbreviated_hash_is_told_from_a_number(text: str) -> None:
    shown = mask_text(text)
    assert (shown == text) == text.startswith("entry")


@pytest.mark.parametrize(
    "text",
    [
        *("", "ab", "2026-06-15 14:30", "10:30", "Europe/Madrid", "UTC", "15", "0.5", "inv-1001", "INV/7"),
        *("full_name", "to_numbr", "schedule.at", "c1d2e3f4-a5b6-7890-cdef-123456789012", ";", "***", "+***78"),
    ],
)
def test_these_shapes_are_harmless(text: str) -> None:
    assert is_harmless(text)


@pytest.mark.parametrize(
    "text",
    [
        *("Ana", "Ana Torres", "ana-torres", "ana@x.com", "+525512345678", "5512345678", "55-12-34-56-78"),
        *("1234567", "Mars/Base", "Europe/Madrid ana", "2026-06-15 ana", "secret", "https://hooks.example.com/x1"),
    ],
)
def test_everything_else_is_not(text: str) -> None:
    assert not is_harmless(text)


def test_field_names_are_those_of_the_schemas() -> None:
    found: set[str] = set()

    def gather(schema: object) -> None:
        if isinstance(schema, dict):
            properties = schema.get("properties")
            found.update(properties if isinstance(properties, dict) else ())
            schema = list(schema.values())
        for item in schema if isinstance(schema, list) else ():
            gather(item)

    for name in ("callplan", "project"):
        gather(json.loads(schema_text(name)))
    assert found == FIELD_NAMES


@given(st.text(st.characters(codec="utf-8"), min_size=3, max_size=30))
def test_no_quoted_value_is_read_as_something_else(value: str) -> None:
    """Whatever quotes and backslashes it holds; what stands beside it is hidden too."""
    message = f"unknown timezone {value!r}, and the row's name is 'Jane Smith'"
    shown = mask_message(message)
    assert "Jane" not in shown
    assert is_harmless(value) or repr(value) not in shown


def test_a_row_s_own_values_are_found_in_other_forms() -> None:
    own = ["Ana Torres", "+14155552001"]
    assert mask_text("ANA  TORRES, ana.torres and ana_torres; Anatol", own) == "***, *** and ***; Anatol"
    assert mask_text("415-555-2001 or 5552001 or 1 (415) 555-2001", own) == "+***01 or +***01 or +***01"
    assert mask_address(Address("june", "ana-torres", 2), own) == Address("june", "***", 2)


def test_a_diagnostic_is_masked_in_every_part() -> None:
    item = Diagnostic(
        Severity.ERROR,
        "E312",
        "unknown timezone 'Ana Torres'",
        Location("calls/5512345678.yaml", 4),
        "did you mean 'Ana'?",
        address=Address("june", "5512345678"),
    )
    shown = mask_diagnostic(item)
    assert (shown.message, shown.hint) == ("unknown timezone '***'", "did you mean '***'?")
    assert (shown.location, str(shown.address)) == (Location("calls/+***78.yaml", 4), "june/+***78")


@given(st.recursive(st.text(st.characters()) | st.integers() | st.none(), st.lists))
def test_printed_json_is_inert_and_says_the_same(value: object) -> None:
    """Lone surrogates too, which UTF-8 cannot hold."""
    printed = for_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(printed) == value
    assert not {unicodedata.category(char) for char in printed} & {"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"}
    assert not [char for char in printed if char in "\x7f\x85\x9b\u200b\u202e\u2028\u2066\ufeff\u3164"]
    assert inert_json(printed.encode()) == printed.encode()


def test_plain_letters_of_all_scripts_stay_as_they_are() -> None:
    document = json.dumps({"name": "José 電話 😀"}, ensure_ascii=False)
    assert for_json(document) == document


@pytest.mark.parametrize("name", ["Ana López", "RAÚL PAZ", "Iván", "Zoë Núñez"])
def test_a_name_is_masked_as_a_key_spells_it(name: str) -> None:
    key = slug(name)
    assert key.isascii()
    assert mask_text(f"agenda/{key}/2031-06-16", [name]) == "agenda/***/2031-06-16"
    assert mask_text("agenda/otra-persona/2031-06-16", [name]) == "agenda/otra-persona/2031-06-16"


_PIECES = st.sampled_from([
    *"0123456789 ().-_/:+@%.,abcdefxZ'",
    "\u00a0", "\u2010", "\uff0b", "\uff20", "\u0661", "é", "%2B", "%40", "+52",
    "sha256:", "2031-06-01", "20260615", "10:30", "12:00:00Z", "c1d2e3f4-a5b6-7890-cdef-000000000001", "contact-",
    "0123456789ab", "inv-", "0034600111222", "\n",
])  # fmt: skip


@given(st.lists(_PIECES, max_size=12).map("".join))
@example("contact-c1d2e3f4-a5b6-7890-cdef-000000000001")
@example("inv-0000001/2031-06")
@example("+5212")
def test_the_fast_checks_before_a_text_is_masked_change_nothing(text: str) -> None:
    every_shape = re.compile(sensitive._SHAPES)
    assert mask_text(text) == (
        every_shape.sub(sensitive._shown, text) if sensitive._SUSPECT.search(text) else text
    )
    alone = re.fullmatch(sensitive._PHONE, text.strip()) is not None
    assert sensitive.mask_value(text) == (sensitive._phone(text) if alone else sensitive.MASK)


@pytest.mark.parametrize(("only", "data", "metadata"), [
    ("", {}, {}),
    ("additional_data.amount", {"amount": "***"}, {}),
    ("metadata.segment", {}, {"segment": "gold"}),
    ("metadata.amount", {}, {}),
])  # fmt: skip
def test_a_list_gets_no_other_value_than_the_one_that_it_shows(
    only: str, data: dict[str, str], metadata: dict[str, str]
) -> None:
    values = {"amount": "14058", "city": "León"}
    call = Call(agent="a", sender="b", contact_id="c", additional_data=values, metadata={"segment": "gold"})
    shown = mask_call(call, {"segment"}, only)
    assert (shown.additional_data, shown.metadata) == (data, metadata)
    whole = mask_call(call, {"segment"})
    assert (whole.additional_data, whole.metadata) == ({"amount": "***", "city": "***"}, {"segment": "gold"})
