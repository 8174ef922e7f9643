"""Work that is shared among processes comes back whole and in order, and none of them is left over."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.bulk import parallel
from reconciler.bulk.parallel import VARIABLE, processes, spread
from reconciler.errors import ReconcilerError, UsageError

linux = pytest.mark.skipif(sys.platform != "linux", reason="work is shared on Linux only")


@pytest.fixture(params=["1", "2", "5"])
def shared(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv(VARIABLE, request.param)
    return int(request.param)


@pytest.fixture(autouse=True)
def no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that earlier tests of this worker left would keep the work in this process, which one test kills."""
    others = set(threading.enumerate()) - {threading.current_thread()}
    monkeypatch.setattr(threading, "active_count", lambda: len(set(threading.enumerate()) - others))


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "3")


def below(end: int, make: Callable[[int], object]) -> Callable[[int], object]:
    return lambda number: make(number) if number < end else None


@pytest.mark.parametrize("end", [0, 1, 2, 7])
@pytest.mark.parametrize("make", [str, bytes, lambda number: [number, {"it": b"s" * 300_000}]])
def test_results_come_in_order(shared: int, end: int, make: Callable[[int], object]) -> None:
    assert list(spread(below(end, make))) == [make(number) for number in range(end)]


@linux
@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("200000 100000\n",), 2),
        (("150000 100000\n",), 2),
        (("20000 100000\n",), 1),
        (("900000 100000\n",), 4),
        (("max 100000\n",), 4),
        (("-1\n", "100000\n"), 4),
        (("300000\n", "100000\n"), 3),
        (("300000\n", "0\n"), 4),
        ((), 4),
    ],
)
def test_no_more_processes_than_a_container_may_keep_busy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, texts: tuple[str, ...], expected: int
) -> None:
    for number, text in enumerate(texts):
        (tmp_path / f"{number}").write_text(text, encoding="ascii")
    files = tuple(str(tmp_path / f"{number}") for number in range(len(texts) or 1))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(parallel, "_SHARES", (files,))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    assert processes() == expected


@linux
def test_it_is_other_processes_that_work(three: None) -> None:
    found = list(spread(below(6, lambda _: os.getpid())))
    assert found[:3] == found[3:]
    assert len({*found, os.getpid()}) == 4


class UnportableError(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ReconcilerError("no room", hint="make some"), ReconcilerError, "no room"),
        (ValueError("wrong"), ValueError, "wrong"),
        (UnportableError("not", "portable"), Exception, "not portable"),
    ],
)
def test_what_is_raised_comes_in_its_place(
    shared: int, error: Exception, kind: type[Exception], words: str
) -> None:
    def make(number: int) -> int:
        if number == 4:
            raise error
        return number

    found = spread(make)
    assert [next(found) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(kind, match=words) as raised:
        next(found)
    if isinstance(error, ReconcilerError):
        assert isinstance(raised.value, ReconcilerError)
        assert raised.value.hint == "make some"


@linux
def test_a_process_that_the_system_ended_is_told(three: None) -> None:
    def make(number: int) -> int:
        if number == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(ReconcilerError, match="the system ended a process") as raised:
        list(spread(make))
    assert raised.value.hint is not None
    assert VARIABLE in raised.value.hint


def ended(pid: int) -> bool:
    """Whether a process is gone, and was waited for."""
    return not Path(f"/proc/{pid}").exists()


@linux
def test_no_process_is_left_over(three: None) -> None:
    whole = list(spread(below(9, lambda _: os.getpid())))
    assert all(map(ended, whole))
    with closing(spread(lambda _: os.getpid())) as endless:  # type: ignore[type-var]
        some = [next(endless) for _ in range(4)]
    assert all(map(ended, some))


_ORPHANS = """
import os, sys
from reconciler.bulk.parallel import spread
pids = spread(lambda number: os.getpid())
print(*[next(pids) for _ in range(3)], flush=True)
sys.stdin.read()
"""


@linux
def test_copies_end_with_the_process_that_was_killed() -> None:
    environment = os.environ | {VARIABLE: "3"}
    with subprocess.Popen(
        [sys.executable, "-c", _ORPHANS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(set(pids)) == 3
        handles = [os.pidfd_open(pid) for pid in pids]
        process.kill()
    for handle in handles:
        assert ends(handle), "a copy goes on though nobody reads what it makes"


_INTERRUPTED = """
import os, signal, sys, time
from reconciler.bulk.parallel import spread
found = spread(lambda number: time.sleep(0.2) or number)
print(next(found), flush=True)
try:
    signal.signal(signal.SIGINT, lambda *_: print("told", flush=True))
    print([next(found) for _ in range(6)], flush=True)
finally:
    found.close()
"""


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_group_is_left_to_the_parent(number: signal.Signals) -> None:
    """As Ctrl-C sends it: the copies work on, and the parent, which takes note of it, gets what they make."""
    script = _INTERRUPTED.replace("SIGINT", number.name)
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env=os.environ | {VARIABLE: "3"},
        start_new_session=True,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        time.sleep(0.05)  # the parent's handler is set at once; the copies work far longer
        os.killpg(process.pid, number)
        assert process.stdout.read().splitlines() == ["told", "[1, 2, 3, 4, 5, 6]"]
        assert process.wait(20) == 0


def ends(handle: int) -> bool:
    """Whether the process of a handle ends within a while."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(20_000))


@linux
def test_a_process_with_threads_works_alone(three: None) -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert processes() == 1
        assert set(spread(below(4, lambda _: os.getpid()))) == {os.getpid()}
    finally:
        done.set()
        thread.join()
    assert processes() == 3


@pytest.mark.parametrize("said", ["0", "-1", "two", "1.5", "1e3", "1_0", "\u0665", "9" * 5000])
def test_a_number_of_processes_is_asked_for(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, said)
    with pytest.raises(UsageError, match=f"{VARIABLE}: .* is not a whole number"):
        processes()
