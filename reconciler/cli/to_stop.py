"""``reconciler status --to-stop``: only the calls that a person has to stop by hand."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.cli.app import App, to_json
from reconciler.cli.excerpts import Excerpts
from reconciler.cli.plan_output import STDOUT, put, show_problems
from reconciler.cli.status_query import look
from reconciler.errors import ExitCode
from reconciler.render import to_stop
from reconciler.render.console import OutputStyle
from reconciler.render.csv import to_csv
from reconciler.render.text import render_to_stop

if TYPE_CHECKING:
    from reconciler.cli.status_query import StatusQuery
    from reconciler.cli.workspace import Workspace
    from reconciler.domain.plan import Plan


def show_to_stop(
    app: App, workspace: Workspace, question: StatusQuery, moment: datetime, form: tuple[str, str], *, reveal: bool
) -> int:
    """Print the list in ``form`` (a format and a file). Exit 3 while a call is pending.

    If the files have errors, removed rows cannot be detected: the known calls are shown, and the exit code is 1.
    """
    found = look(app, workspace, question, moment)
    if found.plan.errors:
        show_problems(app, found.plan.diagnostics, Excerpts(found.sources))
    name, file = form
    put(app, _shown(app, found.plan, name, file, reveal=reveal), file)
    if found.plan.errors:
        return ExitCode.ERROR
    return ExitCode.INCOMPLETE if found.plan.to_stop else ExitCode.DONE


def _shown(app: App, plan: Plan, name: str, file: str, *, reveal: bool) -> bytes:
    if name == "json":
        return to_json({"to_stop": to_stop.documents(plan.to_stop, masked=not reveal)}, indent=2).encode()
    if name == "csv":
        return to_csv(to_stop.table(plan.to_stop, masked=not reveal))
    look = app.look(sys.stdout, reveal=reveal) if file == STDOUT else OutputStyle(masked=not reveal)
    return render_to_stop(plan.to_stop, look).encode()
