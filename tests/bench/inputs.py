"""The inputs of the benchmark: the same rows, to the byte, each time they are made."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from tests.conftest import AGENT, NUMBER, contact

ZONE = "America/Mexico_City"
NOW = "2031-05-30T12:00:00Z"  # before every call

_SEED = 8
_FIRST = datetime(2031, 6, 1, 9)
_CITIES = ("Guadalajara", "Monterrey", "Puebla", "Tijuana", "León", "Querétaro", "Mérida", "Toluca")

HEAD = f"version: 1\nplan: bench\ndefaults: {{agent: {AGENT}, from: {NUMBER}, schedule: {{timezone: {ZONE}}}}}\n"
_ROW = """\
  - key: {0.key}
    contact_id: {0.contact}
    schedule: {{at: {0.at}}}
    additional_data:
      invoice: {0.invoice}
      amount_debt: {0.amount}
      city: {0.city}
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One call, as a list of invoices asks for it: every value as it is written."""

    key: str
    contact: str
    at: str
    invoice: str
    amount: str
    city: str


def wanted(rows: int) -> Iterator[Wanted]:
    """The calls of the benchmark, in the order of their keys. The first rows of more are the rows of fewer."""
    random = Random(_SEED)
    for n in range(rows):
        at = _FIRST + timedelta(seconds=20 * n)
        amount = f"{random.randrange(100, 90_000)}.{random.randrange(100):02d}"
        yield Wanted(f"inv-{n:07d}/{at:%Y-%m}", contact(n), f"{at}", f"{n:07d}", amount, random.choice(_CITIES))


def write_yaml(folder: Path, rows: int) -> None:
    """Every row in one plan file, as a person or a template writes it: 21 MB for 100,000."""
    with (folder / "bench.yaml").open("w", encoding="utf-8") as file:
        file.write(f"{HEAD}calls:\n")
        file.writelines(map(_ROW.format, wanted(rows)))


def write_csv(folder: Path, rows: int) -> None:
    """Every row in a sheet beside a short plan file."""
    (folder / "bench.yaml").write_text(f"{HEAD}sheets:\n  - file: bench.csv\n", encoding="utf-8")
    data = [f"additional_data.{name}" for name in ("invoice", "amount_debt", "city")]
    write_sheet(folder / "bench.csv", ["key", "contact_id", "schedule.at", *data], map(astuple, wanted(rows)))


def write_formulas(folder: Path, rows: int) -> None:
    """The same rows as a billing system exports them, and the formulas that make calls of them."""
    columns = """\
    columns:
      key: '="inv-" + row.invoice + "/" + row.day'
      day: '=date(row.due)'
      contact_id: '=row.contact'
      schedule.at: '=at(workdays(row.day, -3), "10:00")'
      additional_data.amount_debt: '=money(row.amount)'
"""
    (folder / "bench.yaml").write_text(f"{HEAD}sheets:\n  - file: bench.csv\n{columns}", encoding="utf-8")
    exported = ((row.invoice, row.contact, _due(row), f"${row.amount}") for row in wanted(rows))
    write_sheet(folder / "bench.csv", ["invoice", "contact", "due", "amount"], exported)


def _due(row: Wanted) -> str:
    """A week after the call."""
    return f"{datetime.fromisoformat(row.at) + timedelta(days=7):%Y-%m-%d}"


def write_zone(folder: Path, rows: int) -> None:
    """As many A records, in the order that octoDNS wants them in."""
    with (folder / "bench.example.yaml").open("w", encoding="utf-8") as file:
        file.write("---\n")
        for n in range(rows):
            a, b, c = n >> 16 & 255, n >> 8 & 255, n & 255
            file.write(f"host-{n:07d}:\n  ttl: 300\n  type: A\n  value: 10.{a}.{b}.{c}\n")


def write_sheet(path: Path, header: list[str], rows: Iterator[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def made(folder: Path, make: Callable[[Path], None]) -> Path:
    """``folder`` with what ``make`` puts into it, made unless it is there; half of it never is."""
    if not folder.exists():
        half = folder.with_name(f"{folder.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        make(half)
        half.rename(folder)
    return folder
