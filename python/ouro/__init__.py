"""ouro: which line allocates. The shape of tracemalloc, on ouro's heap.

    import ouro

    ouro.start(10)
    ...
    for statistic in ouro.take_snapshot().statistics('lineno')[:10]:
        print(statistic)

What tracemalloc has is here under the same names. Beyond it: sampling (`start(sample=True)`), what was live at the peak
(`take_snapshot(peak=True)`), who keeps memory from the system (`pins`), the heap's own statistics (`heap_stats`), the pauses of
Python's collector (`gc_pauses`), and `with Tracer() as trace:`.

In a program that runs under `ouro run --trace`, all of this is about the trace that is on already, C's allocations included."""

from tracemalloc import BaseFilter, DomainFilter, Filter

from ouro._heap import Pin, heap_stats, pins
from ouro._ouro import (MAX_FRAMES, clear_traces, get_traceback_limit, get_traced_memory, get_tracemalloc_memory, is_sampling,
                        is_tracing, reset_peak, start, stop, trim, write)
from ouro._pauses import GcPauses, Pause, gc_pauses
from ouro._snapshot import (Frame, Snapshot, Statistic, StatisticDiff, Trace, Traceback, get_object_traceback, take_snapshot)
from ouro._snapshot import _get_traces as _get_traces  # tracemalloc has it, and its users have found it
from ouro._tracer import Tracer

__version__ = '0.1.0'

# Domains of traces. tracemalloc's domain 0 is Python's own memory, of all three of its allocators.
DOMAIN_PYTHON, DOMAIN_MALLOC, DOMAIN_BLOCKS, DOMAIN_OBJECTS = range(4)

__all__ = [
    'BaseFilter', 'DOMAIN_BLOCKS', 'DOMAIN_MALLOC', 'DOMAIN_OBJECTS', 'DOMAIN_PYTHON', 'DomainFilter', 'Filter', 'Frame',
    'GcPauses', 'MAX_FRAMES', 'Pause', 'Pin', 'Snapshot', 'Statistic', 'StatisticDiff', 'Trace', 'Traceback', 'Tracer', 'clear_traces',
    'gc_pauses', 'get_object_traceback', 'get_traceback_limit', 'get_traced_memory', 'get_tracemalloc_memory', 'heap_stats',
    'is_sampling', 'is_tracing', 'pins', 'reset_peak', 'start', 'stop', 'take_snapshot', 'trim', 'write']


def load_ipython_extension(shell: object) -> None:
    """What `%load_ext ouro` calls."""
    from ouro.ipython import load_ipython_extension as load
    load(shell)
