"""Every command of the command line, and command lines parsed as they would be, without running them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click

from reconciler.cli import cli

_ENDS = {">", ">>", "|", "&&", "<"}


def commands() -> Iterator[tuple[str, click.Command]]:
    """Each command, groups too, by what is typed for it."""
    yield from _walk("reconciler", cli, click.Context(cli, info_name="reconciler"))


def _walk(path: str, command: click.Command, ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    for name in command.list_commands(ctx) if isinstance(command, click.Group) else ():
        found = command.get_command(ctx, name) if isinstance(command, click.Group) else None
        assert found is not None, f"{path} {name}"
        yield from _walk(f"{path} {name}", found, click.Context(found, parent=ctx, info_name=name))


def plan_formats() -> tuple[str, ...]:
    """The forms of a plan that ``--format`` takes, so that a test of all of them includes a new one."""
    plan = cli.get_command(click.Context(cli), "plan")
    assert plan is not None
    [choice] = [param.type for param in plan.params if param.name == "forms"]
    assert isinstance(choice, click.Choice)
    return tuple(choice.choices)


def options() -> set[str]:
    """Every long option of every command."""
    found = {"--help", "--version"}
    for _, command in commands():
        for param in command.params:
            found |= {name for name in (*param.opts, *param.secondary_opts) if name.startswith("--")}
    return found


def parse(line: str) -> None:
    """Parse ``reconciler …`` as a shell and click would; a comment and what follows ``>`` or ``|`` is left out.

    Raises:
        click.ClickException: it is no command line of ours.
    """
    words = shlex.split(line, comments=True)
    assert words[0] == "reconciler", line
    end = next((at for at, word in enumerate(words) if word in _ENDS), len(words))
    ctx = cli.make_context("reconciler", words[1:end])
    command: click.Command = cli
    rest = [*ctx._protected_args, *ctx.args]
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(ctx, rest)
        assert found is not None
        ctx = found.make_context(name, rest, parent=ctx)
        command, rest = found, [*ctx._protected_args, *ctx.args]


def example_lines(epilog: str) -> list[str]:
    """The command lines of ``Examples:``, ours among them taken out of ``$(…)``."""
    block = epilog.partition("Examples:\n")[2].split("\n\n")[0]
    lines = [line.strip() for line in block.splitlines() if line.strip()]
    return [found[1] if (found := re.search(r"\$\((reconciler [^)]*)\)", line)) else line for line in lines]
