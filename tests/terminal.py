"""A person at a terminal: reads each question, and types the answer to it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from tests.conftest import Workbench

_PROMPTS = ("]: ", "later): ", "accepted: ")


def converse(bench: Workbench, args: list[str], answers: Mapping[str, list[str]]) -> tuple[int, str]:
    """Run the command on a terminal of 80 columns. ``answers`` are typed one after the other at each question that
    contains the text; a question without an answer fails. The exit code, and all that was on the screen."""
    ours, run = bench.open_terminal(*args)
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
            run.send_signal(signal.SIGTERM)
        code = run.wait()
        run.communicate()
        os.close(ours)
    assert not any(left.values()), f"never asked: {left}"
    return code, screen.replace("\r\n", "\n")
