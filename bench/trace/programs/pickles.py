"""Objects are pickled and read again, in both the newest and the textual protocol, and copied deeply.

Argument: scale (1 takes about a second)."""
import copy
import pickle
import sys
from dataclasses import dataclass, field


@dataclass
class Part:
    name: str
    size: tuple
    price: float


@dataclass
class Machine:
    number: int
    parts: list = field(default_factory=list)
    labels: dict = field(default_factory=dict)


def machines(count):
    made = [Machine(i, [Part(f"part {i}-{j}", (i, j, i * j), i / (j + 1)) for j in range(i % 6)],
                    {f"label{j}": str(i) for j in range(4)}) for i in range(count)]
    for before, machine in zip(made, made[1:]):
        machine.labels["before"] = before.number
    return made


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    for turn in range(max(1, int(10 * scale))):
        made = machines(5000)
        read = pickle.loads(pickle.dumps(made, pickle.HIGHEST_PROTOCOL))
        assert read == made
        old = pickle.loads(pickle.dumps(made[:400], 0))
        twin = copy.deepcopy(made[turn:turn + 400])
        assert old[-1] == made[399] and twin[0] == made[turn] and twin[0] is not made[turn]


if __name__ == "__main__":
    main()
