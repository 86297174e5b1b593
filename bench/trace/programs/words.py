"""Words are counted, sorted by several keys, grouped into dicts and sets, joined and translated.

Argument: scale (1 takes about a second)."""
import random
import sys
from collections import Counter, defaultdict

SYLLABLES = ("ar", "ben", "cor", "dal", "el", "fin", "gor", "hal", "is", "jun", "kel", "lo", "mar", "nu")


def text(count, rng):
    return " ".join("".join(rng.choices(SYLLABLES, k=rng.randrange(1, 5))) for _ in range(count))


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    rng = random.Random(15)
    written = text(50_000, rng)
    table = str.maketrans("aeiou", "eioua")
    for turn in range(max(1, int(22 * scale))):
        words = [f"{word}{turn}" for word in written.split()]
        counts = Counter(words)
        by_letter = defaultdict(set)
        for word in words:
            by_letter[word[:2]].add(word[::-1].upper())
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        anagrams = defaultdict(list)
        for word in counts:
            anagrams["".join(sorted(word))].append(word)
        assert sum(map(len, anagrams.values())) == len(ranked) and sum(map(len, by_letter.values())) == len(ranked)
        assert len(", ".join(sorted(words, key=len)).translate(table)) > len(written)


if __name__ == "__main__":
    main()
