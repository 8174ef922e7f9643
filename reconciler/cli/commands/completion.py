"""``reconciler completion``: the script for shell completion of commands, options, addresses and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from reconciler.cli.lazy import examples
from reconciler.cli.shell_completion import VARIABLE

_EPILOG = examples(
    'eval "$(reconciler completion bash)"     # in ~/.bashrc',
    'eval "$(reconciler completion zsh)"      # in ~/.zshrc',
    "reconciler completion fish > ~/.config/fish/completions/reconciler.fish",
)


@click.command(epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL. It also completes addresses, plan files, guides and codes.

    Bash needs version 4.4 or newer.
    """
    found = get_completion_class(shell)
    if found is None:
        raise TypeError(f"click has no completion for {shell}")
    script = found(ctx.find_root().command, {}, "reconciler", VARIABLE)
    click.echo(script.source())
