"""The exit codes, and the exceptions that carry one.

The exit codes are part of the command line's contract, because scripts read them. Exceptions derived from
``ReconcilerError`` are mapped to them in one place (``reconciler.cli``).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of commands."""

    DONE = 0
    ERROR = 1
    CALLS_TO_PLACE = 2
    INCOMPLETE = 3
    LOCKED = 4
    REFUSED = 5
    USAGE = 64
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class ReconcilerError(Exception):
    """An error that a person can act on: a message of one line, an optional hint, and an exit code.

    ``details`` are further lines, such as each error of a file. A line break inside a line is escaped, because it
    may come from outside.
    """

    exit_code = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str | None = None, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


class UsageError(ReconcilerError):
    """The command line itself is wrong."""

    exit_code = ExitCode.USAGE


class StateError(ReconcilerError):
    """The state is missing, foreign, newer than this version, corrupt, or not writable."""


class StateMissing(StateError):  # noqa: N818 - named after the user's message
    """There is no state where one is expected. It is never treated as an empty one."""


class StateLocked(ReconcilerError):  # noqa: N818 - named after the user's message
    """Another run holds the state."""

    exit_code = ExitCode.LOCKED


class Refused(ReconcilerError):  # noqa: N818 - named after the user's message
    """Refused by a guard, because of a stale or tampered plan, or by a person."""

    exit_code = ExitCode.REFUSED


class LookupFailed(ReconcilerError):  # noqa: N818 - named after the user's message
    """The service could not be queried for its calls. This never means that it has none.

    ``status`` is the HTTP status if it answered with an error.
    """

    def __init__(self, message: str, *, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class CheckpointFailed(ReconcilerError):  # noqa: N818 - named after the user's message
    """The state could not be saved outside of this machine, so nothing more is sent."""

    exit_code = ExitCode.INCOMPLETE


class Outcome(Exception):  # noqa: N818 - an outcome, not always an error
    """The outcome of a request without a clear answer that the call was placed.

    A provider translates each exception of its transport into exactly one of the three subclasses and raises no
    others.
    """

    def __init__(self, message: str, *, evidence: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.evidence = evidence


class NotSent(Outcome):
    """It is proven that no byte of the request left this machine, or the service answered 429.

    Only after this outcome may the same request be sent again. ``retry_after`` is in seconds.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, throttled: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.throttled = throttled


class Rejected(Outcome):
    """The service refused the request: no call exists. ``status`` is the HTTP status.

    ``fatal``: every further request would be refused too (401, 403), so the run stops.
    """

    def __init__(self, message: str, *, status: int, fatal: bool = False, evidence: str | None = None) -> None:
        super().__init__(message, evidence=evidence)
        self.status = status
        self.fatal = fatal


class OutcomeUnknown(Outcome):
    """The call may or may not exist. It is never sent again without evidence or a person's decision."""
