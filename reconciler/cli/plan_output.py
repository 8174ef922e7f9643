"""Print plans and problems in the requested format."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import click

from reconciler.bulk.garbage import collection_paused
from reconciler.cli import git
from reconciler.cli.app import App
from reconciler.cli.options import TextType
from reconciler.cli.output import echo
from reconciler.cli.output_files import writing_private
from reconciler.domain.diagnostics import problem_count
from reconciler.errors import UsageError
from reconciler.quantities import format_count
from reconciler.render.console import OutputStyle
from reconciler.render.load_context import NOTHING, LoadContext
from reconciler.render.text import render_diagnostics, render_plan, write_plan
from reconciler.source.settings.project import find_project

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.cli.excerpts import Excerpts
    from reconciler.domain.model import Diagnostic
    from reconciler.domain.plan import Plan
    from reconciler.render.origins import Origins

_FORMATS = ("text", "json", "markdown", "html", "junit", "sarif", "github", "csv", "xlsx")
STDOUT = "-"
_CHUNK = 1 << 20
_WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:[/?#][A-Za-z0-9/?#._~%=&+:,;-]*)?", re.ASCII)
_F = TypeVar("_F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """How a plan is shown. ``excerpts`` belong to the files that it was made from, ``origins`` to its values.

    On a terminal, text shows times relative to ``now`` (default: the current time), and shortens long lists unless
    ``full``. ``brief``: text shows only what needs a person. ``load`` is for the chart of the HTML page.
    ``report_url`` is linked in Markdown.
    """

    reveal: bool
    full: bool = False
    brief: bool = False
    now: datetime | None = None
    excerpts: Excerpts | None = None
    origins: Origins | None = None
    load: LoadContext = NOTHING
    report_url: str | None = None


class WebAddress(TextType[str]):
    """An http or https URL without user name, spaces, quotes or brackets."""

    name = "URL"

    def parse(self, text: str) -> str:
        if not _WEB_ADDRESS.fullmatch(text):
            raise ValueError(f"{text!r} is not the http or https URL of a page")
        return text


def form_options(command: _F) -> _F:
    """``--format``, ``--json`` and ``--output``, for ``printouts``, and ``--report-url``."""
    form = click.option(
        "--format", "forms", type=click.Choice(_FORMATS), multiple=True, help="Output format. Default: text."
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
    output = click.option(
        "--output",
        "outputs",
        metavar="FILE",
        multiple=True,
        help="Output file, one for each --format in order; - is the standard output.",
    )
    report_url = click.option(
        "--report-url", type=WebAddress(), help="Page with the files of this run, to link in the Markdown comment."
    )
    return form(as_json(output(report_url(command))))


def printouts(forms: Sequence[str], outputs: Sequence[str], *, as_json: bool) -> list[tuple[str, str]]:
    """Each format with the name of its file.

    Raises:
        UsageError: the numbers of files and formats differ, a file is used twice, or a workbook would be printed
            to a terminal.
    """
    wanted = [*forms, *(["json"] if as_json and "json" not in forms else [])] or ["text"]
    files = list(outputs) or [STDOUT]
    if len(files) != len(wanted):
        said = f"{format_count(len(wanted), 'format')} and {format_count(len(outputs), '--output')}"
        raise UsageError(
            said, hint="pass one --output for each --format, in the same order; - is the standard output"
        )
    if len({os.path.normpath(file) for file in files}) < len(files):
        raise UsageError("two formats have the same --output")
    pairs = list(zip(wanted, files, strict=True))
    for form, file in pairs:
        check_place(form, file)
    return pairs


def check_place(form: str, file: str) -> None:
    """Raise ``UsageError`` if a workbook would be printed to a terminal."""
    if form == "xlsx" and file == STDOUT and sys.stdout.isatty():
        raise UsageError(
            "a workbook cannot be printed to a terminal", hint="pass --output FILE.xlsx, or use a pipe"
        )


def put(app: App, data: bytes | Iterable[bytes], file: str) -> None:
    """Print to the standard output, or write a complete file. ``data`` may be in pieces."""
    chunks = pieces(data)
    if file == STDOUT:
        for chunk in chunks:
            echo(chunk)
    else:
        with writing_private(app.directory, file) as opened:
            opened.writelines(chunks)


def pieces(data: bytes | Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in few pieces."""
    waiting = bytearray()
    for piece in [data] if isinstance(data, bytes) else data:
        waiting += piece
        if len(waiting) >= _CHUNK:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


def print_plan(app: App, plan: Plan, wanted: Iterable[tuple[str, str]], view: PlanView) -> None:
    """Print the plan in each format, to the standard output or to its file."""
    for form, file in wanted:
        if form == "text" and file == STDOUT:
            show_text(app, plan, view)
        else:
            with collection_paused():
                put(app, render_form(app, plan, form, view), file)


def show_text(app: App, plan: Plan, view: PlanView) -> None:
    """Print the plan as text to the standard output; private values are shown on a terminal, or with
    ``reveal``.
    """
    look = replace(app.look(sys.stdout, reveal=view.reveal), brief=view.brief)
    if look.now is not None:
        look = replace(look, now=view.now or look.now, full=view.full)
    with collection_paused():
        write_plan(plan, look, echo, view.origins)


def render_form(app: App, plan: Plan, form: str, view: PlanView) -> bytes | Iterator[bytes]:
    """For a file or another program: private values are shown only with ``--reveal``."""
    masked, origins = not view.reveal, view.origins
    if form == "text":
        return render_plan(plan, OutputStyle(masked=masked), origins).encode()
    from reconciler.render import csv, github, html, json, junit, markdown, sarif  # noqa: PLC0415 - not for text

    match form:
        case "json":
            return json.render_plan(plan, masked=masked, origins=origins)
        case "markdown":
            return markdown.render_plan(plan, masked=masked, origins=origins, report_url=view.report_url).encode()
        case "html":
            excerpt = html.no_excerpt if view.excerpts is None else view.excerpts.reader(masked=masked)
            page = html.render_plan(plan, masked=masked, excerpt=excerpt, load=view.load, origins=origins)
            return page.encode()
        case "junit":
            return junit.render_plan(plan, masked=masked)
        case "csv":
            return csv.render_plan(plan, masked=masked)
        case "xlsx":
            from reconciler.render import xlsx  # noqa: PLC0415 - its library takes 40 ms to import

            return xlsx.render_plan(plan, masked=masked)
    render_annotations = sarif.render_plan if form == "sarif" else github.render_plan
    return render_annotations(plan, masked=masked, folder=git.folder(find_project(app.directory))).encode()


def show_problems(
    app: App, diagnostics: tuple[Diagnostic, ...], excerpts: Excerpts, *, reveal: bool = False, err: bool = True
) -> None:
    """Print every problem with its source line, to the error stream unless problems are the result."""
    if diagnostics:
        look = app.look(sys.stderr if err else sys.stdout, reveal=reveal)
        echo(render_diagnostics(diagnostics, excerpts.reader(masked=look.masked), look), err=err)


def count_problems(diagnostics: tuple[Diagnostic, ...]) -> str:
    """``2 errors, 1 warning``."""
    errors = problem_count(item for item in diagnostics if item.is_error)
    return f"{format_count(errors, 'error')}, {format_count(problem_count(diagnostics) - errors, 'warning')}"
