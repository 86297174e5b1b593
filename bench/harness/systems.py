"""The systems that `bench/run gc` and `bench/run threads` compare: which there are, what they need, and how a workload of bench/gc or
bench/threads is built for each.

The workloads in C are written once; a system is a header below bench/gc/systems and the library behind it. Nim's are written in
Nim. All are compiled with -O2, and again only where something that they are made of is newer."""
import concurrent.futures
import glob
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from .allocators import Missing
from .measure import FLAGS

SUBJECT = "ouro"
BESIDE_BAR = 1.03  # of the other libouro.a that ours is measured beside


def newest(paths):
    return max(path.stat().st_mtime for path in paths)


def is_fresh(output, inputs):
    return output.exists() and output.stat().st_mtime > newest(inputs)


def pkg_config(package, debian, *what):
    try:
        done = subprocess.run(["pkg-config", *what, package], capture_output=True, text=True, check=False)
    except OSError:
        raise Missing("pkg-config is not installed; install it with: apt-get install pkg-config") from None
    if done.returncode != 0:
        raise Missing(f"pkg-config knows no {package}; install it with: apt-get install {debian}")
    return done.stdout.split()


class System:
    """A system whose workloads are the programs in C, compiled with its header."""
    kind = "gc"     # the folder of the workloads
    more_sources = {("gc", "graph"): "graphfile.c"}
    scale = 1.0     # of the counts of a workload; the slow do less, and all figures are by the object
    optional = False

    def __init__(self, name, header):
        self.name, self.header = name, header
        self.rows = name  # it takes part in the workloads that list a system of this name

    def find(self, bench):
        """Looks for the library. Raises Missing where it is not there."""

    def version(self):
        return ""

    def compile_flags(self, bench):
        return []

    def link_flags(self, bench):
        return []

    def inputs(self, bench):
        """Files that a program is made of beside its own sources."""
        return []

    def program(self, bench, workload):
        return bench.folder / f"{self.kind}-{self.name.replace(' ', '-')}-{workload}"

    def folders(self, bench):
        return [bench.root / "bench" / name for name in dict.fromkeys(("gc", self.kind))]

    def sources(self, bench, workload):
        common, own = self.folders(bench)[0], self.folders(bench)[-1]
        more = self.more_sources.get((self.kind, workload), "team.c" if self.kind == "threads" else None)
        return [own / f"{workload}.c", *([own / more] if more else []), common / "measure.c", bench.sources / "work.c"]

    def build(self, bench, workload):
        output, sources = self.program(bench, workload), self.sources(bench, workload)
        folders = self.folders(bench)
        headers = [path for folder in folders for pattern in ("*.h", "systems/*.h") for path in folder.glob(pattern)]
        if is_fresh(output, [*sources, *headers, bench.sources / "work.h", Path(__file__), *self.inputs(bench)]):
            return
        fresh = bench.scratch / output.name
        command = [os.environ.get("CC", "cc"), *FLAGS, f'-DSYSTEM_HEADER="systems/{self.header}.h"',
                   *(f"-I{folder}" for folder in [*folders, bench.sources]), *self.compile_flags(bench), "-o", str(fresh),
                   *map(str, sources), *self.link_flags(bench), *(["-pthread"] if self.kind == "threads" else [])]
        subprocess.run(command, check=True)
        fresh.replace(output)


class Package(System):
    """A system whose library pkg-config knows."""

    def __init__(self, name, header, package, debian, scale=1.0):
        super().__init__(name, header)
        self.package, self.debian, self.scale = package, debian, scale

    def find(self, bench):
        self.flags = pkg_config(self.package, self.debian, "--cflags")
        self.libraries = pkg_config(self.package, self.debian, "--libs")

    def version(self):
        return " ".join(pkg_config(self.package, self.debian, "--modversion"))

    def compile_flags(self, bench):
        return self.flags

    def link_flags(self, bench):
        return self.libraries


