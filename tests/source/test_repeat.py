"""Where the cells of an occurrence come from."""

from __future__ import annotations

from pathlib import Path

from reconciler.domain.model import Address
from reconciler.domain.settings import Project
from reconciler.source.report import FileReport
from reconciler.source.rows.cells import Cell, Identity, Layer, PlanPlace, Reading, Source, layer_of, over
from reconciler.source.rows.repeat import occurrences
from reconciler.source.rows.row import read_row
from reconciler.source.yaml.loader import load
from reconciler.source.yaml.nodes import MapNode, Scalar
from tests.conftest import AGENT, NUMBER, contact

ROW = f"""\
agent: {AGENT}
from: {NUMBER}
contact_id: {contact(1)}
metadata: {{visit: 7}}
schedule: {{timezone: America/Mexico_City}}
repeat:
  rule: FREQ=WEEKLY
  from: 2031-06-02 10:00:00
  count: 2
  move: {{2031-06-09: 2031-06-10 11:00}}
"""


def cells(text: str, tags: tuple[str, ...] | None) -> list[tuple[Address, dict[str, Cell]]]:
    """Each row of a text, and its cells once it was read."""
    root = load(text.encode(), "a.yaml").root
    assert isinstance(root, MapNode)
    report = FileReport("a.yaml")
    found = []
    for layer, occurrence in occurrences(root, layer_of(root, (), report, Source.ROW), report):
        reading = Reading(PlanPlace("a.yaml", root), over(layer, Layer()), report, True, occurrence)
        row = read_row(reading, Identity("june", tags), Project(Path()))
        assert row is not None, report.diagnostics
        found.append((row.address, reading.merged.cells))
    return found


def origin(cell: Cell) -> tuple[str, Source, int]:
    """Text, source and line."""
    assert isinstance(cell.origin, Scalar)
    return cell.text, cell.source, cell.origin.line


def test_the_cells_of_an_occurrence_come_from_the_rule_or_from_move() -> None:
    (first, plain), (second, moved) = cells("key: visits\n" + ROW, None)
    assert (str(first), str(second)) == ("june/visits/2031-06-02", "june/visits/2031-06-09")
    assert origin(plain["key"]) == ("visits/2031-06-02", Source.REPEAT, 8)
    assert origin(plain["schedule.at"]) == ("2031-06-02 10:00:00", Source.REPEAT, 8)
    assert origin(moved["key"]) == ("visits/2031-06-09", Source.REPEAT, 8)
    assert origin(moved["schedule.at"]) == ("2031-06-10 11:00:00", Source.REPEAT, 11)
    assert origin(plain["schedule.timezone"]) == ("America/Mexico_City", Source.ROW, 6)
    assert not any(name.startswith("repeat") for name in plain)


def test_a_key_made_by_identity_has_a_cell_as_well() -> None:
    first, _ = cells(ROW, ("visit",))
    assert origin(first[1]["key"]) == ("7/2031-06-02", Source.REPEAT, 7)


def test_a_row_that_does_not_repeat_is_read_once() -> None:
    root = load(b"key: a\n", "a.yaml").root
    assert isinstance(root, MapNode)
    report = FileReport("a.yaml")
    own = layer_of(root, (), report, Source.ROW)
    assert list(occurrences(root, own, report)) == [(own, None)]
