"""The allocators that are measured: where their libraries are, how a program is put under each, and the proof that it is.

glibc is what a program has without a preload; the others come through LD_PRELOAD into the same binaries. For Python programs
there is one more, pymalloc: the interpreter's own allocator, which every other must beat."""
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

PEERS = (
    ("mimalloc", "libmimalloc.so.2", "libmimalloc2.0"),
    ("jemalloc", "libjemalloc.so.2", "libjemalloc2"),
    ("tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
)
FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")
KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "OURO_CONF")


class Missing(Exception):
    """Something that the measurement needs is not on this machine; the text says what to do."""


class Ineffective(Exception):
    """A program runs, but not on the allocator that it was put under."""


@dataclass(frozen=True)
class Allocator:
    name: str
    library: Path | None = None  # None: nothing is preloaded
    command: Path | None = None  # the ouro command, where it is built

    def environment(self):
        """A clean environment, so that no setting of the caller's reaches one allocator only."""
        env = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        env |= {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        if self.library is not None:
            env["LD_PRELOAD"] = str(self.library)
        return env

    def python(self, command):
        """How a Python program runs under this allocator: the command and its environment."""
        env = self.environment()
        if self.name == "pymalloc":
            return command, env
        if self.command is not None:
            del env["LD_PRELOAD"]
            return [str(self.command), "run", "--quiet", "--", *command], env
        if self.library is None or not self.library.name.startswith("libouro"):
            env["PYTHONMALLOC"] = "malloc"
        return command, env

    def serves(self, path):
        """Is `path`, the file from which a program has its malloc, this allocator's?"""
        if self.library is None:
            return os.path.basename(path).startswith("libc.so")
        return os.path.realpath(path) == os.path.realpath(self.library)


def find_peer(library, package):
    for folder in FOLDERS:
        path = Path(folder, library)
        if path.exists():
            return path
    raise Missing(f"{library} is not installed; install it with: apt-get install {package}")


def find_ouro(root, given):
    """The library as given, or the first that a build has left under build/."""
    if given is not None:
        path = Path(given).resolve()
        if not path.exists():
            raise Missing(f"--ouro {given}: there is no such file")
        return path
    found = sorted(root.glob("build/**/libouro-preload.so"), key=lambda path: (len(path.parts), str(path)))
    if not found:
        raise Missing("libouro-preload.so is not built; run: meson setup build && meson compile -C build"
                      " (or give --ouro PATH, or --no-ouro to measure the others alone)")
    return found[0].resolve()


def find_command(library):
    """The ouro command of the build that `library` belongs to; None where it is not built."""
    if not library.name.startswith("libouro"):
        return None
    for folder in library.parents:
        if (folder / "build.ninja").exists():
            found = [path for path in folder.rglob("ouro") if path.is_file() and os.access(path, os.X_OK)]
            return min(found, key=lambda path: len(path.parts), default=None)
    beside = library.parent.parent / "bin" / "ouro"
    return beside if beside.exists() else None


def find_all(root, names, ouro):
    """The allocators asked for by name (None: all), ouro last; `ouro` is a path, None to search, or False to leave it out."""
    chosen = [Allocator("glibc")]
    known = {"glibc", "ouro", *(name for name, _, _ in PEERS)}
    for name in names or ():
        if name not in known:
            raise Missing(f"--allocators {name}: unknown; there are {', '.join(sorted(known))}")
    for name, library, package in PEERS:
        if names is None or name in names:
            chosen.append(Allocator(name, find_peer(library, package)))
    if ouro is not False and (names is None or "ouro" in names):
        library = find_ouro(root, ouro)
        chosen.append(Allocator("ouro", library, find_command(library)))
    return chosen


BINDING = re.compile(r"binding file (\S+) \[\d+\] to (\S+) \[\d+\]: normal symbol [`']malloc'")


def malloc_files(command, env, folder):
    """Runs `command` and asks the dynamic linker which file each program in it has its malloc from: {program: file}.

    A program that was linked to a fixed address binds the address of malloc to a stub of its own, which jumps to where its
    calls go; such a binding to itself says nothing and is passed over."""
    trace = folder / "bindings"
    for old in folder.glob("bindings.*"):
        old.unlink()
    env = env | {"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": str(trace), "LD_BIND_NOW": "1"}
    subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=60)
    found = {}
    for output in folder.glob("bindings.*"):
        for user, provider in BINDING.findall(output.read_text(errors="replace")):
            if os.path.basename(user) != os.path.basename(provider):
                found[os.path.basename(user)] = provider
        output.unlink()
    return found


def prove(allocator, command, env, program, folder):
    """Raises Ineffective unless `program`, somewhere in what `command` starts, has its malloc from `allocator`."""
    found = malloc_files(command, env, folder)
    provider = found.get(program)
    if provider is None:
        raise Ineffective(f"{allocator.name}: {program} did not bind malloc when running {' '.join(command)}")
    if not allocator.serves(provider):
        raise Ineffective(f"{allocator.name}: {program} has its malloc from {provider}, not from "
                          f"{allocator.library or 'the C library'}")
