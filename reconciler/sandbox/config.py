"""The configuration of a sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from reconciler.domain.wire import ScheduleFields
from reconciler.errors import ReconcilerError
from reconciler.sandbox.faults import FaultPlan
from reconciler.sandbox.traffic import Rate


class SandboxError(ReconcilerError):
    """The sandbox cannot start: aiohttp is missing, the port is taken, or its file cannot be used."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """One sandbox. ``port`` 0 chooses a free one; ``latency`` and ``list_lag`` are in seconds.

    ``api_key`` None accepts any key; ``db`` None keeps calls in memory; ``page_cap`` is the largest page, whatever
    its ``limit``; ``seed`` None gives random call ids, a number gives the same ids each time. ``get_lag`` delays a
    single call by its id as ``list_lag`` delays the list. ``lenient`` ignores unknown names inside ``schedule``,
    so that such a call rings at once. ``date_offset`` is added to its ``Date`` in seconds.
    """

    host: str = "127.0.0.1"
    port: int = 0
    api_key: str | None = field(default=None, repr=False)
    strict_ids: bool = False
    schedule_fields: ScheduleFields = field(default_factory=ScheduleFields)
    wrap: bool = False
    echo_metadata: bool = False
    db: Path | None = None
    seed: int | None = None
    faults: FaultPlan = field(default_factory=FaultPlan)
    rate_limit: Rate | None = None
    latency: float = 0.0
    list_lag: float = 0.0
    get_lag: float = 0.0
    lenient: bool = False
    date_offset: float = 0.0
    page_cap: int | None = None
    clock: Callable[[], datetime] = utc_now
