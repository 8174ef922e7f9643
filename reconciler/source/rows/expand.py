"""Read the rows of a plan file: from ``calls``, a table and sheets, all with the same ``Frame``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.domain.model import PLAN_NAME, Location, Move, Row
from reconciler.domain.settings import Project
from reconciler.source.formulas.columns import Columns
from reconciler.source.report import FileReport
from reconciler.source.rows.cells import Layer, Source, layer_of
from reconciler.source.rows.computed import Computed
from reconciler.source.rows.frame import NOTHING, Frame, Locate, Watch
from reconciler.source.rows.gathering import Rows
from reconciler.source.rows.ordinary import RowShape
from reconciler.source.rows.reading import PlanPlace
from reconciler.source.rows.repeat import occurrences
from reconciler.source.rows.rows import Identity
from reconciler.source.schema.shape import check_shape
from reconciler.source.sheets.filtering import RowFilter
from reconciler.source.sheets.grid import SheetProblem
from reconciler.source.sheets.inline import Inline
from reconciler.source.sheets.lookup import report_problem
from reconciler.source.sheets.opening import open_sheet
from reconciler.source.sheets.options import Options, read_options
from reconciler.source.sheets.reading import SheetReader
from reconciler.source.yaml.nodes import NULLS, ListNode, MapNode, Node, Scalar

SCHEMA = "callplan"
_WHERE_HINT = 'it names the rows to keep: row.status == "open" keeps the open ones'


@dataclass(frozen=True, slots=True)
class PlanFile:
    """One plan file. ``rows`` can be iterated once; this creates them and reports their errors.

    ``name`` and ``named_at`` are set if the plan has a valid name.
    """

    rows: Iterator[Row | Rows]
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


def _rows(root: MapNode, frame: Frame, computed: Computed) -> Iterator[Row | Rows]:
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
    defaults = {name: cell.text for name, cell in frame.defaults.cells.items()}
    marked = {path[1] for path in report.bad if len(path) == 2 and path[0] == "calls"}
    wrong = {path[1] for path in report.bad if path[0] == "calls" and len(path) > 1}
    ordinary = None if columns or frame.watch or computed.broken else _Ordinary(frame)
    for index, item in enumerate(items):
        if isinstance(item, MapNode) and ("calls", index) not in report.skipped:
            row = None if ordinary is None or index in wrong else ordinary.row(item, index)
            if row is not None:
                yield row
                continue
            own = layer_of(item, ("calls", index), report, Source.ROW)
            own.bad |= computed.broken - own.cells.keys()
            place = PlanPlace(report.file, item)
            for layer, occurrence in occurrences(item, own, report):
                values = defaults | {name: cell.text for name, cell in layer.cells.items()} if columns else {}
                row = frame.row(place, layer, columns, values, _locator(layer, report.file), occurrence)
                if row is not None and index not in marked:
                    yield row


class _Ordinary:
    """The fast path for rows of ``calls`` without problems: it creates no cells and layers."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._kinds: dict[tuple[str | int, ...], RowShape | None] = {}

    def row(self, node: MapNode, index: int) -> Row | None:
        """The row, or None if it needs the slow path. The row at ``index`` must fit the schema."""
        texts: list[str] = []
        mark: list[str | int] = []
        for name, (_, value) in node.items.items():
            mark.append(name)
            if isinstance(value, MapNode):
                mark += (len(value.items), *value.items)
                for _, item in value.items.values():
                    if not _takes(item, texts):
                        return None
            elif not _takes(value, texts):
                return None
        found, ordinary, report = tuple(mark), self._frame.ordinary, self._frame.report
        if found not in self._kinds:
            own = layer_of(node, ("calls", index), report, Source.ROW)
            self._kinds[found] = None if "repeat" in node.items else ordinary.kind(own, NOTHING)
        kind = self._kinds[found]
        if kind is None:
            return None
        return ordinary.row_of(kind, texts, Location(report.file, node.line, node.column))


def _takes(node: Node, texts: list[str]) -> bool:
    """Append the text of a value. False if it is not plain text: a map, a list, null or a formula."""
    if not isinstance(node, Scalar) or (node.plain and node.text in NULLS) or node.text[:1] == "=":
        return False
    texts.append(node.text)
    return True


def _locator(own: Layer, file: str) -> Locate:
    def locate(name: str) -> Location | None:
        cell = own.cells.get(name)
        origin = cell.origin if cell is not None else None
        return Location(file, origin.line, origin.column) if isinstance(origin, Scalar) else None

    return locate


def _table(root: MapNode, frame: Frame, computed: Computed) -> Iterator[Row | Rows]:
    node = root.get("table")
    if not isinstance(node, MapNode) or computed.broken:
        return
    reader = SheetReader(Inline(node, frame.report), "the table", frame, Source.ROW)
    try:
        yield from reader.rows(computed.columns)
    except SheetProblem as found:
        where = found.location or Location(frame.report.file, node.line, node.column)
        frame.report.add_problem_at(found.code, f"table: {found.message}", where, found.hint)


def _sheets(root: MapNode, frame: Frame, computed: Computed) -> Iterator[Row | Rows]:
    node = root.get("sheets")
    for index, item in enumerate(node.items if isinstance(node, ListNode) else ()):
        options = read_options(item) if isinstance(item, MapNode) else None
        if options is None or not isinstance(item, MapNode):
            continue
        columns = computed.for_sheet(item, index)
        if columns is not None and not any(path[:2] == ("sheets", index) for path in frame.report.bad):
            yield from _sheet(options, columns, computed.filter_of_sheet(index), frame)


def _sheet(options: Options, columns: Columns, row_filter: RowFilter | None, frame: Frame) -> Iterator[Row | Rows]:
    report = frame.report
    try:
        with open_sheet(options, report.file, frame.project) as grid:
            reader = SheetReader(grid, options.file.text, frame, Source.SHEET, options.header, row_filter)
            empty = True
            for rows in reader.rows(columns):
                empty = False
                yield rows
    except SheetProblem as found:
        report_problem(found, options, report)
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
            report.add_problem(
                "E406", message, new.line, new.column, "write two plan names, or two addresses (plan/key)"
            )
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
