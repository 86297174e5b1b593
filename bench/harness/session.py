"""A session: every chosen row under every allocator, in turns, as often as asked; and the figures that follow from it.

The allocators take turns within a row, each round in another order, so that a machine that slows down for a while slows
all of them down."""
import math
import statistics
import subprocess
import sys

from .allocators import Ineffective
from .measure import Failed
from .workloads import PYTHON, columns

BAR = 1.15         # of the best peer: above it, a row is flagged
PYTHON_BAR = 1.05  # of pymalloc, for Python programs
SUBJECT = "ouro"


class Row:
    """What was measured of one workload: samples by allocator, the base first; or why there are none."""

    def __init__(self, workload, names):
        self.name, self.group = workload.name, workload.group
        self.base = names[0]
        self.samples = {name: [] for name in names}
        self.failures = {}

    def median(self, name, what):
        values = [getattr(sample, what) for sample in self.samples.get(name, ())]
        return statistics.median(values) if values else None

    def ratio(self, name, what):
        value, base = self.median(name, what), self.median(self.base, what)
        return value / base if value is not None and base else None

    def best_peer(self, what):
        """The allocator, other than ouro, with the smallest figure."""
        found = {name: self.median(name, what) for name in self.samples if name != SUBJECT}
        found = {name: value for name, value in found.items() if value is not None}
        return min(found, key=found.get, default=None)

    def against_best(self, what):
        """ouro's figure, by that of the best peer; None where one of the two is missing."""
        best, own = self.best_peer(what), self.median(SUBJECT, what)
        return own / self.median(best, what) if best and own is not None and self.median(best, what) else None

    def flagged(self, what):
        if self.group == PYTHON and what != "peak":
            ratio, bar = self.ratio(SUBJECT, what), PYTHON_BAR
        else:
            ratio, bar = self.against_best(what), BAR
        return ratio is not None and ratio > bar

    def steps(self, name):
        """The median of each moment's resident memory: {moment: MB}, in the order of the program."""
        moments = {}
        for sample in self.samples.get(name, ()):
            for moment, size in sample.steps:
                moments.setdefault(moment, []).append(size)
        return {moment: statistics.median(sizes) for moment, sizes in moments.items()}


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values))) if values else None


def mean_ratio(rows, name, what):
    """Of the rows that have a ratio; None where there is none."""
    return geometric_mean([ratio for row in rows if (ratio := row.ratio(name, what))])


def tell(text, end="\n"):
    print(text, end=end, file=sys.stderr, flush=True)


def measure_row(bench, workload, allocators, runs):
    """One row. What fails under one allocator is kept as its failure; the others go on."""
    chosen = columns(workload, allocators)
    row = Row(workload, [allocator.name for allocator in chosen])
    for number in range(runs):
        turn = number % len(chosen)
        for allocator in chosen[turn:] + chosen[:turn]:
            if allocator.name in row.failures:
                continue
            try:
                row.samples[allocator.name].append(workload.measure(bench, allocator))
            except (Failed, OSError, subprocess.SubprocessError) as error:
                row.failures[allocator.name] = str(error)
                row.samples[allocator.name].clear()
    return row


def prepare(bench, workloads, allocators):
    """Makes the input and proves each preload, before anything is measured."""
    for workload in workloads:
        workload.prepare(bench)
        for allocator in columns(workload, allocators):
            try:
                workload.prove(bench, allocator)
            except (OSError, subprocess.SubprocessError) as error:
                raise Ineffective(f"{workload.name} does not run under {allocator.name}: {error}") from error


def progress(row):
    parts = []
    for name in row.samples:
        if name in row.failures:
            parts.append(f"{name} FAILED: {row.failures[name]}")
        elif name == row.base:
            parts.append(f"{name} {row.median(name, 'cpu'):.2f} s")
        else:
            ratio = row.ratio(name, "cpu")
            parts.append(f"{name} {ratio:.2f}" if ratio is not None else f"{name} {row.median(name, 'cpu'):.2f} s")
    return ", ".join(parts)


def measure(bench, workloads, allocators, runs):
    rows = []
    for index, workload in enumerate(workloads, 1):
        tell(f"[{index}/{len(workloads)}] {workload.name}: ", end="")
        row = measure_row(bench, workload, allocators, runs)
        tell(progress(row))
        rows.append(row)
    return rows
