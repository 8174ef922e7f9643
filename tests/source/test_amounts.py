"""``money``: amounts with one reading, with two, and with none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.source.formulas.amounts import readings
from reconciler.source.formulas.functions import money
from reconciler.source.formulas.problem import FormulaProblem


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("R$ 14.058,00", "14058.00"),
        ("US$1,234.50", "1234.50"),
        ("US$ 99", "99"),
        ("MX$ 1,234.5", "1234.5"),
        ("MXN $1,234.50", "1234.50"),
        ("$1,234.50 MXN", "1234.50"),
        ("S/ 1,234.50", "1234.50"),
        ("S/.250", "250"),
        ("Bs. 1.234,50", "1234.50"),
        ("Bs.50", "50"),
        ("₲ 1.234.567", "1234567"),
        ("$U 500", "500"),
        ("1.234,50 €", "1234.50"),
        ("($1,234.50)", "-1234.50"),
        ("(R$ 5,00)", "-5.00"),
        ("-$5.00", "-5.00"),
        ("$-5.00", "-5.00"),
        ("\u22125,5", "-5.5"),
        ("1'234.50", "1234.50"),
        ("CHF 1\u2019234\u2019567.05", "1234567.05"),
        ("1'234", "1234"),
        ("12,34,567.89", "1234567.89"),
        ("₹12,34,567", "1234567"),
        ("1 234,50", "1234.50"),
        ("1\u202f234\u202f567", "1234567"),
        ("1234.567", "1234.567"),
        ("0.125", "0.125"),
        ("0,5", "0.5"),
        ("0042", "0042"),
    ],
)
def test_amounts_with_one_reading(text: str, plain: str) -> None:
    assert money(text) == plain


@pytest.mark.parametrize(
    ("text", "thousands", "decimals"),
    [("1.234", "1234", "1.234"), ("$ 1,234", "1234", "1.234"), ("(12.345)", "-12345", "-12.345")],
)
def test_amounts_with_two_readings_are_refused_with_both(text: str, thousands: str, decimals: str) -> None:
    with pytest.raises(FormulaProblem, match=f"{thousands} or {decimals}") as caught:
        money(text)
    assert {thousands, decimals} <= set(caught.value.private)
    mark = "." if "." in text else ","
    assert money(text, mark) == decimals
    assert money(text, ",."[mark == ","]) == thousands


@pytest.mark.parametrize(
    "text",
    [
        "12 34", "1,2,3", "1.23.456", "1,234.567.8", "12,345,67", "1,234,56", "0,123,456", "--5", "-$-5", "(-5)",
        "(5", "5)", "$", "()", "", "1.", ".5", "1'23", "1 2,345.00", "5 US", "abc", "Rs1", "$ 5 6", "10%",
        "1,234.5 0", "1e5",
    ],
)  # fmt: skip
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(FormulaProblem, match="money: not an amount"):
        money(text)


_STYLES = [(",", "."), (".", ","), ("'", "."), ("\u202f", ",")]


@given(st.decimals(0, 10**9, places=2), st.sampled_from(_STYLES), st.sampled_from(["", "R$ ", "US$", "S/ ", "€"]))
def test_an_amount_with_cents_comes_back_from_every_style(
    amount: Decimal, style: tuple[str, str], symbol: str
) -> None:
    thousands, decimal = style
    text = f"{amount:,.2f}".translate({ord(","): thousands, ord("."): decimal})
    assert readings(f"{symbol}{text}", None) == [f"{amount:.2f}"]
    assert readings(f"({symbol}{text})", decimal) == [f"-{amount:.2f}"]
