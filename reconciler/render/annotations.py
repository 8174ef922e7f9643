"""The parts of a plan that belong to a line of a file, for formats with annotations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from msgspec import structs

from reconciler.domain.masking import mask_address, mask_diagnostic, mask_plan
from reconciler.domain.model import Diagnostic, Location, Severity
from reconciler.domain.plan import Action, Change, Plan
from reconciler.domain.settings import PROJECT_FILE
from reconciler.render import to_stop

SETTINGS_RULE = "settings-changed"
ACTION_RULES = {
    Action.BLOCKED: "a call that a guard holds back",
    Action.FORBIDDEN: "a placed call that a guard would block today: the API cannot cancel it",
    Action.UNCERTAIN: "a call that may or may not have been placed",
    Action.CONFLICT: "a call that may already exist at the service, placed by something else",
    Action.CHANGED: "a placed call whose row was edited: the API cannot change it",
    Action.REMOVED: "a placed call whose row was removed: the API cannot cancel it",
    Action.EXPIRED: "a call whose time passed before it was placed",
}
_MOST_FIELDS = 20


@dataclass(frozen=True, slots=True)
class Annotation:
    """``rule`` is a diagnostic's code or an action; ``identity`` does not change when lines move, and is
    masked.
    """

    rule: str
    severity: Severity
    message: str
    identity: str
    location: Location | None = None
    hint: str | None = None


def findings(plan: Plan, *, masked: bool, folder: str) -> list[Annotation]:
    """A changed ``reconciler.yaml``, then errors, then warnings. Changes that the base already has come last in
    each group. Edits after the call rang are omitted, because they need no action.

    Locations are relative to the root of the repository: ``folder`` is the project's path in it, with a slash at
    its end.
    """
    seen = mask_plan(plan, whole=False) if masked else plan
    found = [*_settings(seen), *_diagnostics(plan.diagnostics, Severity.ERROR, masked=masked)]
    listed = to_stop.addresses(seen)
    for action in ACTION_RULES:
        current = [
            item for item in seen.with_action(action) if "past" not in item.reasons and item.address not in listed
        ]
        found += map(_change, sorted(current, key=lambda item: item.introduced is False))
        if action is Action.BLOCKED:
            found += _to_stop(seen)
    found += _diagnostics(plan.diagnostics, Severity.WARNING, masked=masked)
    return [replace(item, location=_within(folder, item.location)) for item in found]


def _to_stop(plan: Plan) -> Iterator[Annotation]:
    """The calls to stop by hand, the soonest first, located at their rows if they have any."""
    if plan.to_stop:
        changes = {change.address: change for change in plan.with_action(*{call.action for call in plan.to_stop})}
        for call in plan.to_stop:
            message = f"{call.address} is {call.action}: {to_stop.sentence(call)}"
            change = changes.get(call.address)
            if change is not None and change.diff:
                message += f". Fields: {_fields(cell.field for cell in change.diff)}"
            where = None if change is None else change.source
            yield Annotation(call.action, Severity.WARNING, message, str(call.address), where)


def _within(folder: str, where: Location | None) -> Location | None:
    return where and structs.replace(where, file=folder + where.file)


def _settings(plan: Plan) -> Iterator[Annotation]:
    if plan.base is not None and plan.base.settings:
        message = f"this branch changes {_fields(cell.field for cell in plan.base.settings)} in {PROJECT_FILE}"
        yield Annotation(SETTINGS_RULE, Severity.WARNING, message, SETTINGS_RULE, Location(PROJECT_FILE))


def _diagnostics(items: Iterable[Diagnostic], severity: Severity, *, masked: bool) -> Iterator[Annotation]:
    for item in items:
        if item.severity is severity:
            public = mask_diagnostic(item)
            shown = public if masked else item
            identity = f"{public.address or ''}\n{public.message}"
            yield Annotation(item.code, severity, shown.message, identity, shown.location, shown.hint)


def _change(change: Change) -> Annotation:
    severity = Severity.ERROR if change.action is Action.BLOCKED else Severity.WARNING
    message = f"{change.address} is {change.action}: {change.message or ACTION_RULES[change.action]}"
    if change.diff:
        message += f". Fields: {_fields(cell.field for cell in change.diff)}"
    return Annotation(change.action, severity, message, str(mask_address(change.address)), change.source)


def _fields(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _MOST_FIELDS
    return ", ".join(listed[:_MOST_FIELDS]) + (f" and {more:,} more" if more > 0 else "")
