"""Read one row: first its identity, then the call."""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import normalize

from reconciler.domain.model import ROW_KEY, Address, Call, Row
from reconciler.domain.settings import Project
from reconciler.source.rows.cells import Cell, Source
from reconciler.source.rows.parties import read_parties
from reconciler.source.rows.reading import Reading
from reconciler.source.rows.repeat import Occurrence
from reconciler.source.rows.timing import read_timing
from reconciler.source.schema.wording import quoted
from reconciler.source.yaml.nodes import BOOLEANS


@dataclass(frozen=True, slots=True)
class Identity:
    """The source of a row's address: the plan's name (None if it is invalid) and the tags of ``identity``.

    ``tags`` is None if rows have keys, and empty if the list is invalid.
    """

    plan: str | None
    tags: tuple[str, ...] | None


def read_row(reading: Reading, identity: Identity, project: Project) -> Row | None:
    """The row, or None if it has errors, which are reported."""
    key = _key(reading, identity.tags)
    if key is not None and reading.occurrence is not None:
        key = _dated(key, reading.occurrence, reading)
    revision = _revision(reading)
    if identity.plan is not None and key is not None and revision is not None:
        reading.address = Address(identity.plan, key, revision)
    parties = read_parties(reading, project)
    _check_names(reading)
    timing = read_timing(reading)
    if reading.failed or reading.merged.bad or reading.address is None:
        return None
    call = Call(
        agent=parties.agent,
        sender=parties.sender,
        contact_id=parties.contact_id,
        to_number=parties.to_number,
        full_name=parties.full_name,
        email=parties.email,
        country=parties.country,
        webhook_url=parties.webhook_url,
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
            hint = f"add metadata: {{{missing[0]}: ...}}"
            reading.wrong(
                "E318",
                "metadata",
                f"missing metadata.{missing[0]}, which identity needs",
                hint,
                names=missing[:1],
            )
        return None
    made = "/".join(values[tag] for tag in identity)
    if not ROW_KEY.fullmatch(made):
        hint = "use up to 128 letters, digits and . _ : / -, starting with a letter or digit"
        reading.wrong(
            "E319", f"metadata.{identity[0]}", f"identity gives {quoted(made)}, which is not a valid key", hint
        )
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
