"""The types that guards use: their input and their results."""

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
    """A call as guards see it. ``action`` is create, waiting or expired; a placed call is checked as create.

    ``rings_at`` is when it would ring (UTC); for a call that is not ``scheduled``, when it would ring if placed
    now. ``called_timezone`` is its row's; ``guards.zones`` decides where the called person is.
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
class GuardInput:
    """The input of guards besides the calls: the clock, the policy, and all entries of the state.

    ``people`` holds the lists of the policy, ``approved`` the addresses that were approved together before.
    ``view`` converts a row's call to the form in the state: a row's target is ``view.target(call.target)`` in
    entries.
    """

    now: datetime
    policy: Policy
    entries: Sequence[Entry] = ()
    view: View = field(default_factory=ClearView)
    people: People = field(default_factory=People)
    approved: frozenset[Address] = frozenset()


class GuardFinding(Record, frozen=True):
    """What a guard objects to in one call, or in all calls to place (``address`` None).

    The message is public: it contains no person, no number and no value passed to the agent. The registry sets
    ``code`` and ``blocks``; a guard does not know them.
    """

    address: Address | None
    message: str
    code: str = ""
    blocks: bool = True


Check: TypeAlias = Callable[[Sequence[Candidate], GuardInput], Iterable[GuardFinding]]


@dataclass(frozen=True, slots=True)
class Guard:
    """One rule. ``check`` is pure and gets all calls at once, sorted by address. They may not fit into memory, so
    it iterates over them only if the policy configures the guard.

    ``strictness`` is the default. ``actions`` selects the calls to check. ``stateless``: ``validate`` runs it.
    ``momentary``: it judges each call on its own by when it rings, so it runs again right before each call is
    sent. ``binds_placed``: a call that it forbids must not ring even if it was placed before the rule existed. All
    other guards limit only how many calls are placed, and when.
    """

    code: str
    name: str
    check: Check
    strictness: Strictness = Strictness.ERROR
    actions: frozenset[Action] = frozenset({Action.CREATE, Action.WAITING})
    stateless: bool = False
    momentary: bool = False
    binds_placed: bool = False
