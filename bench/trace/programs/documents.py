"""JSON documents are made, written, read again, changed and compared.

Argument: scale (1 takes about a second)."""
import json
import random
import sys


def document(number, rng):
    return {"id": number, "name": f"customer {rng.randrange(10 ** 6)}", "rate": rng.random(), "active": number % 3 == 0,
            "tags": [f"tag{rng.randrange(300)}" for _ in range(rng.randrange(6))],
            "address": {"street": f"street {rng.randrange(900)}", "zip": f"{rng.randrange(10 ** 5):05}",
                        "at": [rng.random(), rng.random()]},
            "orders": [{"item": rng.randrange(10 ** 4), "count": rng.randrange(9), "note": "n" * rng.randrange(40)}
                       for _ in range(rng.randrange(5))]}


def total(documents):
    return sum(order["count"] for each in documents for order in each["orders"])


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    rng = random.Random(11)
    documents = [document(number, rng) for number in range(4000)]
    expected = total(documents)
    for turn in range(max(1, int(14 * scale))):
        text = json.dumps(documents, indent=2 if turn % 4 == 0 else None)
        read = json.loads(text)
        assert total(read) == expected and read[turn] == documents[turn]
        for each in read:
            each["rate"] *= 2
        lines = [json.dumps(each, sort_keys=True) for each in read]
        assert json.loads(lines[-1])["id"] == len(documents) - 1


if __name__ == "__main__":
    main()
