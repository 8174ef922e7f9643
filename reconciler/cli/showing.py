"""Printing plans and problems in the form that was asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from reconciler.cli.app import App, echo

if TYPE_CHECKING:
    from reconciler.cli.loading import Excerpts
    from reconciler.model import Diagnostic, Plan

FORMATS = ("text", "json")


def plan_bytes(app: App, plan: Plan, form: str, *, reveal: bool, terminal: bool) -> bytes:
    """The plan in ``form``; private values are seen with ``reveal``, or in text on a terminal."""
    from reconciler.render import json, text

    if form == "json":
        return json.render_plan(plan, masked=not reveal)
    look = app.look(sys.stdout, reveal=reveal) if terminal else text.Look(masked=not reveal)
    return text.render_plan(plan, look).encode()


def show_problems(
    app: App, diagnostics: tuple[Diagnostic, ...], excerpts: Excerpts, *, reveal: bool = False, err: bool = True
) -> None:
    """Every problem with its source line, on the error stream unless problems are the result."""
    from reconciler.render.text import render_diagnostics

    if diagnostics:
        look = app.look(sys.stderr if err else sys.stdout, reveal=reveal)
        echo(render_diagnostics(diagnostics, excerpts.reader(masked=look.masked), look), err=err)


def count_problems(diagnostics: tuple[Diagnostic, ...]) -> str:
    """``2 errors, 1 warning``."""
    errors = sum(item.severity == "error" for item in diagnostics)
    return f"{counted(errors, 'error')}, {counted(len(diagnostics) - errors, 'warning')}"


def counted(count: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
