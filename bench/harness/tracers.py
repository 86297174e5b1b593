"""The ways in which `bench/run trace` runs a program: untraced, with ouro's tracing, or under another tracer; and the proof that
what is to be traced is.

ouro's library is preloaded directly, so that the command is not part of its figures; what the command costs is a way of its own.
The base of all ratios is a program on ouro's heap, untraced. tracemalloc runs on that heap as well, so that the tracer alone is
compared; heaptrack and memray run on the C library's."""
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import measure
from .allocators import Allocator, Ineffective, Missing, prove

TARGETS = ("src/preload/libouro-preload.so", "src/preload/libouro-trace.so", "src/cli/ouro")
HEAPTRACK = "/usr/lib/heaptrack/libheaptrack_preload.so"
OUTPUT = "recording"  # of whatever writes one, in the directory of the run


@dataclass(frozen=True)
class Tools:
    """What is measured, and what reads it."""
    folder: Path  # of the build
    preload: Path
    library: Path
    command: Path
    area: Path    # prints an area's page


def release_build(bench):
    """A release build of this tree in the folder of the benchmarks, brought up to date."""
    folder = bench.folder / "release"
    if not (folder / "build.ninja").exists():
        subprocess.run(["meson", "setup", str(folder), str(bench.root), "--buildtype=release", "-Dtests=disabled", "-Dman=disabled",
                        "-Dpython=disabled"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", str(folder), "--quiet", *TARGETS], check=True, stdout=subprocess.DEVNULL)
    return folder


def build_of(path):
    """The build that a file belongs to."""
    given = Path(path).resolve()
    folder = next((folder for folder in given.parents if (folder / "build.ninja").exists()), None)
    if folder is None:
        raise Missing(f"--ouro {path}: it is in no build of this tree, which would have the command and libouro-trace.so")
    return folder


def find_tools(bench, given):
    folder = build_of(given) if given is not None else release_build(bench)
    preload, library, command = (folder / target for target in TARGETS)
    for path in (preload, library, command):
        if not path.exists():
            raise Missing(f"{path} is not built; run: ninja -C {folder} {path.relative_to(folder)}")
    return Tools(folder, preload, library, command, build_reader(bench))


def build_type(tools):
    """As meson was told."""
    options = json.loads((tools.folder / "meson-info" / "intro-buildoptions.json").read_text(encoding="utf-8"))
    return next(option["value"] for option in options if option["name"] == "buildtype")


def build_reader(bench):
    output, headers = bench.folder / "area", bench.root / "src"
    if output.exists() and output.stat().st_mtime < (headers / "trace" / "area.h").stat().st_mtime:
        output.unlink()
    measure.compile_file(bench, output, [f"-I{headers}"], [bench.root / "bench" / "trace" / "area.c"])
    return output


@dataclass(frozen=True)
class Way:
    """How a program is run. In words and variables, {directory} is a directory of that run alone."""
    name: str
    library: Path | None = None
    conf: str = ""          # words of OURO_CONF
    variables: tuple = ()   # pairs
    before: tuple = ()      # words before the program's
    inside: tuple = ()      # words behind the program's first
    traced: bool = False    # its area must have counted something

    def command(self, command, directory):
        words = [word.format(directory=directory) for word in (*self.before, command[0], *self.inside)]
        return [*words, *command[1:]]

    def environment(self, directory):
        env = Allocator(self.name, self.library).environment()
        if self.conf:
            words = [env.get("OURO_CONF"), self.conf, f"run-dir:{directory}"]
            env["OURO_CONF"] = ",".join(word for word in words if word)
        return env | {name: value.format(directory=directory) for name, value in self.variables}


def run_as(way, *options):
    """By the command; {directory} is only where the recording goes."""
    def make(tools):
        return Way(way, None, before=(str(tools.command), "run", "--quiet", *options, "--"))
    return make


def traced(name, conf):
    return lambda tools: Way(name, tools.library, conf, traced=not conf.startswith("trace:later"))


def untraced(tools):
    return Way("untraced", tools.preload)


def prove_untraced(bench, tools, command, binary):
    """That the base is on ouro's heap. Of traced ways their areas are the proof."""
    prove(Allocator("ouro", tools.preload), command, untraced(tools).environment(""), binary, bench.scratch)


def by_tracemalloc(frames):
    return lambda tools: Way(f"tracemalloc {frames}", tools.preload, variables=(("PYTHONTRACEMALLOC", str(frames)),))


RECORD = ("--trace", "--output", "{directory}/" + OUTPUT)

OFF, SAMPLING = "off", "sampling"
ONE, MANY = "exact 1 frame", "exact 25 frames"
EXACT, RUN, RUN_TRACE = "exact", "ouro run", "ouro run --trace"
HEAPTRACK_ALONE, HEAPTRACK_WHOLE = "heaptrack's library", "heaptrack -r"

PYTHON_WAYS = [untraced, traced(OFF, "trace:later"), traced(ONE, "trace:exact,frames:1"), traced(MANY, "trace:exact,frames:25"),
               traced(SAMPLING, "trace:sample"), by_tracemalloc(1), by_tracemalloc(25)]
COMMAND_WAYS = [untraced, traced(MANY, "trace:exact,frames:25"), run_as(RUN), run_as(RUN_TRACE, *RECORD)]
NATIVE_WAYS = [untraced, traced(OFF, "trace:later"), traced(EXACT, "trace:exact,frames:64"), traced(SAMPLING, "trace:sample"),
               run_as(RUN), run_as(RUN_TRACE, *RECORD)]
MEMORY_WAYS = [untraced, traced(ONE, "trace:exact,frames:1"), traced(MANY, "trace:exact,frames:25"),
               traced(SAMPLING, "trace:sample"), by_tracemalloc(1), by_tracemalloc(25)]


def heaptrack_ways():
    """Its library alone, whose output nobody reads: the least that it can take. And the command, which compresses what comes; it
    finds lines afterwards (-r), as ours does. Finding those of cc1 while it runs takes heaptrack 1.4 more than 20 GB."""
    if shutil.which("heaptrack") is None or not Path(HEAPTRACK).exists():
        raise Missing("heaptrack is not installed; install it with: apt-get install heaptrack")
    return [Way(HEAPTRACK_ALONE, Path(HEAPTRACK), variables=(("DUMP_HEAPTRACK_OUTPUT", os.devnull),)),
            Way(HEAPTRACK_WHOLE, before=("heaptrack", "-r", "-o", "{directory}/" + OUTPUT))]


def memray_ways(python):
    """Debian has none; where somebody has installed it, it is measured."""
    probe = subprocess.run([python, "-c", "import memray"], capture_output=True, check=False)
    found = Way("memray", inside=("-m", "memray", "run", "-q", "-f", "-o", "{directory}/" + OUTPUT))
    return [found] if probe.returncode == 0 else []


def largest_area(directory):
    return max(directory.glob("*.trace"), key=lambda path: path.stat().st_size, default=None)


def facts_of(tools, directory):
    """What the page of the largest area says, as numbers by name; none where there is no area."""
    area = largest_area(directory)
    if area is None:
        return {}
    said = subprocess.run([str(tools.area), str(area)], capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in measure.fields(said).items()}


def script(bench, *parts):
    """The words of a Python program below bench/trace."""
    return [bench.python, bench.script("trace", *parts)]


class Directory:
    """A directory of one run, where `ouro run` would have its own."""

    def __enter__(self):
        self.path = Path(tempfile.mkdtemp(prefix="ouro-bench-"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path)


def run(bench, tools, way, command, stdin=None, look=None):
    """Runs `command` in that way. Returns the Sample, what the program said, the facts of its area, and what `look` says of the
    directory."""
    with Directory() as directory:
        sample, said = measure.run(bench, way.command(command, directory), way.environment(directory), stdin)
        facts = facts_of(tools, directory) if way.conf else {}
        if way.traced and not facts.get("allocs"):
            raise Ineffective(f"{way.name}: nothing was counted in {' '.join(command)}")
        if facts.get("lost"):
            raise measure.Failed(f"{way.name}: {facts['lost']} events were lost")
        return sample, said, facts, look(directory) if look else None