class StaticPython(Package):
    """CPython without a shared library between the program and the interpreter, which is how Debian's own python3 is linked. It
    is measured beside the other where it is there; the bars are those of the shared library, which is what pkg-config gives
    to who embeds Python."""
    optional = True

    def find(self, bench):
        super().find(bench)
        version = next((word[2:] for word in self.libraries if word.startswith("-lpython")), "")
        found = glob.glob(f"/usr/lib/{version}/config-*/lib{version}.a")
        if not found:
            raise Missing(f"lib{version}.a is not installed")
        self.flags = [*self.flags, "-no-pie"]
        self.libraries = ["-no-pie", found[0], "-Wl,--export-dynamic", "-lm", "-lz", "-lexpat", "-ldl", "-pthread"]

    def version(self):
        return ""


class Ouro(System):
    """ouro, as a program that links the static library has it."""

    def __init__(self, name, header, given):
        super().__init__(name, header)
        self.given, self.library = given, None

    def find(self, bench):
        self.library = find_library(bench.root, self.given)
        self.include = bench.root / "include"

    def version(self):
        kind = build_type(self.library)
        return self.library.name + (f" ({kind})" if kind else "")

    def compile_flags(self, bench):
        return [f"-I{self.include}"]

    def link_flags(self, bench):
        return [str(self.library), "-pthread"]

    def inputs(self, bench):
        return [self.library, *self.include.glob("ouro/*.h")]

    def program(self, bench, workload):
        """Programs of different libraries do not take each other's place."""
        place = re.sub(r"\W+", "-", os.path.relpath(self.library, bench.root)).strip("-")
        return bench.folder / f"{self.kind}-{self.name}-{workload}-{place}"


class OuroValues(Ouro):
    """The same with its values: what the library was built to use for them, as the archive itself tells, is linked too."""
    libraries = {"yajl_": "-lyajl", "__gmp": "-lgmp"}  # by how their names begin

    def link_flags(self, bench):
        lines = subprocess.run(["nm", "--undefined-only", str(self.library)], capture_output=True, text=True, check=True).stdout
        used = [flag for name, flag in self.libraries.items() if f" U {name}" in lines]
        return [str(self.library), *used, "-lm", "-pthread"]


class Beside(Ouro):
    """Another libouro.a, of another tree perhaps, to be compared with ours: --beside NAME=PATH. The headers are those of its tree,
    since counting is compiled into the program."""

    def __init__(self, given):
        name, separator, path = given.rpartition("=")
        super().__init__(name if separator else "before", "ouro", path)
        self.rows = SUBJECT

    def find(self, bench):
        super().find(bench)
        places = (folder / "include" for folder in self.library.parents)
        self.include = next((place for place in places if (place / "ouro" / "ouro.h").exists()), None)
        if self.include is None:
            raise Missing(f"--beside {self.given}: no folder above it has include/ouro/ouro.h")


def build_type(library):
    """What meson was told, where the library lies in a build: figures of different ones cannot be compared."""
    for folder in library.parents:
        try:
            options = json.loads((folder / "meson-info" / "intro-buildoptions.json").read_text(encoding="utf-8"))
            return next(option["value"] for option in options if option["name"] == "buildtype")
        except (OSError, ValueError, StopIteration):
            continue
    return ""


def find_library(root, given):
    """libouro.a: as given, or that of the build that the given file belongs to, or the first that is under build/."""
    if given is not None:
        path = Path(given).resolve()
        if not path.exists():
            raise Missing(f"{given}: there is no such file")
        if path.name == "libouro.a":
            return path
        folder = next((folder for folder in path.parents if (folder / "build.ninja").exists()), None)
        found = sorted(folder.rglob("libouro.a")) if folder is not None else []
        if not found:
            raise Missing(f"{given}: there is no libouro.a in that build")
        return found[0]
    found = sorted(root.glob("build/**/libouro.a"), key=lambda path: (len(path.parts), str(path)))
    if not found:
        raise Missing("libouro.a is not built; run: meson setup build && meson compile -C build"
                      " (or give --ouro PATH, or --no-ouro to measure the others alone)")
    return found[0].resolve()


