"""The disk of the power cuts: it loses what was not synced, in every way, and keeps what was."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.crash.power.disk import SECTOR, Contents, Disk
from tests.crash.power.recording import Operation


def operation(kind: str, path: str, *, at: int = 0, data: bytes = b"", target: str = "") -> Operation:
    return Operation(kind, 1, 0, at, path, target, data)


def after(*operations: Operation, contents: Contents | None = None) -> Callable[[float], list[Contents]]:
    """What cuts after these operations leave, if each piece is kept with a chance."""
    disk = Disk(contents or {})
    for each in operations:
        disk.apply(each)
    chances = random.Random(1)
    return lambda chance: [disk.after_cut(lambda: chances.random() < chance, chances) for _ in range(40)]


CREATED = (operation("O", "a"), operation("W", "a", data=b"new"))


def test_a_new_file_needs_two_syncs() -> None:
    assert after(*CREATED)(0.0)[0] == {}
    assert after(*CREATED, operation("S", "a"))(0.0)[0] == {}, "its name is lost"
    assert after(*CREATED, operation("S", ""))(0.0)[0] == {"a": b""}, "its content is lost"
    for chance in (0.0, 0.5, 1.0):
        assert after(*CREATED, operation("S", "a"), operation("S", ""))(chance)[0] == {"a": b"new"}


def test_sectors_are_lost_one_by_one_and_nothing_else_changes() -> None:
    old, new = b"o" * 3 * SECTOR, b"n" * 2 * SECTOR
    left = after(operation("W", "a", at=SECTOR, data=new), contents={"a": old})(0.5)
    sectors = {tuple(bytes(each["a"] or b"")[at] for at in range(0, 3 * SECTOR, SECTOR)) for each in left}
    o, n = ord("o"), ord("n")
    assert sectors == {(o, o, o), (o, n, o), (o, o, n), (o, n, n)}


def test_a_name_that_was_replaced_is_the_old_or_the_new_one() -> None:
    rename = operation("R", "b", target="a")
    left = after(rename, contents={"a": b"old", "b": b"new"})(0.5)
    assert {frozenset(each.items()) for each in left} == {
        frozenset({"a": b"old", "b": b"new"}.items()),
        frozenset({"a": b"new"}.items()),
    }
    assert after(rename, operation("S", ""), contents={"a": b"old", "b": b"new"})(0.0)[0] == {"a": b"new"}


def test_what_was_removed_comes_back_and_what_was_cut_off_too() -> None:
    contents: Contents = {"a": b"123456", "b": b"x"}
    left = after(operation("T", "a", at=3), operation("U", "b"), contents=contents)
    assert left(0.0)[0] == contents
    assert left(1.0)[0] == {"a": b"123"}


def test_a_folder_takes_what_is_in_it_along() -> None:
    made = (operation("D", "f"), operation("O", "f/a"), operation("S", "f/a"), operation("S", "f"))
    assert after(*made)(0.0)[0] == {}
    assert after(*made, operation("S", ""))(0.0)[0] == {"f": None, "f/a": b""}
