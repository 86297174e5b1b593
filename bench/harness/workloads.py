"""The rows of the heap benchmark: small C programs, real programs, Python programs, and the workloads that watch memory.

To add one, append to the list of its kind below; bench/README.md tells how."""
import os
import shutil

from . import inputs, redis
from .allocators import Allocator, Ineffective, Missing, prove
from .measure import Sample, run

NATIVE, PROGRAMS, PYTHON, MEMORY = "native", "programs", "python", "memory"


class Native:
    """A program of bench/heap; `full` and `quick` are its arguments."""

    def __init__(self, name, program, full, quick, group=NATIVE):
        self.name, self.program, self.full, self.quick, self.group = name, program, full, quick, group

    def prepare(self, bench):
        """Nothing is needed but the program, which bench/run has built."""

    def prove(self, bench, allocator):
        """The program says with each result which file serves its malloc; measure() looks."""

    def arguments(self, bench):
        return bench.size(self.full, self.quick).split()

    def measure(self, bench, allocator):
        command = [str(bench.folder / self.program), *self.arguments(bench)]
        sample, said = run(bench, command, allocator.environment())
        if not allocator.serves(said.get("malloc", "")):
            raise Ineffective(f"{self.name}: malloc comes from {said.get('malloc')}, not from {allocator.name}")
        return sample


class Roomy(Native):
    """A native workload that needs gigabytes; with less memory than `needs` it runs with the arguments `smaller`."""

    def __init__(self, name, program, full, quick, needs, smaller):
        super().__init__(name, program, full, quick)
        self.needs, self.smaller = needs, smaller

    def arguments(self, bench):
        if not bench.quick and available_memory() < self.needs:
            return self.smaller.split()
        return super().arguments(bench)


def available_memory():
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


class OnlyFree(Native):
    """The thread that only frees, as a look at memory: its peak is one of the moments."""

    def measure(self, bench, allocator):
        sample = super().measure(bench, allocator)
        sample.steps.insert(2, ("peak, with the program's tables", sample.peak))
        return sample


class Spawn(Native):
    """The start of a program: spawn puts the library into its children only."""

    def prove(self, bench, allocator):
        prove(allocator, ["/bin/true"], allocator.environment(), "true", bench.scratch)

    def measure(self, bench, allocator):
        env = allocator.environment()
        env["BENCH_PRELOAD"] = env.pop("LD_PRELOAD", "")
        return run(bench, [str(bench.folder / self.program), *self.arguments(bench)], env)[0]


class Program:
    """A real program, measured whole. `command(bench)` gives its arguments, and `stdin(bench)` its input or None; `probe` is a
    short run for the proof, in which `binary` must be found on the allocator."""
    group = PROGRAMS

    def __init__(self, name, package, binary, probe, command, stdin=None):
        self.name, self.package, self.binary, self.probe = name, package, binary, probe
        self.command, self.stdin = command, stdin or (lambda bench: None)

    def prepare(self, bench):
        if shutil.which(self.probe[0]) is None:
            raise Missing(f"{self.probe[0]} is not installed; install it with: apt-get install {self.package}")
        self.command(bench)
        self.stdin(bench)

    def prove(self, bench, allocator):
        prove(allocator, self.probe, allocator.environment(), self.binary, bench.scratch)

    def measure(self, bench, allocator):
        return run(bench, self.command(bench), allocator.environment(), self.stdin(bench))[0]


class Python:
    """A program of bench/python under one interpreter; CPU time of the whole process, its children included."""

    def __init__(self, name, script, arguments, group=PYTHON):
        self.name, self.script, self.arguments, self.group = name, script, arguments, group

    def prepare(self, bench):
        if shutil.which(bench.python) is None:
            raise Missing(f"{bench.python} is not there; install python3, or give --python PATH")
        self.arguments(bench)

    def prove(self, bench, allocator):
        if allocator.name == "pymalloc":
            return
        command, env = allocator.python([bench.python, "-c", "pass"])
        prove(allocator, command, env, os.path.basename(bench.python), bench.scratch)

    def measure(self, bench, allocator):
        command, env = allocator.python([bench.python, bench.script("python", self.script), *self.arguments(bench)])
        sample, _ = run(bench, command, env)
        return sample


