"""Every state store, opened by the same run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.domain.ports import Approval, Override, Run, StateStore
from reconciler.state.backend import StateBackend
from reconciler.state.postgres.server import resolve
from reconciler.state.postgres.state import PostgresState
from reconciler.state.sqlite.state import SqliteState

NOW = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
RUN = Run(
    "run-1",
    "apply",
    NOW,
    "host",
    42,
    "tester",
    "0.0.0",
    plan_id="sha256:0",
    commit="abc",
    approvals=(Approval("sha256:1", "def"), Approval("sha256:2", None)),
    overrides=(Override("G006", "sha256:0", "a launch"), Override("G001", None, "the client asked; \u00e9")),
)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateStore]:
    place: StateBackend = SqliteState(tmp_path / "state.db")
    if request.param == "postgres":
        server = resolve(request.getfixturevalue("postgres").url())
        place = PostgresState(server, PostgresState(server).create({}))
    else:
        place.create({})
    with place.store(RUN, 0.0) as opened:
        yield opened
