"""Where each value of a row came from, as data: a tree from what is sent back to what people wrote."""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import normalize

from msgspec.structs import replace

from reconciler.masking import mask_value
from reconciler.model import Location, Word

ALIAS = "alias"
IDENTITY = "identity"
PLAN = "plan"
TABLE = "table"
TAG = "tag"


class Origin(Word, frozen=True):
    """Where one value came from.

    ``kind`` is a cell's source (``cells.Source``), ``alias`` (a name that ``reconciler.yaml`` resolves),
    ``identity`` (a key made of tags), ``plan`` (the plan's own name), ``table`` (a file that is looked up in) or
    ``tag`` (what reconciler attaches itself).
    ``value`` is the text as it stands at ``place``, or as it was made there out of ``inputs``. ``formula`` is None
    where a column holds fixed text; ``masked_formula`` may be published. ``cut``: its inputs are told elsewhere.
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
        """Its own place, and those of all inputs."""
        if self.place is not None:
            yield self.place
        for item in self.inputs:
            if item.origin is not None:
                yield from item.origin.places()


class Input(Word, frozen=True):
    """One value that another is made of. ``origin`` is None where it is empty."""

    name: str
    origin: Origin | None


class Field(Word, frozen=True):
    """One field of a row. ``value`` is as sent; ``sent_as`` its path in the request's body, None where it is no
    part of it."""

    path: str
    value: str
    origin: Origin
    sent_as: str | None = None
    private: bool = False


class Provenance(Word, frozen=True):
    """Every field of one row. ``complete`` is false where the row has errors: then it holds what could be read.

    The row's own lines of its file are those from ``source`` to ``last_line``.
    """

    source: Location
    fields: tuple[Field, ...]
    last_line: int
    complete: bool = True

    def origin(self, path: str) -> Origin | None:
        """Where the value of a field came from; None where the row has no such field."""
        return next((item.origin for item in self.fields if item.path == normalize("NFC", path)), None)


def mask_provenance(item: Provenance) -> Provenance:
    """The same as it may be published."""
    return replace(item, fields=tuple(_mask_field(field) for field in item.fields))


def _mask_field(field: Field) -> Field:
    value = mask_value(field.value) if field.private else field.value
    return replace(field, value=value, origin=_mask_origin(field.origin))


def _mask_origin(origin: Origin) -> Origin:
    inputs = tuple(replace(item, origin=item.origin and _mask_origin(item.origin)) for item in origin.inputs)
    value = mask_value(origin.value) if origin.private else origin.value
    return replace(origin, value=value, formula=origin.masked_formula, inputs=inputs)
