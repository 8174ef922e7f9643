"""Twelve weekly exports of many patients, by hand: ``python -m tests.bench.exports [PATIENTS]``."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from reconciler.provider.sandbox import SandboxConfig, running
from tests.clinic import PLAN, WEEKS, Clinic, run_week
from tests.conftest import KEY, Workbench


def main() -> None:
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    clinic = Clinic(patients, seed=20)
    with tempfile.TemporaryDirectory() as folder, running(SandboxConfig(port=0, api_key=KEY)) as sandbox:
        bench = Workbench(Path(folder), {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY})
        bench.ok("init")
        bench.write("calls/visits.yaml", PLAN)
        for week in range(WEEKS):
            start, before = time.perf_counter(), len(clinic.placed)
            run_week(bench, clinic, week)
            took = time.perf_counter() - start
            print(f"week {week + 1:2}  {len(clinic.placed) - before:5} placed  {took:5.1f} s", flush=True)
        calls = Counter((call.body["contact_id"], call.body["schedule"]["date"]) for call in sandbox.calls())
    assert calls == Counter(visit.call for visit in clinic.placed)
    print(
        f"{sum(calls.values())} calls, exactly those computed; {len(clinic.missed)} were over when first exported"
    )


if __name__ == "__main__":
    main()
