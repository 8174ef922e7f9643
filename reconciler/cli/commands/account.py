"""``reconciler agents`` and ``reconciler numbers``: what the account has, as settings to paste."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.account import Account, read_account
from reconciler.cli.app import App
from reconciler.cli.lazy import examples
from reconciler.cli.options import service_options
from reconciler.cli.output import say
from reconciler.cli.target import Target
from reconciler.cli.workspace import Workspace


@click.group(epilog=examples("reconciler agents list"))
def agents() -> None:
    """The AI agents of the account."""


@click.group(epilog=examples("reconciler numbers list"))
def numbers() -> None:
    """The phone numbers of the account."""


@agents.command("list", epilog=examples("reconciler agents list"), short_help="List the agents of the account.")
@service_options
@click.pass_obj
def list_agents(app: App, api_key_file: Path | None, base_url: str | None) -> None:
    """List the agents of the account, ready to paste into reconciler.yaml."""
    _print(_account(app, api_key_file, base_url).agents_yaml(), "The account has no agents.")


@numbers.command("list", epilog=examples("reconciler numbers list"), short_help="List the numbers that can call.")
@service_options
@click.pass_obj
def list_numbers(app: App, api_key_file: Path | None, base_url: str | None) -> None:
    """List the account's numbers that can call, ready to paste into reconciler.yaml.

    They are the organisation's own numbers, so they are not masked.
    """
    _print(_account(app, api_key_file, base_url).numbers_yaml(), "The account has no number that can call.")


def _account(app: App, key_file: Path | None, base_url: str | None) -> Account:
    target = Target.from_options(Workspace.open(app, None), base_url, key_file)
    return read_account(target.origin, target.key())


def _print(block: str, if_empty: str) -> None:
    if block:
        click.echo(block, nl=False)
    else:
        say(if_empty, err=True)
