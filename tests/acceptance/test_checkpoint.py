"""``apply --checkpoint CMD``: intents are safe elsewhere before they are sent, and answers right after."""

from __future__ import annotations

import json
import shlex
import sys
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import KEY, Workbench, plan_text

# Appends to a log what the state holds, as anybody would see it who had only that copy.
LOOK = """\
import json, os, sqlite3, sys, urllib.request
db = sqlite3.connect(f"file:{os.environ['RECONCILER_STATE_FILE']}?mode=ro", uri=True)
statuses = [row[0] for row in db.execute("select status from calls order by key")]
with urllib.request.urlopen(os.environ["CONTACTSHIP_BASE_URL"] + "/_sandbox/calls") as answer:
    placed = len(json.load(answer)["data"])
line = {"phase": os.environ["RECONCILER_PHASE"], "statuses": statuses, "placed": placed,
        "run": os.environ["RECONCILER_RUN"], "key": os.environ.get("CONTACTSHIP_API_KEY")}
with open("carried.log", "a") as log:
    log.write(json.dumps(line) + "\\n")
print("told by the checkpoint")
sys.exit(int(open("fail").read()) if os.path.exists("fail") and line["phase"] == open("when").read() else 0)
"""


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write("calls/june.yaml", plan_text(rows=3))
    project.write("look.py", LOOK)
    project.env["RECONCILER_CHECKPOINT"] = f"{shlex.quote(sys.executable)} look.py"
    return project


def carried(bench: Workbench) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bench.root / "carried.log").read_text().splitlines()]


def test_each_batch_is_carried_before_it_is_sent_and_after_it_is_answered(june: Workbench, sandbox: Any) -> None:
    done = june.apply("--concurrency", "2")
    assert done.code == 0, done.err
    log = carried(june)
    assert [(line["phase"], line["statuses"], line["placed"]) for line in log] == [
        ("intended", ["intended", "intended"], 0),
        ("recorded", ["placed", "placed"], 2),
        ("intended", ["placed", "placed", "intended"], 2),
        ("recorded", ["placed", "placed", "placed"], 3),
        ("ended", ["placed", "placed", "placed"], 3),
    ]
    assert {line["run"] for line in log} == {done.events[0]["run"]}
    assert {line["key"] for line in log} == {None}, "the key is not handed on"
    assert KEY not in done.err
    assert "told by the checkpoint" in done.err
    assert "told by the checkpoint" not in done.out


def test_nothing_is_sent_where_the_intents_could_not_be_carried(june: Workbench, sandbox: Any) -> None:
    june.write("fail", "1")
    june.write("when", "intended")
    done = june.apply("--concurrency", "2")
    assert done.code == 3
    assert not sandbox.calls()
    assert done.summary["not_sent"] == 3
    assert "no request was sent" in done.summary["stopped"]
    assert june.plan()["summary"]["create"] == 3, "proven not sent, so nothing is uncertain"
    (june.root / "fail").unlink()
    assert june.apply().summary["placed"] == 3


def test_nothing_more_is_sent_where_answers_could_not_be_carried(june: Workbench, sandbox: Any) -> None:
    june.write("fail", "7")
    june.write("when", "recorded")
    done = june.apply("--concurrency", "2")
    assert done.code == 3
    assert len(sandbox.calls()) == 2
    assert done.summary["placed"] == 2
    assert done.summary["not_sent"] == 1
    assert "exit 7" in done.summary["stopped"]


def test_a_run_whose_end_could_not_be_carried_is_incomplete(june: Workbench, sandbox: Any) -> None:
    june.write("fail", "1")
    june.write("when", "ended")
    done = june.apply()
    assert done.code == 3
    assert done.summary["placed"] == 3
    assert "newer than the saved one" in done.err


def test_the_pace_holds_within_a_batch(june: Workbench, sandbox: Any) -> None:
    done = june.run(
        "apply", "--auto-approve", "--json", "--rate", "4/s", "--concurrency", "8", "--no-schedule-check"
    )
    assert done.code == 0
    times = [call.created_at for call in sandbox.calls()]
    assert len(times) == 3
    assert max(times) - min(times) > timedelta(milliseconds=375), "half a second, less what a busy machine takes"
    assert [line["phase"] for line in carried(june)] == ["intended", "recorded", "ended"]


def test_nothing_to_do_carries_nothing(june: Workbench, sandbox: Any) -> None:
    june.apply()
    count = len(carried(june))
    assert june.apply().code == 0
    assert len(carried(june)) == count


def test_a_command_that_is_not_there(june: Workbench, sandbox: Any) -> None:
    done = june.apply("--checkpoint", "no-such-command-anywhere")
    assert done.code == 3
    assert not sandbox.calls()
    assert "exit 127" in done.summary["stopped"]


def test_a_forgetful_disk_is_warned_of(june: Workbench, sandbox: Any) -> None:
    june.env["CI"] = "true"
    del june.env["RECONCILER_CHECKPOINT"]
    assert "no --checkpoint" in june.apply("--max-calls", "3").err
    june.write("calls/june.yaml", plan_text(rows=4))
    assert "no --checkpoint" not in june.apply("--checkpoint", "none").err
    assert len(sandbox.calls()) == 4
    assert "no --checkpoint" not in june.apply().err, "nothing to place, nothing to warn of"
