"""What a step of a story is."""

from __future__ import annotations

from typing import Protocol

from tests.simulation.world import World


class Step(Protocol):
    """One step. ``kind`` names it in the table of what was tried; its text is a sentence."""

    @property
    def kind(self) -> str: ...

    async def run(self, world: World) -> None: ...

    def __str__(self) -> str: ...
