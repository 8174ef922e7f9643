"""What help lists of a command is what the command says of itself, and it is where the table says."""

from __future__ import annotations

import click
import pytest

from reconciler.cli import cli
from reconciler.cli.commands.state import state
from reconciler.cli.lazy import LazyGroup

COMMANDS = [(group, name) for group in (cli, state) for name in group.list_commands(click.Context(group))]


@pytest.mark.parametrize(("group", "name"), COMMANDS, ids=lambda item: getattr(item, "name", item))
def test_every_command_of_a_table_is_there(group: LazyGroup, name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(limit=100)


def test_no_other_command_is_there() -> None:
    assert cli.get_command(click.Context(cli), "nothing") is None
