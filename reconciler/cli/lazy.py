"""Groups of commands whose modules are imported when one of their commands is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem


def examples(*lines: str) -> str:
    """The epilogue of a command's help: command lines to copy. Text after two spaces and ``#`` explains one."""
    shown = "\n".join(f"  {line}" for line in lines)
    return f"\b\nExamples:\n{shown}\n"


class LazyCommand(NamedTuple):
    """``target`` is ``module:attribute`` below ``reconciler.cli.commands``, ``help`` its line in lists."""

    target: str
    help: str

    def load(self) -> click.Command:
        """Import the command. Raises ``TypeError`` if the attribute is not a command."""
        module, _, attribute = self.target.partition(":")
        command = getattr(importlib.import_module(f"reconciler.cli.commands.{module}"), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.target} is no command")
        return command


class NoSuchCommand(click.UsageError):
    """A group has no command ``name``, only ``names``."""

    def __init__(self, name: str, names: Sequence[str], ctx: click.Context) -> None:
        super().__init__(f"{ctx.command_path} has no command {name!r}", ctx)
        self.name = name
        self.names = names


class LazyGroup(click.Group):
    """``table`` has the commands by name, in the order in which help lists them.

    Listing and completing commands imports none of them.
    """

    def __init__(self, *args: Any, table: Mapping[str, LazyCommand], **options: Any) -> None:
        super().__init__(*args, **options)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._table[cmd_name].load() if cmd_name in self._table else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = formatter.width - 6 - max(map(len, self._table))
        rows = [(name, _shortened(item.help, width)) for name, item in self._table.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in self._table if name.startswith(incomplete)]
        items = [CompletionItem(name, help=self._table[name].help) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self._table:
            raise NoSuchCommand(args[0], [*self._table], ctx)
        return super().resolve_command(ctx, args)


def _shortened(text: str, width: int) -> str:
    """As click shortens a line of help."""
    return text if len(text) <= width else f"{text[: width - 3].rsplit(' ', 1)[0]}..."
