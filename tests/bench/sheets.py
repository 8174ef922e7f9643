"""Time and memory of a big sheet, by hand: ``python -m tests.bench.sheets [ROWS]``.

Three formula columns over a CSV file; each figure is the time of what was added to the one before.
"""

from __future__ import annotations

import csv
import resource
import sys
import tempfile
import time
from pathlib import Path

from reconciler.settings import Project
from reconciler.source.files import name_of
from reconciler.source.sheets.delimited import Delimited
from reconciler.source.sources import load_sources
from tests.conftest import AGENT, NUMBER, contact

HEAD = (
    f"version: 1\nplan: p\ndefaults: {{agent: {AGENT}, from: {NUMBER}, schedule: {{timezone: Europe/Madrid}}}}\n"
)
FORMULAS = """\
    columns:
      key: '="inv-" + row.invoice + "/" + row.due'
      schedule.at: '=at(workdays(row.due, -3), "10:00")'
      additional_data.amount: '=money(row.amount)'
"""


def write(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["invoice", "due", "amount", "contact_id", "key", "schedule.at", "additional_data.amount"])
        for n in range(rows):
            day = f"2031-{1 + n % 12:02d}-{1 + n % 28:02d}"
            writer.writerow([f"{n:07d}", day, f"${n % 1000},000.50", contact(n), "", "", ""])


def write_plain(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["contact_id", "key", "schedule.at", "additional_data.amount"])
        for n in range(rows):
            day = f"2031-{1 + n % 12:02d}-{1 + n % 28:02d}"
            writer.writerow([contact(n), f"inv-{n:07d}/{day}", f"{day} 10:00", f"{n}.50"])


def measure(root: Path, text: str) -> float:
    (root / "calls/p.yaml").write_text(text, encoding="utf-8")
    start = time.perf_counter()
    found = load_sources(Project(root), None)
    took = time.perf_counter() - start
    assert found.rows, found.diagnostics[:3]
    return took


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        (root / "calls").mkdir()
        write(root / "calls/f.csv", rows)
        write_plain(root / "calls/r.csv", rows)
        start = time.perf_counter()
        with (root / "calls/f.csv").open("rb") as raw:
            name = name_of(Project(root), root / "calls/f.csv")
            assert sum(1 for _ in Delimited(raw, name, "utf-8", ",").records()) == rows + 1
        reading = time.perf_counter() - start
        plain = measure(root, f"{HEAD}sheets:\n  - file: r.csv\n")
        whole = measure(root, f"{HEAD}sheets:\n  - file: f.csv\n{FORMULAS}")
    for what, took in (("reading", reading), ("checks and rows", plain - reading), ("formulas", whole - plain)):
        print(f"{what:16} {took / rows * 1e6:7.1f} µs a row")
    print(f"{'all':16} {whole / rows * 1e6:7.1f} µs a row, {whole:.1f} s for {rows} rows")
    print(f"peak memory      {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
