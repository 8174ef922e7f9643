"""Print messages and JSON, and ask questions. Texts for people are escaped, and masked except on a terminal."""

from __future__ import annotations

import json
import shutil
import sys

import click

from reconciler.cli.app import is_public
from reconciler.domain.masking import mask_json
from reconciler.domain.sensitive import mask_text
from reconciler.errors import Refused
from reconciler.render.console import wrap
from reconciler.render.escape import for_json, for_terminal, inert_json


def revealed() -> bool:
    """Whether the command was called with ``--reveal``."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.params.get("reveal"))


def say(*lines: str, err: bool = False) -> None:
    """Print messages, each of them as one line; on a terminal, long ones are wrapped between words."""
    for line in lines:
        click.echo(wrapped(mask_public(for_terminal(line), err=err), err=err), err=err)


def wrapped(text: str, *, err: bool = False) -> str:
    """The text, wrapped to the width of the terminal, if it is printed on one."""
    if not (sys.stderr if err else sys.stdout).isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(part for line in text.split("\n") for part in wrap(line, width))


def mask_public(text: str, *, err: bool = False) -> str:
    """The text, masked except on a terminal or with ``--reveal``."""
    return mask_text(text) if is_public(sys.stderr if err else sys.stdout) and not revealed() else text


def echo(text: str | bytes, *, err: bool = False) -> None:
    """Print unchanged, without an added line break; flushed, so that a script sees each line at once."""
    click.echo(text, err=err, nl=False)
    (sys.stderr if err else sys.stdout).flush()


def echo_file(document: bytes) -> None:
    """Print one of our JSON files in a form that can be read again; on a terminal, with control characters
    escaped.
    """
    echo(inert_json(document) if sys.stdout.isatty() else document)


def echo_json(document: object, *, indent: int | None = 2) -> None:
    """Print a JSON document."""
    echo(to_json(document, indent=indent))


def to_json(document: object, *, indent: int | None = 2) -> str:
    """A JSON document as it is printed, with a line break: escaped, and its texts masked unless ``--reveal`` is
    set.
    """
    document = document if revealed() else mask_json(document)
    return for_json(json.dumps(document, ensure_ascii=False, indent=indent)) + "\n"


def confirm(question: str, *, nothing: str) -> None:
    """Ask a person for confirmation; only the word yes counts. ``nothing`` says what did not happen.

    Raises:
        Refused: declined.
    """
    prompt = f"{question} Only 'yes' is accepted"
    if click.prompt(prompt, default="no", show_default=False, err=True) != "yes":
        raise Refused(f"declined: {nothing}")