class Mutex(System):
    """A mutex of the C library's in each object, beside the sections of ouro's."""

    def compile_flags(self, bench):
        return ["-DWITH_MUTEX"]


class Nim(System):
    """Nim with its ORC: counts, and a collector of cycles that looks only at what lost a reference."""

    def find(self, bench):
        if shutil.which("nim") is None:
            raise Missing("nim is not installed; install it with: apt-get install nim")

    def version(self):
        said = subprocess.run(["nim", "--version"], capture_output=True, text=True, check=True).stdout
        return re.search(r"Version (\S+)", said).group(1)

    def build(self, bench, workload):
        own = bench.root / "bench" / "gc" / "nim"
        output, source = self.program(bench, workload), own / f"{workload}.nim"
        if is_fresh(output, [source, own / "measure.nim", Path(__file__)]):
            return
        fresh = bench.scratch / output.name
        subprocess.run(["nim", "c", "--hints:off", "--warnings:off", "-d:danger", "--mm:orc", "--passC:-O2",
                        f"--nimcache:{bench.scratch / (output.name + '.cache')}", f"-o:{fresh}", str(source)], check=True,
                       stdout=subprocess.DEVNULL)
        fresh.replace(output)


def find_all(bench, ouro, names=None, beside=None):
    """The systems, ouro first, and remarks on those that are left out. `ouro` is a path, None to search, or False for without;
    `beside` names another libouro.a, which `names` cannot leave out."""
    systems = [] if ouro is False else [Ouro("ouro", "ouro", ouro)]
    if beside is not None:
        systems.append(Beside(beside))
    systems += [Package("CPython", "cpython", "python3-embed", "libpython3-dev"),
                StaticPython("CPython static", "cpython", "python3-embed", "libpython3-dev"),
                Package("bdwgc", "bdwgc", "bdw-gc", "libgc-dev"),
                Nim("Nim ORC", "nim"),
                Package("GObject", "gobject", "gobject-2.0", "libglib2.0-dev", scale=0.05),
                System("malloc", "malloc")]
    if ouro is not False:
        systems.append(Ouro("ouro_malloc", "ouro_malloc", ouro))
    return find_those(bench, systems, names)


def find_for_threads(bench, ouro, names=None, beside=None):
    """The same for `bench/run threads`."""
    systems = [] if ouro is False else [Ouro("ouro", "ouro", ouro)]
    if beside is not None:
        systems.append(Beside(beside))
    systems += [System("two atomics", "atomic"), Package("GObject", "gobject", "gobject-2.0", "libglib2.0-dev"),
                System("malloc", "malloc"), Mutex("pthread mutex", "malloc")]
    for system in systems:
        system.kind = "threads"
    return find_those(bench, systems, names)


def find_for_values(bench, ouro, names=None, beside=None):
    """The same for `bench/run values`."""
    systems = [] if ouro is False else [OuroValues("ouro", "ouro_values", ouro)]
    if beside is not None:
        raise Missing("--beside is not for values")
    systems += [Package("CPython", "cpython_values", "python3-embed", "libpython3-dev"),
                StaticPython("CPython static", "cpython_values", "python3-embed", "libpython3-dev"),
                Package("GLib", "glib_values", "glib-2.0", "libglib2.0-dev")]
    for system in systems:
        system.kind = "values"
    return find_those(bench, systems, names)


def find_those(bench, systems, names):
    """Those of `systems` that are there."""
    if len({system.name for system in systems}) < len(systems):
        raise Missing("--beside: that name is another system's")
    found, remarks = [], []
    for system in systems:
        if names is not None and system.name not in names and not isinstance(system, Beside):
            continue
        try:
            system.find(bench)
            found.append(system)
        except Missing as error:
            if not system.optional:
                raise
            remarks.append(f"{system.name}: {error}")
    return found, remarks


def build_all(bench, wanted):
    """Builds the (system, workload) pairs, on all processors."""
    wanted = dict.fromkeys((system, workload) for system, workload in wanted)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(system.build, bench, workload) for system, workload in wanted]:
            done.result()