class Redis:
    """redis-server under redis-benchmark: processor time of the server for a fixed number of requests."""
    name, group = "redis: SET, GET, LPUSH of 32 B to 8 KiB", PROGRAMS

    def prepare(self, bench):
        for program in ("redis-server", "redis-benchmark"):
            if shutil.which(program) is None:
                raise Missing(f"{program} is not installed; install it with: apt-get install redis-server")

    def prove(self, bench, allocator):
        prove(allocator, ["redis-server", "--version"], redis.environment(allocator), "redis-server", bench.scratch)

    def measure(self, bench, allocator):
        with redis.Server(bench, allocator) as server:
            cpu, wall = redis.request_mix(server, bench.size(1.0, 0.02))
            return Sample(cpu=cpu, wall=wall, peak=server.peak())


class RedisFlush(Redis):
    """What redis-server holds after FLUSHALL. The server idles like any other: nobody calls it meanwhile."""
    name, group = "redis after FLUSHALL", MEMORY

    def measure(self, bench, allocator):
        with redis.Server(bench, allocator) as server:
            steps = redis.fill_and_flush(server, bench.size(1.0, 0.05), bench.size((0.5, 1, 2, 4), (0.1, 0.2)))
            return Sample(cpu=server.cpu(), wall=server.age(), peak=server.peak(), steps=steps)


def scaled(full, quick):
    """Arguments of a Python program that takes a scale."""
    return lambda bench: [str(bench.size(full, quick))]


MILLION = 1_000_000

NATIVE_ROWS = [
    Native("pair, 64 B", "pair", "100000000 64 64", "200000 64 64"),
    Native("pair, 16 to 512 B", "pair", "100000000 16 512", "200000 16 512"),
    Native("a million, LIFO, 64 B", "order", "0 1000000 64 30", "0 20000 64 2"),
    Native("a million, FIFO, 64 B", "order", "1 1000000 64 30", "1 20000 64 2"),
    Native("random replacement, 64 B", "replace", "1000000 64 64 12000000", "20000 64 64 20000"),
    Native("random replacement, 256 B", "replace", "1000000 256 256 12000000", "20000 256 256 20000"),
    Native("random replacement, 512 B", "replace", "1000000 512 512 12000000", "20000 512 512 20000"),
    Roomy("random replacement, 4 KiB", "replace", "1000000 4096 4096 4000000", "5000 4096 4096 20000",
          needs=8 << 30, smaller="200000 4096 4096 4000000"),
    Native("random replacement, mixed", "replace", "1000000 1 0 10000000", "20000 1 0 20000"),
    Native("random drain and refill, 64 B", "drain", "1000000 64 8", "20000 64 2"),
    Native("random drain and refill, 512 B", "drain", "1000000 512 6", "20000 512 2"),
    Native("server, 1 thread", "server", "1 10000 16 1000 24000000", "1 1000 16 1000 100000"),
    Native("server, 2 threads", "server", "2 10000 16 1000 24000000", "2 1000 16 1000 100000"),
    Native("server, 8 threads", "server", "8 10000 16 1000 24000000", "8 1000 16 1000 100000"),
    Native("producer and consumer, 512 B", "produce", "8000000 512 512", "50000 512 512"),
    Native("producer and consumer, mixed", "produce", "8000000 1 0", "50000 1 0"),
    Native("free by others, 8 threads", "exchange", "8 4500 500 16 512", "8 20 500 16 512"),
    Native("a thread that only frees", "onlyfree", "2 140000 16 512 6000000 0", "2 5000 16 512 50000 0"),
    Native("large, 64 KiB to 4 MiB", "large", "20 65536 4194304 20000", "20 65536 4194304 100"),
    Native("large, 1 to 32 MiB", "large", "20 1048576 33554432 250", "5 1048576 33554432 10"),
    Native("realloc, by half, to 64 MiB", "grow", "0 67108864 10", "0 4194304 2"),
    Native("realloc, by 4 KiB, to 64 MiB", "grow", "1 67108864 4", "1 4194304 1"),
    Native("realloc, small strings", "grow", "2 1000 200 50000", "2 1000 5 5000"),
    Native("trees, 1 thread", "trees", "1 16 300", "1 12 4"),
    Native("trees, 2 threads", "trees", "2 16 300", "2 12 4"),
    Spawn("start of /bin/true", "spawn", "600 /bin/true", "20 /bin/true"),
]

