"""``python -m tests.bench``: make the inputs, run, check, and print the table."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import click

from tests.bench.cases import MORE, TABLE
from tests.bench.lines import Setup
from tests.bench.measuring import ResultError, load
from tests.bench.table import as_json, as_markdown

_BUSY = 0.3  # load a processor from which figures are told to be doubtful


@click.command()
@click.option("--only", type=click.Choice([*TABLE, *MORE]), multiple=True, help="These cases only. Repeatable.")
@click.option(
    "--scale", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True, help="Of rows."
)
@click.option(
    "--repeat", type=click.IntRange(min=1), default=5, show_default=True, help="Rounds; the median counts."
)
@click.option("--clock", type=click.Choice(["wall", "cpu"]), default="wall", show_default=True, help="For ratios.")
@click.option(
    "--work", type=click.Path(path_type=Path, file_okay=False), help="Keep the inputs here for next time."
)
@click.option("--no-yardsticks", is_flag=True, help="Run ours alone.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Every run, to a file.")
def main(
    only: tuple[str, ...],
    scale: float,
    repeat: int,
    clock: str,
    work: Path | None,
    no_yardsticks: bool,
    json_file: Path | None,
) -> None:
    """Measure the commands beside their yardsticks, check what comes out, and print the table.

    The cases forms, formulas, exports and placed run only where they are named. On a busy machine, compare
    processor time (--clock cpu).
    """
    start = load()
    _say(f"load average {start:.2f} a processor{', which is not quiet' if start > _BUSY else ''}")
    with nullcontext(work) if work else tempfile.TemporaryDirectory(prefix="bench-") as folder:
        setup = Setup(Path(folder).absolute(), scale, repeat, clock, not no_yardsticks, _say)
        setup.work.mkdir(parents=True, exist_ok=True)
        lines = []
        for name in only or TABLE:
            _say(name)
            try:
                lines += (TABLE | MORE)[name](setup)
            except ResultError as error:
                raise click.ClickException(f"{name}: {error}") from error
    if json_file is not None:
        json_file.write_text(json.dumps(as_json(lines, setup, start), indent=2), encoding="utf-8")
    click.echo(as_markdown(lines, setup, start), nl=False)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
