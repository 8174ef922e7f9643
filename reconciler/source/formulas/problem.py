"""The exception for problems with a formula, or with one evaluation of it."""

from __future__ import annotations


class FormulaProblem(Exception):  # noqa: N818 - a user's mistake, reported as a diagnostic
    """A problem to report. ``private`` lists parts of the message that masked output must hide."""

    def __init__(self, code: str, message: str, hint: str | None = None, *, private: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.private = private
