"""A service that answers requests: each is parsed, a session is looked up or made, an answer is rendered, and old sessions
leave a cache of bounded size.

Argument: scale (1 takes about a second)."""
import json
import random
import sys
from collections import OrderedDict

CACHE = 3000


class Session:
    def __init__(self, user):
        self.user = user
        self.seen = []
        self.basket = {}
        self.notes = {}

    def visit(self, path, amount):
        self.seen.append(path)
        if len(self.seen) > 20:
            del self.seen[:10]
        self.basket[path] = self.basket.get(path, 0) + amount


class Service:
    def __init__(self):
        self.sessions = OrderedDict()

    def session(self, user):
        session = self.sessions.pop(user, None) or Session(user)
        self.sessions[user] = session
        if len(self.sessions) > CACHE:
            self.sessions.popitem(last=False)
        return session

    def answer(self, line):
        method, target, _ = line.split(" ")
        path, _, query = target.partition("?")
        fields = dict(pair.split("=") for pair in query.split("&"))
        session = self.session(fields["user"])
        session.visit(path, int(fields["amount"]))
        body = json.loads(fields["body"].replace("~", '"'))
        session.notes.update(body)
        page = {"user": session.user, "method": method, "basket": session.basket, "seen": session.seen[-5:]}
        return json.dumps(page)


def requests(count, rng):
    for i in range(count):
        user = int(rng.expovariate(1 / 2500))
        yield (f"GET /shop/item{rng.randrange(200)}?user=u{user}&amount={i % 9}"
               f"&body={{~step~:{i},~text~:~{'y' * (i % 70)}~,~list~:[1,2,{i}]}} HTTP/1.1")


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    service = Service()
    sent = 0
    count = max(1000, int(180_000 * scale))
    for line in requests(count, random.Random(1)):
        sent += len(service.answer(line))
    assert len(service.sessions) <= CACHE and sent > 0
    print("ops", count)


if __name__ == "__main__":
    main()
