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

from .allocators import Ineffective, Missing, malloc_files
from .measure import compile_file

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


def count(bench, program, env, loops, size):
    """All instructions of one run."""
    output = bench.scratch / "callgrind.out"
    output.unlink(missing_ok=True)
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", str(program), str(loops), str(size)]
    done = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=300)
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace")[-400:]
        raise Ineffective(f"valgrind ended with status {done.returncode}: {last}")
    return int(TOTALS.search(output.read_text()).group(1))


def turn(bench, program, env, loops, size):
    return (count(bench, program, env, 2 * loops, size) - count(bench, program, env, loops, size)) / loops


def measure(bench, allocators):
    """{allocator: {size: instructions of a pair}}."""
    try:
        subprocess.run(["valgrind", "--version"], check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        raise Missing("valgrind is not installed; install it with: apt-get install valgrind") from None
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
