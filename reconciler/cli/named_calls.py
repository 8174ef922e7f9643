"""Check with the service that a call that a person names exists, and belongs to the address."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.cli.output import say
from reconciler.contactship.origin import API_KEY_VARIABLE, parse_origin
from reconciler.errors import ReconcilerError
from reconciler.evidence.named_calls import NamedCall, NamedCallCheck, check_named_calls
from reconciler.evidence.tagging import current_lineage

if TYPE_CHECKING:
    from reconciler.cli.target import Target
    from reconciler.domain.ports import Decision, Intent, StateStore

_MOST_SHOWN = 20
_HINT = (
    "check the id in the dashboard; a call that was placed moments ago may not be listed yet, so try again later"
)


def check_with_service(
    store: StateStore, target: Target, decisions: Sequence[Decision], intents: Sequence[Intent]
) -> bool:
    """Look up the calls that ``decisions`` record as placed. ``intents`` are the attempts of addresses that are
    not in the state. Returns whether all of them were checked; says which were not.

    Raises:
        ReconcilerError: the service does not have a call, or it is one of another person, agent or address.
    """
    named = _named(store, decisions, intents)
    if not named:
        return True
    reason = _why_unchecked(store, target)
    if reason is not None:
        say(f"note: not checked with the service: {_ids(named)}, because {reason}", err=True)
        return False
    found = asyncio.run(_check(store, target, named))
    if found.problems:
        details = [f"{address}: {problem}" for address, problem in found.problems.items()]
        if len(details) == 1:
            raise ReconcilerError(details[0], hint=_HINT)
        more = [f"and {len(details) - _MOST_SHOWN:,} more"] if len(details) > _MOST_SHOWN else []
        raise ReconcilerError("nothing was recorded", hint=_HINT, details=[*details[:_MOST_SHOWN], *more])
    for reason in dict.fromkeys(found.unchecked.values()):
        those = [item for item in named if found.unchecked.get(item.address) == reason]
        say(f"note: not checked with the service: {_ids(those)}, because {reason}", err=True)
    return not found.unchecked


def _named(store: StateStore, decisions: Sequence[Decision], intents: Sequence[Intent]) -> list[NamedCall]:
    """The named calls that no address has yet; recording one that another has is refused without the service."""
    owners = store.entries_of_calls([item.call_id for item in decisions if item.call_id is not None])
    wanted = {item.address: (item.call, item.digest) for item in intents}
    for item in decisions:
        entry = store.entry(item.address) if item.call_id and item.address not in wanted else None
        if entry is not None:
            wanted[item.address] = entry.call, entry.digest
    return [
        NamedCall(address=item.address, call_id=item.call_id, call=call, digest=digest)
        for item in decisions
        if item.call_id is not None and item.call_id not in owners and item.address in wanted
        for call, digest in (wanted[item.address],)
    ]


def _why_unchecked(store: StateStore, target: Target) -> str | None:
    """Why the service is not asked: there is no key, or it is another service than that of the state's calls."""
    if not target.has_key:
        return f"there is no API key ({API_KEY_VARIABLE})"
    last = store.last_service()
    if last is not None and parse_origin(last).loopback is not target.origin.loopback:
        return f"the calls of this state were placed at {last} and not at {target.origin.base}"
    return None


async def _check(store: StateStore, target: Target, named: list[NamedCall]) -> NamedCallCheck:
    async with target.listing(target.key()) as listing:
        return await check_named_calls(listing, named, current_lineage(store))


def _ids(named: Sequence[NamedCall]) -> str:
    shown = ", ".join(item.call_id for item in named[:3])
    return shown if len(named) <= 3 else f"{shown} and {len(named) - 3:,} more"
