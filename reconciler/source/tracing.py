"""Compute the provenance of rows from their traces. This is only done for the requested rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from unicodedata import normalize

from reconciler.domain import identity, wire
from reconciler.domain.masking import is_private
from reconciler.domain.model import Address, Call, Location
from reconciler.domain.settings import PROJECT_FILE, Project
from reconciler.source.formulas.columns import Column
from reconciler.source.formulas.program import Program
from reconciler.source.formulas.tokens import without_literals
from reconciler.source.provenance import ALIAS, IDENTITY, PLAN, TABLE, TAG, Field, Input, Provenance, ValueOrigin
from reconciler.source.rows.cells import AGENT, OUR_NAMES, SENDER, Cell, Source
from reconciler.source.rows.fields import schema_of
from reconciler.source.rows.parties import OTHER_SENDER
from reconciler.source.rows.row import Trace
from reconciler.source.sheets.options import read_options
from reconciler.source.sources import Sources
from reconciler.source.yaml.nodes import MapNode, Node

MAX_DEPTH = 20
# The fields in their order of display.
_ORDER = (
    "key", "revision", *AGENT, *SENDER, "contact_id", "to_number", "full_name", "email", "country", "webhook_url",
    "schedule.at", "schedule.timezone", "delay_minutes", "additional_data", "metadata",
    "place_by", "enabled", "distinct",
)  # fmt: skip


@dataclass(slots=True)
class Tracer:
    """Stores the traces of ``wanted`` rows while files are read, and every address in them."""

    wanted: Collection[Address]
    traces: dict[Address, Trace] = field(default_factory=dict)
    addresses: set[Address] = field(default_factory=set)

    def __call__(self, trace: Trace) -> None:
        address = trace.reading.address
        if address is None:
            return
        self.addresses.add(address)
        earlier = self.traces.get(address)
        if address in self.wanted and (earlier is None or earlier.row is None):
            self.traces[address] = trace


def provenance(trace: Trace, sources: Sources, project: Project, tags: Mapping[str, str]) -> Provenance:
    """The provenance of a traced row. ``tags`` are those of its request."""
    return _Row(trace, sources, project).provenance(tags)


class _Row:
    def __init__(self, trace: Trace, sources: Sources, project: Project) -> None:
        self._trace = trace
        self._reading = trace.reading
        self._project = project
        self._file = trace.reading.report.file
        self._settings = _root(sources, PROJECT_FILE)
        self._plan = _root(sources, self._file)

    def provenance(self, tags: Mapping[str, str]) -> Provenance:
        row = self._trace.row
        fields = [*self._fields(row.call if row is not None else None)]
        if row is not None:
            fields += [
                Field(
                    f"metadata.{name}", text, ValueOrigin(TAG, text, self._place_of_tag(name)), f"metadata.{name}"
                )
                for name, text in tags.items()
            ]
        place = self._reading.place
        return Provenance(place.row(), tuple(fields), place.last_line(), complete=row is not None)

    def _fields(self, call: Call | None) -> Iterator[Field]:
        cells = self._reading.merged.cells
        sent = {} if call is None else _sent(call)
        made = {"key": self._key()} if "key" not in cells and self._reading.address is not None else {}
        unused = OTHER_SENDER["contact_id" in cells]
        for name in sorted((name for name in (*made, *cells) if name != unused), key=_rank):
            origin = made.get(name) or self._resolved(name, cells[name])
            ours = OUR_NAMES.get(name, name)
            text = sent.get(ours, origin.value)
            path = None if call is None or ours not in sent else wire.sent_as(ours, call, self._wire_fields)
            # A helper column is not listed as a field; it is shown as an input of other columns.
            if schema_of(name) is not None:
                yield Field(normalize("NFC", name), text, origin, path, self._private(name))

    @property
    def _wire_fields(self) -> wire.ScheduleFields:
        return self._project.provider.schedule_fields

    def _resolved(self, name: str, cell: Cell) -> ValueOrigin:
        """The origin of a value, with the alias in ``reconciler.yaml`` resolved."""
        given = self._origin(name, cell, set(), 0)
        alias: tuple[tuple[str, ...], str | None] | None = None
        if name == "agent" and cell.text in self._project.agents:
            alias = ("agents", cell.text), self._project.agents[cell.text]
        elif name == "from" and cell.text in self._project.numbers:
            is_contact = self._reading.cell("contact_id") is not None
            setting, number = self._project.numbers[cell.text].named(contact=is_contact)
            alias = ("numbers", cell.text, setting), number
        if alias is None or alias[1] is None:
            return given
        place = _place(self._settings, PROJECT_FILE, *alias[0])
        return ValueOrigin(ALIAS, alias[1], place, self._private(name), inputs=(Input(name, given),))

    def _key(self) -> ValueOrigin:
        """The origin of a key made from ``identity``."""
        address, cells = self._reading.address, self._reading.merged.cells
        names = [f"metadata.{tag}" for tag in self._trace.identity.tags or ()]
        inputs = tuple(Input(name, self._origin(name, cells[name], set(), 0)) for name in names if name in cells)
        key = address.key if address is not None else ""
        return ValueOrigin(IDENTITY, key, _place(self._plan, self._file, "identity"), inputs=inputs)

    def _private(self, name: str) -> bool:
        """Whether all values of a field are masked, as in a plan. Those of helper columns are."""
        return schema_of(name) is None or is_private(name, self._project.policy.public_metadata)

    def _origin(self, name: str, cell: Cell, shown: set[str], depth: int) -> ValueOrigin:
        """The origin of a cell's value. ``shown`` are the columns whose inputs are already listed for this
        field."""
        column, private = cell.origin, self._private(name)
        if not isinstance(column, Column):
            return ValueOrigin(cell.source, cell.text, self._reading.location_of(cell), private)
        place = Location(self._file, column.scalar.line, column.scalar.column)
        if column.program is None:
            return ValueOrigin(cell.source, cell.text, place, private)
        formula = column.scalar.text
        reads = tuple(dict.fromkeys(column.reads))
        cut = bool(reads) and (name in shown or depth >= MAX_DEPTH)
        shown.add(name)
        inputs = () if cut else tuple(Input(read, self._input(read, shown, depth + 1)) for read in reads)
        if not cut:
            inputs += tuple(self._beside_cells(column.program))
        hidden = f"={without_literals(formula[1:])}" if private else formula
        return ValueOrigin(cell.source, cell.text, place, private, formula, hidden, inputs, cut)

    def _beside_cells(self, program: Program) -> Iterator[Input]:
        """The inputs of a formula besides cells: the plan's name, and tables."""
        if program.constants:
            name = next(iter(program.constants.values()))
            yield Input("plan.name", ValueOrigin(PLAN, name, _place(self._plan, self._file, "plan")))
        for table in program.tables:
            node = _node(self._plan, "tables", table)
            options = None if node is None else read_options(node)
            if options is not None:
                place = Location(self._file, options.file.line, options.file.column)
                yield Input(table, ValueOrigin(TABLE, options.file.text, place))

    def _input(self, name: str, shown: set[str], depth: int) -> ValueOrigin | None:
        """The origin of a formula's input: the row, another column, a column of the sheet, or the defaults."""
        trace = self._trace
        cell = trace.own.cells.get(name) or trace.computed.cells.get(name)
        if cell is not None:
            return self._origin(name, cell, shown, depth)
        text, place = trace.values.get(name), trace.locate(name)
        if not text:
            return None
        default = trace.defaults.cells.get(name)
        if default is not None and (place is None or default.text == text):
            return self._origin(name, default, shown, depth)
        source = Source.SHEET if place is not None and place.cell is not None else Source.ROW
        return ValueOrigin(source, text, place, self._private(name))

    def _place_of_tag(self, name: str) -> Location | None:
        """The location of a tag's value, or None if it is not in a file."""
        return _place(self._plan, self._file, "plan") if name == "reconciler_plan" else None


@lru_cache(maxsize=4096)
def _rank(name: str) -> int:
    """The position of a field for sorting. Fields of one map stay in the order of the file."""
    listed = name if name in _ORDER else name.partition(".")[0]
    return _ORDER.index(listed) if listed in _ORDER else len(_ORDER)


def _sent(call: Call) -> dict[str, str]:
    """The call as a flat mapping of texts, without normalization, as in the request body."""
    flat: dict[str, str] = {}
    for name, value in identity.to_logical(call).items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": str(item) for key, item in value.items()}
        else:
            flat[name] = str(value)
    return flat


def _root(sources: Sources, file: str) -> Node | None:
    document = sources.files.get(file)
    return None if document is None else document.root


def _place(root: Node | None, file: str, *path: str) -> Location | None:
    """The location of the value at a path."""
    node = _node(root, *path)
    return None if node is None else Location(file, node.line, node.column)


def _node(root: Node | None, *path: str) -> Node | None:
    node = root
    for name in path:
        node = node.get(name) if isinstance(node, MapNode) else None
    return node
