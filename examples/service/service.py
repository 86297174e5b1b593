#!/usr/bin/env python3
"""A small service with a burst of sessions and a quiet time after it.

Sessions pile up, as they do when clients are slow to come back: each has a token, a page that was looked at last, and a basket. Then
all of them end. What the service keeps is little: of one session in so many, the token and the page, for clients that may return.

This is the pattern after which a Python process stays large: what is kept was made between what is dropped, and so lies between it in
memory. It prints its resident memory at each step; with --json, as one line of JSON at the end."""

import argparse
import json
import sys
import time


def memory_now():
    """Resident memory and its peak so far, in bytes."""
    with open('/proc/self/status') as status:
        fields = dict(line.split(':', 1) for line in status)
    return int(fields['VmRSS'].split()[0]) * 1024, int(fields['VmHWM'].split()[0]) * 1024


class Session:
    def __init__(self, number):
        self.token = f'{number * 2654435761 % 2**128:032x}'
        self.page = f'/articles/{number}'
        self.basket = {'owner': number, 'articles': [f'article {number + i}' for i in range(number % 4)]}
        self.picture = bytearray(number % 300)


class Service:
    def __init__(self):
        self.recent = {}

    def burst(self, count, kept):
        """Open `count` sessions, and end them all; returns how many bytes were resident in between."""
        sessions = [Session(number) for number in range(count)]
        for session in sessions[::count // kept]:
            self.recent[session.token] = session.page
        return memory_now()[0]


SERVICE = Service()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--sessions', type=int, default=300_000, metavar='N', help='how many sessions the burst has (300000)')
    parser.add_argument('--kept', type=int, default=750, metavar='N', help='of how many the token and the page are kept (750)')
    parser.add_argument('--idle', type=float, default=1.5, metavar='SECONDS', help='how long it idles after the burst (1.5)')
    parser.add_argument('--json', action='store_true', help='print the figures as JSON')
    options = parser.parse_args()
    if not 1 <= options.kept <= options.sessions:
        parser.error('--kept is at least 1, and at most --sessions')

    began = time.perf_counter()
    figures = {'base': memory_now()[0]}
    figures['burst'] = SERVICE.burst(options.sessions, options.kept)
    figures['seconds'] = time.perf_counter() - began
    time.sleep(options.idle)
    figures['after_idle'], figures['peak'] = memory_now()

    if options.json:
        print(json.dumps(figures))
    else:
        print(f'{options.sessions:,} sessions, of {len(SERVICE.recent):,} the token and the page are kept')
        for name in ('base', 'burst', 'after_idle'):
            print(f'{name.replace("_", " "):12} {figures[name] / 1e6:8.1f} MB')
        print(f'{"time":12} {figures["seconds"]:8.2f} s')


if __name__ == '__main__':
    sys.exit(main())
