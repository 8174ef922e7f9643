"""A long run by hand: ``python -m tests.crash --kills N --seed S [--seconds T] [--workers W] [--record]``."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import click

from tests.crash import record
from tests.crash.answers import run_answer_trial
from tests.crash.driver import run_trial
from tests.crash.judge import Verdict
from tests.crash.victim import ANSWER_MUTANTS, MUTANTS
from tests.ramdisk import MEMORY

KILLS_EACH = 24  # in a trial of a long run


@dataclass
class Total:
    """The sum of all trials of a run."""

    trials: int = 0
    broken: int = 0
    seconds: float = 0.0
    sums: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    survived: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        self.trials += 1
        self.broken += bool(verdict.wrong)
        for name in ("calls", "adopted", "uncertain", "duplicates", "hot_journals"):
            self.sums[name] += getattr(verdict, name)
        self.sums["lost"] += len(verdict.lost)
        self.killed += verdict.killed
        self.survived += verdict.survived

    def lines(self) -> Iterator[str]:
        kills, sums = self.killed.total(), self.sums
        yield f"{self.trials:,} trials, {kills:,} kills, {kills / max(self.seconds, 0.001):.1f} kills a second."
        yield "Killed at: " + ", ".join(f"{kind} {number:,}" for kind, number in sorted(self.killed.items())) + "."
        yield (
            f"{sums['hot_journals']:,} of them left a commit half written; "
            f"{self.survived.total():,} commands ended before their moment came."
        )
        yield (
            f"{sums['calls']:,} calls placed: {sums['adopted']:,} adopted by evidence, "
            f"{sums['uncertain']:,} left uncertain, {sums['duplicates']:,} duplicates, {sums['lost']:,} lost."
        )
        yield f"{self.broken:,} trials with a broken promise."
        if kills and not self.broken:
            # J. A. Hanley, A. Lippman-Hand: "If nothing goes wrong, is everything all right?", JAMA 1983;249:1743
            yield f"With 95% confidence, at most {3 / kills:.3%} of such kills break one (rule of three: 3/N)."


def _verdicts(trial: Callable[[int], Verdict], seeds: Iterator[int], workers: int) -> Iterator[Verdict]:
    """Run trials side by side, in no order, for as long as they are taken."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: dict[Future[Verdict], int] = {}
        try:
            while True:
                while len(running) < workers:
                    seed = next(seeds)
                    running[pool.submit(trial, seed)] = seed
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    seed = running.pop(done)
                    error = done.exception()
                    yield done.result() if error is None else Verdict(seed, wrong=[f"no verdict: {error!r}"])
        finally:
            pool.shutdown(cancel_futures=True)


@click.command()
@click.option("--kills", default=1000, show_default=True, help="Stop after so many kills.")
@click.option("--seconds", default=3600.0, show_default=True, help="Or after so many seconds.")
@click.option("--seed", default=1, show_default=True, help="Of the first trial; the next has the next number.")
@click.option("--workers", default=2, show_default=True)
@click.option("--record", "keep", is_flag=True, help="Append the result to KILLS.csv. Needs an unchanged commit.")
@click.option("--mutant", type=click.Choice([*MUTANTS, *ANSWER_MUTANTS]), help="Make this mistake.")
def crash(kills: int, seconds: float, seed: int, workers: int, keep: bool, mutant: str | None) -> None:
    """Kill commands, and say what became of the calls. Exit 1 if a promise was broken."""
    if keep and mutant is not None:
        raise click.UsageError("a run with a mistake is not recorded")
    commit = _commit() if keep else ""
    total, start = Total(), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="kills-", dir=MEMORY))
    trial = partial(run_trial, folder=folder, mutant=mutant, kills=KILLS_EACH)
    if mutant in ANSWER_MUTANTS:
        trial = partial(run_answer_trial, folder=folder, mutant=mutant)
    for verdict in _verdicts(trial, count(seed), workers):
        total.add(verdict)
        for wrong in verdict.wrong:
            click.echo(f"seed {verdict.seed}: {wrong}")
        if verdict.wrong:
            again = f"--kills 1 --workers 1 --seed {verdict.seed}"
            click.echo(f"Repeat it: python -m tests.crash {again}. Its folder is left in {folder}.")
        total.seconds = time.monotonic() - start
        if total.killed.total() >= kills or total.seconds >= seconds:
            break
    for line in total.lines():
        click.echo(line)
    if not total.broken:
        shutil.rmtree(folder)
    if keep:
        _record(total, commit, seed)
    raise SystemExit(bool(total.broken))


def _commit() -> str:
    try:
        return record.head()
    except record.NotRecordedError as error:
        raise click.ClickException(str(error)) from error


def _record(total: Total, commit: str, seed: int) -> None:
    """Append a line, if the commit is still the one that was run."""
    if _commit() != commit:
        raise click.ClickException("nothing was recorded, because the commit changed during the run")
    names = ("calls", "adopted", "uncertain", "duplicates", "lost")
    sums = {name: total.sums[name] for name in names}
    kills = total.killed.total()
    record.append(record.Line(commit, record.today(), seed, total.trials, kills, broken=total.broken, **sums))


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    crash()
