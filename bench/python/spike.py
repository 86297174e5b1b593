"""A service after a spike: many sessions are made, a small share stays in a cache, the rest is dropped, and the process idles.

Arguments: scale (1 peaks at about 600 MB), what the cache keeps (waves or spread), seconds after the spike, one number for each
look. Prints resident memory before the spike, at its peak, and at each of those moments.

Waves: of each 10,000 sessions 150 in a row stay, as when some visitors of a busy minute remain. Spread: one in two hundred
stays, at random; few stretches of memory are then without a live object, though most of each is free."""
import random
import resource
import sys
import time

SESSIONS = 155_000
WAVE, WAVE_KEPT = 10_000, 150
SPREAD_KEPT = 0.005


def resident():
    with open("/proc/self/statm", "rb", buffering=0) as file:
        return int(file.read(200).split()[1]) * resource.getpagesize() / 1048576


class Session:
    def __init__(self, number, rng):
        self.id = "session-%08d" % number
        self.user = {"name": "user%d" % number, "mail": "user%d@example.org" % number, "roles": ["reader"]}
        self.history = [{"path": "/page/%d" % rng.randrange(10_000), "took": rng.random()}
                        for _ in range(rng.randrange(2, 14))]
        self.basket = {"item%d" % rng.randrange(100_000): rng.randrange(10) for _ in range(rng.randrange(8))}
        self.page = "<p>" + "text " * rng.randrange(5, 90) + "</p>"


def base():
    """What such a process holds before any request: modules' worth of tables."""
    return {("table", i): [str(i), i * 1.5, (i, i + 1)] for i in range(120_000)}


def kept(number, keep, rng):
    return number % WAVE < WAVE_KEPT if keep == "waves" else rng.random() < SPREAD_KEPT


def spike(count, keep, rng):
    sessions = [Session(number, rng) for number in range(count)]
    peak = resident()
    cache = {session.id: session for number, session in enumerate(sessions) if kept(number, keep, rng)}
    return cache, peak


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    keep = sys.argv[2] if len(sys.argv) > 2 else "waves"
    looks = [float(argument) for argument in sys.argv[3:]]
    tables = base()
    print("resident base %.1f" % resident())
    cache, peak = spike(int(SESSIONS * scale), keep, random.Random(2))
    print("resident peak %.1f" % peak, flush=True)
    began = time.monotonic()
    for moment in looks:
        time.sleep(max(0.0, began + moment - time.monotonic()))
        print("resident %gs %.1f" % (moment, resident()), flush=True)
    assert cache and tables
    print("ops", int(SESSIONS * scale))


if __name__ == "__main__":
    main()
