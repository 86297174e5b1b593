"""The pauses of Python's own collector."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from typing import NamedTuple


class Pause(NamedTuple):
    generation: int
    start: float      # seconds of time.perf_counter()
    duration: float   # seconds
    collected: int    # objects
    uncollectable: int


class GcPauses:
    """The collections of Python's collector from start() to stop(), which a `with` statement does as well."""

    def __init__(self) -> None:
        self.pauses: list[Pause] = []
        self._began = 0.0

    def _callback(self, phase: str, info: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == 'start':
            self._began = now
        elif self._began:  # it was on already when this collection began
            self.pauses.append(Pause(info['generation'], self._began, now - self._began, info['collected'], info['uncollectable']))
            self._began = 0.0

    def start(self) -> None:
        """Watch. Nothing happens where it does already."""
        if self._callback not in gc.callbacks:
            gc.callbacks.append(self._callback)

    def stop(self) -> None:
        """Watch no longer; `pauses` stays."""
        if self._callback in gc.callbacks:
            gc.callbacks.remove(self._callback)

    def clear(self) -> None:
        self.pauses.clear()

    @property
    def total(self) -> float:
        """Seconds in all."""
        return sum(pause.duration for pause in self.pauses)

    @property
    def longest(self) -> float:
        """Seconds; 0 where there was none."""
        return max((pause.duration for pause in self.pauses), default=0.0)

    def __len__(self) -> int:
        return len(self.pauses)

    def __iter__(self) -> Iterator[Pause]:
        return iter(self.pauses)

    def __enter__(self) -> GcPauses:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


def gc_pauses() -> GcPauses:
    """Watch the pauses of Python's collector from now on: `pauses = ouro.gc_pauses()`, or `with ouro.gc_pauses() as pauses:`."""
    pauses = GcPauses()
    pauses.start()
    return pauses
