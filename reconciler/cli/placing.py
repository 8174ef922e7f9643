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
    from reconciler.model import Plan
    from reconciler.workflow import Apply

_SIGNALS = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


@dataclass(frozen=True, slots=True)
class Service:
    """Where calls are placed and how fast. ``rate`` in requests a second, ``timeout`` in seconds."""

    origin: Origin
    key_file: Path | None
    rate: float | None
    concurrency: int
    timeout: float

    @classmethod
    def of(
        cls, base_url: str | None, key_file: Path | None, *, rate: float | None, concurrency: int, timeout: float
    ) -> Service:
        return cls(parse_origin(base_url or DEFAULT_BASE_URL), key_file, rate, concurrency, timeout)

    def key(self) -> str:
        return read_api_key(self.key_file, os.environ.get(API_KEY_VARIABLE))


def place(
    app: App,
    workspace: Workspace,
    plan: Plan,
    request: Request,
    service: Service,
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
            check_applicable(plan, store, clock.now())
            context = replace(make_context(workspace, request), lineage=store.lineage, serial=store.serial)
            job = Apply(plan, store, run.id, context, clock, tally)
            key = service.key() if job.ready.orders else ""
            with reporter(app, len(job.ready.orders), as_json=as_json) as report:
                report.started(run.id, plan_id(plan))
                code = asyncio.run(_run(job, service, key, report))
        except ReconcilerError as error:
            code = error.exit_code
            raise
        finally:
            with reporter(app, 0, as_json=as_json) as report:
                report.finished(tally)
            store.end_run(run.id, clock.now(), code, tally.summary())
    return code


async def _run(job: Apply, service: Service, key: str, report: Reporter) -> int:
    from reconciler.provider.contactship import ContactShip
    from reconciler.workflow import outcome

    caught: list[ExitCode] = []
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        caught.append(_SIGNALS[number])
        if len(caught) == 1:
            report.note("stopping: finishing the requests in flight (again to stop at once)")
            job.stop("stopped by a signal")
        elif task is not None:
            task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    async with AsyncExitStack() as stack:
        providers = []
        for _ in range(min(service.concurrency, len(job.ready.orders))):
            provider = ContactShip(service.origin, key, service.timeout)
            stack.push_async_callback(provider.aclose)
            providers.append(provider)
        try:
            tally = await job.run(providers, report.event, service.rate)
        except asyncio.CancelledError:
            if not caught:
                raise
            return caught[0]
    return caught[0] if caught else outcome(tally)
