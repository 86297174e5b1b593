"""So many blocks live at the same time: says what the process has resident then, and what tracemalloc has for itself; then it
ends at once.

Argument: blocks."""
import os
import sys
import tracemalloc


def fill(held, count):
    """Five lines; the list has its room already."""
    for i in range(0, count, 5):
        held[i] = bytes(15)
        held[i + 1] = bytes(47)
        held[i + 2] = bytes(95)
        held[i + 3] = bytes(223)
        held[i + 4] = bytes(479)


def resident():
    with open("/proc/self/statm", "rb", buffering=0) as file:
        return int(file.read(128).split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main():
    count = int(sys.argv[1]) // 5 * 5
    held = [None] * count
    fill(held, count)
    print("resident", resident())
    print("tracemalloc", tracemalloc.get_tracemalloc_memory())
    print("blocks", len(held), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
