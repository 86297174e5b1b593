"""Text work: a log is made, searched with regular expressions, tokenised, counted, rewritten and wrapped.

Argument: scale (1 takes about a second)."""
import random
import re
import sys
import textwrap
from collections import Counter

LINE = re.compile(r"(?P<host>\d+\.\d+\.\d+\.\d+) \[(?P<time>[^\]]+)\] \"(?P<verb>\w+) (?P<path>\S+)\" (?P<code>\d+)")
WORD = re.compile(r"[A-Za-z]+")
NUMBER = re.compile(r"\d+")
VOCABULARY = ["allocate", "block", "cache", "drain", "extent", "free", "grow", "heap", "index", "join", "key", "list"]


def log(count, rng):
    for i in range(count):
        yield (f"{i % 256}.{i % 13}.{i % 7}.1 [2026-01-{i % 28 + 1:02d}] "
               f"\"{rng.choice(('GET', 'PUT', 'POST'))} /{rng.choice(VOCABULARY)}/{i}\" {200 + i % 4}")


def parse(lines):
    hosts = Counter()
    entries = []
    for line in lines:
        match = LINE.match(line)
        entry = match.groupdict()
        hosts[entry["host"]] += 1
        entries.append(entry)
    return hosts, entries


def prose(count, rng):
    text = " ".join(rng.choice(VOCABULARY) + str(i % 10) for i in range(count))
    words = Counter(WORD.findall(text))
    text = NUMBER.sub(lambda match: str(int(match.group()) + 1), text)
    return len(textwrap.fill(text, 100).split("\n")), len(words)


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    rng = random.Random(3)
    ops = 0
    for _ in range(max(1, int(9 * scale))):
        hosts, entries = parse(log(30_000, rng))
        assert sum(hosts.values()) == len(entries) == 30_000
        assert prose(60_000, rng)[1] == len(VOCABULARY)
        ops += 90_000
    print("ops", ops)


if __name__ == "__main__":
    main()
