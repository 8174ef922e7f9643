"""Mistakes on the command line, each with the command or option that was probably meant."""

from __future__ import annotations

from difflib import get_close_matches

import click

from reconciler.cli.lazy import NoSuchCommand
from reconciler.errors import UsageError

# Options that other programs have, and what to use instead.
_INSTEAD = {
    ("apply", "--dry-run"): "to see what apply would do, without placing anything, run: reconciler plan",
    ("apply", "--yes"): "to place without a question, pass --auto-approve: reconciler apply --auto-approve",
    ("apply", "-y"): "to place without a question, pass --auto-approve: reconciler apply --auto-approve",
}


def explain_usage(error: click.UsageError) -> UsageError:
    """The message of click's error, and a hint."""
    path = "reconciler" if error.ctx is None else error.ctx.command_path
    hint = f"for the options and examples, run: {path} --help"
    if isinstance(error, NoSuchCommand):
        near = get_close_matches(error.name, error.names, n=1)
        return UsageError(error.format_message(), hint=f"did you mean: {path} {near[0]}" if near else hint)
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return UsageError(error.format_message(), hint=hint)
    params = error.ctx.command.get_params(error.ctx)
    names = [name for param in params if isinstance(param, click.Option) for name in param.opts]
    near = get_close_matches(error.option_name, names, n=1)
    instead = _INSTEAD.get((error.ctx.command.name or "", error.option_name))
    meant = f"did you mean: {path} {near[0]}" if near else hint
    return UsageError(f"{path} has no option {error.option_name!r}", hint=instead or meant)
