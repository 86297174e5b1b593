"""Snapshots: what was live at one moment, by the stack that allocated it.

A snapshot keeps sites, not blocks: for each stack and domain a count, a sum, and how many blocks there are of each size. So it is
as large as the program has lines that allocate, however many blocks are live, and statistics go through those. Where somebody looks
at `traces`, the blocks are made of the sites, one by one, as tracemalloc has them.

The classes are tracemalloc's where they can be: `isinstance` holds, and its filters work."""

from __future__ import annotations

import math
import pickle
import struct
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Optional, SupportsIndex, Union, overload

from ouro import _ouro

# (file, line) for each frame, the most recent first; the functions beside them.
Frames = tuple[tuple[str, int], ...]
Functions = tuple[str, ...]
# Domain, size, frames, how many frames there were: one block, as tracemalloc writes it.
RawTrace = tuple[int, int, Frames, Optional[int]]
# Domain, bytes, blocks, variance of the bytes, frames, functions, how many frames there were, (size, count) pairs packed.
Site = tuple[int, int, int, float, Frames, Functions, Optional[int], bytes]

SIZES = struct.Struct('=QQ')


def amount(size: float) -> str:
    """Bytes for people to read."""
    for unit in ('B', 'KiB', 'MiB', 'GiB'):
        if abs(size) < 1000 or unit == 'GiB':
            break
        size /= 1024
    return f'{size:.0f} {unit}' if unit == 'B' or abs(size) >= 100 else f'{size:.1f} {unit}'


class Frame(tracemalloc.Frame):
    """A place in a program: `filename` and `lineno` as in tracemalloc, and `function` where it is known."""

    __slots__ = ('function',)

    def __init__(self, frame: tuple[str, int], function: str = '') -> None:
        super().__init__(frame)
        self.function = function

    def __repr__(self) -> str:
        text = super().__repr__()
        return f'{text[:-1]} function={self.function!r}>' if self.function else text


class Traceback(tracemalloc.Traceback):
    """A stack: a sequence of Frame, from the oldest to the most recent. Equal where files and lines are."""

    __slots__ = ('_functions',)
    _frames: Frames  # of the base; from the oldest on

    def __init__(self, frames: Sequence[tuple[str, int]], total_nframe: Optional[int] = None,
                 functions: Sequence[str] = ()) -> None:
        super().__init__(frames, total_nframe)
        self._functions = tuple(reversed(functions)) or ('',) * len(self._frames)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Frame]: ...
    def __getitem__(self, index: Union[SupportsIndex, slice]) -> Union[Frame, Sequence[Frame]]:
        if isinstance(index, slice):
            return tuple(map(Frame, self._frames[index], self._functions[index]))
        return Frame(self._frames[index], self._functions[index])


class Trace(tracemalloc.Trace):
    """One block: its `domain`, `size` and `traceback`."""

    __slots__ = ('_functions',)
    _trace: RawTrace  # of the base

    def __init__(self, trace: RawTrace, functions: Functions = ()) -> None:
        super().__init__(trace)
        self._functions = functions

    @property
    def traceback(self) -> Traceback:
        return Traceback(self._trace[2], self._trace[3], self._functions)


class Traces(Sequence[Trace]):
    """The blocks of a snapshot."""

    def __init__(self, traces: list[RawTrace], functions: dict[Frames, Functions]) -> None:
        self._traces = traces
        self._functions = functions

    def _trace(self, raw: RawTrace) -> Trace:
        return Trace(raw, self._functions.get(raw[2], ()))

    def __len__(self) -> int:
        return len(self._traces)

    @overload
    def __getitem__(self, index: int) -> Trace: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Trace]: ...
    def __getitem__(self, index: Union[int, slice]) -> Union[Trace, Sequence[Trace]]:
        if isinstance(index, slice):
            return tuple(map(self._trace, self._traces[index]))
        return self._trace(self._traces[index])

    def __contains__(self, trace: object) -> bool:
        return isinstance(trace, tracemalloc.Trace) and trace._trace in self._traces  # type: ignore[attr-defined]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Traces):
            return NotImplemented
        return self._traces == other._traces

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'<Traces len={len(self)}>'


