"""Read the rows of a plan file: from ``calls``, a table and sheets, all with the same ``Frame``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.domain.model import PLAN_NAME, Location, Move, Row
from reconciler.domain.settings import Project
from reconciler.source.formulas.columns import Column, Columns
from reconciler.source.formulas.inputs import TableExamples
from reconciler.source.report import FileReport
from reconciler.source.rows.cells import Identity, Layer, PlanPlace, Source, layer_of
from reconciler.source.rows.collector import PackedRows
from reconciler.source.rows.computed import Computed
from reconciler.source.rows.ordinary import OrdinaryCalls
from reconciler.source.rows.repeat import occurrences
from reconciler.source.rows.row import Frame, Locate, Watch
from reconciler.source.schema.shape import check_shape
from reconciler.source.sheets.filtering import RowFilter
from reconciler.source.sheets.grid import SheetProblem
from reconciler.source.sheets.inline import Inline
from reconciler.source.sheets.lookup import report_problem
from reconciler.source.sheets.opening import open_sheet
from reconciler.source.sheets.options import Options, read_options
from reconciler.source.sheets.reading import SheetReader
from reconciler.source.yaml.nodes import ListNode, MapNode, Node, Scalar

SCHEMA = "callplan"
_WHERE_HINT = 'it names the rows to keep: row.status == "open" keeps the open ones'


@dataclass(frozen=True, slots=True)
class PlanFile:
    """One plan file. ``rows`` can be iterated once; this creates them and reports their errors.

    ``name`` and ``named_at`` are set if the plan has a valid name.
    """

    rows: Iterator[Row | PackedRows]
    moves: tuple[Move, ...] = ()
    name: str | None = None
    named_at: tuple[int, int] = (1, 1)


def read_plan_file(root: MapNode, project: Project, report: FileReport, watch: Watch | None = None) -> PlanFile:
    """Read a file and its rows. Errors are added to ``report``, and rows with errors are left out.

    ``watch`` is called with the trace of each row.
    """
    check_shape(root, SCHEMA, report)
    name_node = root.get("plan")
    name = name_node.text if isinstance(name_node, Scalar) and PLAN_NAME.fullmatch(name_node.text) else None
    named_at = (name_node.line, name_node.column) if name_node is not None else (1, 1)
    frame = Frame(Identity(name, _identity(root, report)), _defaults(root, report), project, report, watch)
    computed = Computed(root, name, project, report)
    return PlanFile(_rows(root, frame, computed), tuple(_moves(root, report)), name, named_at)


def _rows(root: MapNode, frame: Frame, computed: Computed) -> Iterator[Row | PackedRows]:
    yield from _calls(root, frame, computed)
    yield from _table(root, frame, computed)
    yield from _sheets(root, frame, computed)


def _calls(root: MapNode, frame: Frame, computed: Computed) -> Iterator[Row]:
    """The rows of ``calls``. Columns that read a sheet's columns do not apply to them."""
    calls = root.get("calls")
    items = calls.items if isinstance(calls, ListNode) else []
    if not items:
        return
    columns = computed.for_calls(alone=not {"table", "sheets"} & root.items.keys())
    report = frame.report
    invalid = {path[1] for path in report.bad if len(path) == 2 and path[0] == "calls"}
    with_errors = {path[1] for path in report.bad if path[0] == "calls" and len(path) > 1}
    is_ordinary = not (columns or frame.watch or computed.broken)
    ordinary = OrdinaryCalls(frame.ordinary, report)
    for index, item in enumerate(items):
        if not isinstance(item, MapNode) or ("calls", index) in report.skipped:
            continue
        row = ordinary.row(item, index) if is_ordinary and index not in with_errors else None
        if row is not None:
            yield row
            continue
        for row in _explained(item, index, frame, columns, computed):
            if row is not None and index not in invalid:
                yield row


def _explained(
    item: MapNode, index: int, frame: Frame, columns: Sequence[Column], computed: Computed
) -> Iterator[Row | None]:
    """The rows of one item, with an explanation of their problems; several if it repeats."""
    report = frame.report
    own = layer_of(item, ("calls", index), report, Source.ROW)
    own.bad |= computed.broken - own.cells.keys()
    place = PlanPlace(report.file, item)
    for layer, occurrence in occurrences(item, own, report):
        values: dict[str, str] = {}
        if columns:
            values = {name: cell.text for name, cell in (frame.defaults.cells | layer.cells).items()}
        yield frame.row(place, layer, columns, values, _locator(layer, report.file), occurrence)


