"""A simulation with a class for everything: customers, clerks, events in a heap, statistics by property and by subclass.

Argument: scale (1 takes about a second)."""
import heapq
import random
import sys


class Event:
    def __init__(self, time, number, call):
        self.time, self.number, self.call = time, number, call

    def __lt__(self, other):
        return (self.time, self.number) < (other.time, other.number)


class World:
    def __init__(self, seed):
        self.now, self.count, self.events, self.rng = 0.0, 0, [], random.Random(seed)

    def after(self, delay, call):
        self.count += 1
        heapq.heappush(self.events, Event(self.now + delay, self.count, call))

    def run(self, until):
        while self.events and self.events[0].time < until:
            event = heapq.heappop(self.events)
            self.now = event.time
            event.call()


class Customer:
    kind = "walk-in"

    def __init__(self, shop):
        self.shop, self.arrived, self.served, self.basket = shop, shop.world.now, None, []

    def fill(self):
        self.basket = [(f"good {self.shop.world.rng.randrange(99)}", self.shop.world.rng.random()) for _ in range(self.size)]
        return self

    @property
    def size(self):
        return self.shop.world.rng.randrange(1, 6)

    @property
    def waited(self):
        return self.served - self.arrived


class Regular(Customer):
    kind = "regular"

    def __init__(self, shop):
        super().__init__(shop)
        self.card = {"number": shop.world.count, "points": 0}

    @property
    def size(self):
        return 3 + super().size


class Shop:
    def __init__(self, world, clerks):
        self.world, self.free, self.queue, self.done = world, clerks, [], {}

    def arrive(self):
        kind = Regular if self.world.rng.random() < 0.4 else Customer
        self.queue.append(kind(self).fill())
        self.serve()
        self.world.after(self.world.rng.expovariate(2.0), self.arrive)

    def serve(self):
        while self.free and self.queue:
            self.free -= 1
            customer = self.queue.pop(0)
            customer.served = self.world.now
            self.world.after(0.3 * len(customer.basket), lambda customer=customer: self.leave(customer))

    def leave(self, customer):
        self.free += 1
        self.done.setdefault(customer.kind, []).append((customer.waited, sum(price for _, price in customer.basket)))
        self.serve()


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    for seed in range(max(1, int(33 * scale))):
        world = World(seed)
        shop = Shop(world, clerks=4)
        world.after(0.0, shop.arrive)
        world.run(until=3000.0)
        served = sum(map(len, shop.done.values()))
        assert served > 5000 and set(shop.done) == {"walk-in", "regular"}


if __name__ == "__main__":
    main()