class Statistic(tracemalloc.Statistic):
    """What a place holds: `size` in bytes, `count` of blocks. Both are estimates where a sample was traced, and `error` is then the
    standard error of the size; otherwise it is 0."""

    __slots__ = ('error',)
    traceback: Traceback

    def __init__(self, traceback: tracemalloc.Traceback, size: int, count: int, error: float = 0.0) -> None:
        super().__init__(traceback, size, count)
        self.error = error

    def __str__(self) -> str:
        text = super().__str__()
        return f'{text}, error={amount(self.error)}' if self.error else text


class StatisticDiff(tracemalloc.StatisticDiff):
    """What a place holds in one snapshot, and how much more than in another; `error` is the standard error of that difference."""

    __slots__ = ('error',)
    traceback: Traceback

    def __init__(self, traceback: tracemalloc.Traceback, size: int, size_diff: int, count: int, count_diff: int,
                 error: float = 0.0) -> None:
        super().__init__(traceback, size, size_diff, count, count_diff)
        self.error = error

    def __str__(self) -> str:
        text = super().__str__()
        return f'{text}, error={amount(self.error)}' if self.error else text


# ---------------------------------------------------------------- sites to blocks, and back

def _site(trace: RawTrace) -> Site:
    domain, size, frames, total = trace
    return domain, size, 1, 0.0, frames, ('',) * len(frames), total, SIZES.pack(size, 1)


def _traces_of(site: Site) -> Iterator[RawTrace]:
    """The blocks of a site. Where only the sum is known, they are as equal as can be."""
    domain, size, count, _, frames, _, total, sizes = site
    average, larger = divmod(size, count) if count else (0, 0)
    pairs = SIZES.iter_unpack(sizes) if sizes else ((average + 1, larger), (average, count - larger))
    for each, number in pairs:
        yield from [(domain, each, frames, total)] * number


def _get_traces() -> list[RawTrace]:
    """Every traced block, as tracemalloc's function of this name gives them."""
    return list(chain.from_iterable(map(_traces_of, _ouro._snapshot(False)))) if _ouro.is_tracing() else []


# ---------------------------------------------------------------- grouping

class _Group:
    """What is added up for one key."""

    __slots__ = ('size', 'count', 'variance', 'functions')

    def __init__(self, functions: Functions) -> None:
        self.size = self.count = 0
        self.variance = 0.0
        self.functions = functions


def _keys(site: Site, key_type: str, cumulative: bool) -> Iterator[tuple[Frames, Functions]]:
    """The keys under which a site is counted, with their functions."""
    frames, functions = site[4], site[5]
    if key_type == 'traceback':
        yield frames, functions
        return
    for at in range(len(frames) if cumulative else 1):
        if key_type == 'lineno':
            yield frames[at:at + 1], functions[at:at + 1]
        else:
            yield ((frames[at][0], 0),), ('',)


def _grouped(sites: Iterable[Site], key_type: str, cumulative: bool) -> dict[Frames, _Group]:
    groups: dict[Frames, _Group] = {}
    for site in sites:
        for key, functions in _keys(site, key_type, cumulative):
            group = groups.get(key)
            if group is None:
                group = groups[key] = _Group(functions)
            group.size += site[1]
            group.count += site[2]
            group.variance += site[3]
    return groups


def _sort_key(statistic: Statistic) -> tuple[int, int, tracemalloc.Traceback]:
    return statistic.size, statistic.count, statistic.traceback


def _difference_sort_key(statistic: StatisticDiff) -> tuple[int, int, int, int, tracemalloc.Traceback]:
    return abs(statistic.size_diff), statistic.size, abs(statistic.count_diff), statistic.count, statistic.traceback


def _difference(old: Statistic, new: Statistic) -> StatisticDiff:
    error = math.hypot(getattr(old, 'error', 0.0), getattr(new, 'error', 0.0))
    return StatisticDiff(new.traceback, new.size, new.size - old.size, new.count, new.count - old.count, error)


# ---------------------------------------------------------------- the snapshot

