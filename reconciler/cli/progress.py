"""The progress of an apply: JSON events, a progress bar on a terminal, or occasional lines in a log."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import SystemClock, is_public
from reconciler.cli.output import echo_json, revealed, say, wrapped
from reconciler.domain.events import Event, EventKind, Tally
from reconciler.domain.times import rounded_span
from reconciler.quantities import format_count
from reconciler.render import formats
from reconciler.render.escape import for_terminal

if TYPE_CHECKING:
    from reconciler.render.address_mask import AddressMask

_EVERY = 100
_MOST = 20  # printed problems of one kind
SIGNALLED = "stopped by a signal"
_QUIET = frozenset({"placed", "skipped"})
_TOLD = frozenset({"to_stop", "to_stop_new"})  # in a line of their own
_ADVANCING = frozenset({EventKind.PLACED, EventKind.FAILED, EventKind.UNCERTAIN, EventKind.NOT_SENT})
_SETTLED = 1.0  # seconds before the rate is shown
_BAR = 20
_CLEAR = "\r\x1b[K"


class Pace:
    """Counts events. ``total`` is the number of calls to place, ``clock`` returns monotonic seconds."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self.done = 0
        self._clock = clock
        self._started = clock()
        self._tally = Tally()

    def add(self, event: Event) -> bool:
        """Count an event; returns whether one more of the calls to place has ended."""
        self._tally.add(event)
        advanced = event.kind in _ADVANCING
        self.done += advanced
        return advanced

    def describe(self) -> str:
        """``31 placed, 1 failed; 4.9/s, 55 s left``; parts that are unknown are omitted."""
        counts = {name: count for name, count in self._tally.summary().items() if count}
        outcomes = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
        return "; ".join(part for part in (outcomes, self._speed()) if part)

    def _speed(self) -> str:
        elapsed = self._clock() - self._started
        if elapsed < _SETTLED or not self.done:
            return ""
        rate = self.done / elapsed
        speed = f"{rate:.1f}/s" if rate >= 0.1 else f"{rate * 60:.1f}/min"
        left = self.total - self.done
        return f"{speed}, {rounded_span(timedelta(seconds=left / rate))} left" if left > 0 else speed


class Reporter:
    """In a log: the first problems of each kind, a line for every hundred calls, and the counts at the end.

    ``addresses`` masks the output; None if nothing is masked.
    """

    def __init__(self, total: int, addresses: AddressMask | None = None) -> None:
        self.total = total
        self.addresses = addresses
        self.pace = Pace(total)
        self._unsent: set[str | None] = set()
        self._shown: Counter[EventKind] = Counter()
        self._tenth = 0

    def started(self, run_id: str, plan_id: str) -> None:
        """The lock is held and the plan was checked."""

    def event(self, event: Event) -> None:
        if self.pace.add(event):
            self.advanced()
        if event.kind is EventKind.NOT_SENT:
            if event.message in self._unsent:
                return  # when a run stops, all remaining calls have the same reason and are counted at the end
            self._unsent.add(event.message)
        if event.kind not in _QUIET:
            self._shown[event.kind] += 1
            if self._shown[event.kind] > _MOST:
                return
            address = event.address if self.addresses is None else self.addresses.address(event.address)
            message = formats.in_words(event.message or "", SystemClock().now())
            self.note(f"{event.kind.value.replace('_', ' ')}: {address}: {message}")

    def advanced(self) -> None:
        """One more address has ended."""
        if self.pace.done % _EVERY == 0:
            self.note(f"{self.pace.done:,} of {self.total:,}: {self.pace.describe()}")

    def whole(self, done: int, total: int) -> None:
        """The progress of all runners together, if there are several, in steps of a tenth."""
        self.pace.total = 0  # the time left does not depend on this runner alone
        tenth = 10 * done // total if total else 10
        if tenth > self._tenth:
            self._tenth = tenth
            self.note(f"all runners: {done:,} of {total:,}; this one: {self.pace.describe() or 'nothing yet'}")

    def note(self, text: str) -> None:
        say(text if self.addresses is None else self.addresses.text(text), err=True)

    def note_hidden(self) -> None:
        """Count the problems that were not printed."""
        for kind, count in self._shown.items():
            if count > _MOST:
                self.note(
                    f"and {count - _MOST:,} more {kind.value.replace('_', ' ')}: apply --json lists them all"
                )

    def finished(self, tally: Tally) -> None:
        if tally.stopped is not None:
            self.note(f"stopped early: {tally.stopped}")
        if tally.unexplained and tally.stopped != SIGNALLED:
            self.note("hint: run reconciler doctor to find the cause, then apply again")
        if tally.to_stop:
            shown = f"{format_count(tally.to_stop, 'call')} to stop by hand, {tally.to_stop_new:,} of them new"
            self.note(f"{shown}. Run reconciler status --to-stop to list them")
        outcomes = ", ".join(
            f"{name.replace('_', ' ')} {count:,}"
            for name, count in tally.summary().items()
            if count and name not in _TOLD
        )
        if outcomes:
            say(f"Applied: {outcomes}.")
        else:
            say("Nothing was sent." if tally.refused else "Applied: no changes.")


class JsonReporter(Reporter):
    """One event on each line of the output stream, flushed at once."""

    def started(self, run_id: str, plan_id: str) -> None:
        self._print({"type": "started", "run": run_id, "plan_id": plan_id, "to_place": self.total})

    def event(self, event: Event) -> None:
        self._print(event.to_json() if self.addresses is None else self.addresses.json(event.to_json()))

    def whole(self, done: int, total: int) -> None:
        """Each event belongs to this runner; the other runners report their own."""

    def finished(self, tally: Tally) -> None:
        stopped = {} if tally.stopped is None else {"stopped": tally.stopped}
        summary = {"type": "summary", **tally.summary(), **stopped}
        self._print(summary if self.addresses is None else self.addresses.json(summary))

    @staticmethod
    def _print(members: object) -> None:
        echo_json(members, indent=None)


class BarReporter(Reporter):
    """A progress bar on the terminal's error stream; problems are printed above it."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self._shared: tuple[int, int] | None = None
        self.advanced()

    def advanced(self) -> None:
        done, total = self._shared or (self.pace.done, self.total)
        runner = "this runner: " if self._shared else ""
        bar = "#" * (_BAR * done // max(total, 1))
        line = f"placing [{bar:.<{_BAR}}] {done:,}/{total:,}  {runner}{self.pace.describe()}"
        click.echo(_CLEAR + line[: shutil.get_terminal_size().columns - 1], err=True, nl=False)

    def whole(self, done: int, total: int) -> None:
        self.pace.total = 0
        self._shared = (done, total)
        self.advanced()

    def note(self, text: str) -> None:
        click.echo(_CLEAR + wrapped(for_terminal(text), err=True), err=True)
        self.advanced()


@contextmanager
def reporter(
    total: int, *, as_json: bool, addresses: Callable[[], AddressMask] | None = None
) -> Iterator[Reporter]:
    """The reporter for this output. ``total`` is the number of calls to place; ``addresses`` is called if they
    must be masked.
    """
    public = (as_json or is_public(sys.stderr)) and not revealed()
    mask = addresses() if public and addresses is not None else None
    if as_json:
        yield JsonReporter(total, mask)
    elif total and sys.stderr.isatty() and not public and os.environ.get("TERM") != "dumb":
        try:
            yield BarReporter(total)
        finally:
            click.echo(_CLEAR, err=True, nl=False)
    else:
        yield Reporter(total, mask)
