"""A long run by hand: ``python -m tests.crash --runs N --seed S [--jobs J] [--mutant NAME]``."""

from __future__ import annotations

import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import click

from tests.crash.answers import run_answer_trial
from tests.crash.driver import Verdict, run_trial
from tests.crash.victim import ANSWER_MUTANTS, MUTANTS


@click.command()
@click.option("--runs", default=100, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--jobs", default=2, show_default=True)
@click.option("--mutant", type=click.Choice([*MUTANTS, *ANSWER_MUTANTS]))
def crash(runs: int, seed: int, jobs: int, mutant: str | None) -> None:
    """Run trials and say what became of them. Exit 1 where a promise was broken."""
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(jobs) as pool:
        trial = partial(
            run_answer_trial if mutant in ANSWER_MUTANTS else run_trial, folder=Path(folder), mutant=mutant
        )
        verdicts: list[Verdict] = []
        for verdict in pool.map(trial, range(seed, seed + runs)):
            verdicts.append(verdict)
            for wrong in verdict.wrong:
                click.echo(f"seed {verdict.seed}, lag {verdict.lag}: {wrong}")
    killed: Counter[str] = sum((verdict.killed for verdict in verdicts), Counter())
    planned: Counter[str] = sum((verdict.planned for verdict in verdicts), Counter())
    told = ", ".join(f"{point} {killed[point]}/{planned[point]}" for point in sorted(planned))
    click.echo(
        f"{runs} trials: {sum(verdict.placed for verdict in verdicts)} calls placed, "
        f"{sum(verdict.adopted for verdict in verdicts)} of them adopted by evidence, "
        f"{sum(verdict.uncertain for verdict in verdicts)} left uncertain, "
        f"{sum(verdict.duplicates for verdict in verdicts)} duplicates, "
        f"{sum(bool(verdict.wrong) for verdict in verdicts)} trials with a broken promise."
    )
    click.echo(f"Killed at: {told}.")
    raise SystemExit(any(verdict.wrong for verdict in verdicts))


if __name__ == "__main__":
    crash()
