"""Mask calls, plans, entries and diagnostics for publication. ``sensitive`` decides which text may be shown.

Phone numbers, names, e-mail addresses, countries, webhook URLs (they may contain tokens) and the values given to
the agent are private. So is metadata, except for the names that ``policy.public_metadata`` lists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from msgspec import structs

from reconciler.domain.model import (
    TAG_PREFIX,
    Address,
    Call,
    Diagnostic,
    Entry,
    JsonObject,
    JsonValue,
    Location,
    Request,
)
from reconciler.domain.plan import CallToStop, CellDiff, Change, Lifted, Plan
from reconciler.domain.sensitive import (
    MASK,
    mask_message,
    mask_name,
    mask_names,
    mask_shared_text,
    mask_text,
    mask_value,
    may_name_person,
    parts_in,
    words_of_name,
)

PRIVATE_FIELDS = frozenset({"to_number", "from_number", "full_name", "email", "country", "webhook_url"})
PRIVATE_MAP = "additional_data"
METADATA = "metadata"
_SHORTEST = 3  # shorter texts identify nobody, and occur in many words
Names = Collection[str]


def is_private(field: str, public_metadata: Names = ()) -> bool:
    """Whether the values of a field are always masked. ``field`` is a path as in a plan file."""
    name, _, rest = field.partition(".")
    if name == METADATA:
        return not (rest in public_metadata or rest.startswith(TAG_PREFIX))
    return name in PRIVATE_FIELDS or name == PRIVATE_MAP


def mask_field(field: str, text: str, public_metadata: Names = ()) -> str:
    """The value of a field as it may be published."""
    return mask_value(text) if is_private(field, public_metadata) else mask_text(text)


def mask_diagnostic(item: Diagnostic) -> Diagnostic:
    """The diagnostic as it may be published: a value that it quotes is masked, unless it is harmless."""
    return replace(
        item,
        message=mask_message(item.message, item.private),
        hint=None if item.hint is None else mask_message(item.hint, item.private),
        location=_mask_place(item.location),
        address=None if item.address is None else mask_address(item.address, item.private),
        private=(),
    )


def mask_address(address: Address, private: Iterable[str] = ()) -> Address:
    """The address with personal data in its key masked. Two rows may get the same one; their locations differ."""
    key = mask_text(address.key, private)
    plan = mask_shared_text(address.plan)
    if key == address.key and plan == address.plan:
        return address
    return Address(plan, key, address.revision)


def mask_json(value: object) -> JsonValue:
    """A JSON document with all its texts masked as free text."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, list):
        return [mask_json(item) for item in value]
    if isinstance(value, dict):
        return {mask_text(name): mask_json(item) for name, item in value.items()}
    return value if isinstance(value, bool | int | float) else None


def _mask_place(place: Location | None) -> Location | None:
    if place is None:
        return None
    file, cell = mask_shared_text(place.file), None if place.cell is None else mask_text(place.cell)
    return place if file == place.file and cell == place.cell else structs.replace(place, file=file, cell=cell)


def private_texts(call: Call) -> list[str]:
    """Every private value of a call, for masking them in texts from elsewhere.

    Texts of one or two characters are left out: they identify nobody, and occur in many words.
    """
    named = (call.to_number, call.full_name, call.email, call.country, call.webhook_url)
    found = [*filter(None, named), *call.additional_data.values(), *call.metadata.values()]
    return [text for text in found if len(text) >= _SHORTEST]


def personal_values(call: Call | None) -> list[str]:
    """The values that identify the called person, including the words of the name. They are masked in messages and
    keys. Other values may be part of a key on purpose (``identity``)."""
    if call is None or not (call.to_number or call.full_name or call.email or call.webhook_url):
        return []
    named = (call.to_number, call.full_name, call.email, call.webhook_url)
    found = [text for text in filter(None, named) if len(text) >= _SHORTEST]
    return found + words_of_name(call.full_name) if call.full_name else found


