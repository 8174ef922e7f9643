"""The real command, which dies by SIGKILL at a planned step or moment, or behaves wrongly.

``main([SPEC, ARGS...])`` is the command; ``SPEC`` is a JSON file. What it changes are the seams between the parts,
never a part itself: the killed process is the real one up to its last instruction.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from reconciler import cli
from reconciler.cli.app import SystemClock
from reconciler.contactship import client, listing
from reconciler.contactship.client import ContactShip
from reconciler.contactship.transport import Client, Progress
from reconciler.domain.clocks import ServiceClock, elapsed
from reconciler.domain.model import Status
from reconciler.domain.ports import Decision
from reconciler.errors import NotSent, OutcomeUnknown
from reconciler.evidence import settle
from reconciler.placing import schedule_check
from reconciler.placing.journal import Journal
from reconciler.placing.send_check import SendCheck
from reconciler.state.store import Store
from tests.crash.killers import Kill, Killer, arm, arm_by_chance
from tests.crash.wrong_rules import RULE_MUTANTS

POINTS = (
    "before-intent",
    "inside-intent",
    "after-intent",
    "before-send",
    "after-send",
    "before-answer",
    "inside-answer",
    "after-answer",
    "before-lookup",
    "before-adoption",
    "after-adoption",
    "before-end",
)
PAUSE_POINTS = ("before-pause", "inside-pause", "before-pause-commit", "after-pause")
CHECKPOINT_POINTS = ("before-checkpoint", "after-checkpoint")
PAUSE_MUTANTS = ("ignore-pauses", "look-for-pauses-at-the-start")  # found out in test_pause.py
STATE_MUTANTS = ("send-without-proof",)  # found out where the state is taken away: lost_state.py
MUTANTS = ("retry-on-any-error", "record-after-success", "resend-if-not-listed")
ANSWER_MUTANTS = ("use-connections-again", "report-what-was-answered")
COPY_MUTANTS = ("accept-any-listing", "empty-metadata-is-a-stranger", "ignore-copies")


def spoil(mutant: str) -> None:
    """Make one of the mistakes that this project exists to avoid."""
    if mutant == "retry-on-any-error":
        place = ContactShip.place

        async def eager(self: ContactShip, request: Any) -> Any:
            try:
                return await place(self, request)
            except OutcomeUnknown as error:
                raise NotSent(error.message) from error

        ContactShip.place = eager  # type: ignore[method-assign]
    elif mutant == "record-after-success":
        turn = Store.turn
        held: dict[Any, Any] = {}

        def late(self: Store, run_id: str, results: Any, intents: Any, at: Any) -> Any:
            held.update({intent.address: (intent, at) for intent in intents})
            good = [result for result in results if result.status is Status.PLACED]
            for result in good:
                intent, moment = held[result.address]
                turn(self, run_id, [], [intent], moment)
            turn(self, run_id, good, [], at)
            return results

        Store.turn = late  # type: ignore[method-assign]
    elif mutant == "resend-if-not-listed":
        real = settle.settle

        async def trusting(store: Any, run_id: str, directory: Any, clock: Any, *only: Any) -> Any:
            found = await real(store, run_id, directory, clock, *only)
            left = [entry for entry in store.entries() if entry.unknown]
            words = [Decision(entry.address, clock.now(), "not listed", Status.RULED_OUT) for entry in left]
            store.decide(run_id, words)
            return found

        import reconciler.placing.service

        reconciler.placing.service.settle = trusting  # type: ignore[attr-defined]
    elif mutant in ANSWER_MUTANTS:
        _trust_answers(mutant)


def skip_the_schedule_check() -> None:
    """Take it that every service understands our schedules."""

    async def believing(
        self: schedule_check.ScheduleCheck, orders: Any, tell: Any
    ) -> schedule_check.ScheduleCheckResult:
        return schedule_check.ScheduleCheckResult(orders)

    schedule_check.ScheduleCheck.run = believing  # type: ignore[method-assign]


def ignore_pauses(mutant: str) -> None:
    """Do not ask for pauses, or once only."""
    if mutant == "ignore-pauses":
        SendCheck.pause = lambda self, order: None  # type: ignore[method-assign]
        return
    at_start: list[Any] = []

    def once(self: Store) -> Any:
        if not at_start:
            at_start.append(self.pauses())
        return at_start[0]

    Store.latest_pauses = property(once)  # type: ignore[method-assign, assignment]


def _trust_answers(mutant: str) -> None:
    if mutant == "use-connections-again":
        _use_connections_again()
    else:
        recorded = Store.turn

        def answered(self: Store, run_id: str, results: Any, intents: Any, at: Any) -> Any:
            recorded(self, run_id, results, intents, at)
            return results

        Store.turn = answered  # type: ignore[method-assign]


def _trust_the_service(mutant: str) -> None:
    if mutant == "accept-any-listing":

        async def first_reading(ask: Any, what: str) -> Any:
            found: dict[str, Any] = {}
            offset, page = 0, await ask(0)
            while page.items:
                found |= {item.id: item.value for item in page.items}
                offset += len(page.items)
                if offset >= page.count:
                    break
                page = await ask(offset)
            return list(found.values())

        listing.read_all = first_reading  # type: ignore[attr-defined]
    elif mutant == "empty-metadata-is-a-stranger":

        def by_each_call(call: Any, lineage: Any, *, tags_returned: bool) -> bool:
            return call.tags is None

        settle.matching.is_untagged = by_each_call
    else:

        def nobody_else(store: Any, remote: Any, claimed: Any) -> dict[Any, Any]:
            return {}

        settle.unknown_calls = nobody_else  # type: ignore[attr-defined]


def _use_connections_again() -> None:
    """What stands behind an answer on a connection is read as the next answer."""
    make = Client.__init__

    def keeping(self: Client, api_key: str, connect: float, *clock: Any) -> None:
        make(self, api_key, connect, *clock)
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        self._transport = httpx.AsyncHTTPTransport(trust_env=False, limits=limits)
        self._headers.remove((b"connection", b"close"))

    async def unheard(self: Progress) -> None:
        """Whatever came, it is not looked at."""

    Client.__init__ = keeping  # type: ignore[method-assign]
    Progress._check_silence = unheard  # type: ignore[method-assign]
    client.doubt = lambda answer: None  # type: ignore[attr-defined]


def spoil_the_proof() -> None:
    """Take it that the state and the intent are still there when a request leaves."""

    async def believing(self: Journal, address: Any) -> float:
        return elapsed()

    Journal.prove = believing  # type: ignore[method-assign]


def set_the_clock(ahead: timedelta) -> None:
    """This machine's clock, as the command reads it."""
    SystemClock.now = lambda self: datetime.now(UTC) + ahead  # type: ignore[method-assign]


