"""Processor time and memory of the spreadsheet forms, by hand: ``python -m tests.bench.export [ROWS]``."""

from __future__ import annotations

import resource
import sys
import time

from reconciler.model import Action, CellDiff
from reconciler.render import csv, json, xlsx
from tests.plans import create, make_plan, other


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    diff = (CellDiff("additional_data.amount_debt", "14058", "15000"),)
    changes = [
        other(f"june/inv-{n}", Action.CHANGED, "still rings", n + 1, diff=diff)
        if n % 10 == 0
        else create(f"june/inv-{n}", line=n + 1)
        for n in range(rows)
    ]
    plan = make_plan(*changes)
    for form in (csv, xlsx, json):
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        shown = form.render_plan(plan)
        size = len(shown) if isinstance(shown, bytes) else sum(map(len, shown))
        took = time.process_time() - start
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(f"{form.__name__:24} {took:6.1f} s of processor  {size / 1e6:6.1f} MB  {more:6.0f} MB more memory")


if __name__ == "__main__":
    main()
