"""A plan as one page for a browser: a single file that needs no network, and works without scripts too.

It tells what the comment on a pull request tells, in the same order, and holds the whole sheet besides. All text
of users goes through ``document.seen``, or as JSON through ``document.embedded``: there is no third way in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.engine.outcomes import Report
from reconciler.masking import mask_plan
from reconciler.model import Location, Plan
from reconciler.planfile import plan_id
from reconciler.render.html.document import fill
from reconciler.render.html.outcomes import tell_outcomes
from reconciler.render.html.story import tell


def _nowhere(_: Location) -> None:
    """A saved plan has no files beside it to quote from."""


def render_plan(plan: Plan, *, masked: bool = True, excerpt: Callable[[Location], str | None] = _nowhere) -> str:
    """The page; the same for the same plan and excerpts. ``excerpt`` gives a source line and a caret under it,
    masked as the page is."""
    return fill(tell(mask_plan(plan) if masked else plan, plan_id(plan), masked=masked, excerpt=excerpt))


def render_outcomes(plan: Plan, report: Report, agents: Mapping[str, str], *, masked: bool = True) -> str:
    """The same page of what became of the calls; ``plan`` says what is still to do, ``agents`` are names by id."""
    return fill(tell_outcomes(plan, report, agents, masked=masked))
