"""Renamed rows: apply ``moved`` blocks to the state's entries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import structs

from reconciler.domain.model import Address, Diagnostic, Entry, Move, Severity


class Mover:
    """Resolves the current address of a moved row. A move of one row takes precedence over one of its plan."""

    def __init__(self, moves: Sequence[Move]) -> None:
        self._rows = {(move.plan, move.key): move for move in moves if move.key is not None}
        self._plans = {move.plan: move for move in moves if move.key is None}

    def follow(self, address: Address) -> Address:
        """The current address of a row, through chains of moves.

        Raises:
            ValueError: the moves form a cycle.
        """
        seen = {address}
        while True:
            move = self._rows.get((address.plan, address.key)) or self._plans.get(address.plan)
            if move is None:
                return address
            address = Address(move.to_plan, move.to_key or address.key, address.revision)
            if address in seen:
                raise ValueError(f"the moves of {address} form a cycle")
            seen.add(address)


def move_entries(
    entries: Iterable[Entry], moves: Sequence[Move]
) -> tuple[Iterable[Entry], list[tuple[Address, Address]], list[Diagnostic]]:
    """The entries under their new addresses, the pairs (old, new) that changed, and the problems.

    An entry whose new address is already in use keeps its address, and is reported.
    """
    if not moves:
        return entries, [], []
    kept = list(entries)
    mover = Mover(moves)
    problems = list(_cycles(moves, mover))
    if problems:
        return kept, [], problems
    targets = {entry.address: mover.follow(entry.address) for entry in kept}
    staying = {old for old, new in targets.items() if old == new}
    pairs: list[tuple[Address, Address]] = []
    moved: list[Entry] = []
    for entry in kept:
        new = targets[entry.address]
        if new == entry.address:
            moved.append(entry)
        elif new in staying:
            problems.append(_address_in_use(entry.address, new, moves))
            moved.append(entry)
        else:
            staying.add(new)
            pairs.append((entry.address, new))
            moved.append(structs.replace(entry, address=new))
    return moved, pairs, problems


def _cycles(moves: Sequence[Move], mover: Mover) -> Iterable[Diagnostic]:
    for move in moves:
        try:
            mover.follow(Address(move.plan, move.key or "any"))
        except ValueError as error:
            hint = "remove one of the moves"
            yield Diagnostic(Severity.ERROR, "E405", str(error), move.source, hint)


def _address_in_use(old: Address, new: Address, moves: Sequence[Move]) -> Diagnostic:
    source = next((move.source for move in moves if move.plan == old.plan), None)
    message = f"{old} cannot be moved to {new}: the state already has a call at that address"
    return Diagnostic(Severity.ERROR, "E502", message, source, "choose another key, or remove the move")
