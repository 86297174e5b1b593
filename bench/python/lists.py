"""Lists: appended to, sliced, nested, reversed, filtered, used as stacks and queues.

Argument: scale (1 takes about a second)."""
import sys
from collections import deque


def rows(count):
    table = [[i, i + 1, i + 2, str(i)] for i in range(count)]
    table.reverse()
    picked = [row[:2] + row[3:] for row in table if row[0] % 3]
    return len(picked)


def stacks(count):
    stack = []
    for i in range(count):
        stack.append([i])
        if i % 3 == 2:
            stack.pop()
            stack.pop()
    return len(stack)


def queues(count):
    queue = deque()
    total = 0
    for i in range(count):
        queue.append([i, []])
        if len(queue) > 5_000:
            total += len(queue.popleft())
    return total


def short_lived(count):
    total = 0
    for i in range(count):
        total += len([i] * (i % 40)) + len([i, [i]])
    return total


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    ops = 0
    for _ in range(max(1, int(14 * scale))):
        assert rows(90_000) == 60_000
        assert stacks(150_000) == 50_000
        assert queues(150_000) == 2 * 145_000
        assert short_lived(200_000) > 0
        ops += 590_000
    print("ops", ops)


if __name__ == "__main__":
    main()