def _misbehave(mutant: str) -> None:
    if mutant in STATE_MUTANTS:
        spoil_the_proof()
    elif mutant in COPY_MUTANTS:
        _trust_the_service(mutant)
    elif mutant == "ignore-the-clock":
        ServiceClock.problem = lambda self, now: None  # type: ignore[method-assign]
    elif mutant == "no-schedule-check":
        skip_the_schedule_check()
    elif mutant in PAUSE_MUTANTS:
        ignore_pauses(mutant)
    elif mutant in RULE_MUTANTS:
        RULE_MUTANTS[mutant]()
    else:
        spoil(mutant)


def main(args: list[str]) -> int:
    """The command with the arguments after the first, which is the path of the specification."""
    spec = json.loads(Path(args[0]).read_text())
    schedule_check.PATIENCE = spec.get("patience", schedule_check.PATIENCE)
    if spec.get("seconds_ahead"):
        set_the_clock(timedelta(seconds=spec["seconds_ahead"]))
    if spec.get("mutant"):
        _misbehave(spec["mutant"])
    if spec.get("point"):
        arm(Killer(spec["point"], spec["nth"], Path(spec["fired"])))
    if spec.get("kill"):
        arm_by_chance(Kill(**spec["kill"]))
    return cli.main(args[1:])
