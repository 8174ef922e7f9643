"""Runs a command and writes what it cost as JSON. Started by path, so that nothing else is imported.

A new process counts the memory of the one that forked it as its own peak; this one is too small to be seen.
"""

import json
import os
import sys
import time


def main() -> int:
    report, *command = sys.argv[1:]
    start = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    figures = {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * unit}
    with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib would show in the figures
        json.dump(figures, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
