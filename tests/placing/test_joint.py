"""What a run says of the rows that other runners had."""

from __future__ import annotations

import pytest

from reconciler.domain.claims import SharedRow
from reconciler.domain.events import Event, EventKind
from reconciler.domain.model import Entry, Status
from reconciler.placing.joint import _end
from tests.planning.test_plan_engine import entry, row

ADDRESS = row().address
REPORTED = Event(EventKind.BLOCKED, ADDRESS, message="paused")


def known(status: Status) -> Entry:
    return entry(row(), status, error="HTTP 400")


@pytest.mark.parametrize(
    ("lot", "last", "orphan", "kind"),
    [
        (SharedRow(ADDRESS, sent=True), known(Status.PLACED), False, EventKind.SKIPPED),
        (SharedRow(ADDRESS, sent=True), known(Status.UNCERTAIN), True, EventKind.UNCERTAIN),
        (SharedRow(ADDRESS, sent=True), known(Status.INTENDED), False, EventKind.NOT_SENT),
        (SharedRow(ADDRESS, sent=True), known(Status.FAILED), False, EventKind.FAILED),
        (SharedRow(ADDRESS, sent=True), known(Status.MISSED), False, EventKind.EXPIRED),
        (SharedRow(ADDRESS, sent=True), None, False, EventKind.NOT_SENT),
        (SharedRow(ADDRESS), known(Status.FAILED), False, EventKind.NOT_SENT),
        (SharedRow(ADDRESS), known(Status.MISSED), False, EventKind.NOT_SENT),
        (SharedRow(ADDRESS), None, False, EventKind.NOT_SENT),
        (SharedRow(ADDRESS, event=REPORTED), None, False, EventKind.BLOCKED),
        (SharedRow(ADDRESS, event=REPORTED), known(Status.PLACED), False, EventKind.SKIPPED),
    ],
)
def test_a_row_of_another_runner_ends_as_its_entry_or_that_runner_says(
    lot: SharedRow, last: Entry | None, orphan: bool, kind: EventKind
) -> None:
    event = _end(lot, last, orphan)
    assert (event.kind, event.address) == (kind, ADDRESS)
    assert event.message
    assert kind is not EventKind.FAILED or event.message == "HTTP 400"
