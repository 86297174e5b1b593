"""The parts of `bench/run trace`: what each measures, and the bars that ouro must meet.

To add a Python program: a file in bench/trace/programs that takes a scale, and a line in PROGRAMS. A part has names, which --only chooses
from, and `measure`, which returns a Result."""
import json
import os
import shutil
import statistics
import subprocess
from dataclasses import dataclass, field

from . import inputs, measure, session, tracers
from .allocators import Allocator, Ineffective, Missing
from .measure import Failed

PYTHON, NATIVE = "python", "native"
QUICK = "0.02"

PROGRAMS = {"JSON": "documents", "templates": "templates", "HTML and XML": "markup", "Python source": "syntax", "trees": "trees",
            "regular expressions": "expressions", "SQL": "queries", "pickle": "pickles", "decimals and fractions": "sums",
            "words and dicts": "words", "generators and tasks": "tasks", "logging": "logs", "bodies": "nbody",
            "simulation": "simulation"}
COMMANDED = ("JSON", "trees", "simulation")


@dataclass
class Verdict:
    """A figure, and the bar that it must not exceed, or, where `least`, not fall below."""
    what: str
    value: float
    bar: float
    unit: str = ""
    least: bool = False

    @property
    def met(self):
        return self.value >= self.bar if self.least else self.value <= self.bar


@dataclass
class Table:
    title: str
    head: list
    lines: list


@dataclass
class Result:
    tables: list = field(default_factory=list)
    verdicts: list = field(default_factory=list)
    failures: list = field(default_factory=list)  # texts
    data: dict = field(default_factory=dict)


def figure(value, digits=2, unit=""):
    return "" if value is None else f"{value:.{digits}f}{unit}"


def ratio_lines(rows, what, digits):
    """The base in its unit, then ratios; below, their geometric mean and the worst."""
    names = list(rows[0].samples)
    lines = []
    for row in rows:
        cells = ["failed" if name in row.failures else figure(row.ratio(name, what), digits) for name in names[1:]]
        lines.append([row.name, figure(row.median(names[0], what)), *cells])
    if len(rows) > 1:
        lines.append(["geometric mean", "", *(figure(session.mean_ratio(rows, name, what), digits) for name in names[1:])])
        lines.append(["worst", "", *(figure(worst(rows, name, what), digits) for name in names[1:])])
    return lines


def worst(rows, name, what):
    return max((ratio for row in rows if (ratio := row.ratio(name, what)) is not None), default=None)


UNITS = {"cpu": ("Processor time", "s", 3), "wall": ("Wall time", "s", 3), "peak": ("Peak resident memory", "MB", 2)}


def ratio_table(title, rows, what):
    kind, unit, digits = UNITS[what]
    names = list(rows[0].samples)
    return Table(f"{title}: {kind.lower()}, ratio to untraced", ["program", f"{names[0]} ({unit})", *names[1:]], ratio_lines(rows, what, digits))


def rows_json(rows):
    return [{"name": row.name, "failures": row.failures,
             "samples": {name: [{"cpu_s": sample.cpu, "wall_s": sample.wall, "peak_mb": sample.peak} for sample in samples]
                         for name, samples in row.samples.items()}} for row in rows]


def failures_of(rows):
    return [f"{row.name}, {name}: {text}" for row in rows for name, text in row.failures.items()]


def mean_verdicts(what, rows, bars):
    """`bars` are pairs of a way and the bar of its geometric mean. Single rows are worth a look, not a verdict."""
    found = [(name, session.mean_ratio(rows, name, "cpu"), bar) for name, bar in bars]
    return [Verdict(f"{what}, {name}: time, geometric mean", mean, bar) for name, mean, bar in found if mean is not None]


class Program:
    """One program with the same words in every way; what session.measure_row wants of a workload."""

    def __init__(self, name, group, tools, command, stdin=None):
        self.name, self.group, self.tools, self.command, self.stdin = name, group, tools, command, stdin

    def measure(self, bench, way):
        return tracers.run(bench, self.tools, way, self.command, self.stdin)[0]


