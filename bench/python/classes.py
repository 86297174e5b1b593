"""Objects of classes, with a dictionary and with slots: made, linked, used and dropped.

Argument: scale (1 takes about a second)."""
import sys


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def moved(self, dx, dy):
        return Point(self.x + dx, self.y + dy)


class Node:
    __slots__ = ("value", "next", "owner")

    def __init__(self, value, following, owner):
        self.value = value
        self.next = following
        self.owner = owner


class Account:
    def __init__(self, number):
        self.number = number
        self.entries = []
        self.labels = {"kind": "current"}

    def add(self, amount):
        self.entries.append(Entry(self, amount))


class Entry:
    def __init__(self, account, amount):
        self.account = account
        self.amount = amount


def walk_points(count):
    total = 0
    point = Point(0, 0)
    for i in range(count):
        point = point.moved(i & 3, 1)
        total += point.x
    return total


def chain(count):
    head = None
    for i in range(count):
        head = Node(i, head, None)
    length = 0
    while head is not None:
        head = head.next
        length += 1
    return length


def accounts(count):
    kept = []
    for i in range(count):
        account = Account(i)
        for k in range(4):
            account.add(k)
        if i % 16 == 0:
            kept.append(account)
    return sum(len(account.entries) for account in kept)


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    ops = 0
    for _ in range(max(1, int(16 * scale))):
        walk_points(150_000)
        assert chain(150_000) == 150_000
        assert accounts(24_000) == 6_000
        ops += 150_000 * 2 + 24_000 * 5
    print("ops", ops)


if __name__ == "__main__":
    main()
