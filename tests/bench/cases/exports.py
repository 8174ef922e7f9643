"""Twelve weekly exports of many patients, each planned and placed: exactly the calls that were computed."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from reconciler.sandbox import SandboxConfig, running
from tests.bench.lines import Line, Setup
from tests.bench.measuring import ResultError, Samples
from tests.clinic import PLAN, WEEKS, Clinic, run_week
from tests.conftest import KEY, Workbench

_PATIENTS = 2000


def measure(setup: Setup) -> Iterator[Line]:
    clinic = Clinic(setup.rows(_PATIENTS), seed=20)
    weeks: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder, running(SandboxConfig(port=0, api_key=KEY)) as sandbox:
        bench = Workbench(Path(folder), {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY})
        bench.create_project()
        bench.write("calls/visits.yaml", PLAN)
        for week in range(WEEKS):
            start = time.perf_counter()
            run_week(bench, clinic, week)
            weeks.append({"wall": time.perf_counter() - start})
            setup.say(f"  week {week + 1}: {len(clinic.placed)} placed, {weeks[-1]['wall']:.1f} s")
        calls = Counter((call.body["contact_id"], call.body["schedule"]["date"]) for call in sandbox.calls())
    if calls != Counter(visit.call for visit in clinic.placed):
        raise ResultError("the server holds other calls than those computed")
    note = f"{len(clinic.missed)} were over when they were first exported"
    work = f"a week of {WEEKS}, {calls.total():,} calls in all"
    yield Line(work, Samples(tuple(weeks)), None, "", None, note=note, shown=("wall",))
