"""Each command has help, and examples that parse."""

from __future__ import annotations

import click
import pytest

from tests.commands import commands, example_lines, parse

NOT_OURS = ("curl ",)


@pytest.mark.parametrize(("path", "command"), list(commands()))
def test_a_command_has_help_and_examples_that_parse(path: str, command: click.Command) -> None:
    assert command.help, path
    lines = example_lines(command.epilog or "")
    assert lines, f"{path} has no examples"
    assert any(line.startswith(path) for line in lines), f"none of the examples is of {path}"
    for line in lines:
        if not line.startswith(NOT_OURS):
            parse(line)


def test_the_parser_of_examples_finds_wrong_ones() -> None:
    for line in (
        "reconciler paln",
        "reconciler plan --ful",
        "reconciler state shw",
        "reconciler apply --rate fast",
    ):
        with pytest.raises(click.ClickException):
            parse(line)
