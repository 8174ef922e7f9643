"""What makes two calls the same, and what does not."""

from __future__ import annotations

import hashlib
import json
from unicodedata import normalize

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reconciler.domain import identity
from reconciler.domain.model import Address, Call, Schedule

CALL = Call(
    "agent", "number", contact_id="contact", schedule=Schedule("2026-06-15 14:30:00", "America/Mexico_City")
)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
ascii_texts = st.text(st.characters(codec="ascii"), max_size=20)
awkward = st.text(st.sampled_from('aé"\\/\x00\x1f\x7f\n\u0301\u2028\u212b\ufb33\uffee\U0001f600'), max_size=6)
maps = st.dictionaries(texts | awkward, texts | awkward, max_size=4)
calls = st.builds(
    Call,
    agent=texts,
    sender=texts,
    contact_id=texts,
    full_name=st.none() | texts,
    schedule=st.none() | st.builds(Schedule, texts, texts),
    delay_minutes=st.none() | st.integers(1, 9999) | st.floats(0.25, 999),
    additional_data=maps,
    metadata=maps,
)


def test_the_digest_is_that_of_the_canonical_json() -> None:
    canonical = json.dumps(
        {
            "agent": "agent",
            "contact_id": "contact",
            "from": "number",
            "schedule": {"at": "2026-06-15 14:30:00", "timezone": "America/Mexico_City"},
        },
        separators=(",", ":"),
        sort_keys=True,
    )
    assert identity.digest(CALL) == "d1:sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


@given(
    st.one_of(
        calls, st.builds(structs.replace, st.just(CALL), additional_data=st.dictionaries(ascii_texts, ascii_texts))
    )
)
def test_every_call_is_digested_as_the_standard_says(call: Call) -> None:
    canonical = rfc8785.dumps(identity._nfc(identity.to_logical(identity.meaning(call))))
    assert identity.digest(call) == "d1:sha256:" + hashlib.sha256(canonical).hexdigest()


@given(calls)
def test_the_logical_form_is_read_back(call: Call) -> None:
    logical = json.dumps(identity.to_logical(call))
    assert identity.from_logical(json.loads(logical)) == call
    assert identity.from_text(logical) == call


@given(calls)
def test_order_and_normal_form_do_not_matter(call: Call) -> None:
    turned = structs.replace(
        call,
        additional_data={
            normalize("NFD", k): normalize("NFD", v) for k, v in reversed(call.additional_data.items())
        },
    )
    composed = structs.replace(
        call,
        additional_data={normalize("NFC", k): normalize("NFC", v) for k, v in call.additional_data.items()},
    )
    if len(turned.additional_data) == len(composed.additional_data) == len(call.additional_data):
        assert identity.digest(turned) == identity.digest(composed)
        assert identity.diff(turned, composed) == ()


@given(calls, calls)
def test_calls_differ_in_a_cell_exactly_where_their_digests_differ(one: Call, other: Call) -> None:
    assert (identity.digest(one) == identity.digest(other)) is (identity.diff(one, other) == ())


def test_whole_minutes_are_the_same_number() -> None:
    assert identity.digest(structs.replace(CALL, delay_minutes=5)) == identity.digest(
        structs.replace(CALL, delay_minutes=5.0)
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"agent": "a"},
        {"agent": "a", "from": "n"},
        {"agent": "a", "from": "n", "contact_id": "c", "to_number": "t"},
        {"agent": "a", "from": "n", "contact_id": 5},
        {"agent": "a", "from": "n", "contact_id": "c", "schedule": {"at": "x"}},
        {"agent": "a", "from": "n", "contact_id": "c", "delay_minutes": True},
        {"agent": "a", "from": "n", "contact_id": "c", "metadata": {"a": 1}},
        {"agent": "a", "from": "n", "contact_id": "c", "surprise": "x"},
    ],
)
def test_a_wrong_logical_form_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"'|unknown|`"):
        identity.from_logical(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"'|unknown|`"):
        identity.from_text(json.dumps(wrong))


@pytest.mark.parametrize("text", ["june/inv-1", "june/inv-1@2", "a/b/c:d.e_f@12"])
def test_addresses_are_read_as_they_are_printed(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "june", "june/", "/x", "June/x", "june/x@", "june/x@0", "june/x@1x", "june/ x"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        Address.parse(text)
