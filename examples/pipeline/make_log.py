#!/usr/bin/env python3
"""Writes a log as a web server would: the same for the same number of lines.

    make_log.py [LINES] > access.log        2,000,000 lines are about 260 MB"""

import itertools
import random
import sys

PATHS = ['/', '/index.html', '/style.css', '/app.js', '/favicon.ico', '/login', '/search?q=snake', '/api/items', '/robots.txt']
AGENTS = ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'curl/7.88.1', 'Wget/1.21.3',
          'Mozilla/5.0 (compatible; Crawler/2.1; +http://crawler.example/)']
STATUSES = [200] * 90 + [304] * 5 + [404] * 3 + [500, 503]


def lines():
    rng = random.Random(5)
    for number in itertools.count():
        second = number // 40
        when = f'{1 + second // 86400 % 28:02}/Nov/2025:{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}'
        low = int(2000 * rng.random() ** 3)
        path = rng.choice(PATHS) if rng.random() < 0.6 else f'/items/{int(20000 * rng.random() ** 2)}'
        yield (f'10.{low // 250}.7.{low % 250} - - [{when} +0000] "{"POST" if path == "/login" else "GET"} {path} HTTP/1.1" '
               f'{rng.choice(STATUSES)} {int(rng.expovariate(1 / 9000))} "-" "{rng.choice(AGENTS)}"\n')


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    try:
        sys.stdout.writelines(itertools.islice(lines(), count))
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()


main()
