"""The same six things in Python: what does each take?

    python3 memory.py [COUNT [NAME]]     prints "name bytes seconds" for each, or for one: resident bytes that came with it, and the
                                         time to make it"""
import gc
import sys
import time

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
ONLY = sys.argv[2] if len(sys.argv) > 2 else None


class Plain:
    def __init__(self, a, b, c, d):
        self.a, self.b, self.c, self.d = a, b, c, d


class Slots:
    __slots__ = ("a", "b", "c", "d")

    def __init__(self, a, b, c, d):
        self.a, self.b, self.c, self.d = a, b, c, d


def resident():
    with open("/proc/self/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Anonymous:"))


def instances(class_):
    return [class_(1, 2, 3, 4) for _ in range(COUNT)]


def names():
    return [sys.intern(f"name number {i}") for i in range(COUNT)]


def squares():
    return [i * i for i in range(10 * COUNT)]


def sum_of_squares():
    return sum(i * i for i in range(10 * COUNT))


def same_name():
    """A million times one of a thousand names, as a parser finds them in its text."""
    return [sys.intern(f"name number {i % 1000}") for i in range(COUNT)]


def main():
    gc.disable()  # so that its collections do not count; ours are not run either
    for title, make in (("dictionary", lambda: instances(Plain)), ("slots", lambda: instances(Slots)), ("list", squares),
                        ("generator", sum_of_squares), ("names", names), ("repeated", same_name)):
        if ONLY not in (None, title):
            continue
        before, start = resident(), time.process_time()
        made = make()
        spent, after = time.process_time() - start, resident()
        print(title, max(0, after - before), f"{spent:.3f}", flush=True)
        del made


if __name__ == "__main__":
    main()