def script(bench, *parts):
    return [bench.python, bench.script("trace", *parts)]


def program(bench, name, scale):
    return [*script(bench, "programs", f"{PROGRAMS[name]}.py"), scale]


class PythonPrograms:
    """Time and memory of the set of Python programs."""

    def names(self):
        return [f"Python: {name}" for name in PROGRAMS]

    def measure(self, bench, tools, chosen, runs):
        tracers.prove_untraced(bench, tools, [bench.python, "-c", "pass"], os.path.basename(bench.python))
        ways = [make(tools) for make in tracers.PYTHON_WAYS] + tracers.memray_ways(bench.python)
        rows = session.measure(bench, [Program(name, PYTHON, tools, program(bench, name.removeprefix("Python: "), bench.size("1", QUICK)))
                                    for name in chosen], ways, runs)
        bars = [(tracers.ONE, 1.25), (tracers.MANY, 1.6), (tracers.SAMPLING, 1.02)]
        return Result([ratio_table("Python programs", rows, what) for what in ("cpu", "peak")],
                      mean_verdicts("Python programs", rows, bars), failures_of(rows), {"rows": rows_json(rows)})


class Command:
    """What the command adds: it looks at the areas while the program runs, and writes the recording."""

    def names(self):
        return [f"ouro run: {name}" for name in COMMANDED]

    def measure(self, bench, tools, chosen, runs):
        ways = [make(tools) for make in tracers.COMMAND_WAYS]
        rows = session.measure(bench, [Program(name, PYTHON, tools, program(bench, name.removeprefix("ouro run: "), bench.size("1", QUICK)))
                                    for name in chosen], ways, runs)
        return Result([ratio_table("Through the command", rows, what) for what in ("cpu", "wall")], [], failures_of(rows),
                      {"rows": rows_json(rows)})