PROGRAM_ROWS = [
    Program("sqlite3: 300,000 rows", "sqlite3", "libsqlite3.so.0", ["sqlite3", ":memory:", "SELECT 1"],
            lambda bench: ["sqlite3", "-batch", ":memory:"],
            lambda bench: inputs.sql_file(bench.folder, bench.size(300_000, 3_000))),
    Redis(),
    Program("gcc -O2, a large file", "gcc", "cc1", ["gcc", "-S", "-x", "c", "-o", os.devnull, os.devnull],
            lambda bench: ["gcc", "-O2", "-S", "-o", os.devnull, inputs.c_file(bench.folder, bench.size(80, 2))]),
    Program("lua: tables, strings, closures", "lua5.4", "lua5.4", ["lua5.4", "-e", "return"],
            lambda bench: ["lua5.4", bench.script("programs", "objects.lua"), str(bench.size(1, 0.1))]),
]

PYTHON_ROWS = [
    Python("classes made and dropped", "classes.py", scaled(1, 0.07)),
    Python("dicts", "dicts.py", scaled(1, 0.07)),
    Python("strings", "strings.py", scaled(1, 0.09)),
    Python("lists", "lists.py", scaled(1, 0.08)),
    Python("load and drop 100 MB of JSON", "json_load.py",
           lambda bench: [inputs.json_file(bench.folder, bench.size(100, 1))]),
    Python("a service, requests", "service.py", scaled(1, 0.02)),
    Python("a service with a spike", "spike.py", scaled(0.6, 0.01)),
    Python("the library parsed and compiled", "compile_library.py", scaled(1, 0.05)),
    Python("regular expressions and text", "text.py", scaled(1, 0.12)),
    Python("tuples and sorting", "tuples.py", scaled(1, 0.12)),
    Python("generators and closures", "generators.py", scaled(1, 0.06)),
    Python("numbers", "arithmetic.py", scaled(1, 0.06)),
]

SPIKE_LOOKS = ["0.5", "1", "2", "4", "8"]

MEMORY_ROWS = [
    Native("a million mixed blocks, nine in ten freed", "fragment", "1000000 2000 200000", "20000 50 2000", MEMORY),
    OnlyFree("a thread that only frees, live 73 MB", "onlyfree",
             "2 140000 16 512 6000000 2000", "2 5000 16 512 50000 50", MEMORY),
    Python("a Python service after a spike", "spike.py",
           lambda bench: bench.size(["1", "waves", *SPIKE_LOOKS], ["0.01", "waves", "0.1"]), MEMORY),
    Python("the same, what stays spread over all memory", "spike.py",
           lambda bench: bench.size(["1", "spread", *SPIKE_LOOKS], ["0.01", "spread", "0.1"]), MEMORY),
    RedisFlush(),
]

PYMALLOC = Allocator("pymalloc")


def columns(row, allocators):
    """The allocators under which `row` runs, the base of its ratios first."""
    return [PYMALLOC, *allocators] if isinstance(row, Python) else list(allocators)
