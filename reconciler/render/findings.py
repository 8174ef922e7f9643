"""What of a plan belongs beside a line of a file, for the forms that say it there."""

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
    Action.FORBIDDEN: "a call that will still ring and that a guard would block today: the API cannot cancel it",
    Action.UNCERTAIN: "a call of which nobody knows whether it was placed",
    Action.CONFLICT: "a call that the service may have already, placed by something else",
    Action.CHANGED: "a call that was placed and is edited now: the API cannot change it",
    Action.REMOVED: "a call that will still ring without a row: the API cannot cancel it",
    Action.EXPIRED: "a call whose time passed before it was placed",
}
_MOST_FIELDS = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """``rule`` is a diagnostic's code or an action; ``identity`` stays the same when lines move, and is masked."""

    rule: str
    severity: Severity
    message: str
    identity: str
    location: Location | None = None
    hint: str | None = None


def findings(plan: Plan, *, masked: bool, folder: str) -> list[Finding]:
    """A changed ``reconciler.yaml``, then errors, then warnings; what waits on the base already comes last of its
    kind. Edits of a call that has rung are left out: nothing can be done about them.

    Places are told from the top of the repository: ``folder`` is the project's in it, with a slash at its end.
    """
    seen = mask_plan(plan, whole=False) if masked else plan
    found = [*_settings(seen), *_diagnostics(plan.diagnostics, Severity.ERROR, masked=masked)]
    listed = to_stop.addresses(seen)
    for action in ACTION_RULES:
        told = [
            item for item in seen.with_action(action) if "past" not in item.reasons and item.address not in listed
        ]
        found += map(_change, sorted(told, key=lambda item: item.introduced is False))
        if action is Action.BLOCKED:
            found += _to_stop(seen)
    found += _diagnostics(plan.diagnostics, Severity.WARNING, masked=masked)
    return [replace(item, location=_within(folder, item.location)) for item in found]


def _to_stop(plan: Plan) -> Iterator[Finding]:
    """The calls to stop by hand, the soonest first, at their rows where they have any."""
    if plan.to_stop:
        changes = {change.address: change for change in plan.with_action(*{call.action for call in plan.to_stop})}
        for call in plan.to_stop:
            message = f"{call.address} is {call.action}: {to_stop.sentence(call)}"
            change = changes.get(call.address)
            if change is not None and change.diff:
                message += f". Fields: {_fields(cell.field for cell in change.diff)}"
            where = None if change is None else change.source
            yield Finding(call.action, Severity.WARNING, message, str(call.address), where)


def _within(folder: str, where: Location | None) -> Location | None:
    return where and structs.replace(where, file=folder + where.file)


def _settings(plan: Plan) -> Iterator[Finding]:
    if plan.base is not None and plan.base.settings:
        message = f"this branch changes {_fields(cell.field for cell in plan.base.settings)} in {PROJECT_FILE}"
        yield Finding(SETTINGS_RULE, Severity.WARNING, message, SETTINGS_RULE, Location(PROJECT_FILE))


def _diagnostics(items: Iterable[Diagnostic], severity: Severity, *, masked: bool) -> Iterator[Finding]:
    for item in items:
        if item.severity is severity:
            public = mask_diagnostic(item)
            shown = public if masked else item
            identity = f"{public.address or ''}\n{public.message}"
            yield Finding(item.code, severity, shown.message, identity, shown.location, shown.hint)


def _change(change: Change) -> Finding:
    severity = Severity.ERROR if change.action is Action.BLOCKED else Severity.WARNING
    message = f"{change.address} is {change.action}: {change.message or ACTION_RULES[change.action]}"
    if change.diff:
        message += f". Fields: {_fields(cell.field for cell in change.diff)}"
    return Finding(change.action, severity, message, str(mask_address(change.address)), change.source)


def _fields(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _MOST_FIELDS
    return ", ".join(listed[:_MOST_FIELDS]) + (f" and {more:,} more" if more > 0 else "")
