"""The fast path makes the rows that the explaining path makes, and hides none of its problems.

A check that is only added to the explaining path is noticed: what depends on the names of fields, the fast path
takes from it; and each place that reports a problem of a row has to be reached by the rows that are compared here.
"""

from __future__ import annotations

import ast
import csv
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.domain.model import Address, Row
from reconciler.domain.settings import Project, SenderNumber
from reconciler.source.rows import row as row_module
from reconciler.source.rows.cells import Identity, Reading
from reconciler.source.rows.fields import fields
from reconciler.source.rows.ordinary import OrdinaryRows
from reconciler.source.rows.row import Trace, Watch
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
    "to_number": ["+34600111", "+34999999999", "+12", "+12345678"],
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
# Names that a sheet cannot have, or that no row should have.
OTHER_NAMES = {
    "agent_id": [AGENT],
    "from_number_id": [NUMBER],
    "from_number": ["+525550000111", "+34999999999"],
    "metadata.\u00e9": ["1"],
    "metadata.e\u0301": ["2"],
}
DEFAULTS = [
    "agent: collections\n  from: mx-main\n  schedule: {timezone: Europe/Madrid}\n  additional_data: {note: n}",
    "agent: collections\n  from: mx-main\n  delay_minutes: 5\n  place_by: 2031-06-15T18:00:00Z\n  full_name: Some",
    "schedule: {at: 2031-05-05 10:00:00}\n  country: ES\n  metadata: {part: '1', invoice: ''}",
    "agent: nobody\n  enabled: false\n  webhook_url: https://other.example/\n  called_timezone: Nowhere",
]
NEEDS_REPEAT = {"_dated"}  # rows that repeat never take the fast path
IDENTITIES = ["", "", "identity: [invoice, part]\n"]


def random_row(dice: random.Random, index: int, *, nested: bool) -> dict[str, str]:
    """About every second row is right; ``nested`` rows may set a field to null, too."""
    target = dice.choice(["contact_id", "to_number"])
    names = [name for name in GOOD if name not in {"contact_id", "to_number"} and dice.random() < 0.35]
    names += [target, *(["full_name"] if target == "to_number" else []), "agent", "from", "schedule.at"]
    names += ["schedule.timezone"] if dice.random() < 0.8 else []
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
    if dice.random() < 0.15:
        row = {name: text for name, text in row.items() if not name.startswith("schedule.")}
        row |= {name: dice.choice(GOOD[name]) for name in ("delay_minutes", "place_by") if dice.random() < 0.9}
    if dice.random() < 0.9:
        row["key"] = f"k{index}"
    if dice.random() < 0.4:
        name = dice.choice([*ODD, "contact_id", "full_name", "country"])
        row[name] = dice.choice(ODD.get(name) or GOOD[name])
    if dice.random() < 0.1:
        row.pop("full_name" if "full_name" in row and dice.random() < 0.5 else dice.choice(list(row)))
    if nested and dice.random() < 0.1:
        row[dice.choice([name for name in GOOD if "." not in name])] = "null"
    if nested and dice.random() < 0.2:
        row["agent_id"] = row.pop("agent", AGENT)
        row["from_number_id" if target == "contact_id" else "from_number"] = row.pop("from", NUMBER)
    if nested and dice.random() < 0.1:
        names = list(OTHER_NAMES)
        row |= {name: dice.choice(OTHER_NAMES[name]) for name in dice.choice([dice.sample(names, 2), names[-2:]])}
    return {name: dice.choice(OTHER_NAMES.get(name, [text])) for name, text in row.items()}


def with_other_texts(row: dict[str, str], dice: random.Random, index: int) -> dict[str, str]:
    """A row that sets the same fields, with every fifteenth text odd."""
    copy = {"key": f"k{index}"} if "key" in row else {}
    for name, text in row.items():
        texts = ODD if name in ODD and dice.random() < 0.07 else GOOD | OTHER_NAMES
        copy.setdefault(name, text if text == "null" else dice.choice(texts.get(name, [text])))
    return copy


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


def as_identified(row: dict[str, str]) -> dict[str, str]:
    """The row without a key, and with tags that make one."""
    tags = {"metadata.invoice": row.get("key", "1001"), "metadata.part": "1"}
    return tags | {name: text for name, text in row.items() if name != "key"}


def write(
    folder: Path, rows: Sequence[dict[str, str]], dice: random.Random, *, sheet: bool, columns: bool
) -> None:
    identity = dice.choice(IDENTITIES)
    if identity:
        rows = [as_identified(row) if dice.random() < 0.95 else row for row in rows]
    head = f"version: 1\nplan: {folder.name}\n{identity}defaults:\n  {dice.choice(DEFAULTS)}\n"
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


def write_project(root: Path, plans: int) -> None:
    """Plans of 60 rows. Every five of them set the same fields."""
    dice = random.Random(11)
    for index in range(plans):
        folder = root / "calls" / f"p{index}"
        folder.mkdir(parents=True)
        sheet = index % 2 == 0
        rows: list[dict[str, str]] = []
        for number in range(60):
            is_first = number % 5 == 0
            rows.append(
                random_row(dice, number, nested=not sheet)
                if is_first
                else with_other_texts(rows[-1], dice, number)
            )
        write(folder, rows, dice, sheet=sheet, columns=index % 4 == 0)


