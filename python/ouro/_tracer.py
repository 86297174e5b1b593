"""What a part of a program allocates: `with ouro.Tracer() as trace:`."""

from __future__ import annotations

from typing import Optional

from ouro import _ouro
from ouro._snapshot import Snapshot, StatisticDiff, take_snapshot


class Tracer:
    """Traces what runs inside. Where tracing is on already, it goes on as it is, and is left on.

    Afterwards:  size      bytes that live on, more than before (less: a negative number)
                 peak      the most bytes that were live at once, above what was live before
                 before, after, at_peak    snapshots; at_peak counts everything that was live then

    The peak is that of the process from __enter__ on; so of two tracers one inside the other, the outer one sees the peak only from
    the inner one's beginning."""

    before: Snapshot
    after: Snapshot
    at_peak: Snapshot
    size: int
    peak: int

    def __init__(self, nframe: int = 1, *, sample: Optional[int] = None, native: bool = False) -> None:
        self._options = nframe, sample, native
        self._ours = False

    def __enter__(self) -> Tracer:
        nframe, sample, native = self._options
        self._ours = not _ouro.is_tracing()
        _ouro.start(nframe, sample=sample, native=native)
        self.before = take_snapshot()
        _ouro.reset_peak()
        self._base = _ouro.get_traced_memory()[0]
        return self

    def __exit__(self, *error: object) -> None:
        current, peak = _ouro.get_traced_memory()
        self.size, self.peak = current - self._base, peak - self._base
        self.after, self.at_peak = take_snapshot(), take_snapshot(peak=True)
        if self._ours:
            _ouro.stop()

    def diff(self, key_type: str = 'lineno', cumulative: bool = False) -> list[StatisticDiff]:
        """What lives on, by line, file or stack: the largest change first."""
        return self.after.compare_to(self.before, key_type, cumulative)

    def peak_diff(self, key_type: str = 'lineno', cumulative: bool = False) -> list[StatisticDiff]:
        """What was live at the peak, and not before."""
        return self.at_peak.compare_to(self.before, key_type, cumulative)
