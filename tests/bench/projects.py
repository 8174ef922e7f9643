"""Projects to measure in: an empty state, or one in which every row was placed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from reconciler.domain import identity, wire
from reconciler.domain.model import Address, Call, Schedule, Status
from reconciler.domain.ports import Intent, Result, Run
from reconciler.domain.times import scheduled_instant
from reconciler.state.sqlite.state import SqliteState
from tests.bench.inputs import ZONE, Wanted, made, wanted
from tests.bench.measuring import RECONCILER
from tests.conftest import AGENT, NUMBER, clean_environment
from tests.settings_file import keep_only_the_state

_BATCH = 1000
APPLIED = datetime(2031, 5, 29, 12, tzinfo=UTC)
RUN = Run("bench", "apply", APPLIED, "host", 1, "bench", "0")


def project(work: Path, name: str, rows: int, write: Callable[[Path, int], None]) -> Path:
    """A project with ``rows`` rows of one kind, and an empty state."""

    def make(folder: Path) -> None:
        subprocess.run([RECONCILER, "init"], cwd=folder, env=clean_environment(), check=True, capture_output=True)
        keep_only_the_state(folder)
        (folder / "calls").mkdir(exist_ok=True)
        write(folder / "calls", rows)

    return made(work / f"{name}-{rows}", make)


def placed(work: Path, name: str, rows: int, write: Callable[[Path, int], None]) -> Path:
    """The same, but its state holds every row as placed."""
    empty = project(work, name, rows, write)

    def make(folder: Path) -> None:
        shutil.copytree(empty, folder, dirs_exist_ok=True)
        _place(folder / ".reconciler" / "state.db", rows)

    return made(work / f"{name}-{rows}-placed", make)


def _place(state: Path, rows: int) -> None:
    """What an apply of all rows leaves in a state, but for the calls."""
    intents = map(intent, wanted(rows))
    with SqliteState(state).store(RUN) as store:
        while batch := list(islice(intents, _BATCH)):
            store.intend(RUN.id, batch, APPLIED)
            answers = [
                Result(item.address, Status.PLACED, APPLIED + timedelta(seconds=1), f"call-{item.address.key}")
                for item in batch
            ]
            store.record(RUN.id, answers)
        store.end_run(RUN.id, APPLIED + timedelta(seconds=2), 0, {"placed": rows})


def intent(row: Wanted) -> Intent:
    """What an apply is about to do for a row."""
    call = Call(
        agent=AGENT,
        sender=NUMBER,
        contact_id=row.contact,
        schedule=Schedule(row.at, ZONE),
        additional_data={"invoice": row.invoice, "amount_debt": row.amount, "city": row.city},
    )
    rings_at = scheduled_instant(row.at, ZONE)
    return Intent(Address("bench", row.key), call, identity.digest(call), wire.endpoint(call), rings_at)
