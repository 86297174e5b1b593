"""Generators, closures and coroutines: pipelines of many short-lived frames.

Argument: scale (1 takes about a second)."""
import sys


def countdown(number):
    while number > 0:
        yield number
        number -= 1


def squares(source):
    for value in source:
        yield value * value


def odd(source):
    return (value for value in source if value & 1)


def walk(depth):
    if depth > 0:
        yield from walk(depth - 1)
        yield depth
        yield from walk(depth - 1)


def counter():
    count = 0

    def step(by):
        nonlocal count
        count += by
        return count

    return step


class Ready:
    def __await__(self):
        value = yield
        return value


async def worker(results, number):
    total = 0
    for _ in range(3):
        total += await Ready()
    results.append(total + number)


def run_workers(count):
    results = []
    waiting = [worker(results, number) for number in range(count)]
    for coroutine in waiting:
        coroutine.send(None)
    while waiting:
        still = []
        for coroutine in waiting:
            try:
                coroutine.send(1)
                still.append(coroutine)
            except StopIteration:
                pass
        waiting = still
    return len(results)


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    ops = 0
    for _ in range(max(1, int(20 * scale))):
        total = sum(sum(odd(squares(countdown(12)))) for _ in range(25_000))
        assert total == 25_000 * 286
        assert sum(1 for _ in walk(14)) == 16_383
        steps = [counter() for _ in range(30_000)]
        assert sum(step(2) for step in steps) == 60_000
        assert run_workers(15_000) == 15_000
        ops += 25_000 * 12 + 16_383 + 30_000 + 45_000
    print("ops", ops)


if __name__ == "__main__":
    main()
