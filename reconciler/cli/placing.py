"""The effect: the lock, the workers' connections, signals, and the summary in every case."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.app import App, SystemClock
from reconciler.cli.progress import Reporter, reporter
from reconciler.cli.runs import new_run
from reconciler.errors import ExitCode, ReconcilerError
from reconciler.provider.origin import (
    API_KEY_VARIABLE,
    DEFAULT_BASE_URL,
    Origin,
    parse_origin,
    read_api_key,
)

if TYPE_CHECKING:
    from reconciler.cli.loading import Request, Workspace
    from reconciler.engine.events import Event
    from reconciler.model import Plan
    from reconciler.workflow import Apply, Service

_SIGNALS = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


@dataclass(frozen=True, slots=True)
class Target:
    """Where calls are placed and how fast. ``rate`` in requests a second, ``timeout`` in seconds."""

    origin: Origin
    key_file: Path | None
    rate: float | None
    concurrency: int
    timeout: float
    preflight: bool = True

    @classmethod
    def of(cls, workspace: Workspace, base_url: str | None, key_file: Path | None) -> Target:
        """The project's settings, and where requests go: the flag or the environment, never a file.

        Raises:
            UsageError: a base URL that may not be used.
        """
        provider = workspace.project.provider
        origin = parse_origin(base_url or DEFAULT_BASE_URL)
        return cls(origin, key_file, provider.rate, provider.concurrency, provider.timeout)

    @property
    def has_key(self) -> bool:
        return self.key_file is not None or bool(os.environ.get(API_KEY_VARIABLE))

    def key(self) -> str:
        """Raises ``ReconcilerError`` where there is none."""
        return read_api_key(self.key_file, os.environ.get(API_KEY_VARIABLE))


def place(
    app: App,
    workspace: Workspace,
    plan: Plan,
    request: Request,
    target: Target,
    *,
    lock_timeout: float,
    as_json: bool,
) -> int:
    """Apply an approved plan under the state's lock; the summary is told whenever the lock was obtained."""
    from dataclasses import replace

    from reconciler.cli.loading import make_context
    from reconciler.engine.events import Tally
    from reconciler.planfile import plan_id
    from reconciler.workflow import Apply, check_applicable

    run = new_run("apply", plan_id=plan_id(plan), commit=plan.git.commit if plan.git else None)
    clock = SystemClock()
    with workspace.store(run, lock_timeout) as store:
        code = int(ExitCode.ERROR)
        tally = Tally()
        try:
            now = max(request.now, clock.now())  # the lock or a person's answer may have taken long
            check_applicable(plan, store, now)
            context = replace(
                make_context(workspace, request), now=now, lineage=store.lineage, serial=store.serial
            )
            job = Apply(plan, store, run.id, context, clock, tally)
            orders = job.orders
            key = target.key() if orders or (target.has_key and job.unknown) else None
            with reporter(app, orders, as_json=as_json) as report:
                report.started(run.id, plan_id(plan))
                code = asyncio.run(_run(job, target, key, min(target.concurrency, orders), report))
        except ReconcilerError as error:
            code = error.exit_code
            raise
        finally:
            skipped = {} if target.preflight else {"preflight_skipped": 1}
            try:
                store.end_run(run.id, clock.now(), code, tally.summary() | skipped)
            finally:
                with reporter(app, 0, as_json=as_json) as report:
                    report.finished(tally)
    return code


async def _run(job: Apply, target: Target, key: str | None, workers: int, report: Reporter) -> int:
    from reconciler.workflow import outcome

    caught: list[ExitCode] = []
    task = asyncio.current_task()

    def on_signal(number: signal.Signals) -> None:
        caught.append(_SIGNALS[number])
        if len(caught) == 1:
            job.stop("stopped by a signal")
            report.note("stopping: finishing the requests in flight (again to stop at once)")
        elif task is not None:
            task.cancel()

    def tell(event: Event) -> None:
        try:
            report.event(event)
        except OSError as error:  # nobody reads on, or the disk is full: what is in flight must be recorded still
            job.stop(f"the output cannot be written: {error.strerror}")

    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    async with AsyncExitStack() as stack:
        service = _open(stack, target, key, workers, report)
        try:
            await job.run(service, tell)
        except asyncio.CancelledError:
            if not caught:
                raise
            return caught[0]
    return caught[0] if caught else outcome(job.tally)


def _open(stack: AsyncExitStack, target: Target, key: str | None, workers: int, report: Reporter) -> Service:
    """The connections of a run, closed with ``stack``; without a key there are none."""
    from reconciler.provider.contactship import ContactShip
    from reconciler.provider.listing import CallListing
    from reconciler.workflow import Service

    if key is None:
        return Service((), None, target.rate, report.note, target.preflight)
    providers = [ContactShip(target.origin, key, target.timeout) for _ in range(workers)]
    directory = CallListing(target.origin, key, target.timeout)
    stack.push_async_callback(directory.aclose)
    for provider in providers:
        stack.push_async_callback(provider.aclose)
    return Service(providers, directory, target.rate, report.note, target.preflight)