def private_values(body: JsonObject) -> list[str]:
    """The private texts of a request's body, for masking them in the service's error messages.

    Texts of one or two characters are left out: they identify nobody, and occur in many words.
    """
    found = [value for name in PRIVATE_FIELDS if isinstance(value := body.get(name), str)]
    pairs = body.get(PRIVATE_MAP)
    if isinstance(pairs, list):
        values = [pair.get("value") for pair in pairs if isinstance(pair, dict)]
        found += [value for value in values if isinstance(value, str)]
    return [value for value in found if len(value) >= _SHORTEST]


def mask_plan(plan: Plan, *, whole: bool = True) -> Plan:
    """The plan as it may be published. Its id stays that of the plan itself (``planfile.masked_pieces``).

    With ``whole=False``, requests are removed instead of masked, and of the values passed to the agent and the
    metadata all but the one that ``policy.show`` names, for output that does not show them.
    """
    changes = plan.changes if whole else plan.changes.without_requests()
    mask = partial(mask_change, public_metadata=plan.public_metadata, only=None if whole else plan.show or "")
    base = plan.base and replace(plan.base, settings=tuple(_mask_setting(cell) for cell in plan.base.settings))
    return replace(
        plan,
        changes=changes.mapped(mask),
        diagnostics=tuple(mask_diagnostic(item) for item in plan.diagnostics),
        base=base,
        moves=_mask_moves(plan),
        to_stop=tuple(mask_to_stop(call, plan.public_metadata) for call in plan.to_stop),
        lifted=tuple(Lifted(item.code, mask_text(item.reason)) for item in plan.lifted),
        aliases={name: mask_text(alias) for name, alias in plan.aliases.items()},
    )


def _mask_moves(plan: Plan) -> tuple[tuple[Address, Address], ...]:
    """The moves with the personal data of their target rows masked. A key that may contain a name is always
    masked, because a saved plan does not contain the personal data of its placed calls."""
    if not plan.moves:
        return ()
    ends = {new for _, new in plan.moves}
    private = {item.address: private_of(item) for item in plan.changes if item.address in ends}

    def mask(address: Address, new: Address) -> Address:
        return mask_address(address, [*private.get(new, ()), *[address.key] * may_name_person(address.key)])

    return tuple((mask(old, new), mask(new, new)) for old, new in plan.moves)


def mask_to_stop(call: CallToStop, public_metadata: Names = ()) -> CallToStop:
    """A call to stop by hand as it may be published. Its id is shown, to find it in the dashboard."""
    private = (*call.private, *([] if call.target is None else [call.target]))
    return structs.replace(
        call,
        address=mask_address(call.address, private),
        why=mask_text(call.why, private),
        call_id=call.call_id and mask_text(call.call_id),
        target=call.target
        and (mask_value(call.target) if call.target.startswith("+") else mask_text(call.target)),
        shown_call=None if call.shown_call is None else mask_call(call.shown_call, public_metadata),
    )


def mask_change(change: Change, public_metadata: Names = (), only: str | None = None) -> Change:
    """The change with its call (see ``mask_call``), request, cells and message masked."""
    private = private_of(change)
    request = change.request
    message = change.message and mask_text(change.message, private)
    return structs.replace(
        change,
        address=mask_address(change.address, private),
        source=_mask_place(change.source),
        call=None if change.call is None else mask_call(change.call, public_metadata, only),
        shown_call=None if change.shown_call is None else mask_call(change.shown_call, public_metadata, only),
        request=None if request is None else _mask_request(request, private, public_metadata),
        diff=tuple(_mask_cell(cell, private, public_metadata) for cell in change.diff) if change.diff else (),
        message=message,
        message_parts=change.message_parts if message == change.message else None,
        advice=mask_text(change.advice, private) if change.advice else "",
    )


