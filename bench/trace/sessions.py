"""A service in which many sessions are open at once; then all are dropped but one in so many, which a cache keeps. What the
cache keeps was made in two lines; both say so.

Arguments: sessions, how many the cache keeps."""
import gc
import sys


class Session:
    __slots__ = ("token", "basket", "visits")

    def __init__(self, number):
        self.token = f"{number:032}"  # guilty
        self.basket = {"number": number, "items": [f"item {number}"]}
        self.visits = bytearray(number % 300)

    def rest(self):
        """What a session that nobody uses has no need of."""
        self.basket = self.visits = None
        return self


def opened(number):
    return Session(number)  # guilty


def main():
    count, keep = int(sys.argv[1]), int(sys.argv[2])
    cache = [None] * keep
    sessions = [opened(number) for number in range(count)]
    for place in range(keep):
        cache[place] = sessions[place * (count // keep)].rest()
    del sessions
    gc.collect()  # also of dicts and lists that the interpreter keeps for the next
    assert len({session.token for session in cache}) == keep
    return cache


if __name__ == "__main__":
    CACHE = main()
