"""``reconciler help``: the guides, the meaning of a code, or a command's own help."""

from __future__ import annotations

import shutil
import sys
from difflib import get_close_matches

import click

from reconciler.cli.app import App
from reconciler.cli.completions import subjects
from reconciler.cli.guides import GUIDES, code_meanings, guide_text, section, title
from reconciler.cli.lazy import examples
from reconciler.cli.terminal_markdown import rendered
from reconciler.errors import UsageError
from reconciler.system import programs


@click.command(
    "help",
    epilog=examples(
        "reconciler help",
        "reconciler help spreadsheets",
        "reconciler help conflict",
        "reconciler help E302",
        "reconciler help state list",
    ),
)
@click.argument("subject", nargs=-1, shell_complete=subjects, metavar="[GUIDE | WORD | CODE | COMMAND]...")
@click.pass_context
def help_command(ctx: click.Context, subject: tuple[str, ...]) -> None:
    """Show a GUIDE, or explain a WORD, a CODE such as E302, or a COMMAND. Without an argument, list the guides."""
    name = " ".join(subject)
    if not name:
        click.echo(_list_of_guides())
    elif name in GUIDES:
        _show(ctx, guide_text(name))
    elif not _is_command(ctx, subject) and (text := section(name.casefold())) is not None:
        _show(ctx, text)
    else:
        _page(ctx, _command_help(ctx, subject))


def _list_of_guides() -> str:
    width = max(map(len, GUIDES))
    lines = [f"  {name:<{width}}  {title(name)}" for name in GUIDES]
    also = "Also: help WORD (such as conflict), help CODE (such as E302), and help COMMAND."
    return "\n".join(["reconciler help GUIDE:", *lines, "", also])


def _is_command(ctx: click.Context, path: tuple[str, ...]) -> bool:
    root = ctx.find_root()
    return isinstance(root.command, click.Group) and path[0] in root.command.list_commands(root)


def _command_help(ctx: click.Context, path: tuple[str, ...]) -> str:
    """The output of a command's ``--help``.

    Raises:
        UsageError: there is no command of that name.
    """
    here = ctx.find_root()
    for name in path:
        known = here.command.list_commands(here) if isinstance(here.command, click.Group) else []
        found = here.command.get_command(here, name) if isinstance(here.command, click.Group) else None
        if found is None:
            words = [*GUIDES, *code_meanings(), *known] if here.parent is None else known
            near = get_close_matches(name, words, n=1) or get_close_matches(name.upper(), words, n=1)
            hint = f"did you mean {' '.join([*path[: path.index(name)], near[0]])}? " if near else ""
            raise UsageError(
                f"there is no guide, word, code or command {' '.join(path)!r}",
                hint=f"{hint}run reconciler help to list all guides",
            )
        here = click.Context(found, parent=here, info_name=name)
    return here.get_help() + "\n"


def _show(ctx: click.Context, markdown: str) -> None:
    app = ctx.find_object(App)
    width = min(shutil.get_terminal_size().columns, 100)
    _page(ctx, rendered(markdown, width, color=app is not None and app.color and sys.stdout.isatty()))


def _page(ctx: click.Context, text: str) -> None:
    """Use the user's pager on a terminal if the text is longer than a screen."""
    app = ctx.find_object(App)
    tall = text.count("\n") >= shutil.get_terminal_size().lines
    if sys.stdout.isatty() and sys.stdin.isatty() and tall:
        with programs.clean_environment():
            click.echo_via_pager(text, color=app is not None and app.color)
    else:
        click.echo(text, nl=False)
