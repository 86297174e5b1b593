"""The parts of `bench/run trace` that are about what tracing says, and what its data take: accuracy, memory, recordings, pins."""
import json
import pathlib
import statistics
import subprocess
from dataclasses import dataclass

from . import measure, session, tracers
from .allocators import Allocator
from .measure import Failed
from .traceresult import Result, Table, Verdict, figure
from .tracers import script

QUICK = "0.02"  # scale of programs
TREE = str(pathlib.Path(__file__).resolve().parents[2]) + "/"  # where this tree lies is nobody's business


def report(tools, *words):
    done = subprocess.run([str(tools.command), *map(str, words), "--format", "json"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(done.stderr.strip() or f"ouro {words[0]} ended with status {done.returncode}")
    return json.loads(done.stdout)


def totals_by_line(tools, directory):
    """{line: (bytes, standard error)} over the whole run, and their sum."""
    said = report(tools, "report", tracers.largest_area(directory), "--measure", "total", "--by", "line", "--limit", "0")
    return {row["key"].replace(TREE, ""): (row["bytes"], row["error"]) for row in said["rows"]}, said["all"]["bytes"]


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
    is off by more than 7 % in one run of three, whoever counts. So beside rows of a gigabyte in all there is one with a gigabyte
    in each line."""
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
        shares = [statistics.median(relative), max(relative), statistics.fmean(each <= 0.1 for each in relative),
                  statistics.fmean(each.within for each in found), statistics.median(each.error / each.exact for each in found)]
        return [name, figure(total / 1e9), str(len(found)), *(figure(100 * share, 1) for share in shares)]

    def measure(self, bench, tools, chosen, runs):
        result = Result()
        head = ["sampled against exact, top ten lines", "GB", "estimates", "median error %", "worst %", "within 10 %, %",
                "within 2 s.e., %", "median s.e. %"]
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
                worst = 100 * max(each.relative for each in found)
                result.verdicts.append(Verdict(f"sampling, {name}: worst error", worst, 10, " %"))
            result.data[name] = {"bytes": total, "estimates": [vars(each) for each in found]}
            session.tell(f"worst {table.lines[-1][4]} %")
        result.tables = [table] if table.lines else []
        return result


class Memory:
    """Memory of the trace by the live block: what ten times as many blocks add, so that sites and what is fixed do not count."""

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
        lines = [[name, figure(own) if own else "", figure(resident), figure(resident - base)]
                 for name, (own, resident) in medians.items()]
        verdicts = []
        for name in (tracers.ONE, tracers.MANY):
            verdicts.append(Verdict(f"memory of the trace, {name}: resident", medians[name][1] - base, 8, " bytes a block"))
        session.tell(f"{verdicts[0].value:.2f} bytes a block")
        head = [f"bytes a live block, of {count:,}", "its own count", "resident, with the block", "resident, more than untraced"]
        return Result([Table("Memory of the trace", head, lines)], verdicts, [], {"samples": samples})


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
        line = [f"{pairs:,} pairs of malloc and free", figure(median["run_s"]), figure(median["report_s"]),
                figure(median["report_mb"], 1), figure(median["bytes"] / 1e6, 3), figure(median["bytes_per_event"], 4)]
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
