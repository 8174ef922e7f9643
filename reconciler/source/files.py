"""Which files are plan files: the project's globs, or the paths a user names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath

from reconciler.model import Diagnostic, Location, Severity
from reconciler.settings import Project
from reconciler.system import next_step, told

SUFFIXES = (".yaml", ".yml")


def plan_files(project: Project, paths: Sequence[Path] | None) -> tuple[list[Path], list[Diagnostic]]:
    """The files to read, each once, in the order of their names; and what is wrong with the question."""
    found = _from_globs(project) if paths is None else _from_paths(project, paths)
    files: dict[Path, Path] = {}
    problems: list[Diagnostic] = []
    for item in found:
        if isinstance(item, Diagnostic):
            problems.append(item)
        else:
            files.setdefault(item.resolve(), item)
    kept = sorted(files.values(), key=lambda path: name_of(project, path))
    if not kept and not problems:
        problems.append(_nothing(project, paths))
    return kept, problems


def name_of(project: Project, path: Path) -> str:
    """The name a file has in locations: relative to the project's folder, the same on every machine.

    Bytes of a name that are not UTF-8 are escaped: a location is text.
    """
    name = str(PurePosixPath(os.path.relpath(path, project.root)))
    return os.fsencode(name).decode(errors="backslashreplace")


def _from_globs(project: Project) -> Iterable[Path | Diagnostic]:
    for pattern in project.plans:
        parts = PurePosixPath(pattern).parts
        if ".." in parts or pattern.startswith("/"):
            message = f"plans: {pattern!r} leads out of the project"
            yield _problem("E403", message, "reconciler.yaml", "plan files stand inside the project")
            continue
        yield from _unreadable(project, project.root.joinpath(*_fixed(parts)), deep="**" in parts)
        for path in project.root.glob(pattern):
            if path.is_dir():
                continue
            if not path.resolve().is_relative_to(project.root):
                hint = "name the file itself on the command line if it is meant"
                yield _problem("E404", "a link that leads out of the project", name_of(project, path), hint)
            else:
                yield path


def _from_paths(project: Project, paths: Sequence[Path]) -> Iterable[Path | Diagnostic]:
    for path in paths:
        if path.is_dir():
            yield from _unreadable(project, path, deep=True)
            inside = [item for item in path.rglob("*") if item.suffix in SUFFIXES and item.is_file()]
            found = [item for item in inside if item.name != "reconciler.yaml"]
            yield from found
            if not found:
                yield _problem("E403", "no plan file in this folder", name_of(project, path), "*.yaml or *.yml")
        elif path.suffix not in SUFFIXES:
            hint = "plan files end in .yaml or .yml"
            yield _problem("E403", "this is no plan file", name_of(project, path), hint)
        else:
            yield path


def _fixed(parts: Sequence[str]) -> Iterable[str]:
    """The folders of a glob before its first wildcard."""
    return takewhile(lambda part: not set("*?[") & set(part), parts[:-1])


def _unreadable(project: Project, folder: Path, *, deep: bool) -> Iterable[Diagnostic]:
    """Folders that may not be listed. A glob passes them over, and their rows would seem to be gone."""
    errors: list[OSError] = []
    for _ in os.walk(folder, onerror=errors.append):
        if not deep:
            break
    for error in errors:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            where = name_of(project, Path(error.filename or folder))
            yield _problem("E113", f"cannot be read: {told(error)}", where, next_step(error))


def _nothing(project: Project, paths: Sequence[Path] | None) -> Diagnostic:
    where = ", ".join(project.plans) if paths is None else ", ".join(str(path) for path in paths)
    return Diagnostic(
        Severity.ERROR, "E403", f"no plan file found ({where})", None, "write one, such as calls/first.yaml"
    )


def _problem(code: str, message: str, file: str, hint: str | None) -> Diagnostic:
    return Diagnostic(Severity.ERROR, code, message, Location(file), hint)