def _locator(own: Layer, file: str) -> Locate:
    def locate(name: str) -> Location | None:
        cell = own.cells.get(name)
        origin = cell.origin if cell is not None else None
        return Location(file, origin.line, origin.column) if isinstance(origin, Scalar) else None

    return locate


def _table(root: MapNode, frame: Frame, computed: Computed) -> Iterator[Row | PackedRows]:
    node = root.get("table")
    if not isinstance(node, MapNode) or computed.broken:
        return
    reader = SheetReader(
        Inline(node, frame.report), "the table", frame, Source.ROW, tables=computed.table_examples
    )
    try:
        yield from reader.rows(computed.columns)
    except SheetProblem as problem:
        location = problem.location or Location(frame.report.file, node.line, node.column)
        frame.report.add_problem_at(problem.code, f"table: {problem.message}", location, problem.hint)


def _sheets(root: MapNode, frame: Frame, computed: Computed) -> Iterator[Row | PackedRows]:
    node = root.get("sheets")
    for index, item in enumerate(node.items if isinstance(node, ListNode) else ()):
        options = read_options(item) if isinstance(item, MapNode) else None
        if options is None or not isinstance(item, MapNode):
            continue
        columns = computed.for_sheet(item, index)
        if columns is not None and not any(path[:2] == ("sheets", index) for path in frame.report.bad):
            yield from _sheet(options, columns, computed.filter_of_sheet(index), frame, computed.table_examples)


def _sheet(
    options: Options, columns: Columns, row_filter: RowFilter | None, frame: Frame, tables: TableExamples
) -> Iterator[Row | PackedRows]:
    report = frame.report
    try:
        with open_sheet(options, report.file, frame.project) as grid:
            reader = SheetReader(grid, options.file.text, frame, Source.SHEET, options.header, row_filter, tables)
            empty = True
            for rows in reader.rows(columns):
                empty = False
                yield rows
    except SheetProblem as problem:
        report_problem(problem, options, report)
        return
    if empty and row_filter is not None and report.filtered and not report.errors:
        scalar = row_filter.scalar
        report.add_problem("W208", "where skips every row of the sheet", scalar.line, scalar.column, _WHERE_HINT)
    if reader.dates.undated and not reader.dates.dated and options.sha256 is None:
        message = f"{options.file.text}: scheduled calls whose keys contain no date"
        hint = (
            "the next export would change these calls, not add new ones: put the date in key, or set sha256: ..."
        )
        report.add_problem("W205", message, options.file.line, options.file.column, hint)


def _defaults(root: MapNode, report: FileReport) -> Layer:
    node = root.get("defaults")
    if not isinstance(node, MapNode):
        return Layer()
    _check_defaults(node, report)
    return layer_of(node, ("defaults",), report, Source.DEFAULT)


def _moves(root: MapNode, report: FileReport) -> Iterator[Move]:
    node = root.get("moved")
    for index, item in enumerate(node.items if isinstance(node, ListNode) else ()):
        if not isinstance(item, MapNode) or any(path[:2] == ("moved", index) for path in report.bad):
            continue
        old, new = item.get("from"), item.get("to")
        if not isinstance(old, Scalar) or not isinstance(new, Scalar):
            continue
        plan, _, key = old.text.partition("/")
        to_plan, _, to_key = new.text.partition("/")
        if bool(key) is not bool(to_key):
            message = f"a plan can only be moved to a plan, and a row to a row: {old.text!r} to {new.text!r}"
            hint = "write two plan names, or two addresses (plan/key)"
            report.add_problem("E406", message, new.line, new.column, hint)
            continue
        yield Move(plan, key or None, to_plan, to_key or None, Location(report.file, item.line, item.column))


def _check_defaults(defaults: MapNode, report: FileReport) -> None:
    schedule, delay = defaults.get("schedule"), defaults.items.get("delay_minutes")
    if delay is not None and isinstance(schedule, MapNode) and "at" in schedule.items:
        key = delay[0]
        message = "defaults have both schedule.at and delay_minutes"
        report.add_problem("E306", message, key.line, key.column, "remove one of them")
        report.bad |= {("defaults", "schedule"), ("defaults", "delay_minutes")}


def _identity(root: MapNode, report: FileReport) -> tuple[str, ...] | None:
    """The tags from which keys are made; None if rows have keys, empty if the list is invalid."""
    node: Node | None = root.get("identity")
    if node is None:
        return None
    if not isinstance(node, ListNode) or any(path[:1] == ("identity",) for path in report.bad):
        return ()
    return tuple(item.text for item in node.items if isinstance(item, Scalar))
