"""What must not be seen in public: phone numbers, names, e-mail addresses and the values given to the agent.

A masked phone number keeps its last two digits, which tell rows apart for whom knows the list. No hash of a
number is ever shown: all numbers of a country are tried in minutes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote, quote_plus

from msgspec import structs

from reconciler.model import Call, Diagnostic, Entry, JsonObject, JsonValue, Request
from reconciler.plan import CellDiff, Change, Changes, Plan

MASK = "***"
PRIVATE_FIELDS = frozenset({"to_number", "from_number", "full_name", "email"})
PRIVATE_MAP = "additional_data"
_PHONE = re.compile(
    r"(?:\+|(?<![\w.:/-])00)\d(?:[\s().-]{0,2}\d){6,14}(?!\d)|(?<![\w.:/-])\d{10,15}(?![\w-])", re.ASCII
)


def mask_value(text: str) -> str:
    """``+***78`` for a phone number, ``***`` for anything else."""
    return f"+{MASK}{text[-2:]}" if text.startswith("+") and len(text) > 5 else MASK


def mask_in(text: str, private: Iterable[str]) -> str:
    """``text`` with each private part of it masked, the longest first."""
    for part in sorted({item for item in private if item}, key=len, reverse=True):
        text = text.replace(part, mask_value(part))
    return text


def mask_numbers(text: str) -> str:
    """Words of persons or of the service, with every phone number in them masked."""
    return _PHONE.sub(lambda found: f"+{MASK}{found[0][-2:]}", text)


def mask_echo(text: str, private: Iterable[str]) -> str:
    """The same for another program's text, which may quote a private part in its own way: escaped for JSON or a
    URL, in other case, a phone number with spaces or dashes.
    """
    for part in sorted({item for item in private if item}, key=len, reverse=True):
        shown = mask_value(part).replace("\\", r"\\")  # where it stands for itself
        text = re.sub(_forms(part), shown, text, flags=re.IGNORECASE)
    return text


def _forms(part: str) -> str:
    quoted = {part, *(json.dumps(part, ensure_ascii=narrow)[1:-1] for narrow in (True, False))}
    quoted |= {quote(part, errors="replace"), quote_plus(part, errors="replace")}
    forms = [re.escape(item) for item in sorted(quoted, key=len, reverse=True)]
    if part.startswith("+") and part[1:].isdigit():
        forms.append(r"(?:\+|%2B)?" + r"[\s().-]*".join(part[1:]))
    return "|".join(forms)


def mask_diagnostic(item: Diagnostic) -> Diagnostic:
    """The diagnostic as it may be published."""
    if not item.private:
        return item
    hint = None if item.hint is None else mask_in(item.hint, item.private)
    return replace(item, message=mask_in(item.message, item.private), hint=hint, private=())


def private_values(body: JsonObject) -> list[str]:
    """The private texts of a request's body, for taking them out of a service's error messages.

    Texts of one or two characters are left out: they tell nothing, and stand in every other word.
    """
    found = [value for name in PRIVATE_FIELDS if isinstance(value := body.get(name), str)]
    pairs = body.get(PRIVATE_MAP)
    if isinstance(pairs, list):
        values = [pair.get("value") for pair in pairs if isinstance(pair, dict)]
        found += [value for value in values if isinstance(value, str)]
    return [value for value in found if len(value) > 2]


def mask_plan(plan: Plan, *, whole: bool = True) -> Plan:
    """The plan as it may be published. Its id stays that of the plan itself (``planfile.shown``).

    Unless the ``whole`` of each call is shown, only whom it calls, when, and the cells that differ are masked.
    """
    diagnostics = tuple(mask_diagnostic(item) for item in plan.diagnostics)
    found = plan.changes
    mask = mask_change if whole else _mask_told
    changes = found.mapped(mask, requests=whole) if isinstance(found, Changes) else tuple(map(mask, found))
    base = plan.base and replace(plan.base, settings=tuple(_mask_setting(cell) for cell in plan.base.settings))
    return replace(plan, changes=changes, diagnostics=diagnostics, base=base)


def mask_change(change: Change) -> Change:
    """The change with its call, request and cells masked."""
    return _masked(change, None if change.request is None else _mask_request(change.request))


def _mask_told(change: Change) -> Change:
    """Nearly always there is nothing to mask of whom it calls: a contact's id tells nobody anything."""
    told = change.call is None or change.call.to_number is None
    return change if told and not change.diff else _masked(change, None)


def _masked(change: Change, request: Request | None) -> Change:
    call = None if change.call is None else mask_call(change.call)
    diff = tuple(map(_mask_cell, change.diff)) if change.diff else ()
    return structs.replace(change, call=call, request=request, diff=diff)


def mask_call(call: Call) -> Call:
    """The call as it may be published."""
    return structs.replace(
        call,
        sender=mask_value(call.sender) if call.sender.startswith("+") else call.sender,
        to_number=_maybe(call.to_number),
        full_name=_maybe(call.full_name),
        email=_maybe(call.email),
        additional_data=dict.fromkeys(call.additional_data, MASK),
    )


def mask_entry(entry: Entry) -> Entry:
    """What the state holds of a call, as it may be published."""
    error = None if entry.error is None else mask_numbers(entry.error)
    return structs.replace(entry, call=mask_call(entry.call), error=error)


def _maybe(text: str | None) -> str | None:
    return None if text is None else mask_value(text)


def _mask_request(request: Request) -> Request:
    return Request(request.endpoint, {name: _mask_member(name, value) for name, value in request.body.items()})


def _mask_member(name: str, value: JsonValue) -> JsonValue:
    if name in PRIVATE_FIELDS and isinstance(value, str):
        return mask_value(value)
    if name == PRIVATE_MAP and isinstance(value, list):
        return [{**pair, "value": MASK} if isinstance(pair, dict) else MASK for pair in value]
    return value


def _mask_cell(cell: CellDiff) -> CellDiff:
    private = cell.field in PRIVATE_FIELDS or cell.field.startswith(f"{PRIVATE_MAP}.")
    if private or (cell.field == "from" and _has_number(cell)):
        return structs.replace(
            cell, before=cell.before if cell.hidden else _maybe(cell.before), after=_maybe(cell.after)
        )
    return cell


def _mask_setting(cell: CellDiff) -> CellDiff:
    if _has_number(cell):
        return structs.replace(cell, before=_maybe(cell.before), after=_maybe(cell.after))
    return cell


def _has_number(cell: CellDiff) -> bool:
    return any((side or "").startswith("+") for side in (cell.before, cell.after))
