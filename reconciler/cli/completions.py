"""Shell completions for arguments. If completions cannot be computed, the result is empty, without an error."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem

from reconciler.cli.app import App
from reconciler.cli.guides import GUIDES, code_meanings, title
from reconciler.cli.workspace import Workspace
from reconciler.errors import ReconcilerError
from reconciler.source import files
from reconciler.source.schema.packaged import schema_names
from reconciler.source.settings.project import find_project, load_project
from reconciler.system.environment import STATE, variable

Completer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
_MOST = 200  # a longer list is useless, and the state may have a million addresses


def _quietly(offer: Callable[[click.Context, str], Iterable[CompletionItem]]) -> Completer:
    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            return list(islice(offer(ctx, incomplete), _MOST))
        except (ReconcilerError, OSError):
            return []

    return complete


def _app(ctx: click.Context) -> App:
    """During completion no command has run yet, so only the options are available."""
    return App.from_options(str(ctx.find_root().params.get("directory") or "."), no_color=True)


def _addresses_of_state(ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    url = ctx.params.get("state_url") or variable(STATE)
    with Workspace.open(_app(ctx), url).reader() as reader:
        for entry in reader.entries():
            if str(entry.address).startswith(incomplete):
                yield CompletionItem(str(entry.address), help="uncertain" if entry.unknown else entry.status.value)


def _addresses_of_rows(ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    app = _app(ctx)
    for row in Workspace.open(app, None).sources(app, ()).rows:
        if str(row.address).startswith(incomplete):
            yield CompletionItem(str(row.address), help=row.source.file)


def _plan_files(ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """The project's plan files, relative to the working folder; other files if none matches."""
    app, found = _app(ctx), False
    project, _, _ = load_project(find_project(app.directory))
    for path in files.plan_files(project, None)[0]:
        name = os.path.relpath(path, app.directory)
        name = f"./{name}" if name.startswith("-") else name  # otherwise it would be read as an option
        if name.startswith(incomplete):
            found = True
            yield CompletionItem(name)
    if not found:
        yield CompletionItem(incomplete, type="file")


def _schemas(_: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    yield from (CompletionItem(name) for name in schema_names() if name.startswith(incomplete))


def _subjects(ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """The arguments of ``help``."""
    root = ctx.find_root()
    commands = root.command.list_commands(root) if isinstance(root.command, click.Group) else []
    subjects = dict.fromkeys(commands, "command") | {name: title(name) for name in GUIDES} | dict(code_meanings())
    yield from (
        CompletionItem(name, help=words) for name, words in subjects.items() if name.startswith(incomplete)
    )


addresses_of_state = _quietly(_addresses_of_state)
addresses_of_rows = _quietly(_addresses_of_rows)
plan_files = _quietly(_plan_files)
schemas = _quietly(_schemas)
subjects = _quietly(_subjects)
