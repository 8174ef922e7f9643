"""How the page names and marks each action."""

from __future__ import annotations

from reconciler.domain.plan import Action
from reconciler.render.html.call_table import CallKind
from reconciler.render.labels import word

_MARKS = {
    Action.BLOCKED: "!",
    Action.FORBIDDEN: "#",
    Action.UNCERTAIN: "?",
    Action.CONFLICT: "&",
    Action.CHANGED: "~",
    Action.REMOVED: "-",
    Action.EXPIRED: "x",
    Action.CREATE: "+",
    Action.WAITING: ".",
    Action.HELD: "o",
    Action.UNCHANGED: "=",
}
KINDS = tuple(CallKind(action.value, word(action), _MARKS[action]) for action in Action)
KIND_NUMBERS = {action: number for number, action in enumerate(Action)}
TO_STOP = "to stop by hand"
