"""The workflows of ``examples``, run step by step as GitHub would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

EXAMPLES = Path(__file__).parent.parent / "examples"
NO_NETWORK = """\
import socket

def refuse(*args, **kwargs):
    raise RuntimeError("a plan opened a connection")

socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
"""


def script(kit: Path, workflow: str, job: str, step: str) -> str:
    """What a step of a workflow runs."""
    steps = yaml.safe_load((kit / "workflows" / workflow).read_text())["jobs"][job]["steps"]
    [found] = [item["run"] for item in steps if item.get("name") == step]
    assert isinstance(found, str)
    return found


def run_step(text: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """As GitHub runs it: bash with -e, and here with nothing in its environment but what the step is given."""
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
        cwd=folder,
        env={"PATH": tools} | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
