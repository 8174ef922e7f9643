"""Finds the plan files: by the project's globs, or the paths that a user names."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path, PurePosixPath
from shlex import quote

from reconciler.domain.model import Diagnostic, Location, Severity
from reconciler.domain.settings import PROJECT_FILE, Project
from reconciler.system import files
from reconciler.system.failures import error_message, next_step

SUFFIXES = (".yaml", ".yml")
SHEETS = (".csv", ".tsv", ".xlsx", ".ods", ".xls", ".xlsb", ".xlsm", ".numbers")

_PATTERN = re.compile(r"[\w.*?/\[\]{},-]+")
_ANY_PLAN = rb"^plan:[ \t]*[\w\"']"
_PLAN_NAME = rb"^plan:[ \t]*[\"']?NAME[\"']?[ \t\r]*(?:#|$)"
_CHOICE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class PlanPath:
    """A plan file. ``within`` is the folder that must contain it, None if a person named the file itself."""

    path: Path
    within: Path | None = None

    def read(self) -> bytes:
        """Its bytes. Raises ``OSError`` if it is not a regular file, too large, or outside of ``within``."""
        if self.within is None:
            return files.read_named(self.path, files.MAX_PLAN_FILE, pipe=False)
        return files.read_in_project(self.within, self.path, files.MAX_PLAN_FILE)


def plan_files(project: Project, paths: Sequence[Path] | None) -> tuple[list[Path], list[Diagnostic]]:
    """The files to read without duplicates, sorted by name, and problems with the paths or globs."""
    located, problems = locate_plan_files(project, paths)
    return [item.path for item in located], problems


def locate_plan_files(project: Project, paths: Sequence[Path] | None) -> tuple[list[PlanPath], list[Diagnostic]]:
    """The same, each file with the folder that must contain it."""
    candidates = _from_globs(project) if paths is None else _from_paths(project, paths)
    located: dict[str, PlanPath] = {}
    problems: list[Diagnostic] = []
    for item in candidates:
        if isinstance(item, Diagnostic):
            if item not in problems:
                problems.append(item)
        else:
            located.setdefault(os.path.realpath(item.path), item)
    chosen = sorted(located.values(), key=lambda item: name_of(project, item.path))
    if not chosen and not problems:
        problems.append(_nothing(project, paths))
    elif paths is None and project.source is not None:
        problems += _misplaced(project, located)
    return chosen, problems


def plan_folder(project: Project) -> Path:
    """The folder in which the project keeps its plan files: that of its first glob."""
    return project.root.joinpath(*_fixed(PurePosixPath(next(_globs(project))).parts))


def name_of(project: Project, path: Path) -> str:
    """The name of a file in locations: relative to the project's folder, so the same on every machine.

    Bytes that are not UTF-8 are escaped, because a location is text.
    """
    name = str(PurePosixPath(os.path.relpath(path, project.root)))
    return os.fsencode(name).decode(errors="backslashreplace")


def _from_globs(project: Project) -> Iterable[PlanPath | Diagnostic]:
    for pattern in _globs(project):
        parts = PurePosixPath(pattern).parts
        if ".." in parts or pattern.startswith("/"):
            message = f"plans: {pattern!r} leads out of the project"
            yield _problem("E403", message, "reconciler.yaml", "plan files must be inside the project")
            continue
        yield from _unreadable(project, project.root.joinpath(*_fixed(parts)), deep="**" in parts)
        yield from _matches(project, project.root, project.root, parts)


def _from_paths(project: Project, paths: Sequence[Path]) -> Iterable[PlanPath | Diagnostic]:
    for path in paths:
        if path.is_dir():
            yield from _from_folder(project, path)
        elif path.suffix.lower() in SHEETS:
            name = name_of(project, path)
            hint = "name the plan file that lists it under sheets, or write one: reconciler import-sheet "
            yield _problem("E403", "this is a sheet, not a plan file", name, hint + quote(name))
        elif path.suffix not in SUFFIXES:
            hint = near_plan_file(project, path) or "name a file that ends in .yaml or .yml, or a folder"
            yield _problem("E403", "this is not a plan file", name_of(project, path), hint)
        else:
            yield PlanPath(path)
            if path.is_file() and _is_left_out(project, path):
                yield _left_out(project, path)


def _misplaced(project: Project, located: Collection[str]) -> Iterator[Diagnostic]:
    """A warning for each plan file that lies beside ``reconciler.yaml``, where the globs do not find it."""
    for path in sorted(project.root.glob("*")):
        if path.suffix in SUFFIXES and os.path.realpath(path) not in located:
            with suppress(OSError):
                if re.search(_ANY_PLAN, PlanPath(path, project.root).read(), re.MULTILINE):
                    yield _left_out(project, path)


def _left_out(project: Project, path: Path) -> Diagnostic:
    message = f"this file does not match plans ({', '.join(project.plans)})"
    hint = "move it, or add it to plans in reconciler.yaml, to include it in a plan of the whole project"
    return Diagnostic(Severity.WARNING, "W402", message, Location(name_of(project, path)), hint)


def near_plan_file(project: Project, path: Path) -> str | None:
    """A hint for a path that does not exist: the plan file that contains the plan of that name, or whose name is
    nearly the same; None if there is none.
    """
    items = [item for item in _from_globs(project) if isinstance(item, PlanPath)]
    names = {name: item for item in items if _PATTERN.fullmatch(name := name_of(project, item.path))}
    plan = _PLAN_NAME.replace(b"NAME", re.escape(os.fsencode(path.name)))
    for name, item in names.items():
        with suppress(OSError):
            if re.search(plan, item.read(), re.MULTILINE):
                return f"{path.name} is the name of a plan. Use its file: reconciler plan {quote(name)}"
    near = get_close_matches(name_of(project, path), names, n=1)
    return f"did you mean: reconciler plan {quote(near[0])}" if near else None


def _globs(project: Project) -> Iterator[str]:
    """The project's globs with braces expanded: ``*.{yaml,yml}`` gives two."""
    waiting = list(reversed(project.plans))
    while waiting:
        pattern = waiting.pop()
        choice = _CHOICE.search(pattern)
        if choice is None:
            yield pattern
        else:
            start, end = pattern[: choice.start()], pattern[choice.end() :]
            waiting += [start + item + end for item in reversed(choice[1].split(","))]


