"""Strings and bytes: formatted, joined, split, sliced, encoded, grown.

Argument: scale (1 takes about a second)."""
import sys


def lines(count):
    text = "\n".join(f"{i:08d};user{i % 977};{i * 3.25:.2f};{'x' * (i % 50)}" for i in range(count))
    total = 0
    for line in text.split("\n"):
        number, user, amount, filler = line.split(";")
        total += len(user.upper()) + len(amount.strip("0")) + len(filler)
    return total


def grown(count):
    pieces = []
    current = ""
    for i in range(count):
        current += chr(97 + i % 26)
        if len(current) > 200:
            pieces.append(current[20:-20].title())
            current = ""
    return len(pieces)


def coded(count):
    buffer = bytearray()
    for i in range(count):
        buffer += ("é" * (i % 30) + str(i)).encode("utf-8")
        if len(buffer) > 100_000:
            buffer.clear()
    return len(buffer.decode("utf-8", "ignore"))


def replaced(count):
    live = [""] * 10_000
    for i in range(count):
        live[i * 7919 % 10_000] = ("%d-" % i) * (i % 17)
    return sum(map(len, live))


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    ops = 0
    for _ in range(max(1, int(12 * scale))):
        assert lines(70_000) > 0
        assert grown(200_000) > 0
        assert coded(100_000) >= 0
        assert replaced(150_000) > 0
        ops += 520_000
    print("ops", ops)


if __name__ == "__main__":
    main()
