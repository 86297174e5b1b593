"""The rows of `bench/run gc`: workloads of bench/gc, the figures that each prints, and the bars that ouro must meet.

To add one: a program in bench/gc (measure.h says how), a Workload in rows() with its arguments and systems, and a Figure for each
line of its output that is a row of the table."""
import statistics
import subprocess
from dataclasses import dataclass, field

from . import measure, session
from .allocators import Allocator, Missing
from .measure import Failed
from .systems import BESIDE_BAR, SUBJECT, Beside

COUNTING = ("ouro", "CPython", "CPython static", "GObject", "malloc")
TREES = ("ouro", "CPython", "CPython static", "bdwgc", "Nim ORC", "malloc", "ouro_malloc")
PAIRS = (*TREES, "GObject")
COLLECTING = ("ouro", "CPython", "bdwgc", "Nim ORC")
GRAPHS = ("ouro", "CPython", "bdwgc")

NOISE = 1.005  # above a bar by half a per cent is not missed


@dataclass(frozen=True)
class Bar:
    """At most `factor` times the figure of `peer`; without a peer, at most `factor` itself."""
    factor: float
    peer: str | None = None


@dataclass
class Figure:
    """One row of the table: a line of the program's output, and what it must meet. `samples` are by system."""
    key: str
    title: str
    unit: str
    bars: tuple = ()
    samples: dict = field(default_factory=dict)

    @property
    def is_time(self):
        return self.unit.startswith(("ns", "ms"))

    def median(self, system):
        values = self.samples.get(system)
        return statistics.median(values) if values else None

    def by(self, peer):
        """ouro's figure by that of a peer."""
        own, other = self.median(SUBJECT), self.median(peer)
        return own / other if own is not None and other else None

    def verdicts(self):
        """(bar, ouro's share of the peer or its figure, is it met?) for each bar that both were measured for."""
        found = []
        for bar in self.bars:
            value = self.median(SUBJECT) if bar.peer is None else self.by(bar.peer)
            if value is not None:
                found.append((bar, value, value <= bar.factor * NOISE))
        return found


@dataclass
class Workload:
    """A program, its arguments, the systems that it is built for, and its figures. An argument with a star is a count, which slow
    systems do less of. What the systems print under `agree` must be the same in all."""
    program: str
    full: str
    quick: str
    systems: tuple
    figures: list
    agree: str | None = None
    input: str | None = None
    failures: dict = field(default_factory=dict)

    def arguments(self, bench, system):
        words = bench.size(self.full, self.quick).split()
        counts = [str(max(1, int(int(word[1:]) * system.scale))) if word.startswith("*") else word for word in words]
        return [str(self.input), *counts] if self.input is not None else counts


def pairs_and_counts():
    return [
        Workload("pair", "*30000000", "*20000", PAIRS, [
            Figure("pair_ns", "new and drop", "ns", (Bar(0.5, "CPython"), Bar(1, "Nim ORC")))]),
        Workload("batch", "*20000", "*20", PAIRS, [Figure("batch_ns", "1,024 new, then dropped", "ns")]),
        Workload("count", "*300000000", "*20000", COUNTING, [
            Figure("one_ns", "incref and decref, one object", "ns", (Bar(1, "CPython"),)),
            Figure("turns_ns", "incref and decref, 512 in turn", "ns", (Bar(1, "CPython"),))]),
        Workload("weak", "*3000", "*3", ("ouro", "CPython", "bdwgc", "GObject"), [
            Figure("make_ns", "weak reference: made", "ns"),
            Figure("get_ns", "weak reference: to strong and back", "ns"),
            Figure("gone_ns", "object dropped with one weak reference", "ns"),
            Figure("plain_ns", "the same object dropped with none", "ns")]),
        Workload("bytes", "1000000", "50000", (*PAIRS, "CPython"), [
            Figure("header_bytes", "header", "bytes", (Bar(16),)),
            Figure("block_bytes", "object of two references", "bytes", (Bar(32),)),
            Figure("resident_bytes", "the same, resident, of a million", "bytes")]),
    ]


def trees():
    return [
        Workload("trees", "16 60", "8 5", (*TREES, "GObject"), [
            Figure("tree_ns", "binary trees, depth 16", "ns a node"),
            Figure("peak_mib", "binary trees, peak", "MiB")]),
        Workload("gcbench", "18", "8", TREES, [
            Figure("gcbench_ms", "GCBench", "ms", (Bar(0.25, "CPython"), Bar(1, "Nim ORC"), Bar(1, "bdwgc"))),
            Figure("peak_mib", "GCBench, peak", "MiB")]),
    ]


def rings():
    systems = ("ouro", "CPython", "CPython static", "bdwgc", "Nim ORC", "malloc")
    return [Workload("rings", f"{length} {10_000_000 // length} 200", f"{length} {20_000 // length} 5", systems, [
        Figure("ring_ns", f"rings of {length:,}", "ns an object", (Bar(1 / 3, "CPython"),)),
        Figure("peak_kib", f"rings of {length:,}, peak over live", "KiB", (Bar(1, "CPython"),))]) for length in (2, 10, 1000)]


