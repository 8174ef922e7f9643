"""``python -m tests.simulation``: run stories, and print the shortest form of each that breaks a promise."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from multiprocessing import get_context

import click

from tests.simulation.run import run, shorten
from tests.simulation.stories import story

_CHUNK = 50


def _run_some(seeds: range) -> tuple[int, int, int, Counter[tuple[str, str, bool]], list[int]]:
    placed = excused = 0
    met: Counter[tuple[str, str, bool]] = Counter()
    broken: list[int] = []
    for seed in seeds:
        report = run(story(seed))
        placed += report.placed
        excused += report.excused
        met += report.met
        if report.wrong:
            broken.append(seed)
    return len(seeds), placed, excused, met, broken


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=3000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The first one.")
@click.option("--workers", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default=True)
@click.option("--replay", is_flag=True, help="Print the story of the first seed.")
def main(runs: int, seed: int, workers: int, replay: bool) -> None:
    """Run seeded stories of the real code in simulated time."""
    if replay:
        click.echo(run(story(seed)).text)
        return
    began = time.monotonic()
    chunks = [range(start, min(start + _CHUNK, seed + runs)) for start in range(seed, seed + runs, _CHUNK)]
    total = placed = excused = 0
    met: Counter[tuple[str, str, bool]] = Counter()
    broken: list[int] = []
    with get_context("fork").Pool(workers) as pool:
        for count, some_placed, some_excused, some_met, some_broken in pool.imap_unordered(_run_some, chunks):
            total, placed, excused = total + count, placed + some_placed, excused + some_excused
            met += some_met
            broken += some_broken
    seconds = time.monotonic() - began
    click.echo(f"{total:,} stories in {seconds:.0f} s ({total / seconds:.0f} a second), {placed:,} calls")
    click.echo(f"{len(broken):,} broke a promise; {excused:,} calls fall under a documented limit")
    for number in sorted(broken)[:3]:
        report = run(story(number))
        shortest = shorten(report.story, report.wrong[0][0])
        click.echo(run(shortest).text)
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
