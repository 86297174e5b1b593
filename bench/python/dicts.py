"""Dictionaries of several sizes: built, copied, looked up, merged, emptied.

Argument: scale (1 takes about a second)."""
import sys
from collections import Counter, defaultdict


def small(count):
    live = [None] * 4096
    for i in range(count):
        live[i * 7919 % 4096] = {"id": i, "name": "n", "tags": (), "next": None, "score": i * 0.5}
    return sum(1 for entry in live if entry)


def growing(count):
    table = {}
    for i in range(count):
        table[i * 2654435761 % 4294967296] = i
    for key in list(table)[::2]:
        del table[key]
    return len({**table, "extra": 1})


def nested(count):
    groups = defaultdict(dict)
    for i in range(count):
        groups[i % 2000][str(i)] = {"value": i}
    return sum(len(group) for group in groups.values())


def counted(count):
    words = Counter()
    for i in range(count):
        words["word%d" % (i * i % 9973)] += 1
    return sum(words.values())


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    ops = 0
    for _ in range(max(1, int(16 * scale))):
        assert small(160_000) == 4096
        assert growing(100_000) == 50_001
        assert nested(80_000) == 80_000
        assert counted(100_000) == 100_000
        ops += 440_000
    print("ops", ops)


if __name__ == "__main__":
    main()
