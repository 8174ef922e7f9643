"""Validate, plan and apply over injected ports: what the commands do, without a command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from reconciler.engine.apply import Placement
from reconciler.engine.events import Emit, Event, Tally
from reconciler.engine.plan import Context, verdict
from reconciler.engine.recheck import Ready, recheck
from reconciler.errors import ExitCode, ReconcilerError, Refused
from reconciler.model import Action, Plan
from reconciler.ports import CallProvider, Clock, StateStore

MAX_PLAN_LEAD = timedelta(minutes=5)


def check_verdict(plan: Plan) -> None:
    """Whether a plan can be applied at all.

    Raises:
        ReconcilerError: its files have errors.
        Refused: rows are blocked.
    """
    code = verdict(plan)
    if code is ExitCode.ERROR:
        count = len(plan.errors)
        raise ReconcilerError(f"{count} error{'' if count == 1 else 's'} in the files: nothing was placed")
    if code is ExitCode.REFUSED:
        raise Refused(f"{plan.count(Action.BLOCKED)} blocked: nothing was placed")


def check_applicable(plan: Plan, store: StateStore, now: datetime) -> None:
    """Whether an approved plan belongs to this state and this moment.

    Raises:
        Refused: it was made for another or no state, for a newer one (an older copy of the state was restored),
            or is dated ahead.
    """
    if plan.lineage is None or plan.serial is None:
        raise Refused("the plan was made without a state", hint="make it again without --no-state")
    if plan.lineage != store.lineage:
        raise Refused(f"the plan was made for the state {plan.lineage}, this one is {store.lineage}")
    if store.serial < plan.serial:
        raise Refused(
            f"the state (serial {store.serial}) is older than the one the plan was made for ({plan.serial})",
            hint="an older copy of the state was restored; find the newer one, or plan again and look closely",
        )
    if plan.created_at > now + MAX_PLAN_LEAD:
        raise Refused(f"the plan is dated ahead of the clock ({plan.created_at:%Y-%m-%d %H:%M} UTC)")


def check_count(plan: Plan, max_calls: int | None) -> None:
    """Raises ``Refused`` where the plan places more calls than ``max_calls`` (None: no limit)."""
    count = plan.count(Action.CREATE)
    if max_calls is not None and count > max_calls:
        raise Refused(f"{count} calls to place, and --max-calls allows {max_calls}: nothing was placed")


class Apply:
    """One apply of an approved plan, under the state's lock.

    ``clock`` is the journal's, always the real one; ``context`` carries the plan's clock and settings; what
    happens is counted in ``tally``, which tells the truth even where the run ends early.
    """

    def __init__(
        self, plan: Plan, store: StateStore, run_id: str, context: Context, clock: Clock, tally: Tally
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._clock = clock
        self.tally = tally
        self.ready: Ready = recheck(plan, store.entries(), context)
        self._placement: Placement | None = None

    def stop(self, reason: str) -> None:
        """Send nothing more; what is in flight is finished and recorded. Safe to call from a signal handler."""
        if self._placement is not None:
            self._placement.stop(reason)

    async def run(self, providers: Sequence[CallProvider], emit: Emit, rate: float | None) -> Tally:
        """Record what was missed, place what is to be placed, and count it all."""

        def tell(event: Event) -> None:
            self.tally.add(event)
            emit(event)

        self._placement = Placement(self._store, self._run_id, providers, self._clock, tell, rate)
        self.tally.expired_before = self.ready.expired_before
        self.tally.changed_ahead = self.ready.changed_ahead
        if self.ready.missed:
            self._store.record_missed(self._run_id, self.ready.missed, self._clock.now())
        for event in self.ready.events:
            tell(event)
        try:
            await self._placement.place(self.ready.orders)
        finally:
            self.tally.stopped = self._placement.stopped
        return self.tally


def outcome(tally: Tally) -> ExitCode:
    """The exit code of a finished apply."""
    return ExitCode.INCOMPLETE if tally.incomplete else ExitCode.DONE
