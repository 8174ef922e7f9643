"""Runs a command and writes what it cost as JSON. Started by path, so that nothing else is imported.

A new process counts the memory of the one that forked it as its own peak; this one is too small to be seen. Where
the command starts processes of its own, all of them count: what they share once, by a look at times (Linux only).
"""

import json
import os
import sys
import threading
import time

_BETWEEN = 0.25  # seconds


def shared(pid: int) -> int:
    """What a process and those that it started hold now, in bytes; 0 where it started none, or nobody tells."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:  # noqa: PTH123 - as below
            copies = file.read().split()
        return sum(map(_held, [str(pid), *copies])) if copies else 0
    except OSError:
        return 0


def _held(pid: str) -> int:
    """The memory of a process in bytes: of pages that several have, its part."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123 - as below
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))


def watch(pid: int, ended: threading.Event, peaks: list[int]) -> None:
    while not ended.wait(_BETWEEN):
        peaks.append(shared(pid))


def main() -> int:
    report, *command = sys.argv[1:]
    start = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)
    ended, peaks = threading.Event(), [0]
    watcher = threading.Thread(target=watch, args=(child, ended, peaks))
    watcher.start()
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - start
    ended.set()
    watcher.join()
    unit = 1 if sys.platform == "darwin" else 1024
    peak = max(used.ru_maxrss * unit, *peaks)
    figures = {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak": peak}
    with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib would show in the figures
        json.dump(figures, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
