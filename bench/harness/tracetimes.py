"""The parts of `bench/run trace` that are about time: Python programs, the command, native programs.

To add a Python program: a file in bench/trace/programs that takes a scale, and an entry in PROGRAMS."""
import os
import shutil
import subprocess

from . import inputs, session, tracers
from .allocators import Missing
from .traceresult import Result, Verdict, failures_of, mean_verdicts, ratio_table, rows_json

PROGRAMS = {"JSON": "documents", "templates": "templates", "HTML and XML": "markup", "Python source": "syntax", "trees": "trees",
            "regular expressions": "expressions", "SQL": "queries", "pickle": "pickles", "decimals and fractions": "sums",
            "words and dicts": "words", "generators and tasks": "tasks", "logging": "logs", "bodies": "nbody",
            "simulation": "simulation"}
COMMANDED = ("JSON", "trees", "simulation")
PYTHON, NATIVE = "python", "native"  # groups
QUICK = "0.02"                       # scale


class Program:
    """One program with the same words in every way; what session.measure_row wants of a workload."""

    def __init__(self, name, group, tools, command, stdin=None):
        self.name, self.group, self.tools, self.command, self.stdin = name, group, tools, command, stdin

    def measure(self, bench, way):
        return tracers.run(bench, self.tools, way, self.command, self.stdin)[0]


def programs(bench, tools, titles):
    """One for each title, which is a prefix and a name of PROGRAMS."""
    found = []
    for title in titles:
        file = f"{PROGRAMS[title.split(': ', 1)[1]]}.py"
        found.append(Program(title, PYTHON, tools, [*tracers.script(bench, "programs", file), bench.size("1", QUICK)]))
    return found


class PythonPrograms:
    """Time and memory of the set of Python programs."""

    def names(self):
        return [f"Python: {name}" for name in PROGRAMS]

    def measure(self, bench, tools, chosen, runs):
        tracers.prove_untraced(bench, tools, [bench.python, "-c", "pass"], os.path.basename(bench.python))
        ways = [make(tools) for make in tracers.PYTHON_WAYS] + tracers.memray_ways(bench.python)
        rows = session.measure(bench, programs(bench, tools, chosen), ways, runs)
        bars = [(tracers.ONE, 1.25), (tracers.MANY, 1.6), (tracers.SAMPLING, 1.02)]
        return Result([ratio_table("Python programs", rows, what) for what in ("cpu", "peak")],
                      mean_verdicts("Python programs", rows, bars), failures_of(rows), {"rows": rows_json(rows)})


class Command:
    """What the command adds: it looks at the areas while the program runs, and writes the recording."""

    def names(self):
        return [f"ouro run: {name}" for name in COMMANDED]

    def measure(self, bench, tools, chosen, runs):
        ways = [make(tools) for make in tracers.COMMAND_WAYS]
        rows = session.measure(bench, programs(bench, tools, chosen), ways, runs)
        return Result([ratio_table("Through the command", rows, what) for what in ("cpu", "wall")], [], failures_of(rows),
                      {"rows": rows_json(rows)})


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
        words = [compiler, "-quiet", "-O2", "-fpreprocessed", str(source), "-o", str(bench.scratch / "out.s")]
        return Program(name, NATIVE, tools, words)

    def by_heaptrack(self, row):
        """ouro's by heaptrack's: the libraries alone by processor time, and the commands by the time that one waits."""
        pairs = ((tracers.EXACT, tracers.HEAPTRACK_ALONE, "cpu", "exact by heaptrack's library, processor time"),
                 (tracers.RUN_TRACE, tracers.HEAPTRACK_WHOLE, "wall", "ouro run --trace by heaptrack -r, wall time"))
        found = []
        for own, other, what, title in pairs:
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
