#!/usr/bin/env python3
"""Writes the object graph of a running CPython program, as README.md describes the format; or says what is in such a file.

    make.py dump OUTPUT [--] SCRIPT [ARGUMENT ...]     run a Python program, and write its graph when it ends
    make.py dump OUTPUT -m MODULE [ARGUMENT ...]       the same for a module, as python -m runs it
    make.py show FILE

A program may also choose the moment itself: put this folder on its path, and call make.dump("heap.graph.zst"). A name that ends in
.zst has it compressed by the zstd command. The dump's own tables are not in the graph; the modules that it imports are."""
import argparse
import array
import collections
import gc
import os
import runpy
import struct
import subprocess
import sys

MAGIC = b"OGRAPH01"
FAR = 2 ** 32 - 1


def size_of(thing):
    """Bytes of the object itself, without the collector's header; a class may answer nonsense, and then its least size counts."""
    try:
        size = type(thing).__sizeof__(thing)
    except Exception:  # pylint: disable=broad-except; it is the program's own code that runs here
        size = 0
    return min(size, FAR) if isinstance(size, int) and size > 0 else type(thing).__basicsize__


class Walk:
    """All tracked objects in the collector's order, and behind them the untracked ones that they lead to."""

    def __init__(self):
        self.own = set()        # addresses of what the walk itself consists of
        self.things, self.number = [], {}
        self.types, self.names = {}, []
        self.type, self.size = array.array("H"), array.array("I")
        self.tracked = bytearray()
        self.first, self.target = array.array("I", [0]), array.array("I")
        self.own |= {id(self), id(self.__dict__), *map(id, self.__dict__.values())}
        frame = sys._getframe()  # pylint: disable=protected-access
        while frame is not None and frame.f_globals is globals():
            self.own.add(id(frame))
            frame = frame.f_back

    def add(self, thing):
        """The number of an object, which is given out when it is first met."""
        found = self.number.get(id(thing))
        if found is None:
            found = self.number[id(thing)] = len(self.things)
            self.things.append(thing)
        return found

    def type_number(self, kind):
        found = self.types.get(id(kind))
        if found is None:
            found = self.types[id(kind)] = min(len(self.names), 0xffff)
            if found == len(self.names):
                self.names.append(f"{kind.__module__}.{kind.__qualname__}")
        return found

    def describe(self, thing):
        self.type.append(self.type_number(type(thing)))
        self.size.append(size_of(thing))
        self.tracked.append(gc.is_tracked(thing))
        for other in gc.get_referents(thing):
            if id(other) not in self.own:
                self.target.append(self.add(other))
        self.first.append(len(self.target))

    def run(self):
        tracked = gc.get_objects()
        self.own.add(id(tracked))
        for thing in tracked:
            if id(thing) not in self.own:
                self.add(thing)
        done = 0
        while done < len(self.things):  # which grows meanwhile
            self.describe(self.things[done])
            done += 1


def little(numbers):
    """The bytes of an array, little endian on every machine."""
    if sys.byteorder == "big":
        numbers = array.array(numbers.typecode, numbers)
        numbers.byteswap()
    return numbers.tobytes()


def write(walk, file):
    file.write(MAGIC + struct.pack("<IIQ", len(walk.names), len(walk.things), len(walk.target)))
    for name in walk.names:
        text = name.encode("utf-8", "replace")[:0xffff]
        file.write(struct.pack("<H", len(text)) + text)
    for part in (little(walk.type), bytes(walk.tracked), little(walk.size), little(walk.first), little(walk.target)):
        file.write(part)


def dump(path):
    """Writes the graph of this process to `path`. Garbage is collected first, and no collection runs meanwhile."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        walk = Walk()
        walk.run()
        if not path.endswith(".zst"):
            with open(path, "wb") as file:
                write(walk, file)
            return
        with subprocess.Popen(["zstd", "-q", "-19", "-f", "-o", path], stdin=subprocess.PIPE) as zstd:
            write(walk, zstd.stdin)
        if zstd.returncode != 0:
            raise OSError(f"zstd ended with status {zstd.returncode}")
    finally:
        if was_on:
            gc.enable()


def load(path):
    """(names, type, tracked, size, first, target) of a file."""
    if path.endswith(".zst"):
        data = subprocess.run(["zstd", "-q", "-d", "-c", path], stdout=subprocess.PIPE, check=True).stdout
    else:
        with open(path, "rb") as file:
            data = file.read()
    if data[:8] != MAGIC:
        raise ValueError(f"{path}: this is no graph")
    types, objects, references = struct.unpack_from("<IIQ", data, 8)
    at, names = 24, []
    for _ in range(types):
        length, = struct.unpack_from("<H", data, at)
        names.append(data[at + 2:at + 2 + length].decode())
        at += 2 + length
    parts = []
    for code, count in (("H", objects), ("B", objects), ("I", objects), ("I", objects + 1), ("I", references)):
        part = array.array(code, data[at:at + count * array.array(code).itemsize])
        at += count * part.itemsize
        if len(part) != count:
            raise ValueError(f"{path}: it ends too early")
        if sys.byteorder == "big":
            part.byteswap()
        parts.append(part)
    first, target = parts[3:]
    sound = at == len(data) and first[0] == 0 and first[-1] == references and all(a <= b for a, b in zip(first, first[1:]))
    if not sound or (target and max(target) >= objects) or (names and max(parts[0], default=0) >= len(names)):
        raise ValueError(f"{path}: it is damaged")
    return names, *parts


def show(path):
    names, kinds, tracked, sizes, _, target = load(path)
    print(f"{len(kinds):,} objects of {len(names):,} types, {sum(tracked):,} tracked, {len(target):,} references, "
          f"{sum(sizes):,} bytes")
    bytes_of = collections.Counter()
    for kind, size in zip(kinds, sizes):
        bytes_of[kind] += size
    count_of = collections.Counter(kinds)
    for kind, count in count_of.most_common(10):
        print(f"{count:10,} {bytes_of[kind]:12,} bytes  {names[kind]}")


def run_and_dump(output, words):
    """Runs the program as __main__, with its own arguments, and keeps its variables until the graph is written."""
    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            kept = runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = list(words)
            kept = runpy.run_path(words[0], run_name="__main__")
        del kept["__builtins__"]
    except SystemExit as end:
        kept = end.__traceback__  # the program's frames, and with them its variables
    dump(output)
    return kept


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    dumping = commands.add_parser("dump")
    dumping.add_argument("output")
    dumping.add_argument("program", nargs=argparse.REMAINDER)
    commands.add_parser("show").add_argument("file")
    options = parser.parse_args()
    if options.command == "dump":
        options.program = options.program[options.program[:1] == ["--"]:]
        if options.program in ([], ["-m"]):
            parser.error("dump: which program?")
        if options.program[0] != "-m" and not os.path.isfile(options.program[0]):
            parser.error(f"dump: there is no file {options.program[0]}")
    return options


def main():
    options = parse_arguments()
    if options.command == "dump":
        run_and_dump(options.output, options.program)
        return
    try:
        show(options.file)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read has seen enough
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        sys.exit(f"make.py: {error}")


if __name__ == "__main__":
    main()
