"""The operator's settings (``reconciler.yaml``), as frozen data with the documented defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from reconciler.domain.model import Location
from reconciler.domain.people import exact_id
from reconciler.domain.policy import Policy
from reconciler.domain.wire import ScheduleFields

PROJECT_FILE = "reconciler.yaml"
EDITOR_SCHEMA = ".callplan.schema.json"  # beside the plan files, for the modeline that editors read
DEFAULT_PLANS = ("calls/**/*.{yaml,yml}",)
STATE_FOLDER = ".reconciler"
DEFAULT_STATE = f"{STATE_FOLDER}/state.db"


@dataclass(frozen=True, slots=True)
class SenderNumber:
    """A sender number: its id for contact calls, its E.164 form for phone calls."""

    id: str | None = None
    e164: str | None = None

    def named(self, *, contact: bool) -> tuple[str, str | None]:
        """The name and value of the setting that contact calls, or phone calls, use."""
        return ("id", self.id) if contact else ("e164", self.e164)


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """``rate`` is in requests a second (None: unlimited), ``timeout`` in seconds for one whole request."""

    schedule_fields: ScheduleFields = field(default_factory=ScheduleFields)
    rate: float | None = 5.0
    concurrency: int = 8
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The maximum size of a sheet: data rows, and bytes (of a workbook: unpacked)."""

    sheet_rows: int = 1_000_000
    sheet_bytes: int = 268_435_456


@dataclass(frozen=True, slots=True)
class Project:
    """One project. ``root`` is its folder; ``source`` is None if there is no ``reconciler.yaml``.

    ``plan_max_age`` is in seconds. ``holidays`` do not count as working days.
    """

    root: Path
    source: Location | None = None
    plans: tuple[str, ...] = DEFAULT_PLANS
    state_path: str = DEFAULT_STATE
    lineage: str | None = None
    agents: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, SenderNumber] = field(default_factory=dict)
    webhook_hosts: frozenset[str] = frozenset()
    plan_max_age: float = 72 * 3600.0
    holidays: frozenset[date] = frozenset()
    limits: Limits = field(default_factory=Limits)
    provider: ProviderSettings = field(default_factory=ProviderSettings)
    policy: Policy = field(default_factory=Policy)

    @property
    def aliases(self) -> dict[str, str]:
        """The names of agents and numbers by id, in the form of ``exact_id``, and by E.164 number."""
        numbers = ((value, name) for name, item in self.numbers.items() for value in (item.id, item.e164) if value)
        agents = ((value, name) for name, value in self.agents.items())
        return {exact_id(value): name for value, name in (*numbers, *agents)}
