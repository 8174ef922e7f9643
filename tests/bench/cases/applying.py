"""Placing calls on a server in another process, beside a loop that only posts."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import yardsticks
from tests.bench.cases.planning import PLAN
from tests.bench.inputs import NOW, made, write_csv
from tests.bench.lines import Goal, Line, Setup
from tests.bench.measuring import RECONCILER, ROOT, Figures, run
from tests.bench.projects import project
from tests.bench.results import requests
from tests.bench.service import serving
from tests.conftest import KEY

_CALLS, _WORKERS = 5_000, 8
_LIMIT, _UNDER_LIMIT = 50, 1_500


def measure(setup: Setup) -> Iterator[Line]:
    """The rate of a whole apply, its start and its plan included, and the rate once it places."""
    calls = setup.rows(_CALLS)
    rounds = setup.in_turn(
        {"apply": _applying(setup, calls, "none"), yardsticks.HTTPX: _posting(setup, calls)},
    )
    for name, work in (
        ("rate", f"`apply`, {calls:,} calls"),
        ("whole", f"`apply`, {calls:,} calls, whole process"),
    ):
        ours, theirs = rounds["apply"], rounds.get(yardsticks.HTTPX)
        value = None if theirs is None else ours.median(name) / theirs.median(name)
        note = "" if theirs is not None else f"{yardsticks.HTTPX} was not run"
        goal = Goal(0.80, 0.97, least=True)
        yield Line(work, ours, theirs, yardsticks.HTTPX, value, goal=goal, note=note, shown=(name,))


def measure_limited(setup: Setup) -> Iterator[Line]:
    """What an apply makes of a server that allows so many requests a second."""
    calls = setup.rows(_UNDER_LIMIT)
    rounds = setup.in_turn({"apply": _applying(setup, calls, f"{_LIMIT}/s", _LIMIT)})
    ours, work = rounds["apply"], f"`apply`, {calls:,} calls under {_LIMIT}/s"
    used, refused = 100 * ours.median("used"), 100 * ours.median("refused")
    yield Line(work, ours, None, "the limit", used, "% used", Goal(97, 99.5, least=True), shown=("rate",))
    yield Line(work, ours, None, "the limit", refused, "% answered 429", Goal(1, 0), shown=("refused",))


def _applying(setup: Setup, calls: int, rate: str, limit: int | None = None) -> Callable[[], Figures]:
    """Each time in a new copy of the project, on a new server."""
    source = project(setup.work, "apply", calls, write_csv)
    options = ["--auto-approve", "--json", "--now", NOW, "--rate", rate, "--concurrency", str(_WORKERS)]

    def contender() -> Figures:
        folder = setup.out("apply")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
        with serving(*([] if limit is None else ["--rate-limit", f"{limit}/s"])) as service:
            env = {"CONTACTSHIP_BASE_URL": service.url, "CONTACTSHIP_API_KEY": KEY}
            figures = run([RECONCILER, "apply", *options], folder, setup.out("apply.jsonl"), env)
            return _with_rates(figures, service.figures(calls, limit), calls)

    return contender


def _posting(setup: Setup, calls: int) -> Callable[[], Figures] | None:
    """The same bodies posted by ``tests.bench.bare``."""
    if not setup.yardsticks:
        return None
    source = project(setup.work, "apply", calls, write_csv)
    bodies = made(setup.work / f"bodies-{calls}", lambda folder: _save_bodies(source, folder)) / "bodies.jsonl"

    def contender() -> Figures:
        with serving() as service:
            command = [sys.executable, "-m", "tests.bench.bare", service.url, KEY, str(bodies), str(_WORKERS)]
            figures = run(command, ROOT, setup.out("httpx.txt"))
            return _with_rates(figures, service.figures(calls), calls)

    return contender


def _save_bodies(source: Path, folder: Path) -> None:
    saved = folder / "bench.plan"
    run([*PLAN, "--out", str(saved)], source, folder / "plan.txt")
    lines = (json.dumps(request) for request in requests(saved))
    (folder / "bodies.jsonl").write_text("\n".join(lines), encoding="utf-8")


def _with_rates(figures: Figures, seen: Figures, calls: int) -> Figures:
    """``rate`` is the server's, ``whole`` that of the whole process."""
    return figures | seen | {"whole": calls / figures["wall"]}
