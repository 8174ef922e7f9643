"""A git repository, read by libgit2.

What libgit2 1.9 does not support makes ``open`` fail (SHA-256, reftables) or counts as different in a work tree (a
split or sparse index). It has no external filters: a file is compared with its commit byte by byte, apart from
line endings and ``$Id$``. Sources: libgit2's ``src/libgit2/{filter,index,repository}.c``.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NoReturn, TypeVar, cast

import pygit2
from pygit2.enums import FileMode, RepositoryOpenFlag

from reconciler.domain.history import Relation
from reconciler.errors import ReconcilerError

_Object = TypeVar("_Object", pygit2.Commit, pygit2.Tree, pygit2.Blob)
_FAILURES = (pygit2.GitError, KeyError, ValueError, OSError, StopIteration)
_COMPARE_SECONDS = 20  # a pattern in .gitignore can take libgit2's matcher, like git's, practically forever
_ELSEWHERE = frozenset({b"", b".", b"..", b".git"})
_FILES = frozenset({FileMode.BLOB, FileMode.BLOB_EXECUTABLE})
# These extensions do not affect a reader that never fetches. (git help config, extensions.*)
pygit2.settings.set_extensions(["partialclone", "relativeworktrees"])


class Repository:
    """The repository whose ``.git`` is in the folder ``top``."""

    def __init__(self, repository: pygit2.Repository, top: Path) -> None:
        self._repository = repository
        self._top = top

    @classmethod
    def open(cls, top: Path) -> Repository:
        """Open it. Raises ``ReconcilerError`` if libgit2 cannot read it, or another user owns it."""
        only_here = RepositoryOpenFlag.NO_SEARCH | RepositoryOpenFlag.NO_DOTGIT
        path = top / ".git"
        try:
            if not (path.is_dir() or path.is_file()):
                raise ValueError("it is neither a folder nor a file")
            return cls(pygit2.Repository(os.fspath(path), only_here), top)
        except _FAILURES as error:
            hint = "run git status there for details; SHA-256 and reftable repositories are not supported"
            raise ReconcilerError(f"--base: cannot read the git repository {path}: {error}", hint=hint) from error

    def head(self) -> str | None:
        """The id of the commit that is checked out; None if there is no commit yet."""
        try:
            return str(self._repository.head.peel(pygit2.Commit).id)
        except _FAILURES:
            return None

    def is_clean(self) -> bool:
        """Whether the index and the work tree match the commit. False also if the comparison takes too long.

        A forked process compares, so that a hostile tree costs only seconds. The fork ends on its own, even if
        this process is gone, because it shares its open files.
        """
        try:
            pid = os.fork()
        except OSError:
            return False
        if pid == 0:
            self._compare()
        return os.waitpid(pid, 0)[1] == 0

    def _compare(self) -> NoReturn:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(_COMPARE_SECONDS)
            if self._has_work_tree() and not self._repository.status(untracked_files="normal"):
                code = 0
        finally:
            os._exit(code)

    def _has_work_tree(self) -> bool:
        """Whether the folder around ``.git`` is the work tree: ``core.bare`` and ``core.worktree`` may change
        that.
        """
        return not self._repository.is_bare and Path(self._repository.workdir).resolve() == self._top

    def resolve(self, ref: str) -> str | None:
        """The id of the commit that ``ref`` names; None if this clone does not have it."""
        try:
            return str(self._named(ref).peel(pygit2.Commit).id)
        except _FAILURES:
            return None

    def _named(self, ref: str) -> pygit2.Object | pygit2.Reference:
        """The object that ``ref`` names. pygit2 accepts only UTF-8, but branch names may contain any bytes."""
        name = os.fsencode(ref)
        try:
            return self._repository.revparse_single(name.decode())
        except UnicodeDecodeError:
            return next(item for item in self._repository.references.objects if item.raw_shorthand == name)

    def merge_base(self, commit: str) -> str | None:
        """A best common ancestor of ``commit`` and HEAD; None if this clone has none."""
        try:
            head = self._repository.head.peel(pygit2.Commit).id
            found = cast("pygit2.Oid | None", self._repository.merge_base(commit, head))
        except _FAILURES:
            return None
        return None if found is None else str(found)

    def relation(self, commit: str, descendant: str) -> Relation:
        """Whether ``commit`` is an ancestor of ``descendant``, as far as the local history shows."""
        repository = self._repository
        try:
            if commit == descendant:
                return Relation.ANCESTOR if isinstance(repository[commit], pygit2.Commit) else Relation.UNKNOWN
            if commit in repository and repository.descendant_of(descendant, commit):
                return Relation.ANCESTOR
            if commit in repository and repository.descendant_of(commit, descendant):
                return Relation.NOT_ANCESTOR  # it is the descendant
            if repository.is_shallow or self._has_grafts():
                return Relation.UNKNOWN
            for _ in repository.walk(descendant):  # fails if a part of the history is missing
                pass
        except _FAILURES:
            return Relation.UNKNOWN
        return Relation.NOT_ANCESTOR

    def _has_grafts(self) -> bool:
        """Whether ``info/grafts`` may give commits other parents. (git help repository-layout)"""
        common = Path(self._repository.path)
        if (common / "commondir").exists():
            common /= (common / "commondir").read_text(encoding="utf-8").strip()
        return (common / "info" / "grafts").exists()

    def files(
        self, commit: str, inside: tuple[str, ...], suffixes: frozenset[str]
    ) -> Iterator[tuple[tuple[str, ...], bytes | None]]:
        """Names below the folder ``inside`` and contents of the files of ``commit``; None for links and
        submodules.

        Names that lead outside are skipped.

        Raises:
            ReconcilerError: an object is damaged, or is not in this clone.
        """
        tree = self._folder(commit, inside)
        # A stack, because trees may be nested deeper than Python's recursion limit.
        pending: list[tuple[tuple[str, ...], pygit2.Object]] = [((), item) for item in reversed(list(tree or ()))]
        while pending:
            parent, item = pending.pop()
            name = item.raw_name or b""
            if name.lower() in _ELSEWHERE or b"/" in name:
                continue
            parts = (*parent, os.fsdecode(name))
            if item.filemode == FileMode.TREE:
                inner = self._read(item.id, pygit2.Tree, commit, parts)
                pending += [(parts, item) for item in reversed(list(inner))]
            elif PurePosixPath(parts[-1]).suffix in suffixes:
                is_file = item.filemode in _FILES
                yield parts, self._read(item.id, pygit2.Blob, commit, parts).data if is_file else None

    def _folder(self, commit: str, parts: tuple[str, ...]) -> pygit2.Tree | None:
        """The folder of a commit; None if it has no such folder."""
        tree = self._read(self._read(pygit2.Oid(hex=commit), pygit2.Commit, commit).tree_id, pygit2.Tree, commit)
        for end, name in enumerate(map(os.fsencode, parts), 1):
            item = next((item for item in tree if item.raw_name == name), None)
            if item is None or item.filemode != FileMode.TREE:
                return None
            tree = self._read(item.id, pygit2.Tree, commit, parts[:end])
        return tree

    def _read(self, oid: pygit2.Oid, kind: type[_Object], commit: str, parts: tuple[str, ...] = ()) -> _Object:
        try:
            found = self._repository[oid]
        except _FAILURES as error:
            path = os.fsencode("/".join(parts)).decode(errors="replace")
            what = f"{path!r} of commit {commit[:12]}" if parts else f"commit {commit[:12]}"
            hint = "clone without --filter: a filtered clone lacks objects, and nothing is fetched here"
            raise ReconcilerError(f"--base: the object of {what} is not in this clone", hint=hint) from error
        if not isinstance(found, kind):
            raise ReconcilerError(f"--base: object {oid} of commit {commit[:12]} is not a {kind.__name__.lower()}")
        return found
