"""A long run by hand: ``python -m tests.crash.power --runs N --seed S [--jobs J] [--mutant NAME]``."""

from __future__ import annotations

import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import click

from tests.crash.power.command import MUTANTS
from tests.crash.power.recording import unavailable
from tests.crash.power.story import Figures, run_story
from tests.ramdisk import MEMORY


@click.command()
@click.option("--runs", default=10, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--jobs", default=2, show_default=True)
@click.option("--again", default=4, show_default=True, help="States of each run that are applied after the cut.")
@click.option("--mutant", type=click.Choice([*MUTANTS]))
def power(runs: int, seed: int, jobs: int, again: int, mutant: str | None) -> None:
    """Record stories, cut the power after each operation, and say what was lost. Exit 1 if anything was."""
    if (reason := unavailable()) is not None:
        raise click.ClickException(reason)
    total = Figures()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, ProcessPoolExecutor(jobs) as pool:
        story = partial(run_story, folder=Path(folder), mutant=mutant, again=again)
        for number, figures in enumerate(pool.map(story, range(seed, seed + runs)), start=seed):
            for wrong in figures.wrong[:3]:
                click.echo(f"seed {number}, cut {figures.cuts}: {wrong}")
            total.add(figures)
    click.echo(
        f"{runs} runs, {total.operations:,} operations: {total.cuts:,} cuts, {total.built:,} disks built, "
        f"{total.states:,} different states opened, {total.journals:,} of them with a journal, "
        f"{total.applied:,} applied again and cut again. "
        f"Acknowledged: {total.sent:,} intents and {total.placed:,} answers, which were looked for "
        f"{total.lookups:,} times. {len(total.wrong):,} lost or wrong."
    )
    raise SystemExit(bool(total.wrong))


if __name__ == "__main__":
    power()
