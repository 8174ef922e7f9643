"""A plan as one HTML page: a single file that needs no network and also works without scripts.

It contains what the comment on a pull request contains, in the same order, and a table of all calls. All untrusted
text goes through ``document.seen``, or as JSON through ``document.embedded``; there is no other way into the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from reconciler.domain.masking import mask_plan
from reconciler.domain.model import Location
from reconciler.domain.plan import Plan
from reconciler.evidence.outcomes import OutcomeReport
from reconciler.render.html.call_table import build_book
from reconciler.render.html.content import build_content
from reconciler.render.html.document import fill
from reconciler.render.html.outcomes import build_outcome_content
from reconciler.render.load_context import NOTHING, LoadContext, fullest_number_minute
from reconciler.render.origins import Origins, mask_origins
from reconciler.savedplan.planfile import plan_id


def no_excerpt(_: Location) -> None:
    """No excerpt. A saved plan has no source lines, and its files may have changed since."""


def render_plan(
    plan: Plan,
    *,
    masked: bool = True,
    excerpt: Callable[[Location], str | None] = no_excerpt,
    load: LoadContext = NOTHING,
    origins: Origins | None = None,
) -> str:
    """The page; equal arguments give equal pages. ``excerpt`` returns a source line and a caret, masked like the
    page. ``origins`` are the origins of values.
    """
    shown, known_origins = (mask_plan(plan), mask_origins(origins or {})) if masked else (plan, origins)
    book = replace(build_book(shown, load, known_origins), fullest=fullest_number_minute(plan, load))
    return fill(build_content(book, shown, plan_id(plan), masked=masked, excerpt=excerpt))


def render_outcomes(plan: Plan, report: OutcomeReport, agents: Mapping[str, str], *, masked: bool = True) -> str:
    """The same page for the outcomes of calls. ``plan`` has what is still to do, ``agents`` are names by id."""
    return fill(build_outcome_content(plan, report, agents, masked=masked))
