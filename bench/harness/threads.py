"""The rows of `bench/run threads`: sections of workloads of bench/threads, what each prints, and the bars that ouro must meet.

What is compared with each other, one thread with two as well, is measured in turns, and a ratio is the median of the ratios of each
turn: so a machine that slows down for a while slows both.

To add one: a program in bench/threads (team.h says how), a Workload in one of the sections, and a Bar where there is one."""
import statistics
import subprocess
from dataclasses import dataclass, field

from . import objects, session
from .measure import Failed
from .objects import NOISE, Figure, Workload
from .systems import SUBJECT

COUNTS = (1, 2, 4, 8, 16)  # of threads; above two, where there are as many processors
RATE, NS = "M/s", "ns"     # million operations a second, of all threads; processor time of one operation
SCALING = {2: 1.9, 16: 14}  # times what one thread does


@dataclass
class Bar:
    """`over` by `under`, two pairs of a title and a system, or `over` alone: at most, or at least, `factor`."""
    title: str
    over: tuple
    under: tuple | None
    factor: float
    at_least: bool = False

    def met(self, value):
        return value >= self.factor / NOISE if self.at_least else value <= self.factor * NOISE


@dataclass
class Section:
    """A table: workloads that are measured in turns. `scaling`: titles without their thread counts, whose rates are compared with that of
    one thread."""
    title: str
    note: str
    workloads: list
    bars: list = field(default_factory=list)
    scaling: tuple = ()

    def figures(self):
        return [(workload, figure) for workload in self.workloads for figure in workload.figures]

    def samples(self, title, system):
        found = (figure.samples.get(system) for _, figure in self.figures() if figure.title == title)
        return next((samples for samples in found if samples), [])

    def ratio(self, over, under):
        """The median of the ratios of each turn; None where one is missing."""
        if under is None:
            values = self.samples(*over)
        else:
            values = [a / b for a, b in zip(self.samples(*over), self.samples(*under)) if b]
        return statistics.median(values) if values else None

    def verdicts(self):
        """(bar, value, is it met?) for all bars that were measured."""
        found = ((bar, self.ratio(bar.over, bar.under)) for bar in self.bars)
        return [(bar, value, bar.met(value)) for bar, value in found if value is not None]


def of_threads(title, count):
    return f"{title}, {count} thread{'s' if count > 1 else ''}"


def counts_for(processors):
    return [count for count in COUNTS if count <= max(2, processors)]


def timed(program, words, count, systems, figures, milliseconds=300):
    """A workload that is given a time."""
    return Workload(program, f"{words} {count} {milliseconds}", f"{words} {count} 10", systems, figures)


def scaling_bars(titles, counts):
    return [Bar(f"{title}: {count} threads by one", (of_threads(title, count), SUBJECT), (of_threads(title, 1), SUBJECT),
                SCALING[count], at_least=True) for title in titles for count in counts if count in SCALING]


# ---------------------------------------------------------------- sections

OWN = {"new and drop": ("pairs", ("ouro", "two atomics", "malloc", "GObject")),
       "incref and decref": ("counts", ("ouro", "two atomics", "malloc", "GObject")),
       "trees, by the node": ("trees", ("ouro", "two atomics", "malloc", "GObject")),
       "rings of three, by the object": ("rings", ("ouro", "two atomics", "malloc")),
       "rings of three, confined": ("confined", ("ouro",)),
       "the machine: arithmetic alone": ("nothing", ("malloc",))}
# Ordinary rings need collections that stop all threads, so they cannot scale like the rest; the machine is only looked at.
OWN_WITHOUT_BAR = ("rings of three, by the object", "the machine: arithmetic alone")


def own(counts):
    workloads = [timed("own", words, count, systems, [Figure("rate", of_threads(title, count), RATE)])
                 for title, (words, systems) in OWN.items() for count in counts]
    bars = scaling_bars([title for title in OWN if title not in OWN_WITHOUT_BAR], counts)
    note = ("Million operations a second, of all threads together; larger is better. In malloc and atomics, rings are taken apart by "
            "hand. Confined: of a type whose young objects their thread collects by itself (OURO_TYPE_CONFINED); other rings are "
            "collected with all threads stopped.")
    return Section("Objects of their own", note, workloads, bars, tuple(OWN))


SHARED = {"its owner": "owner", "others": "others", "merged": "merged", "deferred": "deferred", "immortal": "immortal"}
COUNTED = ("ouro", "two atomics", "GObject")


def shared(counts):
    workloads = []
    for title, words in SHARED.items():
        for count in counts:
            figures = [Figure("cpu_ns", of_threads(title, count), NS), Figure("rate", of_threads(f"{title}: together", count), RATE)]
            if words == "owner" and count > 1:
                figures = [Figure("owner_ns", f"its owner, and {count - 1} other{'s' if count > 2 else ''}", NS)]
            workloads.append(timed("shared", words, count, COUNTED, figures))
    bars = [Bar(f"{of_threads(title, count)}: ouro by two atomics", (of_threads(title, count), SUBJECT),
                (of_threads(title, count), "two atomics"), 1) for title in ("others", "merged") for count in counts]
    bars += [Bar(f"{of_threads('deferred', count)}: by the owner's own path", (of_threads("deferred", count), SUBJECT),
                 (of_threads("its owner", 1), SUBJECT), 1.5) for count in counts]
    note = "Processor time of a pair, smaller is better; and million pairs a second of all threads, larger is better."
    return Section("An object shared by all: incref and decref", note, workloads, bars + scaling_bars(["deferred: together"], counts),
                   ("others: together", "deferred: together", "immortal: together"))


