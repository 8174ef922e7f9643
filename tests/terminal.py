"""A person at a terminal: reads each question, and types the answer to it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping

from tests.conftest import Workbench, clean_environment

_PROMPTS = ("]: ", "later): ", "accepted: ")


def converse(bench: Workbench, args: list[str], answers: Mapping[str, list[str]]) -> tuple[int, str]:
    """Run the command on a terminal of 80 columns. ``answers`` are typed one after the other at each question that
    contains the text; a question without an answer fails. The exit code, and all that was on the screen."""
    ours, theirs = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-m", "reconciler", *args],
        cwd=bench.root,
        env=clean_environment() | bench.env | {"TERM": "dumb", "COLUMNS": "80", "LINES": "24"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    left = {question: list(texts) for question, texts in answers.items()}
    screen, seen, current = "", 0, ""
    try:
        while piece := os.read(ours, 4096):
            screen += piece.decode()
            if not screen.endswith(_PROMPTS):
                continue
            asked, seen = screen[seen:], len(screen)
            current = next((question for question in left if question in asked), current)
            assert left.get(current), f"no answer to: {asked}"
            os.write(ours, f"{left[current].pop(0)}\n".encode())
    except OSError:  # the other side is closed
        pass
    finally:
        if run.poll() is None and left.get(current) == []:
            run.terminate()
        code = run.wait(timeout=60)
        os.close(ours)
    assert not any(left.values()), f"never asked: {left}"
    return code, screen.replace("\r\n", "\n")
