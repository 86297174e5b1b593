"""Tuples and sorting: records are made, sorted by several keys, grouped, paired and merged.

Argument: scale (1 takes about a second)."""
import heapq
import itertools
import random
import sys


def records(count, rng):
    return [(rng.random(), rng.randrange(1000), str(i), (i, i + 1)) for i in range(count)]


def grouped(rows):
    rows = sorted(rows, key=lambda row: (row[1], row[0]))
    return {key: [row[3] for row in group] for key, group in itertools.groupby(rows, key=lambda row: row[1])}


def merged(rows):
    parts = [sorted(rows[i::8]) for i in range(8)]
    return [(a, b) for a, b in itertools.pairwise(heapq.merge(*parts))]


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    rng = random.Random(5)
    ops = 0
    for _ in range(max(1, int(9 * scale))):
        rows = records(60_000, rng)
        assert sum(map(len, grouped(rows).values())) == 60_000
        assert len(merged(rows)) == 59_999
        assert len(sorted(set(zip(rows, reversed(rows))), key=lambda pair: pair[0])) == 60_000
        ops += 180_000
    print("ops", ops)


if __name__ == "__main__":
    main()
