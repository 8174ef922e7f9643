"""A plan as one page for a browser: a single file that needs no network, and works without scripts too.

It tells what the comment on a pull request tells, in the same order, and holds the whole sheet besides. All text
of users goes through ``document.seen``, or as JSON through ``document.embedded``: there is no third way in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from reconciler.domain.masking import mask_plan
from reconciler.domain.model import Location
from reconciler.domain.plan import Plan
from reconciler.evidence.outcomes import Report
from reconciler.render.html.around import NOTHING, Around, fullest_of_a_number
from reconciler.render.html.document import fill
from reconciler.render.html.lines import book_of
from reconciler.render.html.outcomes import tell_outcomes
from reconciler.render.html.story import tell
from reconciler.render.origins import Origins, mask_origins
from reconciler.savedplan.planfile import plan_id


def nowhere(_: Location) -> None:
    """A saved plan holds no lines, and the files beside it may have changed: better none than a wrong one."""


def render_plan(
    plan: Plan,
    *,
    masked: bool = True,
    excerpt: Callable[[Location], str | None] = nowhere,
    around: Around = NOTHING,
    origins: Origins | None = None,
) -> str:
    """The page; the same for the same arguments. ``excerpt`` gives a source line and a caret under it, masked as
    the page is. ``origins`` say where values came from."""
    shown, told = (mask_plan(plan), mask_origins(origins or {})) if masked else (plan, origins)
    book = replace(book_of(shown, around, told), fullest=fullest_of_a_number(plan, around))
    return fill(tell(book, shown, plan_id(plan), masked=masked, excerpt=excerpt))


def render_outcomes(plan: Plan, report: Report, agents: Mapping[str, str], *, masked: bool = True) -> str:
    """The same page of what became of the calls; ``plan`` says what is still to do, ``agents`` are names by id."""
    return fill(tell_outcomes(plan, report, agents, masked=masked))
