"""Make one row of a plan file: quickly if it has no problems, and otherwise with an explanation of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from unicodedata import normalize

from msgspec.structs import replace

from reconciler.domain.masking import is_private
from reconciler.domain.model import ROW_KEY, Address, Location, Row
from reconciler.domain.settings import Project
from reconciler.source.formulas.columns import Column, Failure, compute
from reconciler.source.formulas.tokens import literals
from reconciler.source.report import FileReport
from reconciler.source.rows.cells import Cell, Identity, Layer, Occurrence, Place, Reading, Source, over
from reconciler.source.rows.ordinary import NOTHING, OrdinaryRows
from reconciler.source.rows.parties import read_parties
from reconciler.source.rows.timing import read_timing
from reconciler.source.schema.wording import quoted, revealing_names
from reconciler.source.yaml.nodes import BOOLEANS

_SHOWN_READS = 3
_SHOWN_FORMULA = 120
Locate: TypeAlias = Callable[[str], Location | None]


@dataclass(frozen=True, slots=True)
class Trace:
    """How one row was made. ``row`` is None if it has an error.

    ``own`` holds the row's values, ``computed`` those of its columns. ``values`` are the texts that formulas could
    read, and ``locate`` returns the location of one of them.
    """

    reading: Reading
    row: Row | None
    identity: Identity
    own: Layer
    computed: Layer
    defaults: Layer
    values: Mapping[str, str]
    locate: Locate


Watch: TypeAlias = Callable[[Trace], None]


@dataclass(frozen=True, slots=True)
class Frame:
    """One plan file: its identity and defaults, the project, and the report for problems.

    ``watch``, if set, is called with the trace of each row; ``ordinary`` makes the rows without problems.
    """

    identity: Identity
    defaults: Layer
    project: Project
    report: FileReport
    watch: Watch | None = None
    ordinary: OrdinaryRows = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ordinary", OrdinaryRows(self.identity, self.defaults, self.project))

    def row(
        self,
        place: Place,
        own: Layer,
        columns: Sequence[Column],
        values: dict[str, str],
        locate: Locate,
        occurrence: Occurrence | None = None,
    ) -> Row | None:
        """Make one row from ``own``, then the results of ``columns``, then the defaults; None if it has an error.

        ``values`` are the texts that formulas may read, ``locate`` returns the location of one of them. The date
        of an ``occurrence`` is appended to the key.
        """
        made = NOTHING
        if columns:
            made, failures = compute(columns, own, values)
            for failure in failures:
                self._report_failure(failure, place, values, locate)
        shape, texts = None, []
        if self.watch is None and occurrence is None:
            shape = self.ordinary.shape(own, made)
            texts = [cell.text for layer in (own, made) for cell in layer.cells.values()]
        ordinary = None if shape is None else self.ordinary.row(shape, texts, place.row())
        if ordinary is not None:
            return ordinary
        merged = over(own, over(made, self.defaults))
        reading = Reading(place, merged, self.report, own.schedule, occurrence)
        row = read_row(reading, self.identity, self.project)
        if shape is not None and row is not None and not reading.reported:
            self.ordinary.accept(shape, texts, row)
        if self.watch is not None:
            self.watch(Trace(reading, row, self.identity, own, made, self.defaults, values, locate))
        return row

    def _report_failure(self, failure: Failure, place: Place, values: dict[str, str], locate: Locate) -> None:
        """Report a formula's failure at the cell it is about, or at the first cell that the formula reads."""
        column, problem = failure.column, failure.problem
        inputs, private = [], [*problem.private, *revealing_names((column.name, *column.reads))]
        first_cell: Location | None = None
        failed_cell: Location | None = None
        for name in dict.fromkeys(column.reads):
            location, value = locate(name), quoted(values.get(name, ""))
            first_cell = first_cell or location
            if value in problem.private:
                failed_cell = failed_cell or location
            if name in column.context and not values.get(name):
                continue
            if is_private(name) and values.get(name):
                private.append(value)
            inputs.append(f"{name} is {value}" + (f" in {location.cell}" if location and location.cell else ""))
        text = column.scalar.text
        private += literals(text)
        formula = text if len(text) <= _SHOWN_FORMULA else f"{text[:_SHOWN_FORMULA]}..."
        message = f"{column.name}: {problem.message}; {formula}"
        if inputs:
            message += f", where {', '.join(inputs[:_SHOWN_READS])}"
        self.report.add_problem_at(
            problem.code,
            message,
            failed_cell or first_cell or place.row(),
            problem.hint,
            private=tuple(private),
            cause=column.name,
        )


