"""How fast 1, 2, 4 and 8 runners place one plan: ``python -m tests.bench.join [--rows-each N] [--latency MS]``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from reconciler.sandbox import SandboxConfig, running
from tests.conftest import KEY, clean_environment, plan_text
from tests.postgres import PostgresServer
from tests.settings_file import keep_only_the_state

COMMAND = [sys.executable, "-m", "reconciler"]


@click.command()
@click.option("--rows-each", default=500, show_default=True)
@click.option("--latency", default=100, show_default=True, help="The server's, in ms.")
@click.option("--concurrency", default=8, show_default=True)
@click.option("--runners", "counts", multiple=True, type=int, default=(1, 2, 4, 8), show_default=True)
def join(rows_each: int, latency: int, concurrency: int, counts: tuple[int, ...]) -> None:
    """From the first call that the server saw to the last, and the processor time of all runners."""
    server = PostgresServer()
    try:
        for count in counts:
            with tempfile.TemporaryDirectory() as folder:
                _measure(server, Path(folder), count, count * rows_each, latency / 1000, str(concurrency))
    finally:
        server.close()


def _measure(
    server: PostgresServer, folder: Path, count: int, rows: int, latency: float, concurrency: str
) -> None:
    (folder / "calls").mkdir()
    (folder / "calls" / "june.yaml").write_text(plan_text(rows=rows))
    with running(SandboxConfig(port=0, api_key=KEY, latency=latency)) as sandbox:
        env = clean_environment() | {
            "CONTACTSHIP_API_KEY": KEY,
            "CONTACTSHIP_BASE_URL": sandbox.url,
            "RECONCILER_STATE": server.url(),
        }
        subprocess.run([*COMMAND, "init"], cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
        keep_only_the_state(folder)
        plan = [*COMMAND, "plan", "--out", "june.plan"]
        subprocess.run(plan, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
        command = [*COMMAND, "apply", "june.plan", "--join", "--json", "--rate", "none"]
        before = sum(os.times()[2:4])
        started = time.monotonic()
        runs = [
            subprocess.Popen(
                [*command, "--concurrency", concurrency], cwd=folder, env=env, stdout=subprocess.DEVNULL
            )
            for _ in range(count)
        ]
        assert [run.wait() for run in runs] == [0] * count
        wall, processor = time.monotonic() - started, sum(os.times()[2:4]) - before
        times = sorted(call.created_at for call in sandbox.calls())
        assert len(times) == rows
        span = (times[-1] - times[0]).total_seconds()
    result = {"runners": count, "rows": rows, "seconds": round(span, 1), "calls/s": round(rows / span)}
    click.echo(json.dumps(result | {"wall": round(wall, 1), "processor": round(processor, 1)}))


if __name__ == "__main__":
    join()
