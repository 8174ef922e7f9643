"""Printing plans and problems in the form that was asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import click

from reconciler.cli.app import App, echo
from reconciler.cli.output import write_private
from reconciler.errors import UsageError
from reconciler.render.words import counted

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.cli.loading import Excerpts
    from reconciler.model import Diagnostic, Plan

_FORMATS = ("text", "json", "markdown", "junit", "sarif", "github")
_STDOUT = "-"
_F = TypeVar("_F", bound=Callable[..., object])


full_option = click.option("--full", is_flag=True, help="Fold no long list in text on a terminal.")


def form_options(command: _F) -> _F:
    """``--format``, ``--json`` and ``--output``, for ``printouts``."""
    form = click.option(
        "--format", "forms", type=click.Choice(_FORMATS), multiple=True, help="How to show it; text if not given."
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
    output = click.option(
        "--output",
        "outputs",
        metavar="FILE",
        multiple=True,
        help="Print to a file, one for each --format, in order; - is the standard output.",
    )
    return form(as_json(output(command)))


def printouts(forms: Sequence[str], outputs: Sequence[str], *, as_json: bool) -> list[tuple[str, str]]:
    """Each form with the name of its file.

    Raises:
        UsageError: not as many files as forms, or one file for two.
    """
    wanted = [*forms, *(["json"] if as_json and "json" not in forms else [])] or ["text"]
    files = list(outputs) or [_STDOUT]
    if len(files) != len(wanted):
        said = f"{counted(len(wanted), 'format')} and {counted(len(outputs), '--output')}"
        raise UsageError(said, hint="give each --format an --output of its own, in the same order; - is stdout")
    if len({os.path.normpath(file) for file in files}) < len(files):
        raise UsageError("two formats for one --output")
    return list(zip(wanted, files, strict=True))


def print_plan(
    app: App,
    plan: Plan,
    wanted: Iterable[tuple[str, str]],
    *,
    reveal: bool,
    full: bool = False,
    now: datetime | None = None,
) -> None:
    """The plan in each form, on the standard output or whole into its file.

    On a terminal, text says how far ahead calls are of ``now``, the real time if not given, and folds long lists
    unless ``full``.
    """
    for form, file in wanted:
        if file == _STDOUT and form == "text":
            show_text(app, plan, reveal=reveal, full=full, now=now)
            continue
        shown = _plan_bytes(app, plan, form, reveal=reveal)
        if file == _STDOUT:
            echo(shown)
        else:
            write_private(app.directory / file, shown)


def show_text(app: App, plan: Plan, *, reveal: bool, full: bool, now: datetime | None = None) -> None:
    """The plan as text on the standard output; private values are seen on a terminal, or with ``reveal``."""
    from reconciler.render.text import render_plan

    look = app.look(sys.stdout, reveal=reveal)
    if look.now is not None:
        look = replace(look, now=now or look.now, full=full)
    echo(render_plan(plan, look))


def _plan_bytes(app: App, plan: Plan, form: str, *, reveal: bool) -> bytes:
    """For a file: private values are seen with ``reveal`` alone."""
    if form == "text":
        from reconciler.render import text

        return text.render_plan(plan, text.Look(masked=not reveal)).encode()
    from reconciler.cli import git
    from reconciler.render import github, json, junit, markdown, sarif
    from reconciler.source.project import find_project

    masked = not reveal
    match form:
        case "json":
            return json.render_plan(plan, masked=masked)
        case "markdown":
            return markdown.render_plan(plan, masked=masked).encode()
        case "junit":
            return junit.render_plan(plan, masked=masked)
    folder = git.folder(find_project(app.directory))
    beside_lines = {"sarif": sarif.render_plan, "github": github.render_plan}
    return beside_lines[form](plan, masked=masked, folder=folder).encode()


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