def read_row(reading: Reading, identity: Identity, project: Project) -> Row | None:
    """The row, or None if it has errors, which are reported."""
    key = _key(reading, identity.tags)
    if key is not None and reading.occurrence is not None:
        key = _dated(key, reading.occurrence, reading)
    revision = _revision(reading)
    if identity.plan is not None and key is not None and revision is not None:
        reading.address = Address(identity.plan, key, revision)
    call = read_parties(reading, project)
    _check_names(reading)
    timing = read_timing(reading)
    if reading.failed or reading.merged.bad or reading.address is None:
        return None
    call = replace(
        call,
        schedule=timing.schedule,
        delay_minutes=timing.delay_minutes,
        additional_data=reading.texts("additional_data"),
        metadata=reading.texts("metadata"),
    )
    return Row(
        address=reading.address,
        call=call,
        source=reading.place.row(),
        rings_at=timing.rings_at,
        enabled=_flag(reading, "enabled", default=True),
        place_by=timing.place_by,
        distinct=_flag(reading, "distinct", default=False),
        called_timezone=timing.called,
    )


def _check_names(reading: Reading) -> None:
    """Refuse one name in two Unicode forms: it looks like one name, but would be sent twice."""
    seen: dict[str, str] = {}
    for name in reading.merged.cells:
        if not name.isascii() and seen.setdefault(normalize("NFC", name), name) != name:
            message = f"duplicate name {name}, in two Unicode forms that look alike"
            reading.wrong("E322", name, message, "keep one of them", names=name.split("."))


def _key(reading: Reading, identity: tuple[str, ...] | None) -> str | None:
    text = reading.text("key")
    if identity is None:
        if text is None:
            hint = "add key: ..., a name that never changes, or identity: at the top of the file"
            reading.wrong("E316", "key", "missing field 'key'", hint)
        return text
    if text is not None:
        hint = "remove the key, or remove identity from the file"
        reading.wrong("E317", "key", "this file creates keys from identity, so a row must not have a key", hint)
        return None
    values = reading.texts("metadata")
    missing = [tag for tag in identity if not values.get(tag)]
    if missing or not identity:
        if missing:
            message = f"missing metadata.{missing[0]}, which identity needs"
            hint = f"add metadata: {{{missing[0]}: ...}}"
            reading.wrong("E318", "metadata", message, hint, names=missing[:1])
        return None
    made = "/".join(values[tag] for tag in identity)
    if not ROW_KEY.fullmatch(made):
        hint = "use up to 128 letters, digits and . _ : / -, starting with a letter or digit"
        message = f"identity gives {quoted(made)}, which is not a valid key"
        reading.wrong("E319", f"metadata.{identity[0]}", message, hint)
        return None
    return made


def _dated(key: str, occurrence: Occurrence, reading: Reading) -> str | None:
    """The key of an occurrence. It is also set as the row's cell."""
    dated = f"{key}/{occurrence.day}"
    if not ROW_KEY.fullmatch(dated):
        message = f"the key {quoted(key)} is too long for the date of an occurrence"
        reading.wrong("E805", "key", message, "shorten it to at most 117 characters, as the row repeats")
        return None
    reading.merged.cells["key"] = Cell(dated, Source.REPEAT, occurrence.rule)
    return dated


def _revision(reading: Reading) -> int | None:
    cell = reading.cell("revision")
    if cell is None:
        return None if reading.blocked("revision") else 1
    return int(cell.text)


def _flag(reading: Reading, field: str, *, default: bool) -> bool:
    text = reading.text(field)
    return default if text is None else BOOLEANS.get(text, default)
