"""Every way a command can end, and every exception that carries one.

The exit codes are the contract of the command line; a script reads them. Exceptions derived from
``ReconcilerError`` are mapped to them in one place (``reconciler.cli``).
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit code says."""

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
    """Something a person can act on: a message, a hint where there is one, and an exit code."""

    exit_code = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ReconcilerError):
    """The command line itself is wrong."""

    exit_code = ExitCode.USAGE


class StateError(ReconcilerError):
    """The state is missing, foreign, newer than this version, corrupt, or cannot be written."""


class StateMissing(StateError):  # noqa: N818 - named for what the user is told
    """No state where one is expected. Never taken for an empty one."""


class StateLocked(ReconcilerError):  # noqa: N818 - named for what the user is told
    """Another run holds the state."""

    exit_code = ExitCode.LOCKED


class Refused(ReconcilerError):  # noqa: N818 - named for what the user is told
    """A guard, a stale or tampered plan, or a person said no."""

    exit_code = ExitCode.REFUSED


class LookupFailed(ReconcilerError):  # noqa: N818 - named for what the user is told
    """The service could not be asked which calls it has. Never read as: it has none.

    ``status`` is the HTTP status where it answered with an error.
    """

    def __init__(self, message: str, *, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class CheckpointFailed(ReconcilerError):  # noqa: N818 - named for what the user is told
    """The state could not be carried to where it outlives this machine: nothing more is sent."""

    exit_code = ExitCode.INCOMPLETE


class Outcome(Exception):  # noqa: N818 - an outcome, not always an error
    """What became of a request that was not plainly answered with a placed call.

    A provider translates each of its transport's exceptions into exactly one of the three subclasses;
    nothing else may leave it.
    """

    def __init__(self, message: str, *, evidence: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.evidence = evidence


class NotSent(Outcome):
    """Proven: no byte of the request left this machine, or the service said it did not take it (429).

    The only outcome after which the same request may be sent again. ``retry_after`` is in seconds.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, throttled: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.throttled = throttled


class Rejected(Outcome):
    """The service refused the request: no call exists. ``status`` is the HTTP status.

    ``fatal`` is true where every further request would be refused too (401, 403): the run stops.
    """

    def __init__(self, message: str, *, status: int, fatal: bool = False, evidence: str | None = None) -> None:
        super().__init__(message, evidence=evidence)
        self.status = status
        self.fatal = fatal


class OutcomeUnknown(Outcome):
    """The call may or may not exist. Never sent again without evidence or a person's word."""