def _is_left_out(project: Project, path: Path) -> bool:
    """Whether a file of the project is not among its plan files."""
    if project.source is None or name_of(project, path).startswith("../"):
        return False
    plans = (item for item in _from_globs(project) if isinstance(item, PlanPath))
    return os.path.realpath(path) not in {os.path.realpath(item.path) for item in plans}


def _from_folder(project: Project, folder: Path) -> Iterable[PlanPath | Diagnostic]:
    """Its plan files, at any depth. Links must not leave the project or, elsewhere, the folder."""
    real, listed = Path(os.path.realpath(folder)), Path(os.path.abspath(folder))  # noqa: PTH100 - links are compared
    within = project.root if listed.is_relative_to(project.root) else real
    if not real.is_relative_to(within):
        yield _leads_out(project, folder)
        return
    yield from _unreadable(project, folder, deep=True)
    nothing = True
    for suffix in SUFFIXES:
        for item in _matches(project, folder, within, ("**", f"*{suffix}")):
            if isinstance(item, Diagnostic) or item.path.name != PROJECT_FILE:
                nothing = False
                yield item
    if nothing:
        yield _problem("E403", "no plan file in this folder", name_of(project, folder), "*.yaml or *.yml")


def _matches(
    project: Project, folder: Path, within: Path, parts: Sequence[str]
) -> Iterable[PlanPath | Diagnostic]:
    """The matches of a glob below ``folder``. A link out of ``within`` is a problem, and is not followed."""
    for path in folder.glob(parts[0]):
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(within):
            yield _leads_out(project, path)
        elif len(parts) > 1:
            yield from _matches(project, path, within, parts[1:]) if path.is_dir() else ()
        elif not path.is_dir():
            yield PlanPath(path, within)


def _leads_out(project: Project, path: Path) -> Diagnostic:
    hint = "to use this file, name it on the command line"
    return _problem("E404", "this link leads out of the project", name_of(project, path), hint)


def _fixed(parts: Sequence[str]) -> Iterable[str]:
    """The folders of a glob before its first wildcard."""
    return takewhile(lambda part: not set("*?[") & set(part), parts[:-1])


def _unreadable(project: Project, folder: Path, *, deep: bool) -> Iterable[Diagnostic]:
    """Folders that cannot be listed. A glob would skip them, and their rows would seem to be removed."""
    errors: list[OSError] = []
    for _ in os.walk(folder, onerror=errors.append):
        if not deep:
            break
    for error in errors:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            where = name_of(project, Path(error.filename or folder))
            yield _problem("E113", f"cannot be read: {error_message(error)}", where, next_step(error))


def _nothing(project: Project, paths: Sequence[Path] | None) -> Diagnostic:
    names = list(project.plans) if paths is None else list(map(str, paths))
    message, hint = f"no plan file found ({', '.join(names)})", "create one, such as calls/first.yaml"
    if paths is None:
        files = [*project.root.glob("*"), *project.root.glob("[!.]*/*")]
        near = sorted(name_of(project, item) for item in files if item.suffix in SUFFIXES)
        near = [name for name in near if name != PROJECT_FILE and _PATTERN.fullmatch(name)]
        if near:
            hint = (
                f"{near[0]} does not match plans: move it to calls/, or add it to plans in reconciler.yaml. "
                f"To look at it where it is: reconciler plan {quote(near[0])}"
            )
        elif project.source is None:
            message = f"this folder is not a project: it has neither {PROJECT_FILE} nor plan files ({names[0]})"
            hint = "run reconciler init to create one here, or use -C DIR to work in another folder"
    private = tuple(name for name in names if not _PATTERN.fullmatch(name))
    return Diagnostic(Severity.ERROR, "E403", message, None, hint, private)


def _problem(code: str, message: str, file: str, hint: str | None) -> Diagnostic:
    return Diagnostic(Severity.ERROR, code, message, Location(file), hint)
