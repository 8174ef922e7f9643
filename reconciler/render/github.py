"""A plan as annotations of GitHub Actions: one workflow command on each line.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions. The runner decodes ``%25``,
``%0D``, ``%0A`` in a message, and also ``%3A``, ``%2C`` in a property (actions/toolkit, command.ts).
"""

from __future__ import annotations

from reconciler.domain.model import Severity
from reconciler.domain.plan import Plan
from reconciler.render.annotations import Annotation, findings
from reconciler.render.escape import cut
from reconciler.render.labels import count_line, verdict_line

MOST_OF_A_KIND = 10  # the most that GitHub shows for one step
_MESSAGE = 2000


def render_plan(plan: Plan, *, masked: bool = True, folder: str = "") -> str:
    """Errors, warnings, and one notice with the counts. ``folder``: see ``findings``."""
    found = findings(plan, masked=masked, folder=folder)
    lines = [line for severity in Severity for line in _kind(severity, found)]
    lines.append(f"::notice title=reconciler::{_data(f'{count_line(plan)}. {verdict_line(plan)}')}")
    return "\n".join(lines) + "\n"


def _kind(severity: Severity, found: list[Annotation]) -> list[str]:
    """At most as many as GitHub shows; if there are more, the last one gives the number of the others."""
    items = [item for item in found if item.severity is severity]
    if len(items) <= MOST_OF_A_KIND:
        return [_annotation(item) for item in items]
    rest = len(items) - MOST_OF_A_KIND + 1
    shown = [_annotation(item) for item in items[: MOST_OF_A_KIND - 1]]
    return [*shown, f"::{severity} title=reconciler::{rest} more {severity}s are not shown here; see the log"]


def _annotation(item: Annotation) -> str:
    properties = [f"title={_property(item.rule)}"]
    if item.location is not None:
        where = item.location
        properties[:0] = [f"file={_property(where.file)}", f"line={where.line}", f"col={where.column}"]
    lines = [item.message] if item.hint is None else [item.message, f"hint: {item.hint}"]
    return f"::{item.severity} {','.join(properties)}::{'%0A'.join(map(_data, lines))}"


def _data(text: str) -> str:
    return cut(text, _MESSAGE).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
