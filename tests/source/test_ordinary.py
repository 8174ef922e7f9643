"""Rows made quickly are those that the way which explains makes, and all that it would say is said."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from reconciler.domain.settings import Project, SenderNumber
from reconciler.source.rows import frame
from reconciler.source.rows.frame import Watch
from reconciler.source.rows.ordinary import Ordinary
from reconciler.source.sources import Sources, load_sources
from tests.conftest import AGENT, NUMBER, contact

GOOD: dict[str, list[str]] = {
    "agent": ["collections", AGENT],
    "from": ["mx-main", NUMBER],
    "contact_id": [contact(1), contact(2)],
    "to_number": ["+34600111222", "+525550000111"],
    "full_name": ["Jane Smith", "José", "7"],
    "email": ["jane@example.com"],
    "country": ["MX"],
    "webhook_url": ["https://example.com/x"],
    "schedule.at": ["2031-06-15 14:30:00", "2031-06-15T14:30", "2031-01-31 09:00"],
    "schedule.timezone": ["America/Mexico_City", "Europe/Madrid"],
    "delay_minutes": ["0", "5", "0.5"],
    "place_by": ["2031-06-15T18:00:00Z", "2031-06-15T18:00:00+02:00"],
    "called_timezone": ["Europe/Madrid"],
    "revision": ["1", "2"],
    "enabled": ["true", "false"],
    "distinct": ["true"],
    "additional_data.amount": ["0042", "1.50", "pé", "=="],
    "additional_data.note": ["a, b", '"'],
    "metadata.invoice": ["1001", "x"],
    "metadata.part": ["2"],
}
ODD = {
    "agent": ["colections"],
    "from": ["mx-old", "+34600111222", "+34999999999", "nobody"],
    "to_number": ["+10000000", "+34999999999", "+12"],
    "webhook_url": ["https://other.example/x", "https://a:b@example.com/"],
    "schedule.at": ["2031-03-30 02:30:00", "2031-10-26 02:30:00", "2031-02-30 10:00", "0001-01-01 00:00:00"],
    "schedule.timezone": ["Madrid", "CET "],
    "place_by": ["2031-13-15T18:00:00Z"],
    "called_timezone": ["Nowhere/Else"],
    "metadata.invoice": ["a b", "é"],
    "delay_minutes": ["-5", "1e9"],
    "enabled": ["yes"],
    "additional_data.amount": ["1.5E+10", " ", "=1"],
}
DEFAULTS = [
    "agent: collections\n  from: mx-main\n  schedule: {timezone: Europe/Madrid}\n  additional_data: {note: n}",
    "agent: collections\n  from: mx-main\n  delay_minutes: 5\n  place_by: 2031-06-15T18:00:00Z\n  full_name: Some",
    "schedule: {at: 2031-05-05 10:00:00}\n  country: ES\n  metadata: {part: '1', invoice: ''}",
    "agent: nobody\n  enabled: false\n  webhook_url: https://other.example/\n  called_timezone: Nowhere",
]
IDENTITIES = ["", "", "identity: [invoice, part]\n"]


def random_row(dice: random.Random, index: int, *, nested: bool) -> dict[str, str]:
    """About every second row is right; ``nested`` rows may set a field to null, too."""
    target = dice.choice(["contact_id", "to_number"])
    names = [name for name in GOOD if name not in {"contact_id", "to_number"} and dice.random() < 0.35]
    names += [target, *(["full_name"] if target == "to_number" else []), "agent", "from", "schedule.at"]
    row = {name: dice.choice(GOOD[name]) for name in dict.fromkeys(names)}
    if target == "contact_id":
        row = {
            name: text
            for name, text in row.items()
            if name not in {"full_name", "email", "country", "webhook_url"}
        }
    else:
        row["from"] = "mx-main"
    row.pop("delay_minutes" if dice.random() < 0.9 else "agent", None)
    if dice.random() < 0.9:
        row["key"] = f"k{index}"
    if dice.random() < 0.4:
        name = dice.choice([*ODD, "contact_id", "full_name", "country"])
        row[name] = dice.choice(ODD.get(name) or GOOD[name])
    if dice.random() < 0.1:
        row.pop(dice.choice(list(row)))
    if nested and dice.random() < 0.1:
        row[dice.choice([name for name in GOOD if "." not in name])] = "null"
    return row


def as_call(row: dict[str, str]) -> str:
    maps: dict[str, list[str]] = {}
    fields = []
    for name, text in row.items():
        head, dot, inner = name.partition(".")
        quoted = "null" if text == "null" else "'" + text.replace("'", "''") + "'"
        quoted = text if name in {"enabled", "distinct", "revision", "delay_minutes"} else quoted
        if dot:
            maps.setdefault(head, []).append(f"{inner}: {quoted}")
        else:
            fields.append(f"{name}: {quoted}")
    fields += [f"{head}: {{{', '.join(items)}}}" for head, items in maps.items()]
    return f"  - {{{', '.join(fields)}}}\n"


def write(
    folder: Path, rows: Sequence[dict[str, str]], dice: random.Random, *, sheet: bool, columns: bool
) -> None:
    head = f"version: 1\nplan: {folder.name}\n{dice.choice(IDENTITIES)}defaults:\n  {dice.choice(DEFAULTS)}\n"
    if not sheet:
        text = head + "calls:\n" + "".join(map(as_call, rows))
    else:
        text = head + "sheets:\n  - file: s.csv\n"
        if columns:
            text += "columns:\n  additional_data.made: '=coalesce(row.enabled, \"\") + row.number'\n"
            text += "  metadata.day: '=date(row.day)'\n"
        with (folder / "s.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*GOOD, "key", "number", "day"], restval="")
            writer.writeheader()
            for row in rows:
                extra = {"number": dice.choice(["", "7"]), "day": dice.choice(["2031-06-01"] * 9 + ["never"])}
                writer.writerow(row | extra)
    (folder / "p.yaml").write_text(text, encoding="utf-8")


def read(root: Path, watch: Watch | None = None) -> Sources:
    numbers = {"mx-main": SenderNumber(NUMBER, "+525550000111"), "mx-old": SenderNumber(None, "+525550000112")}
    hosts = frozenset({"example.com"})
    project = Project(root, agents={"collections": AGENT}, numbers=numbers, webhook_hosts=hosts)
    return load_sources(project, None, watch)


def test_two_thousand_rows_are_made_alike_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(11)
    for index in range(40):
        folder = tmp_path / "calls" / f"p{index}"
        folder.mkdir(parents=True)
        sheet = index % 2 == 0
        rows = [random_row(dice, n, nested=not sheet) for n in range(50)]
        write(folder, rows, dice, sheet=sheet, columns=index % 4 == 0)
    made = []
    original = Ordinary.row_of
    monkeypatch.setattr(Ordinary, "row_of", lambda *args: made.append(original(*args)) or made[-1])
    quick, count = read(tmp_path), len(made)
    slow = read(tmp_path, watch=lambda _: None)
    assert len(made) == count, "who watches is told how each row was made, the long way"
    assert quick.rows == slow.rows
    assert [list(row.call.additional_data.items()) for row in quick.rows] == [
        list(row.call.additional_data.items()) for row in slow.rows
    ], "in the order of the file"
    assert quick.diagnostics == slow.diagnostics
    assert sum(row is not None for row in made) > 300
    assert sum(row is None for row in made) > 100


SCHEDULE = "{at: 2031-06-01 10:00:00, timezone: America/Mexico_City}"


def test_one_wrong_row_leaves_the_others_ordinary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the row that is wrong is explained; those of its kind are made the quick way."""
    rows = "".join(
        f"  - {{key: k{number}, contact_id: c1d2e3f4-a5b6-7890-cdef-{number:012d}, revision: {number or 'x'}}}\n"
        for number in range(20)
    )
    head = f"version: 1\nplan: june\ndefaults: {{agent: {AGENT}, from: {NUMBER}, schedule: {SCHEDULE}}}\ncalls:\n"
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls/june.yaml").write_text(head + rows, encoding="utf-8")
    explained: list[object] = []
    monkeypatch.setattr(frame.Frame, "row", lambda *args: explained.append(args))
    sources = load_sources(Project(tmp_path), None)
    assert (len(sources.rows), len(explained)) == (19, 1)
    assert [item.code for item in sources.diagnostics] == ["E203"]
