"""The exception for problems with a formula, or with one evaluation of it."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.source.schema.wording import quoted

Function = Callable[..., object]


class FormulaProblem(Exception):  # noqa: N818 - a user's mistake, reported as a diagnostic
    """A problem to report. ``private`` lists parts of the message that masked output must hide."""

    def __init__(self, code: str, message: str, hint: str | None = None, *, private: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.private = private


def problem(
    message: str, hint: str | None = None, *, value: object = None, private: tuple[str, ...] = ()
) -> FormulaProblem:
    """A problem of an evaluation. ``value`` is shown after the message, and is private."""
    if value is None:
        return FormulaProblem("E705", message, hint, private=private)
    shown = quoted(value) if isinstance(value, str) else repr(value)
    return FormulaProblem("E705", f"{message}: {shown}", hint, private=(*private, shown))
