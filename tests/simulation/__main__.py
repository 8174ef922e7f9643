"""``python -m tests.simulation``: run stories, and print the shortest form of each that breaks a promise."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import click

from tests.simulation import coverage
from tests.simulation.coverage import Met
from tests.simulation.run import run, shorten
from tests.simulation.stories import story
from tests.simulation.strategies import STRATEGIES, following

_TOGETHER = 50  # stories
_SHOWN = 3  # broken stories
_HASH_SEED = "PYTHONHASHSEED"


@dataclass
class Total:
    """What stories came to. ``excused`` are calls under a documented limit, ``broken`` the seeds that broke a
    promise.
    """

    stories: int = 0
    calls: int = 0
    excused: int = 0
    met: Met = field(default_factory=Counter)
    broken: list[int] = field(default_factory=list)

    def add(self, more: Total) -> None:
        self.stories += more.stories
        self.calls += more.calls
        self.excused += more.excused
        self.met += more.met
        self.broken += more.broken


def run_some(seeds: range) -> Total:
    """Run the stories of these seeds."""
    total = Total()
    for seed in seeds:
        report = run(story(seed))
        total.add(Total(1, report.placed, report.excused, report.met, [seed] if report.wrong else []))
    gc.collect()
    return total


def _in_processes(seeds: range, workers: int) -> Iterator[Total]:
    parts = [seeds[start : start + _TOGETHER] for start in range(0, len(seeds), _TOGETHER)]
    gc.disable()  # stories leave cycles behind, and are short
    with get_context("fork").Pool(workers) as pool:
        yield from pool.imap_unordered(run_some, parts)


def find(name: str, seeds: range) -> int | None:
    """The first seed whose story finds a wrong strategy; None if none does."""
    with following(name):
        return next((seed for seed in seeds if run(story(seed)).wrong), None)


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=3000, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The first one.")
@click.option("--workers", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default=True)
@click.option("--replay", is_flag=True, help="Print everything that happens in the story of the seed.")
@click.option("--table", is_flag=True, help="Print how often each fault was tried in each phase.")
@click.option(
    "--strategy", type=click.Choice([*STRATEGIES, "all"]), help="Make a mistake, and print which story finds it."
)
def main(runs: int, seed: int, workers: int, *, replay: bool, table: bool, strategy: str | None) -> None:
    """Run the product's own code in simulated time, with faults by seed, and judge it by its promises.

    Exit 1 if a promise is broken, or if a wrong strategy is not found.
    """
    if replay:
        click.echo(run(story(seed)).text)
    elif strategy is not None:
        sys.exit(_find(list(STRATEGIES) if strategy == "all" else [strategy], range(seed, seed + runs)))
    else:
        sys.exit(_run(range(seed, seed + runs), workers, table=table))


def _find(names: list[str], seeds: range) -> int:
    """Print which seed finds each strategy. Returns how many no seed found."""
    lost = 0
    for name in names:
        found = find(name, seeds)
        lost += found is None
        click.echo(f"{name}: {'not found' if found is None else f'found by seed {found}'}")
    return lost


def _run(seeds: range, workers: int, *, table: bool) -> int:
    """Print what the stories came to. Returns 1 if a promise was broken."""
    began, total = time.monotonic(), Total()
    for some in _in_processes(seeds, workers):
        total.add(some)
        if sys.stderr.isatty():
            click.echo(f"\r{total.stories:,} of {len(seeds):,}", nl=False, err=True)
    seconds = time.monotonic() - began
    click.echo(
        f"{total.stories:,} stories from seed {seeds[0]} in {seconds:,.0f} s "
        f"({total.stories / seconds:.0f} a second), {total.calls:,} calls placed, "
        f"{total.excused:,} of them under a documented limit."
    )
    click.echo(f"{len(total.broken):,} stories broke a promise.")
    if table:
        click.echo(coverage.table(total.met))
    if missing := coverage.missing(total.met):
        click.echo(f"Never tried: {len(missing):,}, such as {missing[0]}.")
    for number in sorted(total.broken)[:_SHOWN]:
        report = run(story(number))
        click.echo(run(shorten(report.story, report.wrong[0][0])).text)
        click.echo(f"To see it again: python -m tests.simulation --replay --seed {number}")
    return int(bool(total.broken))


if __name__ == "__main__":
    if os.environ.get(_HASH_SEED) != "0":  # the order of sets, so that a story is the same to the byte
        root = Path(__file__).parents[2]
        os.chdir(root)
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            {**os.environ, _HASH_SEED: "0"},
        )
    main()
