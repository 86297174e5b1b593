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
from .systems import SUBJECT, Beside, System, build_all

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


# Whole programs of bench/gc, with what they are given: for comparing two libraries of ouro's without a clock.
PROGRAMS = {"1,024 new, then dropped": ("batch", 100), "binary trees": ("trees", 12, 10), "GCBench": ("gcbench", 12),
            "weak references": ("weak", 30), "rings of 2": ("rings", 2, 50_000, 2), "rings of 10": ("rings", 10, 10_000, 2),
            "rings of 1,000": ("rings", 1000, 100, 2), "list: full collections": ("collect", 0, 20_000, 3),
            "tree: full collections": ("collect", 1, 20_000, 3), "random graph: full collections": ("collect", 2, 20_000, 3)}


def beside_of(systems):
    """The ouros that are measured: ours, and those beside it; nothing where there are none beside."""
    found = [system for system in systems if system.name == SUBJECT or isinstance(system, Beside)]
    return found if len(found) > 1 else []


def measure_programs(bench, systems):
    """{program: {system: instructions of the whole run}} for the ouros that are measured."""
    ouros = beside_of(systems)
    build_all(bench, [(system, program[0]) for system in ouros for program in PROGRAMS.values()])
    env = Allocator("glibc").environment()
    chosen = list(PROGRAMS.items())[:bench.size(len(PROGRAMS), 1)]
    return {title: {system.name: count(bench, system.program(bench, program[0]), env, *program[1:]) for system in ouros}
            for title, program in chosen} if ouros else {}


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
