"""The git repository around a project: its commit, the files of another commit, and the relation of two commits.

No program is started, because an untrusted work tree can configure git to run any command (filters, fsmonitor,
ssh). libgit2 reads the objects and the index; it starts no program and fetches nothing. It is imported only inside
a repository, because the import takes 0.1 s.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.domain.history import Relation
from reconciler.domain.plan import GitRevision
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.cli.repository import Repository


@dataclass(frozen=True, slots=True)
class Blob:
    """One file of a commit: its path below the project's folder, and its bytes; None for links and submodules."""

    parts: tuple[str, ...]
    data: bytes | None


def revision(root: Path) -> GitRevision | None:
    """The commit of ``root``, and whether the work tree differs from it; None if there is no readable commit.

    Untracked files count as differences unless they are ignored, and so does everything that cannot be compared.
    """
    repository = _open(root)
    commit = repository.head() if repository is not None else None
    if repository is None or commit is None:
        return None
    return GitRevision(commit, dirty=not repository.is_clean())


@dataclass(frozen=True, slots=True)
class GitHistory:
    """The history of the checkout at ``root``, as a ``History``. Outside a repository, relations are unknown."""

    root: Path

    def head(self) -> str | None:
        repository = _open(self.root)
        return None if repository is None else repository.head()

    def relation(self, commit: str, descendant: str) -> Relation:
        repository = _open(self.root)
        return Relation.UNKNOWN if repository is None else repository.relation(commit, descendant)


def folder(root: Path) -> str:
    """The path of ``root`` in its repository, with a slash at its end; empty for the top folder, and
    outside git.
    """
    root = root.resolve()
    above = _top(root)
    inside = root.relative_to(root if above is None else above).as_posix()
    prefix = "" if inside == "." else f"{inside}/"
    return os.fsencode(prefix).decode(errors="backslashreplace")


def base_commit(root: Path, ref: str) -> str:
    """The merge base of HEAD and ``ref``; the commit of ``ref`` itself if this clone does not have one.

    Raises:
        ReconcilerError: there is no readable repository, or no such commit in it.
    """
    repository, _ = _must_open(root)
    commit = repository.resolve(ref)
    if commit is None:
        hint = f"fetch it first (git fetch origin {ref}); in CI, check out the full history (fetch-depth: 0)"
        if repository.resolve(f"origin/{ref}") is not None:
            hint = f"did you mean origin/{ref}?"
        raise ReconcilerError(f"--base: no commit {ref!r} in this clone", hint=hint)
    return repository.merge_base(commit) or commit


def top(root: Path) -> Path:
    """The folder of the checkout around ``root``; ``root`` itself outside git."""
    root = root.resolve()
    return _top(root) or root


def files(root: Path, commit: str, suffixes: Iterable[str]) -> Iterator[Blob]:
    """The files of ``commit`` in the folder of ``root`` with one of these suffixes; none if there is no such
    folder.

    Raises:
        ReconcilerError: an object is damaged, or is not in this clone.
    """
    repository, top = _must_open(root)
    inside = root.resolve().relative_to(top).parts
    for parts, data in repository.files(commit, inside, frozenset(suffixes)):
        yield Blob(parts, data)


def _top(root: Path) -> Path | None:
    """The nearest folder with ``.git``. Never a bare repository, because ordinary files can look like one."""
    return next((folder for folder in (root, *root.parents) if os.path.lexists(folder / ".git")), None)


def _open(root: Path) -> Repository | None:
    """The repository of ``root``; None if there is none, or it cannot be read."""
    try:
        return _must_open(root)[0]
    except ReconcilerError:
        return None


def _must_open(root: Path) -> tuple[Repository, Path]:
    top = _top(root.resolve())
    if top is None:
        hint = "--base needs a git work tree with its history"
        raise ReconcilerError(f"--base: not a git repository, nor any folder above: {root}", hint=hint)
    from reconciler.cli.repository import Repository  # noqa: PLC0415 - libgit2, where there is a repository

    return Repository.open(top), top
