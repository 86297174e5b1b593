"""The heap itself: its statistics, and who keeps memory from the system."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

from ouro import _ouro
from ouro._snapshot import Traceback


class Pin(NamedTuple):
    """What one stack's blocks keep in one arena. Memory goes back in pages of 4 KiB, and a page with a live block cannot."""

    arena: int                      # address; 0: large blocks outside of arenas' pools
    traceback: Optional[Traceback]  # None: blocks that were not traced
    blocks: int
    bytes: int                      # that the blocks use
    kept: int                       # bytes of their pages that nobody uses, in equal parts to the blocks on each page
    sole: int                       # bytes of pages on which nobody else has a block: what would go back without them
    oldest: float                   # age of the blocks, in seconds
    youngest: float


def pins() -> list[Pin]:
    """Who keeps which memory from the system: for each arena and stack a Pin, those that keep most first."""
    records = [Pin(arena, Traceback(stack[0], stack[2], stack[1]) if stack else None, blocks, size, kept, sole, oldest, youngest)
               for arena, whole, blocks, size, kept, sole, _, oldest, youngest, stack in _ouro._pins() if not whole]
    return sorted(records, key=lambda pin: (pin.kept, pin.bytes), reverse=True)


def heap_stats() -> dict[str, Any]:
    """ouro's heap in numbers, as `ouro run --format json` reports it."""
    import json
    statistics: dict[str, Any] = json.loads(_ouro._heap_stats())
    return statistics
