"""What every command starts from: its folder, the style of its output, and the clock."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from reconciler.domain.clocks import elapsed
from reconciler.errors import UsageError
from reconciler.render.console import OutputStyle


class SystemClock:
    """The clocks of this machine, as a ``Clock``."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed(self) -> float:
        return elapsed()


@dataclass(frozen=True, slots=True)
class App:
    """``directory`` is the folder in which the command works; ``color`` is false if colour is disabled.

    ``program`` are the words that start a command for this project, ``args`` the arguments of this command.
    """

    directory: Path
    color: bool
    program: tuple[str, ...] = ("reconciler",)
    args: tuple[str, ...] = ()

    @property
    def command_line(self) -> str:
        """The command as it was typed."""
        return shlex.join(["reconciler", *self.args])

    @classmethod
    def from_options(cls, directory: str, *, no_color: bool, args: Sequence[str] = ()) -> App:
        path = Path(directory)
        if not path.is_dir():
            raise UsageError(f"no such folder: {directory}")
        program = ("reconciler",) if directory == "." else ("reconciler", "-C", directory)
        return cls(path.resolve(), not no_color and not os.environ.get("NO_COLOR"), program, tuple(args))

    def look(self, stream: TextIO, *, reveal: bool = False) -> OutputStyle:
        """The output settings for ``stream``: private values are shown only on a terminal, or with ``reveal``."""
        if not stream.isatty():
            return OutputStyle(masked=not reveal)
        return OutputStyle(
            width=shutil.get_terminal_size().columns,
            color=self.color and os.environ.get("TERM") != "dumb",
            masked=is_public(stream) and not reveal,
            now=SystemClock().now(),
        )


def is_public(stream: TextIO) -> bool:
    """Whether others may read what is printed there: true for everything except a terminal outside of CI."""
    return not stream.isatty() or bool(os.environ.get("CI"))
