"""The rows of `bench/run values`: workloads of bench/values, the figures that each prints, and the bars that ouro must meet.

To add one: a program in bench/values (values.h says how), a Workload in rows(), and a Figure for each line of its output."""
import statistics
import subprocess
import sys

from . import objects, session
from .objects import Bar, Figure, Workload
from .systems import SUBJECT

ALL = ("ouro", "CPython", "CPython static", "GLib")
PYTHONS = ("ouro", "CPython", "CPython static")
OURO = ("ouro",)
PEER = "CPython"
MEAN_BAR = 0.7  # geometric mean of all times, by CPython's

LIKE = (Bar(1, PEER),)


def times(pairs, unit="ns"):
    return [Figure(key, title, unit, LIKE) for key, title in pairs]


def making():
    return [
        Workload("make", "3000000", "3000", ALL, times((
            ("int_ns", "int: made and dropped"), ("small_int_ns", "small int"), ("float_ns", "float"), ("str_ns", "str of 20 bytes"),
            ("long_str_ns", "str of 1,000 bytes"), ("bytes_ns", "bytes of 20"), ("tuple2_ns", "tuple of two"), ("list_ns", "list, empty"),
            ("list4_ns", "list, four appended"), ("dict_ns", "dict, empty"), ("dict4_ns", "dict, four strings set"),
            ("set4_ns", "set, four strings added"), ("slots_ns", "instance with slots, four set"),
            ("plain_ns", "instance with a dictionary, four set")))),
        Workload("attribute", "5000000", "5000", PYTHONS, times((
            ("slots_get_ns", "slots: get"), ("slots_set_ns", "slots: set"), ("slots_method_ns", "slots: call a method"),
            ("plain_get_ns", "dictionary: get"), ("plain_set_ns", "dictionary: set"), ("plain_method_ns", "dictionary: call a method"))))]


def dicts():
    found = []
    for kind in ("str", "int"):
        for count, title in ((8, "8"), (1000, "1,000"), (1000000, "1,000,000")):
            found.append(Workload("dict", f"{kind} {count} 3000000", f"{kind} {min(count, 1000)} 1000", ALL, times(
                (key, f"dict of {title} {kind}s: {what}") for key, what in (
                    ("set_ns", "filled"), ("get_ns", "get"), ("miss_ns", "get, not there"), ("again_ns", "set again"), ("walk_ns", "walk"),
                    ("delete_ns", "delete and set")))))
    return found


def sequences():
    return [
        Workload("list", "1000000", "1000", ALL, [
            *times((("append_ns", "list: append"), ("get_ns", "list: get"))),
            *times((("sort_int_ms", "sort of a million ints"), ("sort_nearly_ms", "sort, nearly sorted"),
                    ("sort_float_ms", "sort of floats"), ("sort_str_ms", "sort of strings")), "ms")]),
        Workload("text", "20000", "20", PYTHONS, times((
            ("join_ns", "join, a word"), ("split_ns", "split, a word"), ("find_ns", "find, in 900 bytes"),
            ("replace_ns", "replace, in 900 bytes"), ("concat_ns", "concat"))))]


def generators():
    return [Workload("generator", "5000000", "5000", PYTHONS, [
        Figure("step_ns", "generator: a step", "ns", (Bar(10), Bar(1, PEER))),
        Figure("pipeline_ns", "map, filter and a generator: a number", "ns", LIKE),
        Figure("peak_mib", "generators: memory above the start", "MiB", (Bar(1),))])]


def document():
    return [Workload("json", "", "", PYTHONS, [
        Figure("load_ms", "JSON, 100 MB: load", "ms"), Figure("drop_ms", "JSON, 100 MB: drop", "ms"),
        Figure("both_ms", "JSON, 100 MB: load and drop", "ms", (Bar(0.5, PEER),)),
        Figure("peak_mib", "JSON, 100 MB: memory at its peak", "MiB", (Bar(0.7, PEER),))], input="document.json")]


MEMORY = (("slots", "instance with four slots", (Bar(1, PEER),)), ("plain", "instance with a dictionary of four", (Bar(96.5), Bar(1, PEER))),
          ("list", "list, an item of a million", (Bar(8.05),)), ("lists4", "list of four", (Bar(1, PEER),)),
          ("table", "dict of strings, an entry of a million", (Bar(1, PEER),)),
          ("dict", "the same with strings and ints", (Bar(1, PEER),)), ("strings", "str of about ten", (Bar(1, PEER),)),
          ("names", "interned name of about ten", (Bar(1, PEER),)), ("ints", "int", (Bar(1, PEER),)), ("tuples", "tuple of two", (Bar(1, PEER),)))


def memory():
    return [Workload("memory", f"{what} 1000000", f"{what} 1000", ALL if what in ("table", "dict", "strings", "ints") else PYTHONS,
                     [Figure("bytes", f"memory: {title}", "bytes", bars)]) for what, title, bars in MEMORY]


def reading():
    found = []
    for what, title in (("dict", "one dict"), ("list", "one list"), ("both", "one dict and one list")):
        found.append(Workload("shared", f"{what} 2 1000", f"{what} 2 20", OURO, [
            Figure("scaling_lost", f"two threads that read {title}: one thread's rate by half of both's", "times", (Bar(2 / 1.8),))]))
    found.append(Workload("shared", "write 2 1000", "write 2 20", OURO, [
        Figure("scaling_lost", "two threads that write their own instances: one thread's rate by half of both's", "times", (Bar(2 / 1.9),))]))
    return found


def rows(bench):
    """All workloads, in the order of the table."""
    return making() + dicts() + sequences() + generators() + document() + memory() + reading()


def make_document(bench):
    """The document of the JSON rows, made once in the build folder."""
    path = bench.folder / ("document-quick.json" if bench.quick else "document.json")
    if not path.exists():
        partial = bench.scratch / path.name
        subprocess.run([sys.executable, str(bench.root / "bench" / "values" / "document.py"), bench.size("400000", "100"), str(partial)],
                       check=True)
        partial.replace(path)
    return path


def measure_all(bench, workloads, runs):
    for index, workload in enumerate(workloads, 1):
        session.tell(f"[{index}/{len(workloads)}] {workload.figures[0].title}: ", end="")
        if workload.input is not None:
            workload.input = make_document(bench)
        objects.measure_workload(bench, workload, runs)
        session.tell(objects.progress(workload))


def means_text(workloads):
    """The geometric mean of all times, by each peer's."""
    lines = []
    peers = dict.fromkeys(system.name for workload in workloads for system in workload.systems if system.name != SUBJECT)
    for peer in peers:
        shares = [share for workload in workloads for figure in workload.figures if figure.is_time
                  if (share := figure.by(peer)) is not None]
        if not shares:
            continue
        mean = statistics.geometric_mean(shares)
        bar = "" if peer != PEER else f" (bar: {MEAN_BAR}, {'met' if mean <= MEAN_BAR else 'missed'})"
        lines.append(f"Geometric mean of {len(shares)} times, ouro by {peer}: {mean:.2f}{bar}.")
    return "\n".join(lines) + "\n" if lines else ""
