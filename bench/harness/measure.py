"""One measurement: a program is run to its end, under one allocator, and what it took is read.

A workload's own lines (seconds, cpu) count its measured part alone; without them the figures are those of the whole process."""
import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-fno-builtin-malloc", "-fno-builtin-calloc", "-fno-builtin-realloc",
         "-fno-builtin-free"]
STATIC = ("launch", "spawn")
TIMEOUT = 180


class Failed(Exception):
    """The program crashed, ran too long, or ended with another status than 0."""


@dataclass
class Sample:
    cpu: float
    wall: float
    peak: float  # MB
    steps: list = field(default_factory=list)  # (moment, resident MB), of workloads that watch memory


@dataclass
class Bench:
    """Where things are, and how large they are to be."""
    root: Path
    folder: Path   # build/bench: programs and input, kept
    scratch: Path  # of this run alone
    python: str
    quick: bool = False

    @property
    def sources(self):
        return self.root / "bench" / "heap"

    def size(self, full, quick):
        return quick if self.quick else full

    def script(self, *parts):
        return str(self.root.joinpath("bench", *parts))


def compile_file(bench, output, arguments, sources):
    """Runs the C compiler where `output` is older than one of its sources."""
    newest = max(source.stat().st_mtime for source in [*sources, bench.sources / "work.h", Path(__file__)])
    if output.exists() and output.stat().st_mtime > newest:
        return
    fresh = bench.scratch / output.name
    command = [os.environ.get("CC", "cc"), *FLAGS, "-o", str(fresh), *map(str, sources), *arguments]
    subprocess.run(command, check=True)
    fresh.replace(output)


def build_launch(bench):
    """Builds the programs that start others."""
    for name in STATIC:
        compile_file(bench, bench.folder / name, ["-static"], [bench.sources / f"{name}.c"])


def build(bench):
    """Builds launch, spawn and all workloads of bench/heap."""
    build_launch(bench)
    others = {"work", "count", "empty", *STATIC}
    for source in sorted(bench.sources.glob("*.c")):
        if source.stem not in others:
            compile_file(bench, bench.folder / source.stem, ["-pthread"], [source, bench.sources / "work.c"])


def fields(text):
    """The lines "name value" of a report as a dictionary of texts; where a name comes twice, the last."""
    return dict(line.split(maxsplit=1) for line in text.splitlines() if len(line.split(maxsplit=1)) == 2)


STEP = re.compile(r"^resident (\S+) ([0-9.]+)$", re.MULTILINE)


def run(bench, command, env, stdin=None):
    """Runs `command` to its end; returns a Sample and the fields that it printed."""
    report = bench.scratch / "report"
    report.unlink(missing_ok=True)
    with open(stdin or os.devnull, "rb") as source:
        process = subprocess.Popen([str(bench.folder / "launch"), str(report), *command], env=env, stdin=source,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            output, errors = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Failed(f"no end within {TIMEOUT} s") from None
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        raise Failed(errors.decode(errors="replace").strip() or "the program could not be started")
    took = fields(report.read_text())
    if took["signal"] != "0" or took["exit"] != "0":
        last = errors.decode(errors="replace").strip().splitlines()[-1:] or [""]
        raise Failed(f"signal {took['signal']}, status {took['exit']}: {last[0]}")
    text = output.decode(errors="replace")
    said = fields(text)
    steps = [(moment.replace("_", " "), float(size)) for moment, size in STEP.findall(text)]
    sample = Sample(cpu=float(said.get("cpu", float(took["user"]) + float(took["system"]))),
                    wall=float(said.get("seconds", took["seconds"])),
                    peak=float(said.get("peak_kb", took["peak_kb"])) / 1024, steps=steps)
    return sample, said
