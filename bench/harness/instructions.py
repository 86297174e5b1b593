"""Instructions of a pair of malloc and free, counted by callgrind.

The loop of count.c runs N and 2 N times; the difference, by N, is what one turn takes: the loop's own instructions, the two PLT
stubs through which the program calls, and the allocator. The same loop is counted with two empty functions of a shared
library in place of malloc and free, which take one instruction each (empty.c). So

    allocator = turn with malloc and free - turn with the empty functions + 2

What is included: everything from the first instruction of malloc and free to their returns, the returns too, whatever they
call meanwhile, calls through the library's own PLT and to the dynamic linker for thread-local storage too, and any work of a
thread of the allocator. What is not: the loop, and the program's PLT stubs."""
import re
import subprocess

from .allocators import Allocator, Ineffective, Missing, malloc_files
from .measure import compile_file
from .systems import System, build_all

SIZES = (16, 64, 256, 512)
OWN = 2  # instructions of the two empty functions
TOTALS = re.compile(r"^totals: (\d+)", re.MULTILINE)


def build(bench):
    """count.c twice, by the same compiler with the same flags: with malloc and free, and with the empty functions."""
    library = bench.folder / "libempty.so"
    source = bench.sources / "count.c"
    compile_file(bench, library, ["-shared", "-fPIC"], [bench.sources / "empty.c"])
    real, empty = bench.folder / "count-malloc", bench.folder / "count-empty"
    compile_file(bench, real, ["-fno-builtin", "-DALLOCATE=malloc", "-DRELEASE=free"], [source])
    names = ["-fno-builtin", "-DALLOCATE=empty_allocate", "-DRELEASE=empty_release"]
    linked = [f"-L{bench.folder}", "-Wl,--no-as-needed", "-lempty", "-Wl,-rpath,$ORIGIN"]
    compile_file(bench, empty, names + linked, [source])
    return real, empty


def count(bench, program, env, *arguments):
    """All instructions of one run."""
    output = bench.scratch / "callgrind.out"
    output.unlink(missing_ok=True)
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", str(program), *map(str, arguments)]
    done = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=300)
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace")[-400:]
        raise Ineffective(f"valgrind ended with status {done.returncode}: {last}")
    return int(TOTALS.search(output.read_text()).group(1))


def turn(bench, program, env, loops, *more):
    return (count(bench, program, env, 2 * loops, *more) - count(bench, program, env, loops, *more)) / loops


def look_for_valgrind():
    try:
        subprocess.run(["valgrind", "--version"], check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        raise Missing("valgrind is not installed; install it with: apt-get install valgrind") from None


def measure(bench, allocators):
    """{allocator: {size: instructions of a pair}}."""
    look_for_valgrind()
    real, empty = build(bench)
    loops = bench.size(50_000, 2_000)
    nothing = {size: turn(bench, empty, allocators[0].environment(), loops, size) for size in SIZES}
    found = {}
    for allocator in allocators:
        env = allocator.environment()
        provider = malloc_files([str(real), "10", "64"], env, bench.scratch).get(real.name)
        if provider is None or not allocator.serves(provider):
            raise Ineffective(f"{allocator.name}: count-malloc has its malloc from {provider}")
        found[allocator.name] = {size: turn(bench, real, env, loops, size) - nothing[size] + OWN for size in SIZES}
    return found


# Of objects: the title of a column, the program of bench/gc, and what it is given behind the number of turns.
OBJECT_PAIRS = {"new and drop": ("pair",), "incref and decref": ("count", 1)}
NEVER = {("bdwgc", "count")}  # nothing is counted there


def measure_objects(bench, systems):
    """{system: {pair: instructions}} for the systems whose programs are in C. What the loop takes is counted with a system that
    does nothing, and subtracted; calls through the program's PLT belong to the system."""
    look_for_valgrind()
    nothing = System("nothing", "nothing")
    systems = [system for system in systems if system.name != "Nim ORC"]
    build_all(bench, [(system, pair[0]) for system in [nothing, *systems] for pair in OBJECT_PAIRS.values()])
    loops, env = bench.size(400_000, 20_000), Allocator("glibc").environment()
    found = {}
    for system in [nothing, *systems]:
        found[system.name] = {
            what: turn(bench, system.program(bench, pair[0]), env, loops, *pair[1:])
            for what, pair in OBJECT_PAIRS.items() if (system.name, pair[0]) not in NEVER}
    loop = found.pop("nothing")
    return {name: {what: value - loop[what] for what, value in pairs.items()} for name, pairs in found.items()}
