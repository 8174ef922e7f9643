"""Our environment variables, read in one place.

A variable that is set but empty usually means a missing CI secret, so it is never treated as unset.
"""

from __future__ import annotations

import os

from reconciler.errors import UsageError

API_KEY = "CONTACTSHIP_API_KEY"
BASE_URL = "CONTACTSHIP_BASE_URL"
CHECKPOINT = "RECONCILER_CHECKPOINT"
LINEAGE = "RECONCILER_LINEAGE"
PLAN_KEY = "RECONCILER_PLAN_KEY"
PROCESSES = "RECONCILER_PROCESSES"
STATE = "RECONCILER_STATE"
VARIABLES = (API_KEY, BASE_URL, CHECKPOINT, LINEAGE, PLAN_KEY, PROCESSES, STATE)

EMPTY_HINT = "unset it, or check the CI secret or variable that should set it"


def variable(name: str) -> str | None:
    """The value of a variable, None if it is not set.

    Raises:
        UsageError: it is set but empty, or contains only spaces.
    """
    value = os.environ.get(name)
    if value is not None and not value.strip():
        raise UsageError(f"{name} is set but empty", hint=EMPTY_HINT)
    return value


def empty_variables() -> list[str]:
    """The variables of ours that are set but empty."""
    return [name for name in VARIABLES if name in os.environ and not os.environ[name].strip()]