def structures(objects, size):
    found = []
    for shape, title in enumerate(("list", "tree", "random graph")):
        found.append(Workload("collect", f"{shape} {objects} 5", f"{shape} 5000 2", COLLECTING, [
            Figure("live_ns", f"{title} of {size}, full collection", "ns an object"),
            Figure("dead_ns", f"{title} of {size}, dead: found and freed", "ns an object", (Bar(0.5, "CPython"),))]))
    return found


def heaps(bench):
    found = []
    for name in bench.size(("django", "ast", "mypy"), ("django",)):
        for times, state, bar in ((0, "fresh", 0.2), (10, "aged", 0.1)):
            found.append(Workload("graph", f"{times} 7", f"{min(times, 1)} 2", GRAPHS, [
                Figure("live_ns", f"{name}, {state}: full collection", "ns a tracked object", (Bar(bar, "CPython"),)),
                Figure("dead_ns", f"{name}, {state}: cyclic garbage found and freed", "ns each", (Bar(0.5, "CPython"),)),
                Figure("drop_ns", f"{name}, {state}: all dropped", "ns an object"),
                Figure("resident_mib", f"{name}, {state}: resident", "MiB")], agree="found", input=f"{name}.graph"))
    return found


def rows(bench, large):
    """All workloads, in the order of the table."""
    found = pairs_and_counts() + trees() + rings() + structures(1_000_000, "10^6")
    if large:
        found += structures(10_000_000, "10^7")
    return found + heaps(bench)


def choose(workloads, pattern, systems):
    """Those with a figure whose title matches, with these figures alone, and their systems in the order of `systems`."""
    for workload in workloads:
        workload.figures = [figure for figure in workload.figures if pattern.search(figure.title)]
        workload.systems = [system for system in systems if system.rows in workload.systems and
                            not (system.name == "Nim ORC" and workload.program in ("weak", "count", "graph"))]
    for beside in (system.name for system in systems if isinstance(system, Beside)):
        for figure in (figure for workload in workloads for figure in workload.figures if figure.is_time):
            figure.bars = (Bar(BESIDE_BAR, beside), *figure.bars)
    return [workload for workload in workloads if workload.figures and workload.systems]


def unpack(bench, name):
    """A graph of bench/graphs, uncompressed in the build folder."""
    source, output = bench.root / "bench" / "graphs" / f"{name}.zst", bench.folder / name
    if not output.exists() or output.stat().st_mtime <= source.stat().st_mtime:
        partial = bench.scratch / name
        try:
            subprocess.run(["zstd", "-q", "-d", "-f", str(source), "-o", str(partial)], check=True)
        except FileNotFoundError:
            raise Missing("zstd is not installed; install it with: apt-get install zstd") from None
        partial.touch()
        partial.replace(output)
    return output


def measure_once(bench, workload, system, seen):
    """One run of one program: its figures, and the number on which all must agree."""
    command = [str(system.program(bench, workload.program)), *workload.arguments(bench, system)]
    _, said = measure.run(bench, command, Allocator("glibc").environment())
    for figure in workload.figures:
        if figure.key in said:
            figure.samples.setdefault(system.name, []).append(float(said[figure.key]))
    if workload.agree in said:
        first = seen.setdefault(workload.agree, (system.name, said[workload.agree]))
        if first[1] != said[workload.agree]:
            raise Failed(f"{workload.agree} is {said[workload.agree]}, and {first[1]} in {first[0]}")


def measure_workload(bench, workload, runs):
    """The systems take turns, each round in another order. What fails under one is kept as its failure; the others go on."""
    seen = {}
    for number in range(runs):
        turn = number % len(workload.systems)
        for system in workload.systems[turn:] + workload.systems[:turn]:
            if system.name in workload.failures:
                continue
            try:
                measure_once(bench, workload, system, seen)
            except (Failed, OSError, subprocess.SubprocessError) as error:
                workload.failures[system.name] = str(error)
                for figure in workload.figures:
                    figure.samples.pop(system.name, None)


def progress(workload):
    parts = []
    for system in workload.systems:
        values = [figure.median(system.name) for figure in workload.figures]
        shown = " / ".join(f"{value:.4g}" for value in values if value is not None)
        failure = workload.failures.get(system.name)
        parts.append(f"{system.name} {shown if failure is None else 'FAILED: ' + failure}")
    return ", ".join(parts)


def measure_all(bench, workloads, runs):
    for index, workload in enumerate(workloads, 1):
        session.tell(f"[{index}/{len(workloads)}] {workload.figures[0].title}: ", end="")
        if workload.input is not None:
            workload.input = unpack(bench, workload.input)
        measure_workload(bench, workload, runs)
        session.tell(progress(workload))