class Snapshot(tracemalloc.Snapshot):
    """What was live at one moment. `Snapshot(traces, traceback_limit)` makes one of tracemalloc's tuples."""

    _sites: list[Site]

    def __init__(self, traces: Iterable[RawTrace], traceback_limit: int) -> None:
        self._set(list(map(_site, traces)), traceback_limit)

    def _set(self, sites: list[Site], traceback_limit: int) -> None:
        self._sites = sites
        self._expanded: Optional[Traces] = None
        self.traceback_limit = traceback_limit

    @classmethod
    def _of_sites(cls, sites: list[Site], traceback_limit: int) -> Snapshot:
        snapshot = cls.__new__(cls)
        snapshot._set(sites, traceback_limit)
        return snapshot

    @property
    def traces(self) -> Traces:  # type: ignore[override]
        """Every block. They are made at the first look: statistics do not need them."""
        if self._expanded is None:
            functions = {site[4]: site[5] for site in self._sites}
            self._expanded = Traces(list(chain.from_iterable(map(_traces_of, self._sites))), functions)
        return self._expanded

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_expanded': None}

    def dump(self, filename: str) -> None:
        """Write the snapshot to a file, for `load`."""
        with open(filename, 'wb') as file:
            pickle.dump(self, file, pickle.HIGHEST_PROTOCOL)

    @staticmethod
    def load(filename: str) -> Snapshot:
        """Read a snapshot from a file that `dump` wrote. Of files that one trusts: it is a pickle."""
        with open(filename, 'rb') as file:
            snapshot = pickle.load(file)
        if not isinstance(snapshot, Snapshot):
            raise TypeError(f'{filename} holds no snapshot of ouro')
        return snapshot

    def filter_traces(self, filters: Sequence[Union[tracemalloc.DomainFilter, tracemalloc.Filter]]) -> Snapshot:
        """A snapshot of what at least one inclusive filter matches (where there are any), and no exclusive one."""
        if not isinstance(filters, Iterable):
            raise TypeError(f'filters must be a list of filters, not {type(filters).__name__}')
        matches: list[Any] = list(filters)
        including = [each._match for each in matches if each.inclusive]
        excluding = [each._match for each in matches if not each.inclusive]

        def kept(site: Site) -> bool:
            trace = site[0], site[1], site[4], site[6]
            return (not including or any(match(trace) for match in including)) and all(match(trace) for match in excluding)

        return self._of_sites([site for site in self._sites if kept(site)], self.traceback_limit)

    def _group_by(self, key_type: str, cumulative: bool) -> dict[tracemalloc.Traceback, Statistic]:
        if key_type not in ('traceback', 'filename', 'lineno'):
            raise ValueError(f'unknown key_type: {key_type!r}')
        if cumulative and key_type == 'traceback':
            raise ValueError(f'a cumulative sum has no key_type {key_type!r}')
        statistics = {}
        for frames, group in _grouped(self._sites, key_type, cumulative).items():
            traceback = Traceback(frames, functions=group.functions)
            statistics[traceback] = Statistic(traceback, group.size, group.count, math.sqrt(group.variance))
        return statistics  # type: ignore[return-value]

    def statistics(self, key_type: str, cumulative: bool = False) -> list[Statistic]:  # type: ignore[override]
        """Count and bytes by 'lineno', 'filename' or 'traceback', the largest first. Cumulative: a block counts for each frame of
        its stack."""
        return sorted(self._group_by(key_type, cumulative).values(), key=_sort_key, reverse=True)

    def compare_to(self, old_snapshot: tracemalloc.Snapshot, key_type: str,  # type: ignore[override]
                   cumulative: bool = False) -> list[StatisticDiff]:
        """What changed since an older snapshot, the largest change first."""
        new = self._group_by(key_type, cumulative)
        old: dict[tracemalloc.Traceback, Statistic] = old_snapshot._group_by(key_type, cumulative)  # type: ignore[attr-defined]
        nothing = {place: Statistic(place, 0, 0) for place in chain(new, old)}
        differences = [_difference(old.get(place, none), new.get(place, none)) for place, none in nothing.items()]
        return sorted(differences, key=_difference_sort_key, reverse=True)


def take_snapshot(*, peak: bool = False) -> Snapshot:
    """What is live now, or, with `peak`, what was when most bytes were: since tracing began, or since reset_peak()."""
    if not _ouro.is_tracing():
        raise RuntimeError('the ouro module must be tracing memory allocations to take a snapshot')
    return Snapshot._of_sites(_ouro._snapshot(peak), _ouro.get_traceback_limit())


def get_object_traceback(obj: object) -> Optional[Traceback]:
    """The stack that allocated an object; None where it was not traced."""
    stack = _ouro._object(obj)
    return Traceback(*_by_name(stack)) if stack else None


def _by_name(stack: tuple[Frames, Functions, Optional[int]]) -> tuple[Frames, Optional[int], Functions]:
    frames, functions, total = stack
    return frames, total, functions
