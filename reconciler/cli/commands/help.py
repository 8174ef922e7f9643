"""``reconciler help``: topics, the meaning of a code, or a command's own help."""

from __future__ import annotations

import shutil
import sys
from difflib import get_close_matches

import click

from reconciler.cli.app import App
from reconciler.cli.completions import subjects
from reconciler.cli.lazy import examples
from reconciler.cli.topics import code_meanings, title, topic_names, topic_text
from reconciler.errors import UsageError
from reconciler.system import programs

_KINDS = {
    "E": "error: nothing is placed until it is fixed",
    "W": "warning",
    "G": "guard: reconciler help guards",
}


@click.command(
    "help",
    epilog=examples(
        "reconciler help", "reconciler help formulas", "reconciler help E302", "reconciler help state list"
    ),
)
@click.argument("topic", nargs=-1, shell_complete=subjects, metavar="[TOPIC | CODE | COMMAND]...")
@click.pass_context
def help_command(ctx: click.Context, topic: tuple[str, ...]) -> None:
    """Explain a TOPIC, a CODE such as E302, or a COMMAND. Without an argument, list the topics."""
    name = " ".join(topic)
    if not name:
        click.echo(_topics())
    elif name in topic_names():
        _page(ctx, topic_text(name))
    elif (meaning := _meaning(name)) is not None:
        click.echo(meaning)
    else:
        _page(ctx, _command_help(ctx, topic))


def _topics() -> str:
    names = topic_names()
    width = max(map(len, names))
    lines = [f"  {name:<{width}}  {title(name)}" for name in names]
    return "\n".join(["reconciler help TOPIC:", *lines, "", "Also: help CODE (such as E302), and help COMMAND."])


def _meaning(name: str) -> str | None:
    code, known = name.upper(), code_meanings()
    return f"{code}: {known[code]} ({_KINDS[code[0]]})" if code in known else None


def _command_help(ctx: click.Context, path: tuple[str, ...]) -> str:
    """The output of a command's ``--help``.

    Raises:
        UsageError: there is no command or topic of that name.
    """
    here = ctx.find_root()
    for name in path:
        known = here.command.list_commands(here) if isinstance(here.command, click.Group) else []
        found = here.command.get_command(here, name) if isinstance(here.command, click.Group) else None
        if found is None:
            words = [*topic_names(), *code_meanings(), *known] if here.parent is None else known
            near = get_close_matches(name, words, n=1) or get_close_matches(name.upper(), words, n=1)
            hint = f"did you mean {' '.join([*path[: path.index(name)], near[0]])}? " if near else ""
            raise UsageError(
                f"there is no topic, code or command {' '.join(path)!r}",
                hint=f"{hint}run reconciler help to list all topics",
            )
        here = click.Context(found, parent=here, info_name=name)
    return here.get_help() + "\n"


def _page(ctx: click.Context, text: str) -> None:
    """Use the user's pager on a terminal if the text is longer than a screen."""
    app = ctx.find_object(App)
    tall = text.count("\n") >= shutil.get_terminal_size().lines
    if sys.stdout.isatty() and sys.stdin.isatty() and tall:
        with programs.clean_environment():
            click.echo_via_pager(text, color=app is not None and app.color)
    else:
        click.echo(text, nl=False)
