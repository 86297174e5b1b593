#!/usr/bin/env python3
"""Writes a document of records like those that services exchange.

    document.py RECORDS FILE        400,000 records are about 100 MB; the same each time"""
import json
import random
import sys


def record(number, random_):
    return {"id": number, "name": f"user {random_.randrange(10 ** 6)}", "email": f"u{number}@example.org", "score": random_.random() * 100,
            "active": number % 2 == 1, "tags": [f"tag{random_.randrange(50)}" for _ in range(3)],
            "address": {"street": f"{random_.randrange(1000)} Main Street", "city": random_.choice(["Bern", "Paris", "Oslo"]),
                        "zip": str(random_.randrange(10 ** 5))},
            "parent": None, "balance": random_.randrange(10 ** 7)}


def main():
    random_ = random.Random(1)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write("[")
        for number in range(int(sys.argv[1])):
            file.write((", " if number else "") + json.dumps(record(number, random_)))
        file.write("]")


if __name__ == "__main__":
    main()
