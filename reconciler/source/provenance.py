"""The origin of each value of a row, as a tree from the sent value back to the inputs that people wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from unicodedata import normalize

from msgspec.structs import replace

from reconciler.domain.model import Location, Record
from reconciler.domain.sensitive import is_harmless, mask_name, mask_text, mask_value, words_of_name

ALIAS = "alias"
IDENTITY = "identity"
PLAN = "plan"
TABLE = "table"
TAG = "tag"


class ValueOrigin(Record, frozen=True):
    """The origin of one value.

    ``kind`` is a cell's source (``cells.Source``), ``alias`` (a name that ``reconciler.yaml`` resolves),
    ``identity`` (a key made from tags), ``plan`` (the plan's name), ``table`` (a lookup file) or ``tag`` (metadata
    that reconciler adds).
    ``value`` is the text at ``place``, or the text computed there from ``inputs``. ``formula`` is None if a column
    has fixed text; ``masked_formula`` may be published. ``cut``: its inputs are listed elsewhere.
    """

    kind: str
    value: str
    place: Location | None
    private: bool = False
    formula: str | None = None
    masked_formula: str | None = None
    inputs: tuple[Input, ...] = ()
    cut: bool = False

    def places(self) -> Iterator[Location]:
        """Its own location, and those of all inputs."""
        if self.place is not None:
            yield self.place
        for item in self.inputs:
            if item.origin is not None:
                yield from item.origin.places()


class Input(Record, frozen=True):
    """One input of a value. ``origin`` is None if it is empty."""

    name: str
    origin: ValueOrigin | None


class Field(Record, frozen=True):
    """One field of a row. ``value`` is the sent value; ``sent_as`` is its path in the request body, None if it is
    not part of it."""

    path: str
    value: str
    origin: ValueOrigin
    sent_as: str | None = None
    private: bool = False


class Provenance(Record, frozen=True):
    """Every field of one row. ``complete`` is false if the row has errors: then only readable fields are included.

    The row spans the lines of its file from ``source`` to ``last_line``.
    """

    source: Location
    fields: tuple[Field, ...]
    last_line: int
    complete: bool = True

    def origin(self, path: str) -> ValueOrigin | None:
        """The origin of a field's value; None if the row has no such field."""
        return next((item.origin for item in self.fields if item.path == normalize("NFC", path)), None)


def mask_provenance(item: Provenance) -> Provenance:
    """The provenance as it may be published; for a row with errors, only harmless values."""
    mask = _Mask(item.complete, _personal_values(item))
    return replace(item, fields=tuple(map(mask.field, item.fields)))


def _personal_values(item: Provenance) -> list[str]:
    """The values that identify the called person, as ``masking.personal_values`` returns for a call."""
    values = {field.path: field.value for field in item.fields}
    texts = [values[name] for name in ("to_number", "full_name", "email", "webhook_url") if values.get(name)]
    return texts + words_of_name(values.get("full_name", ""))


@dataclass(frozen=True, slots=True)
class _Mask:
    """Masks one row. ``checked``: the row has no errors; ``personal`` are values that no other field may show."""

    checked: bool
    personal: Sequence[str]

    def field(self, field: Field) -> Field:
        return replace(
            field,
            path=self.name(field.path),
            value=self.text(field.value, private=field.private),
            sent_as=field.sent_as and self.name(field.sent_as),
            origin=self.origin(field.origin),
        )

    def origin(self, origin: ValueOrigin) -> ValueOrigin:
        inputs = tuple(
            replace(item, name=self.name(item.name), origin=item.origin and self.origin(item.origin))
            for item in origin.inputs
        )
        value = self.text(origin.value, private=origin.private)
        formula = origin.masked_formula and mask_text(origin.masked_formula, self.personal)
        return replace(origin, value=value, formula=formula, inputs=inputs)

    def name(self, name: str) -> str:
        return mask_name(name, self.personal)

    def text(self, text: str, *, private: bool) -> str:
        shown = not private and (self.checked or is_harmless(text))
        return mask_text(text, self.personal) if shown else mask_value(text)
