"""The words of guards: what they look at, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from reconciler.domain.blinding import ClearView, View
from reconciler.domain.model import Address, Call, Entry, Location, Record
from reconciler.domain.people import People
from reconciler.domain.plan import Action
from reconciler.domain.policy import Policy, Strictness


class Candidate(Record, frozen=True):
    """A call that would be placed: ``action`` is create, waiting or expired.

    ``rings_at`` is when it would ring (UTC); of a call that is not ``scheduled``, when it would if it were placed
    now. ``called_timezone`` is its row's; ``guard.places`` knows where the called person is.
    """

    address: Address
    call: Call
    action: Action
    rings_at: datetime
    scheduled: bool
    called_timezone: str | None = None
    place_by: datetime | None = None
    source: Location | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What guards see besides the calls: the clock, the policy, and what was placed (all entries of the state).

    ``people`` is what the lists of the policy say, ``approved`` are addresses that were judged together before.
    ``view`` is how the state has a row's call; a row's target is ``view.target(call.target)`` in entries.
    """

    now: datetime
    policy: Policy
    entries: Sequence[Entry] = ()
    view: View = field(default_factory=ClearView)
    people: People = field(default_factory=People)
    approved: frozenset[Address] = frozenset()


@dataclass(frozen=True, slots=True)
class Objection:
    """What a guard says against one call, or against all calls to place (``address`` None).

    The message is shown in public: it names no person, no number and no value given to the agent.
    """

    address: Address | None
    message: str


Check: TypeAlias = Callable[[Sequence[Candidate], Scene], Iterable[Objection]]


@dataclass(frozen=True, slots=True)
class Guard:
    """One rule: ``check`` is pure, and sees all calls at once, sorted by address. There may be more than fit into
    memory, so it goes through them only where the policy asks for something.

    ``strictness`` is what it has where the policy sets none. ``actions`` are the calls it looks at. ``stateless``:
    ``validate`` runs it. ``momentary``: it judges each call by itself, by when it would ring, so it is asked again
    for each call right before that is sent. ``binds_placed``: what it forbids must not ring even where it was
    placed before the rule was there. The other guards judge how much is placed, and when, and nothing more.
    """

    code: str
    name: str
    check: Check
    strictness: Strictness = Strictness.ERROR
    actions: frozenset[Action] = frozenset({Action.CREATE, Action.WAITING})
    stateless: bool = False
    momentary: bool = False
    binds_placed: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """An objection with the guard's code, and whether it blocks."""

    code: str
    blocks: bool
    objection: Objection