def report(tools, *words):
    done = subprocess.run([str(tools.command), *map(str, words), "--format", "json"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(done.stderr.strip() or f"ouro {words[0]} ended with status {done.returncode}")
    return json.loads(done.stdout)


def totals_by_line(tools, directory):
    """{line: (bytes, standard error)} over the whole run, and their sum."""
    said = report(tools, "report", tracers.largest_area(directory), "--measure", "total", "--by", "line", "--limit", "0")
    return {row["key"]: (row["bytes"], row["error"]) for row in said["rows"]}, said["all"]["bytes"]


@dataclass
class Estimate:
    """One of the top ten lines in one sampled run."""
    line: str
    exact: float
    sampled: float
    error: float

    @property
    def relative(self):
        return abs(self.sampled - self.exact) / self.exact

    @property
    def within(self):
        """Of two standard errors; 95 in 100 are due."""
        return abs(self.sampled - self.exact) <= 2 * self.error


class Accuracy:
    """Sampling's estimates of the ten lines that allocate most, beside the exact figures.

    A line of which n samples were taken is known to 1/sqrt(n) of itself. One gigabyte is 2,000 samples; a line with a tenth of them
    is off by 7 % in one run of three, whoever counts. So beside rows of a gigabyte in all there is one with a gigabyte in each line."""
    ROWS = {"1 GB in all: ten lines": ("lines.py", "100", "1"), "1 GB in all: JSON": ("programs/documents.py", "0.8", QUICK),
            "1 GB in all: words and dicts": ("programs/words.py", "1.15", QUICK),
            "1 GB in all: HTML and XML": ("programs/markup.py", "0.42", QUICK),
            "1 GB a line: ten lines": ("lines.py", "1000", "2")}
    BARRED = ("1 GB in all: ten lines", "1 GB a line: ten lines")
    FEWEST = 5  # sampled runs; chance needs some

    def names(self):
        return [f"accuracy: {name}" for name in self.ROWS]

    def look(self, bench, tools, command, conf):
        way = tracers.traced("accuracy", conf)(tools)
        return tracers.run(bench, tools, way, command, look=lambda directory: totals_by_line(tools, directory))[3]

    def estimates(self, bench, tools, command, runs):
        lines, total = self.look(bench, tools, command, "trace:exact,frames:1")
        top = sorted(lines, key=lambda line: lines[line][0], reverse=True)[:10]
        found = []
        for _ in range(runs):
            sampled, _ = self.look(bench, tools, command, "trace:sample")
            found += [Estimate(line, lines[line][0], *sampled.get(line, (0, 0))) for line in top]
        return total, found

    def line(self, name, total, found):
        relative = [each.relative for each in found]
        within = sum(each.within for each in found)
        return [name, figure(total / 1e9), str(len(found)), figure(100 * statistics.median(relative), 1), figure(100 * max(relative), 1),
                figure(100 * sum(each <= 0.1 for each in relative) / len(found), 0), figure(100 * within / len(found), 0),
                figure(100 * statistics.median(each.error / each.exact for each in found), 1)]

    def measure(self, bench, tools, chosen, runs):
        result = Result()
        head = ["sampled against exact, top ten lines", "GB", "estimates", "median error %", "worst %", "within 10 %", "within 2 s.e. %",
                "median s.e. %"]
        table = Table("Accuracy of sampling", head, [])
        for title in chosen:
            name = title.removeprefix("accuracy: ")
            path, full, quick = self.ROWS[name]
            session.tell(f"{title}: ", end="")
            try:
                command = [*script(bench, *path.split("/")), bench.size(full, quick)]
                total, found = self.estimates(bench, tools, command, 1 if bench.quick else max(runs, self.FEWEST))
            except (Failed, OSError, subprocess.SubprocessError) as error:
                result.failures.append(f"{title}: {error}")
                session.tell(f"FAILED: {error}")
                continue
            table.lines.append(self.line(name, total, found))
            if name in self.BARRED:
                result.verdicts.append(Verdict(f"sampling, {name}: worst error", 100 * max(each.relative for each in found), 10, " %"))
            result.data[name] = {"bytes": total, "estimates": [vars(each) for each in found]}
            session.tell(f"worst {table.lines[-1][4]} %")
        result.tables = [table] if table.lines else []
        return result


class Memory:
    """Memory of the trace by the live block: what ten times as many blocks add, so that sites and whatever is fixed do not count."""

    NAME = "memory of a million blocks"

    def names(self):
        return [self.NAME]

    def look(self, bench, tools, way, count):
        """What the trace says it has, and what is resident."""
        _, said, facts, _ = tracers.run(bench, tools, way, [*script(bench, "live.py"), str(count)])
        return facts.get("own_bytes", int(said["tracemalloc"])), int(said["resident"])

    def growth(self, bench, tools, way, count):
        few, many = (self.look(bench, tools, way, size) for size in (count // 10, count))
        return [(after - before) / (count - count // 10) for before, after in zip(few, many)]

    def measure(self, bench, tools, chosen, runs):
        count = bench.size(1_000_000, 20_000)
        session.tell(f"{self.NAME}: ", end="")
        ways = [make(tools) for make in tracers.MEMORY_WAYS]
        samples = {way.name: [] for way in ways}
        for _ in range(runs):
            for way in ways:
                samples[way.name].append(self.growth(bench, tools, way, count))
        medians = {name: [statistics.median(values) for values in zip(*found)] for name, found in samples.items()}
        base = medians["untraced"][1]
        lines = [[name, figure(own) if own else "", figure(resident), figure(resident - base)] for name, (own, resident) in medians.items()]
        verdicts = []
        for name in (tracers.ONE, tracers.MANY):
            verdicts.append(Verdict(f"memory of the trace, {name}: resident", medians[name][1] - base, 8, " bytes a block"))
        session.tell(f"{verdicts[0].value:.2f} bytes a block")
        head = [f"bytes a live block, of {count:,}", "its own count", "resident, with the block", "resident, more than untraced"]
        return Result([Table("Memory of the trace", head, lines)], verdicts, [], {"samples": samples})


def cc1():
    found = subprocess.run(["gcc", "-print-prog-name=cc1"], capture_output=True, text=True, check=True).stdout.strip()
    if not shutil.which(found):
        raise Missing("gcc has no cc1; install it with: apt-get install gcc")
    return found


class NativePrograms:
    """sqlite3, and the compiler proper of gcc: heaptrack does not follow the gcc command into it."""

    ROWS = ("native: sqlite3", "native: gcc -O2")

    def names(self):
        return list(self.ROWS)

    def program(self, bench, tools, name):
        if name == "native: sqlite3":
            if shutil.which("sqlite3") is None:
                raise Missing("sqlite3 is not installed; install it with: apt-get install sqlite3")
            tracers.prove_untraced(bench, tools, ["sqlite3", ":memory:", "SELECT 1"], "libsqlite3.so.0")
            return Program(name, NATIVE, tools, ["sqlite3", "-batch", ":memory:"],
                           inputs.sql_file(bench.folder, bench.size(300_000, 3_000)))
        source = inputs.c_file(bench.folder, bench.size(80, 2))
        compiler = cc1()
        tracers.prove_untraced(bench, tools, [compiler, "-quiet", os.devnull, "-o", os.devnull], "cc1")
        return Program(name, NATIVE, tools, [compiler, "-quiet", "-O2", "-fpreprocessed", str(source), "-o", str(bench.scratch / "out.s")])

    def by_heaptrack(self, row):
        """ouro's by heaptrack's: the libraries alone by processor time, and the commands by the time that one waits."""
        found = []
        for own, other, what, title in ((tracers.EXACT, tracers.HEAPTRACK_ALONE, "cpu", "exact by heaptrack's library, processor time"),
                                        (tracers.RUN_TRACE, tracers.HEAPTRACK_WHOLE, "wall", "ouro run --trace by heaptrack -r, wall time")):
            ours, theirs = row.median(own, what), row.median(other, what)
            if ours is not None and theirs:
                found.append(Verdict(f"{row.name}: {title}", ours / theirs, 1))
        return found

    def verdicts(self, row):
        found = [(name, row.ratio(name, "cpu"), bar) for name, bar in ((tracers.EXACT, 1.5), (tracers.SAMPLING, 1.02))]
        return [Verdict(f"{row.name}, {name}: time", ratio, bar) for name, ratio, bar in found if ratio] + self.by_heaptrack(row)

    def measure(self, bench, tools, chosen, runs):
        ways = [make(tools) for make in tracers.NATIVE_WAYS] + tracers.heaptrack_ways()
        rows = session.measure(bench, [self.program(bench, tools, name) for name in chosen], ways, runs)
        return Result([ratio_table("Native programs", rows, what) for what in ("cpu", "wall", "peak")],
                      [verdict for row in rows for verdict in self.verdicts(row)], failures_of(rows), {"rows": rows_json(rows)})


class Report:
    """A recording of a run with very many events: its size, and what `ouro report` takes for it."""

    NAME = "report of 10^8 events"

    def names(self):
        return [self.NAME]

    def record(self, bench, tools, pairs, directory):
        """The recording, and the run's Sample."""
        binary, output = bench.folder / "events", directory / "events.ouro"
        measure.compile_file(bench, binary, ["-g", f"-I{bench.sources}"],
                             [bench.root / "bench" / "trace" / "events.c", bench.sources / "work.c"])
        words = [str(tools.command), "run", "--quiet", "--trace", "--output", str(output), "--", str(binary), str(pairs)]
        return output, measure.run(bench, words, Allocator("glibc").environment())[0]

    def once(self, bench, tools, pairs, directory):
        recording, took = self.record(bench, tools, pairs, directory)
        blocks = report(tools, "report", recording, "--measure", "total")["all"]["blocks"]
        if blocks < pairs:
            raise Failed(f"{blocks} blocks were recorded, of {pairs}")
        words = [str(tools.command), "report", str(recording), "--measure", "total"]
        read, _ = measure.run(bench, words, Allocator("glibc").environment())
        return {"run_s": took.wall, "report_s": read.wall, "report_mb": read.peak, "bytes": recording.stat().st_size,
                "bytes_per_event": recording.stat().st_size / (2 * pairs)}

    def measure(self, bench, tools, chosen, runs):
        pairs, samples = bench.size(50_000_000, 50_000), []
        session.tell(f"{self.NAME}: ", end="")
        for _ in range(runs):
            with tracers.Directory() as directory:
                samples.append(self.once(bench, tools, pairs, directory))
        median = {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}
        session.tell(f"{median['report_s']:.2f} s")
        line = [f"{pairs:,} pairs of malloc and free", figure(median["run_s"]), figure(median["report_s"]), figure(median["report_mb"], 1),
                figure(median["bytes"] / 1e6, 3), figure(median["bytes_per_event"], 4)]
        head = ["program", "run, traced (s)", "report (s)", "report, peak (MB)", "recording (MB)", "bytes an event"]
        verdicts = [Verdict("report of 10^8 events: time", median["report_s"], 10, " s"),
                    Verdict("report of 10^8 events: peak memory", median["report_mb"], 500, " MB"),
                    Verdict("recording of 10^8 events", median["bytes_per_event"], 3, " bytes an event")]
        return Result([Table("A recording of 10^8 events", head, [line])], verdicts, [], {"samples": samples})


class Pins:
    """Sessions made and dropped, but for those in a cache: the part of two lines in what cannot go back."""

    NAME = "pins: 300,000 sessions, 750 kept"

    def names(self):
        return [self.NAME]

    def guilty(self, path):
        with open(path, encoding="utf-8") as file:
            return {f"{path}:{number}" for number, line in enumerate(file, 1) if line.rstrip().endswith("# guilty")}

    def once(self, bench, tools, directory):
        command = [*script(bench, "sessions.py"), *bench.size(("300000", "750"), ("10000", "50"))]
        recording = directory / "sessions.ouro"
        words = [str(tools.command), "run", "--quiet", "--trace", "--output", str(recording), "--", *command]
        measure.run(bench, words, Allocator("glibc").environment())
        said = report(tools, "pins", recording, "--limit", "0")
        guilty = self.guilty(command[1])
        kept = sum(row["kept"] for row in said["rows"] if row["key"] in guilty)
        return {"share": 100 * kept / said["kept"], "kept": said["kept"], "held": said["held"], "arenas": said["arena_count"],
                "first": {row["key"] for row in said["rows"][:2]} == guilty}

    def measure(self, bench, tools, chosen, runs):
        session.tell(f"{self.NAME}: ", end="")
        with tracers.Directory() as directory:
            found = self.once(bench, tools, directory)
        session.tell(f"{found['share']:.1f} %")
        line = [f"{found['arenas']} arenas", figure(found["held"] / 1e6), figure(found["kept"] / 1e6), figure(found["share"], 1),
                "yes" if found["first"] else "no"]
        head = ["sessions", "held (MB)", "of it kept and unused (MB)", "of that by the two lines %", "do they come first?"]
        return Result([Table("Pins", head, [line])],
                      [Verdict("pins: the two guilty lines' part", found["share"], 95, " %", True),
                       Verdict("pins: the two guilty lines come first", int(found["first"]), 1, "", True)], [], {"found": found})


PARTS = (PythonPrograms(), Command(), Accuracy(), Memory(), NativePrograms(), Report(), Pins())


def choose(pattern):
    """Pairs of a part and those of its names that match."""
    found = [(part, [name for name in part.names() if pattern.search(name)]) for part in PARTS]
    return [(part, names) for part, names in found if names]


def measure_all(bench, tools, chosen, runs):
    """A Result for each part; what fails as a whole is one with that failure, and the others go on."""
    results = []
    for part, names in chosen:
        try:
            results.append(part.measure(bench, tools, names, runs))
        except (Failed, Ineffective, Missing, OSError, subprocess.SubprocessError) as error:
            session.tell(f"FAILED: {error}")
            results.append(Result(failures=[f"{names[0].split(':')[0]}: {error}"]))
    return results
