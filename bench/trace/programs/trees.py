"""Trees of objects with __slots__ and of dicts, built, searched, copied and dropped.

Argument: scale (1 takes about a second)."""
import random
import sys


class Node:
    __slots__ = ("key", "value", "left", "right")

    def __init__(self, key, value):
        self.key, self.value, self.left, self.right = key, value, None, None


def insert(root, key, value):
    if root is None:
        return Node(key, value)
    at = root
    while True:
        side = "left" if key < at.key else "right"
        below = getattr(at, side)
        if below is None:
            setattr(at, side, Node(key, value))
            return root
        at = below


def in_order(node):
    stack = []
    while stack or node:
        while node:
            stack.append(node)
            node = node.left
        node = stack.pop()
        yield node.key
        node = node.right


def nested(depth, width):
    if depth == 0:
        return {"leaf": width}
    return {f"{depth}-{branch}": nested(depth - 1, width) for branch in range(width)}


def copied(tree):
    return {key: copied(value) if isinstance(value, dict) else value for key, value in tree.items()}


def leaves(tree):
    return sum(leaves(value) if isinstance(value, dict) else 1 for value in tree.values())


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    rng = random.Random(13)
    for _ in range(max(1, int(36 * scale))):
        root = None
        keys = [rng.random() for _ in range(6000)]
        for key in keys:
            root = insert(root, key, [key])
        assert list(in_order(root)) == sorted(keys)
        tree = nested(6, 5)
        assert leaves(copied(tree)) == 5 ** 6


if __name__ == "__main__":
    main()
