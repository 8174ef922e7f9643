"""A program ``reconciler`` that has the zygote of the tests run the command, for what starts programs by name."""

from __future__ import annotations

import os
import sys
from pathlib import Path

AT_START = ("PYTHON", "LC_", "LANG")  # what an interpreter reads when it starts: no fork can be given another
_PROGRAM = """\
#!{python} -IS
import json, os, socket, sys

args = sys.argv[3:] if sys.argv[1:3] == ["-m", "reconciler"] else sys.argv[1:]
env = dict(os.environ)
read = {{name for name in env if name.startswith({names!r})}} - {{"LC_CTYPE"}}  # an interpreter sets that itself
assert all({at_start!r}.get(name) == env[name] for name in read), "a fork cannot be given " + str(read)
request = json.dumps({{"module": {module!r}, "args": args, "cwd": os.getcwd(), "env": env}}).encode()
with socket.socket(socket.AF_UNIX) as zygote:
    zygote.connect({door!r})
    socket.send_fds(zygote, [len(request).to_bytes(4, "big")], [0, 1, 2])
    zygote.sendall(request)
    with zygote.makefile() as answer:
        _, code = map(int, answer)
sys.exit(code if code >= 0 else 128 - code)
"""


def write_stand_in(path: Path, door: Path, module: str) -> None:
    """Write the program, which has ``main`` of a module run. ``door`` is the socket of the zygote."""
    at_start = {name: value for name, value in os.environ.items() if name.startswith(AT_START)}
    path.write_text(
        _PROGRAM.format(python=sys.executable, module=module, door=str(door), at_start=at_start, names=AT_START)
    )
    path.chmod(0o755)
