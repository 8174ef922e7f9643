"""The server or the connection goes away while calls are placed: nothing is sent without a durable intent."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reconciler.sandbox import SandboxConfig, running
from tests.acceptance.test_postgres import PLAN, schema
from tests.conftest import KEY, Workbench, plan_text

ROWS = 60


@pytest.fixture
def slow(bench: Workbench, postgres: Any) -> Iterator[Any]:
    """A service that takes its time, and a project of many rows."""
    with running(SandboxConfig(port=0, api_key=KEY, latency=0.05, echo_metadata=True)) as sandbox:
        bench.env |= {
            "CONTACTSHIP_BASE_URL": sandbox.url,
            "CONTACTSHIP_API_KEY": KEY,
            "RECONCILER_STATE": postgres.url(),
        }
        bench.create_project()
        bench.write(PLAN, plan_text(rows=ROWS))
        yield sandbox


def terminate(postgres: Any) -> None:
    """End the server's side of the writer's session, and nothing else."""
    postgres.terminate("application_name like 'reconciler apply%'")


def restart_fast(postgres: Any) -> None:
    postgres.restart(signal.SIGINT)


def restart_immediate(postgres: Any) -> None:
    postgres.restart(signal.SIGQUIT)


@pytest.mark.parametrize("lose", [terminate, restart_fast, restart_immediate])
def test_nothing_is_sent_without_a_durable_intent(
    bench: Workbench, slow: Any, postgres: Any, lose: Callable[[Any], None]
) -> None:
    name = schema(bench)
    apply = bench.fork("apply", "--auto-approve", "--json", "--rate", "none", "--concurrency", "4")
    while len(slow.calls()) < 8:
        assert apply.poll() is None
        time.sleep(0.01)
    lose(postgres)
    _, err = apply.communicate(timeout=60)
    assert apply.returncode == 1
    assert "was lost" in err
    assert "nothing more is written or sent" in err
    assert "Traceback" not in err
    assert "rollback" not in err
    sent = {call.body["contact_id"] for call in slow.calls()}
    assert 8 <= len(slow.calls()) < ROWS
    intended = postgres.sql(f"select call from {name}.calls")
    assert all(any(contact in row["call"] for row in intended) for contact in sent), "each has its intent"
    after = bench.apply()
    assert (after.code, after.summary["uncertain"]) == (0, 0), after.err
    assert len(slow.calls()) == ROWS
    assert len({call.body["contact_id"] for call in slow.calls()}) == ROWS
    assert set(bench.actions().values()) == {"unchanged"}
    bench.ok("audit", "verify")
    bench.ok("state", "check")
