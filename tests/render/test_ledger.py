"""The ledger and the decisions as CSV: no text of a person or of the service is a formula for a spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from reconciler.cli.decision_file import export_decisions
from reconciler.domain.ledger import LedgerRecord, Link
from reconciler.domain.model import Entry, Status
from reconciler.render.csv import to_csv
from reconciler.render.ledger import LedgerLine, ledger_table
from tests.plans import NOW, create

FORMULAS = ["=1+1", " =1+1", "\uff1d1+1", "+1", "\t=1", "'=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_reason_in_the_ledger_is_no_formula(text: str) -> None:
    link = Link(7, "{}", "ab" * 32, texts={"reason": text})
    record = LedgerRecord(7, "2031-06-01T12:00:00Z", "decided", None, 3, "", {"address": "june/inv-1"})
    [cells] = csv.DictReader(io.StringIO(to_csv(ledger_table([LedgerLine(link, record)])).decode("utf-8-sig")))
    assert cells["reason"].startswith(("'", "\\x09"))
    assert (cells["number"], cells["address"], cells["call_id"]) == ("7", "june/inv-1", "")


@pytest.mark.parametrize("text", FORMULAS)
def test_the_problem_of_a_decision_is_no_formula(tmp_path: Path, text: str) -> None:
    change = create("june/inv-1")
    assert change.call is not None
    entry = Entry(change.address, Status.UNCERTAIN, change.call, "d1", NOW, NOW, error=text)
    export_decisions(tmp_path, tmp_path / "decisions.csv", [entry], [])
    written = (tmp_path / "decisions.csv").read_text(encoding="utf-8-sig")
    [cells] = csv.DictReader(io.StringIO(written, newline=""))
    assert cells["problem"].startswith(("'", "\\x09"))
    assert (cells["address"], cells["decision"]) == ("june/inv-1", "")