@dataclass
class Comparison:
    """One project, as the fast path reads it where it can, and as the explaining path reads all of it.

    ``made`` are the results of the fast path, None where it declines; ``names`` are the fields of each row, and
    ``reached`` the lines that report problems of rows.
    """

    quick: Sources
    slow: Sources
    made: list[Row | None]
    names: dict[Address, set[str]]
    reached: set[tuple[str, int]]


def compare(root: Path) -> Comparison:
    made: list[Row | None] = []
    names: dict[Address, set[str]] = {}
    reached: set[tuple[str, int]] = set()
    make, wrong = OrdinaryRows.row, Reading.wrong

    def recorded(*args: Any) -> Row | None:
        made.append(make(*args))
        return made[-1]

    def reporting(*args: Any, **options: Any) -> None:
        frame = sys._getframe(1)
        frame = frame.f_back or frame if frame.f_code.co_name == "warn" else frame
        reached.add((Path(frame.f_code.co_filename).name, frame.f_lineno))
        wrong(*args, **options)

    def watch(trace: Trace) -> None:
        if trace.row is not None:
            names[trace.row.address] = {*trace.reading.merged.cells}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OrdinaryRows, "row", recorded)
        patch.setattr(Reading, "wrong", reporting)
        quick, count = read(root), len(made)
        slow = read(root, watch)
    assert len(made) == count, "a watched row takes the explaining path"
    return Comparison(quick, slow, made, names, reached)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    root = tmp_path_factory.mktemp("compared")
    write_project(root, 40)
    return compare(root)


def test_rows_are_the_same_on_both_paths(compared: Comparison) -> None:
    quick, slow, made = compared.quick, compared.slow, compared.made
    assert quick.rows == slow.rows
    assert [list(row.call.additional_data.items()) for row in quick.rows] == [
        list(row.call.additional_data.items()) for row in slow.rows
    ], "in the order of the file"
    assert quick.diagnostics == slow.diagnostics
    assert sum(row is not None for row in made) > 300
    assert sum(row is None for row in made) > 100


def test_the_fast_path_makes_rows_with_every_field(compared: Comparison) -> None:
    names = set[str]().union(*(compared.names.get(row.address, set()) for row in compared.made if row is not None))
    missing = [field for field in fields() if not any(name.startswith(field) for name in names)]
    assert missing == [], "add the field to GOOD, so that the paths are compared for it"


def places_of_problems() -> Iterator[tuple[str, range, str]]:
    """The calls of ``Reading.wrong`` and ``warn``: their module, lines, and function."""
    for path in Path(row_module.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in {"reading.wrong", "reading.warn"}:
                    yield path.name, range(node.lineno, (node.end_lineno or 0) + 1), function.name


def test_every_place_that_reports_a_problem_of_a_row_is_reached(compared: Comparison) -> None:
    places = [place for place in places_of_problems() if place[2] not in NEEDS_REPEAT]
    missing = [
        (module, lines.start, function)
        for module, lines, function in places
        if not any((module, line) in compared.reached for line in lines)
    ]
    assert len(places) > 25
    assert missing == [], "add a value to ODD, so that the paths are compared for it"


@pytest.mark.parametrize("field", ["full_name", "metadata.part", "schedule.at"])
def test_a_check_of_the_explaining_path_alone_is_noticed(
    field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, 8)
    original = row_module.read_row

    def read_row(reading: Reading, identity: Identity, project: Project) -> Row | None:
        row = original(reading, identity, project)
        if row is not None and reading.text(field) is not None and row.address.key[-1] in "1379":
            reading.wrong("E204", field, "not allowed")
            return None
        return row

    monkeypatch.setattr(row_module, "read_row", read_row)
    quick = read(tmp_path)
    assert quick.diagnostics != read(tmp_path, lambda _: None).diagnostics


def test_a_check_of_names_alone_is_taken_from_the_explaining_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, 8)
    original = row_module.read_row

    def read_row(reading: Reading, identity: Identity, project: Project) -> Row | None:
        if reading.cell("email") is not None and reading.cell("country") is not None:
            reading.warn("W202", "email", "not with country")
        return original(reading, identity, project)

    monkeypatch.setattr(row_module, "read_row", read_row)
    quick, slow = read(tmp_path), read(tmp_path, lambda _: None)
    assert quick.diagnostics == slow.diagnostics
    assert "not with country" in {item.message for item in quick.diagnostics}


SCHEDULE = "{at: 2031-06-01 10:00:00, timezone: America/Mexico_City}"


def test_one_wrong_row_leaves_the_others_ordinary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that set the same fields as a wrong one take the fast path."""
    rows = "".join(
        f"  - {{key: k{number}, contact_id: c1d2e3f4-a5b6-7890-cdef-{number:012d}, revision: {number or 'x'}}}\n"
        for number in range(20)
    )
    head = f"version: 1\nplan: june\ndefaults: {{agent: {AGENT}, from: {NUMBER}, schedule: {SCHEDULE}}}\ncalls:\n"
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls/june.yaml").write_text(head + rows, encoding="utf-8")
    explained: list[object] = []
    original = row_module.read_row
    monkeypatch.setattr(row_module, "read_row", lambda *args: explained.append(args) or original(*args))
    sources = load_sources(Project(tmp_path), None)
    assert (len(sources.rows), len(explained)) == (19, 2), "the wrong one, and the first of the others"
    assert [item.code for item in sources.diagnostics] == ["E203"]
