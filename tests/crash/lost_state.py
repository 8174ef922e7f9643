"""The state is taken away from a run whose calls wait to be sent again; whoever comes next has an older copy.

That copy knows every call that was placed when it was made. What the run sends after it lost the state is known to
nobody, so the next apply would place it a second time.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.sandbox import RunningSandbox, SandboxConfig, running
from reconciler.sandbox.faults import FaultPlan
from tests.conftest import KEY, ZYGOTE, Workbench, clean_environment, plan_text
from tests.zygote import VICTIM

APPLY = ("apply", "--auto-approve", "--json", "--rate", "none", "--no-preflight")


@dataclass
class Verdict:
    """What a trial came to. ``wrong`` is empty where every promise was kept."""

    harm: str
    sent_after: int = 0  # requests that were taken after the state was gone
    duplicates: int = 0
    wrong: list[str] = field(default_factory=list)


def _overwrite(copy: Path, state: Path) -> None:
    shutil.copyfile(copy, state)


def _overwrite_and_hide_it(copy: Path, state: Path) -> None:
    """The file has the same inode, size and time of the last change afterwards."""
    before = state.stat()
    content = copy.read_bytes()[: before.st_size]
    state.write_bytes(content + bytes(before.st_size - len(content)))
    os.utime(state, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replace(copy: Path, state: Path) -> None:
    shutil.copy2(copy, state.with_suffix(".new")).replace(state)


def _delete(copy: Path, state: Path) -> None:
    state.unlink()


def _cut_off(copy: Path, state: Path) -> None:
    os.truncate(state, state.stat().st_size // 2)


HARM: dict[str, Callable[[Path, Path], None]] = {
    "overwritten": _overwrite,
    "overwritten-and-hidden": _overwrite_and_hide_it,
    "replaced": _replace,
    "deleted": _delete,
    "cut-off": _cut_off,
}


def run_trial(seed: int, harm: str, folder: Path, mutant: str | None = None) -> Verdict:
    """One trial in an empty folder. The list of calls lags, so that nothing but the state knows them."""
    chance = random.Random(seed)
    faults = FaultPlan(retry_after=1)
    with running(SandboxConfig(port=0, api_key=KEY, faults=faults, list_lag=10_000_000)) as server:
        bench = Workbench(folder, {"CONTACTSHIP_BASE_URL": server.url, "CONTACTSHIP_API_KEY": KEY})
        return _trial(chance, Verdict(harm), bench, server, mutant)


def _trial(
    chance: random.Random, verdict: Verdict, bench: Workbench, server: RunningSandbox, mutant: str | None
) -> Verdict:
    state, copy = bench.root / ".reconciler" / "state.db", bench.root / "copy.db"
    first, more, workers = chance.randint(1, 3), chance.randint(2, 5), chance.randint(1, 2)
    bench.create_project()
    bench.write("calls/june.yaml", plan_text(rows=first))
    bench.ok(*APPLY)
    shutil.copy2(state, copy)
    bench.write("calls/june.yaml", plan_text(rows=first + more))
    server.set_faults("too-many")
    (bench.root / "spec.json").write_text(json.dumps({"mutant": mutant}))
    command = ["spec.json", *APPLY, "--concurrency", str(workers)]
    run = ZYGOTE.start(command, bench.root, clean_environment() | bench.env, module=VICTIM)
    while server._backend.dial._seen[False] < workers:  # counted from the last change of the faults
        time.sleep(0.01)
    HARM[verdict.harm](copy, state)
    server.set_faults()
    _, err = run.communicate(timeout=60)
    verdict.sent_after = len(server.calls()) - first
    if "Traceback" in err or run.wait() == 0:
        verdict.wrong.append(f"the run that lost its state ended with {run.wait()}: {err[-300:]}")
    shutil.copyfile(copy, state)  # where the state is gone or damaged, somebody restores the copy
    if mutant is None and bench.run(*APPLY).code != 1:
        verdict.wrong.append("the older copy was not refused")
    state.with_name("state.db.lost").unlink(missing_ok=True)  # what was lost is known here: nothing was sent
    bench.ok(*APPLY)
    keys = Counter(call.body["metadata"]["reconciler_key"] for call in server.calls())
    verdict.duplicates = keys.total() - len(keys)
    if verdict.sent_after:
        verdict.wrong.append(f"{verdict.sent_after} calls were sent that no state knows")
    if len(keys) != first + more:
        verdict.wrong.append(f"{len(keys)} of {first + more} rows were placed")
    return verdict
