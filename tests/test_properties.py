"""No input gives a traceback or two different plans: mutated real files through the command itself."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.cli import main

ROOT = Path(__file__).parent
FILES = [path.read_bytes() for path in sorted((ROOT / "cases").glob("*valid/*.yaml"))]
CONFIG = (ROOT / "cases" / "reconciler.yaml").read_bytes()
NASTY = [
    b"\x00",
    b"\xff",
    b"\t",
    b"\n",
    b": ",
    b"- ",
    b"'",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b"&a ",
    b"*a",
    b"!!int ",
    b"<<: ",
]
WORDS = [
    b"null",
    b"true",
    b"010",
    b"1e999",
    b"-0",
    b".nan",
    b"2031-02-30 25:61",
    b"+1",
    b"9" * 400,
    "é\u0301".encode(),
    b"\\",
]


@st.composite
def mutated(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    data = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 12))
        piece = draw(st.sampled_from([b"", *NASTY, *WORDS]) | st.binary(max_size=6))
        data = data[:at] + piece + data[at + length :]
    return data


def command(root: Path, *args: str) -> tuple[int, bytes]:
    """Run in this process; the output goes to a file of its own."""
    out = root / "out"
    code = main(["-C", str(root), *args, "--output", str(out)])
    return code, out.read_bytes()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(mutated(FILES), mutated([CONFIG]) | st.just(CONFIG))
def test_no_file_gives_a_traceback_or_two_plans(plan: bytes, config: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "calls").mkdir()
        (root / "calls" / "a.yaml").write_bytes(plan)
        (root / "reconciler.yaml").write_bytes(config)
        args = ("plan", "--no-state", "--now", "2030-01-01T00:00:00Z", "--json")
        first, second = (command(root, *args) for _ in range(2))
        assert first == second
        code, data = first
        assert code in {0, 1}
        document = json.loads(data)
        assert (code == 1) is any(item["severity"] == "error" for item in document["diagnostics"])
        text_code, _ = command(root, *args[:-1])
        assert text_code == code
