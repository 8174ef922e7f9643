"""Tables as CSV: UTF-8 with a byte order mark, so that spreadsheets detect the encoding."""

from __future__ import annotations

import csv
import io

from reconciler.domain.plan import Plan
from reconciler.render.escape import for_csv
from reconciler.render.plan_tables import calls_table
from reconciler.render.table import Table


def render_plan(plan: Plan, *, masked: bool = True) -> bytes:
    """One row for each call; those that need attention come first."""
    return to_csv(calls_table(plan, masked=masked))


def to_csv(table: Table) -> bytes:
    """RFC 4180. Each cell is escaped by ``for_csv``."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(map(for_csv, table.columns))
    for line in table.lines:
        writer.writerow(map(for_csv, line.texts))
    return text.getvalue().encode("utf-8-sig")
