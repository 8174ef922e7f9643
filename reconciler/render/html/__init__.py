"""A plan as one HTML page: a single file that needs no network and also works without scripts.

It shows whether the plan can be applied, the counts, the problems, when the calls ring, and a table of all calls.
All untrusted text goes through ``document.printable``, or as JSON through ``document.embedded``; there is no other
way into the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from msgspec import structs

from reconciler.domain.masking import mask_plan, personal_values, private_of
from reconciler.domain.model import Address, Call, Location
from reconciler.domain.people import exact_id
from reconciler.domain.plan import Action, Change, Plan
from reconciler.domain.sensitive import mask_text
from reconciler.evidence.outcomes import OutcomeReport
from reconciler.render.html.content import build_content
from reconciler.render.html.document import fill
from reconciler.render.html.outcomes import build_outcome_content
from reconciler.render.html.plan_book import build_book
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
    whole = replace(plan, changes=plan.changes.mapped(partial(_with_placed_call, calls=load.unchanged)))
    shown, known_origins = whole, origins
    if masked:
        calls = (
            (change.call or change.shown_call, [*private_of(change), *personal_values(change.shown_call)])
            for change in whole.changes
        )
        shown, known_origins = mask_plan(whole), mask_origins(origins or {})
        shown = replace(shown, aliases=_mask_agents(shown.aliases, calls))
    book = replace(
        build_book(shown, load, known_origins, unmasked=plan), fullest=fullest_number_minute(plan, load)
    )
    return fill(build_content(book, shown, plan_id(plan), masked=masked, excerpt=excerpt))


def _with_placed_call(change: Change, calls: Mapping[Address, Call]) -> Change:
    """An unchanged row with the call that was placed for it, so that it is shown by name and local time."""
    call = calls.get(change.address) if change.action is Action.UNCHANGED else None
    return change if call is None else structs.replace(change, shown_call=call)


def render_outcomes(plan: Plan, report: OutcomeReport, agents: Mapping[str, str], *, masked: bool = True) -> str:
    """The same page for the outcomes of calls. ``plan`` has what is still to do, ``agents`` are names by id."""
    names = {exact_id(agent): name for agent, name in agents.items()}
    if masked:
        calls = (item.entry.call for item in report.standings)
        names = _mask_agents(names, ((call, personal_values(call)) for call in calls))
    return fill(build_outcome_content(plan, report, names, masked=masked))


def _mask_agents(names: Mapping[str, str], calls: Iterable[tuple[Call | None, Iterable[str]]]) -> dict[str, str]:
    """The names of agents, by exact id, without the private values of the calls that they make."""
    shown = dict(names)
    for call, private in calls:
        name = "" if call is None else shown.get(exact_id(call.agent), "")
        if call is not None and name:
            shown[exact_id(call.agent)] = mask_text(name, private)
    return shown
