"""Saved plans in memory, for tests that need no file."""

from __future__ import annotations

from io import BytesIO

from reconciler.domain.plan import Plan
from reconciler.savedplan import planfile, planreader


def saved(plan: Plan) -> bytes:
    """The bytes of its file."""
    file = BytesIO()
    planfile.write(plan, file)
    return file.getvalue()


def read_back(data: bytes) -> Plan:
    """Raises ``Refused`` where the bytes are not a saved plan."""
    return planreader.read(BytesIO(data))
