"""Formulas as they may be published."""

from __future__ import annotations

import pytest

from reconciler.source.formulas.tokens import without_literals


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ('"Dear " + row.name', "*** + row.name"),
        ('row["Full name"] + r\'x\' + """y"""', 'row["Full name"] + *** + ***'),
        ("money(row.a) * 1.5e3 // for Ana", "money(row.a) * ***"),
        ("row.a //Ana\n+ 'b'", "row.a + ***"),
        ('lookup("people", row.id).name', "lookup(***, row.id).name"),
        ("plan.name", "plan.name"),
    ],
)
def test_a_formula_without_its_literals(formula: str, shown: str) -> None:
    assert without_literals(formula) == shown
