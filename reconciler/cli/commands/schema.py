"""``reconciler schema``: the JSON Schemas of files and outputs."""

from __future__ import annotations

import click

from reconciler.cli.completions import schemas
from reconciler.cli.output import echo
from reconciler.errors import UsageError
from reconciler.source.schema.packaged import schema_names, schema_text


@click.command(epilog="\b\nExamples:\n  reconciler schema\n  reconciler schema callplan > callplan.schema.json\n")
@click.argument("name", required=False, shell_complete=schemas)
def schema(name: str | None) -> None:
    """Print a JSON Schema (2020-12), or the names of all schemas."""
    if name is None:
        click.echo("\n".join(schema_names()))
        return
    if name not in schema_names():
        raise UsageError(f"there is no schema {name!r}; choose one of {', '.join(schema_names())}")
    echo(schema_text(name))
