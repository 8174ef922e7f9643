"""What git knows: the commit the files came from, and the files of another one.

A repository is read as what it may be, somebody else's: its configuration must not start a program, its objects
are taken as they are, without replacements and filters, and nothing is fetched or written.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import ReconcilerError
from reconciler.plan import GitRevision

_TIMEOUT = 60
_QUIET = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "protocol.allow=never"),
    *("--no-pager", "--no-optional-locks", "--no-replace-objects"),
)
_ELSEWHERE = frozenset({"", ".", "..", ".git"})
_HEAD = "# branch.oid "
_NO_COMMIT = "(initial)"
_BLOBS = frozenset({"100644", "100755"})


@dataclass(frozen=True, slots=True)
class Blob:
    """One file of a commit: its parts below the project's folder, and its bytes.

    ``data`` is None where it is no ordinary file (a link, a submodule), or its object is not in this clone.
    """

    parts: tuple[str, ...]
    data: bytes | None


def revision(root: Path) -> GitRevision | None:
    """The commit of ``root`` and whether the work tree differs from it; None outside git, or without git."""
    told = _try(root, "status", "--porcelain=v2", "--branch", "--no-ahead-behind")
    if told is None:
        return None
    head, changes = _NO_COMMIT, False
    for line in told.splitlines():
        if line.startswith(_HEAD):
            head = line.removeprefix(_HEAD)
        changes = changes or not line.startswith("#")
    return None if head == _NO_COMMIT else GitRevision(head, dirty=changes)


def folder(root: Path) -> str:
    """Where ``root`` stands inside its work tree, with a slash at its end; empty at the top, and outside git."""
    prefix = _try(root, "rev-parse", "--show-prefix") or ""
    return os.fsencode(prefix).decode(errors="backslashreplace")


def base_commit(root: Path, ref: str) -> str:
    """The commit where HEAD left ``ref``; that of ``ref`` itself where this clone holds no such commit.

    Raises:
        ReconcilerError: not in a work tree, or no such commit here.
    """
    _prefix(root)
    commit = _resolve(root, ref)
    if commit is None:
        hint = f"fetch it first (git fetch origin {ref}); in CI, check out with its history (fetch-depth: 0)"
        if _resolve(root, f"origin/{ref}") is not None:
            hint = f"did you mean origin/{ref}?"
        raise ReconcilerError(f"--base: no commit {ref!r} in this clone", hint=hint)
    return _try(root, "merge-base", commit, "HEAD") or commit


def files(root: Path, commit: str, suffixes: Iterable[str]) -> Iterator[Blob]:
    """The files of ``commit`` in the folder of ``root`` with one of these suffixes; none where there is no folder.

    Raises:
        ReconcilerError: git cannot read them.
    """
    tree = _try(root, "rev-parse", "--verify", "--quiet", f"{commit}:{_prefix(root)}")
    if tree is None:
        return
    listed = _must(root, "ls-tree", "-r", "-z", "--full-tree", tree)
    wanted = frozenset(suffixes)
    found = [(parts, oid) for parts, oid in _entries(listed) if Path(parts[-1]).suffix in wanted]
    objects = "".join(f"{oid}\n" for _, oid in found if oid)
    answers = _answers(_must(root, "cat-file", "--batch", stdin=objects.encode()))
    for parts, oid in found:
        yield Blob(parts, next(answers) if oid else None)


def _entries(listed: bytes) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Names and object ids of a listing, None for what is no ordinary file; no name that leads elsewhere."""
    for line in listed.split(b"\0")[:-1]:
        head, _, name = line.partition(b"\t")
        mode, _, oid = head.decode().split(" ")
        parts = tuple(os.fsdecode(name).split("/"))
        if all(part.lower() not in _ELSEWHERE for part in parts):
            yield parts, oid if mode in _BLOBS else None


def _answers(output: bytes) -> Iterator[bytes | None]:
    """The objects that ``cat-file --batch`` wrote, in the order of asking; None for one that is not here."""
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        head = output[at:end].split(b" ")
        at = end + 1
        if len(head) != 3:
            yield None
            continue
        yield output[at : at + int(head[2])]
        at += int(head[2]) + 1


def _resolve(root: Path, ref: str) -> str | None:
    return _try(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")


def _prefix(root: Path) -> str:
    """The folder of ``root`` inside its work tree."""
    return os.fsdecode(_must(root, "rev-parse", "--show-prefix")).removesuffix("\n").removesuffix("/")


def _try(root: Path, *args: str) -> str | None:
    """What git says, or None where it says no."""
    try:
        done = _run(root, *args)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(done.stdout).strip() if done.returncode == 0 else None


def _must(root: Path, *args: str, stdin: bytes = b"") -> bytes:
    try:
        done = _run(root, *args, stdin=stdin)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReconcilerError(f"--base needs git, which does not run: {error}") from error
    if done.returncode != 0:
        told = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit {done.returncode}"]
        hint = "a base needs a git work tree whose history is in this clone"
        raise ReconcilerError(f"--base: git {args[0]} says: {told[0].removeprefix('fatal: ')}", hint=hint)
    return done.stdout


def _run(root: Path, *args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = ["git", *_QUIET, "-C", str(root), *args]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=_TIMEOUT, check=False)
