"""Generators in chains, and asyncio: producers, a queue, consumers, timeouts that do not come.

Argument: scale (1 takes about a second)."""
import asyncio
import sys


def numbers(count):
    for i in range(count):
        yield i, str(i)


def pairs(source):
    before = None
    for item in source:
        if before is not None:
            yield before, item
        before = item


def flat(tree):
    for item in tree:
        if isinstance(item, list):
            yield from flat(item)
        else:
            yield item


async def produce(queue, count):
    for i in range(count):
        await queue.put({"number": i, "text": f"job {i}"})
        if i % 16 == 0:
            await asyncio.sleep(0)
    await queue.put(None)


async def consume(queue, results):
    while (job := await queue.get()) is not None:
        results.append(await asyncio.wait_for(work(job), 5) if job["number"] % 32 == 0 else await work(job))
    await queue.put(None)


async def work(job):
    return len(job["text"]) + job["number"] % 3


async def service(count):
    queue, results = asyncio.Queue(50), []
    await asyncio.gather(produce(queue, count), *(consume(queue, results) for _ in range(4)))
    return results


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    tree = [[i, [i + 1, [i + 2]], []] for i in range(12_000)]
    for _ in range(max(1, int(30 * scale))):
        assert sum(len(text) for (_, text), _ in pairs(numbers(80_000))) > 80_000
        assert sum(flat(tree)) > 0
        assert len(asyncio.run(service(4000))) == 4000


if __name__ == "__main__":
    main()
