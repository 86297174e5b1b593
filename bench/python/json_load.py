"""A large JSON file is loaded, looked at, and dropped.

Arguments: the file, how many times."""
import json
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    records = 0
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 1):
        data = json.loads(text)
        assert data[0]["id"] == 0 and data[-1]["id"] == len(data) - 1
        records += len(data)
        del data
    print("ops", records)


if __name__ == "__main__":
    main()
