"""Ten lines that allocate equally many bytes, in blocks of very different sizes, for the accuracy of estimates.

Arguments: megabytes of each line, and one number more, which the lines do not depend on."""
import sys
from collections import deque


class Slots:
    __slots__ = ("one", "two", "three", "four")


def small(held, count):
    for _ in range(count // 65):
        held.append(bytes(32))


def medium(held, count):
    for _ in range(count // 433):
        held.append(bytes(400))


def pages(held, count):
    for _ in range(count // 5033):
        held.append(bytes(5000))


def large(held, count):
    for _ in range(count // 200_033):
        held.append(bytes(200_000))


def huge(held, count):
    for _ in range(max(1, count // 3_000_033)):
        held.append(bytes(3_000_000))


def objects(held, count):
    for _ in range(count // 64):
        held.append(Slots())


def texts(held, count):
    for i in range(count // 269):
        held.append(f"{i:061}")


def rising(held, count):
    for i in range(count // 2082):
        held.append(bytes(i % 4096))


def arrays(held, count):
    for i in range(count // 8056):
        held.append([None] * 1000)


def joined(held, count):
    words = ["abcdefgh"] * 100
    for _ in range(count // 948):
        held.append(" ".join(words))


def main():
    count = int(float(sys.argv[1]) * 1_000_000)
    for allocate in (small, medium, pages, large, huge, objects, texts, rising, arrays, joined):
        allocate(deque(maxlen=100), count)


if __name__ == "__main__":
    main()