def private_of(change: Change) -> list[str]:
    """The values that identify the called person of a change, to be masked in its address, message and names."""
    return [*personal_values(change.call), *change.private]


def mask_call(call: Call, public_metadata: Names = (), only: str | None = None) -> Call:
    """The call as it may be published. With ``only``, it has no other value than that of this field, such as
    ``additional_data.amount``."""
    private: Sequence[str] = personal_values(call)
    if private:
        shown = "\n".join((call.agent, call.sender, *call.additional_data, *call.metadata))
        private = parts_in(shown, private)
    return structs.replace(
        call,
        agent=mask_text(call.agent, private) if private else mask_shared_text(call.agent),
        sender=mask_text(call.sender, private) if private else mask_shared_text(call.sender),
        contact_id=call.contact_id and mask_text(call.contact_id),
        to_number=_maybe(call.to_number),
        full_name=_maybe(call.full_name),
        email=_maybe(call.email),
        country=_maybe(call.country),
        webhook_url=_maybe(call.webhook_url),
        additional_data=_mask_map(PRIVATE_MAP, call.additional_data, private, public_metadata, only),
        metadata=_mask_map(METADATA, call.metadata, private, public_metadata, only),
    )


def _mask_map(
    field: str, values: Mapping[str, str], private: Sequence[str], public_metadata: Names, only: str | None = None
) -> dict[str, str]:
    if only is not None:
        values = {name: text for name, text in values.items() if f"{field}.{name}" == only} if only else {}
    if not values:
        return {}
    shown = mask_names(values, private)
    masked = [
        mask_value(text) if field == PRIVATE_MAP else mask_field(f"{field}.{name}", text, public_metadata)
        for name, text in values.items()
    ]
    return dict(zip(shown, masked, strict=True))


def mask_entry(entry: Entry, public_metadata: Names = ()) -> Entry:
    """The state entry as it may be published."""
    private = personal_values(entry.call)
    return structs.replace(
        entry,
        address=mask_address(entry.address, private),
        call=mask_call(entry.call, public_metadata),
        call_id=entry.call_id and mask_text(entry.call_id),
        error=entry.error and mask_text(entry.error, private_texts(entry.call)),
    )


def _maybe(text: str | None) -> str | None:
    return None if text is None else mask_value(text)


def _mask_request(request: Request, private: Sequence[str], public_metadata: Names) -> Request:
    body = {name: _mask_member(name, value, private, public_metadata) for name, value in request.body.items()}
    tags = body.get(METADATA)
    if isinstance(tags, dict):  # our own tags repeat the address
        body[METADATA] = {name: mask_text(str(text), private) for name, text in tags.items()}
    return Request(request.endpoint, body)


def _mask_member(name: str, value: JsonValue, private: Sequence[str], public_metadata: Names) -> JsonValue:
    if name in PRIVATE_FIELDS and isinstance(value, str):
        return mask_value(value)
    if name == PRIVATE_MAP and isinstance(value, list):
        return [
            {**pair, "key": mask_name(str(pair.get("key")), private), "value": MASK}
            for pair in value
            if isinstance(pair, dict)
        ]
    if name == METADATA and isinstance(value, dict):
        texts = {key: str(item) for key, item in value.items()}
        return dict(_mask_map(METADATA, texts, private, public_metadata))
    return mask_json(value)


def _mask_cell(cell: CellDiff, private: Sequence[str], public_metadata: Names) -> CellDiff:
    def mask(text: str | None) -> str | None:
        return None if text is None else mask_field(cell.field, text, public_metadata)

    before = cell.before if cell.hidden else mask(cell.before)
    return structs.replace(cell, field=mask_name(cell.field, private), before=before, after=mask(cell.after))


def _mask_setting(cell: CellDiff) -> CellDiff:
    def mask(text: str | None) -> str | None:
        return None if text is None else mask_text(text)

    return structs.replace(cell, field=mask_text(cell.field), before=mask(cell.before), after=mask(cell.after))