def pipeline(counts):
    workloads = [Workload("produce", f"20000 {count}", f"200 {count}", ("ouro", "two atomics", "malloc"), [
        Figure("family_ns", f"a family made and dropped, {who}", NS), Figure("peak_mib", f"memory at its peak, {who}", "MiB"),
        Figure("growth", f"that of three times as many, by it, {who}", "ratio"), Figure("left_mib", f"memory at the end, {who}", "MiB")])
        for count, who in ((1, "one thread"), (2, "two threads"))]
    time = "a family made and dropped, {} thread{}"
    bars = [Bar("one thread's time by that of two", (time.format("one", ""), SUBJECT), (time.format("two", "s"), SUBJECT), 1,
                at_least=True),
            Bar("memory of three times as many, by the first", ("that of three times as many, by it, two threads", SUBJECT), None, 1.5)]
    note = "Families of nine objects through a queue of 1,024, wall time; smaller is better."
    return Section("Producer makes, consumer drops", note, workloads, bars)


def stopping(counts):
    figures = [Figure("half_us", "half of the collections", "us"), Figure("most_us", "99 in 100", "us"),
               Figure("longest_us", "the longest", "us"), Figure("all_most_us", "99 in 100 of all stops, less than", "us"),
               Figure("all_longest_us", "the longest of all stops", "us"), Figure("stood_us", "standing still, each time", "us"),
               Figure("stops", "stops", ""), Figure("given_up", "given up", ""), Figure("rate", "objects made meanwhile", RATE)]
    workloads = [Workload("stop", "8 2000", "8 100", ("ouro",), figures)]
    bars = [Bar("99 in 100 collections, microseconds to stop the world", ("99 in 100", SUBJECT), None, 200),
            Bar("stops that were given up", ("given up", SUBJECT), None, 0)]
    note = "From asking until all stand still; smaller is better. A ninth thread asks, every millisecond."
    return Section("Stopping the world: 8 threads, half of them asleep", note, workloads, bars)


def weak(counts):
    workloads = [timed("weak", words, count, ("ouro", "two atomics", "GObject"), [Figure("cpu_ns", of_threads(title, count), NS)])
                 for title, words in (("of its own", "own"), ("another thread's", "other")) for count in counts]
    return Section("Weak reference to strong and back", "Processor time; smaller is better.", workloads)


SECTIONS = {"an object of its own": "own", "an object of all": "shared", "two of its own": "two", "two of all": "two_shared"}


def locks(counts):
    workloads = [timed("section", words, count, ("ouro", "pthread mutex"), [
        Figure("cpu_ns", of_threads(title, count), NS), Figure("rate", of_threads(f"{title}: together", count), RATE)])
        for title, words in SECTIONS.items() for count in counts if count > 1 or "own" in title]
    note = "Processor time, smaller is better; and million sections a second of all threads, larger is better."
    return Section("Sections: begin, a number changes, end", note, workloads)


def later(counts):
    workloads = [timed("later", f"{word} 64", count, systems, [
        Figure("cpu_ns", of_threads(title, count), NS), Figure("peak_mib", of_threads(f"{title}: memory", count), "MiB")])
        for word, title, systems in (("now", "freed at once", ("ouro", "malloc")), ("later", "freed later", ("ouro",))) for count in counts]
    return Section("A block of 64 bytes allocated and freed", "Processor time and peak memory; smaller is better.", workloads)


def short_lives(counts):
    workloads = [Workload("attach", f"{objects} 10000", f"{objects} 50", systems, [
        Figure("thread_us", f"{title}: from creation to join", "us"), Figure("cpu_us", f"{title}: processor time", "us")])
        for objects, title, systems in ((10, "ten objects each", ("ouro", "two atomics", "malloc")), (0, "none", ("ouro", "malloc")))]
    note = "Wall time and processor time by the thread; smaller is better. Without objects, nothing is attached."
    return Section("10,000 short threads", note, workloads)


def sections(processors):
    counts = counts_for(processors)
    return [make(counts) for make in (own, shared, pipeline, stopping, weak, locks, later, short_lives)]


def titles(processors):
    return [f"{section.title}: {figure.title}" for section in sections(processors) for _, figure in section.figures()]


def choose(found, pattern, systems):
    """The sections, with those figures alone whose titles match, and with their systems in the order of `systems`."""
    for section in found:
        for workload in section.workloads:
            workload.figures = [figure for figure in workload.figures if pattern.search(f"{section.title}: {figure.title}")]
            workload.systems = [system for system in systems if system.rows in workload.systems]
        section.workloads = [workload for workload in section.workloads if workload.figures and workload.systems]
    return [section for section in found if section.workloads]


def programs(found):
    """The pairs of a system and a program that they need."""
    return [(system, workload.program) for section in found for workload in section.workloads for system in workload.systems]


# ---------------------------------------------------------------- measuring

def in_turns(section, number):
    """(workload, system), in an order that differs from turn to turn."""
    pairs = [(workload, system) for workload in section.workloads for system in workload.systems]
    turn = number * 7 % len(pairs)
    return pairs[turn:] + pairs[:turn]


def measure_section(bench, section, runs):
    """What fails under one system is kept as its failure; the others go on."""
    for number in range(runs):
        for workload, system in in_turns(section, number):
            if system.name in workload.failures:
                continue
            try:
                objects.measure_once(bench, workload, system, {})
            except (Failed, OSError, subprocess.SubprocessError) as error:
                workload.failures[system.name] = str(error)
                for figure in workload.figures:
                    figure.samples.pop(system.name, None)


def measure_all(bench, found, runs):
    for index, section in enumerate(found, 1):
        session.tell(f"[{index}/{len(found)}] {section.title}")
        measure_section(bench, section, runs)
        for workload in section.workloads:
            session.tell(f"    {workload.figures[0].title}: {objects.progress(workload)}")
