"""A disk that loses what was not synced: every state that POSIX allows it to have after a power cut.

Until a file is synced, each 512-byte sector of each write may be lost or kept, whatever happens to the others, and
so may each change of its size; an extension without its data leaves zeros or garbage. Until a folder is synced, so
may each name that was added to it or removed from it, and a file that was renamed into another folder may be in
both or in none. Nothing else becomes durable along with a sync. Real file systems lose less.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tests.crash.power.recording import Operation

SECTOR = 512  # bytes; disks with larger sectors tear less
Keep: TypeAlias = Callable[[], bool]
"""Asked once for each piece that was not synced."""


@dataclass(slots=True)
class _Change:
    """Bytes at an offset; or, without bytes, a new size."""

    offset: int
    data: bytes | None = None


def _resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


def _write(content: bytearray, offset: int, data: bytes) -> None:
    _resize(content, max(len(content), offset))
    content[offset : offset + len(data)] = data


@dataclass(slots=True, eq=False)
class _File:
    """``content`` is what programs read, ``durable`` what a disk surely has, ``pending`` what lies between."""

    content: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    pending: list[_Change] = field(default_factory=list)

    def change(self, change: _Change) -> None:
        self.pending.append(change)
        if change.data is None:
            _resize(self.content, change.offset)
        else:
            _write(self.content, change.offset, change.data)

    def sync(self) -> None:
        if self.pending:
            self.durable, self.pending = bytes(self.content), []

    def after_cut(self, keep: Keep, garbage: random.Random) -> bytes:
        left = bytearray(self.durable)
        for change in self.pending:
            if change.data is None:
                if keep():
                    _resize(left, change.offset)
                continue
            end = change.offset + len(change.data)
            if end > len(left) and keep():  # the new size is on disk; its data may not be
                left.extend(
                    garbage.randbytes(end - len(left)) if garbage.random() < 0.5 else bytes(end - len(left))
                )
            for start, piece in _sectors(change):
                if keep():
                    _write(left, start, piece)
        return bytes(left)


def _sectors(change: _Change) -> Iterator[tuple[int, bytes]]:
    data, at = change.data or b"", 0
    while at < len(data):
        size = min(SECTOR - (change.offset + at) % SECTOR, len(data) - at)
        yield change.offset + at, data[at : at + size]
        at += size


@dataclass(slots=True, eq=False)
class _Folder:
    """``names`` is what programs see. A pending name without a node is one that was removed."""

    names: dict[str, _File | _Folder] = field(default_factory=dict)
    durable: dict[str, _File | _Folder] = field(default_factory=dict)
    pending: list[dict[str, _File | _Folder | None]] = field(default_factory=list)

    def change(self, names: dict[str, _File | _Folder | None]) -> None:
        self.pending.append(names)
        _apply(self.names, names)

    def sync(self) -> None:
        self.durable, self.pending = dict(self.names), []

    def after_cut(self, keep: Keep) -> dict[str, _File | _Folder]:
        left = dict(self.durable)
        for names in self.pending:
            if keep():
                _apply(left, names)
        return left


def _apply(names: dict[str, _File | _Folder], changes: dict[str, _File | _Folder | None]) -> None:
    for name, node in changes.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


Contents: TypeAlias = dict[str, bytes | None]
"""The files and folders (None) of a folder, by their relative paths."""


def read_folder(folder: Path) -> Contents:
    paths = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes() for path in paths}


def write_folder(folder: Path, contents: Contents) -> None:
    """Make ``folder``, which must not exist, as the contents say. Folders come before what is in them."""
    folder.mkdir()
    for path, content in contents.items():
        if content is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(content)


class Disk:
    """A folder on a disk, at first with contents that were synced."""

    def __init__(self, contents: Contents) -> None:
        self._root = _Folder()
        for path, content in contents.items():
            self._place(path, content)

    def _place(self, path: str, content: bytes | None) -> None:
        parent, name = self._parent(path)
        parent.names[name] = parent.durable[name] = (
            _Folder() if content is None else _File(bytearray(content), content)
        )

    def edit(self, path: str, content: bytes) -> None:
        """Somebody wrote a file, and it is on disk."""
        self._place(path, content)

    def _parent(self, path: str) -> tuple[_Folder, str]:
        folder, _, name = path.rpartition("/")
        return self._folder(folder), name

    def _node(self, path: str) -> _File | _Folder | None:
        node: _File | _Folder | None = self._root
        for name in path.split("/") if path else ():
            assert isinstance(node, _Folder), path
            node = node.names.get(name)
        return node

    def _folder(self, path: str) -> _Folder:
        node = self._node(path)
        assert isinstance(node, _Folder), path
        return node

    def apply(self, operation: Operation) -> None:
        """What the operation does, as far as it concerns files."""
        path = operation.path
        if operation.kind in {"W", "T"}:
            data = operation.data if operation.kind == "W" else None
            self._file(operation).change(_Change(operation.offset, data))
        elif operation.kind == "S":
            node = self._node(path)
            if node is not None:  # a file whose name is gone is lost with it
                node.sync()
        elif operation.kind in {"O", "D"}:
            parent, name = self._parent(path)
            parent.change({name: _File() if operation.kind == "O" else _Folder()})
        elif operation.kind in {"U", "X"}:
            parent, name = self._parent(path)
            parent.change({name: None})
        elif operation.kind == "R":
            self._rename(path, operation.target)

    def _file(self, operation: Operation) -> _File:
        node = self._node(operation.path)
        return node if isinstance(node, _File) else _File()  # deleted while it was open

    def _rename(self, path: str, target: str) -> None:
        (parent, name), (new_parent, new_name) = self._parent(path), self._parent(target)
        node = parent.names[name]
        if parent is new_parent:
            parent.change({name: None, new_name: node})
        else:
            new_parent.change({new_name: node})
            parent.change({name: None})

    @property
    def unsynced(self) -> int:
        """How many changes may be lost."""
        return sum(len(node.pending) for _, node in _walk("", self._root, lambda folder: folder.names))

    def now(self) -> Contents:
        """What programs see."""
        nodes = _walk("", self._root, lambda folder: folder.names)
        return {path: bytes(node.content) if isinstance(node, _File) else None for path, node in nodes if path}

    def after_cut(self, keep: Keep, garbage: random.Random) -> Contents:
        """What is on the disk if the power is cut now."""
        nodes = _walk("", self._root, lambda folder: folder.after_cut(keep))
        return {
            path: node.after_cut(keep, garbage) if isinstance(node, _File) else None
            for path, node in nodes
            if path
        }


def _walk(
    path: str, node: _File | _Folder, names: Callable[[_Folder], dict[str, _File | _Folder]]
) -> Iterator[tuple[str, _File | _Folder]]:
    """Every file and folder with its path, folders before what is in them."""
    yield path, node
    if isinstance(node, _Folder):
        for name, below in names(node).items():
            yield from _walk(f"{path}/{name}" if path else name, below, names)
