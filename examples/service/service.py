#!/usr/bin/env python3
"""A small service that answers questions about Debian packages, with a burst of sessions and a quiet time after it.

It reads package descriptions as `apt-cache dumpavail` prints them, and keeps an index of them all. Each session then parses its
share of the descriptions, into fields, dependencies and words, to answer one question: what do the packages of this share need
most? During the burst, sessions pile up, as they do when clients are slow to come back. Then they end: the service keeps each
session's answer, and one session in forty in full, for clients that may return; it lets the others go, and idles.

This is the pattern after which a Python process stays large: what is kept was made between what is dropped, and so lies between
it in memory. It prints its resident memory at each step; with --json, as one line of JSON at the end."""

import argparse
import collections
import json
import re
import sys
import time

KEPT_ONE_IN = 40
PACKAGES_EACH = 250
WORD = re.compile(r'[a-z][a-z0-9+.-]{2,}')
DEPENDENCY = re.compile(r'\s*([^\s(|,]+)\s*(?:\(([^)]*)\))?')


def memory_now():
    """Resident memory and its peak so far, in bytes."""
    with open('/proc/self/status') as status:
        fields = dict(line.split(':', 1) for line in status)
    return int(fields['VmRSS'].split()[0]) * 1024, int(fields['VmHWM'].split()[0]) * 1024


def parse_fields(stanza):
    """A package's description to a dict of its fields; continuation lines begin with a space."""
    fields, name = {}, None
    for line in stanza.split('\n'):
        if line[:1] == ' ' and name:
            fields[name] += '\n' + line[1:]
        else:
            name, _, value = line.partition(': ')
            fields[name] = value
    return fields


def parse_dependencies(text):
    """`libc6 (>= 2.34), zlib1g` to a list of (name, versions)."""
    return [(match[1], match[2]) for match in map(DEPENDENCY.match, text.split(',')) if match]


class Session:
    """What one client's question takes to answer."""

    def __init__(self, stanzas):
        self.packages = [parse_fields(stanza) for stanza in stanzas]
        self.needs = {}
        self.words = {}
        for package in self.packages:
            name = package.get('Package', '')
            for other, _ in parse_dependencies(package.get('Depends', '')):
                self.needs.setdefault(other, []).append(name)
            self.words[name] = WORD.findall(package.get('Description', '').lower() + ' ' + package.get('Tag', ''))

    def answer(self):
        counts = collections.Counter({name: len(users) for name, users in self.needs.items()})
        return [(name, count) for name, count in counts.most_common(10)]


class Service:
    def __init__(self, path):
        """Index the file: where each package's description begins, and how long it is."""
        self.file = open(path, 'rb')
        self.index = {}
        self.places = []
        at, name = 0, b''
        for line in self.file:
            if line.startswith(b'Package: '):
                begin, name = at, line[9:].strip().decode()
            at += len(line)
            if line == b'\n' and name:
                self.index[name] = len(self.places)
                self.places.append((begin, at - begin - 1))
                name = b''
        self.answers = {}
        self.kept = {}

    def description(self, number):
        begin, length = self.places[number % len(self.places)]
        self.file.seek(begin)
        return self.file.read(length).decode(errors='replace').rstrip('\n')

    def burst(self, count):
        """Open `count` sessions, one after the other; then end them."""
        sessions = []
        for number in range(count):
            first = number * PACKAGES_EACH
            session = Session([self.description(first + i) for i in range(PACKAGES_EACH)])
            self.answers[number] = session.answer()
            sessions.append(session)
        self.kept = {number: session for number, session in enumerate(sessions) if number % KEPT_ONE_IN == 0}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('input', help='package descriptions, as apt-cache dumpavail prints them')
    parser.add_argument('--sessions', type=int, default=500, metavar='N', help='how many sessions the burst has (500)')
    parser.add_argument('--idle', type=float, default=2.0, metavar='SECONDS', help='how long it idles after the burst (2)')
    parser.add_argument('--json', action='store_true', help='print the figures as JSON')
    options = parser.parse_args()

    began, cpu_began = time.perf_counter(), time.process_time()
    service = Service(options.input)
    figures = {'base': memory_now()[0]}
    service.burst(options.sessions)
    figures['seconds'] = time.perf_counter() - began
    figures['cpu_seconds'] = time.process_time() - cpu_began
    figures['after_burst'] = memory_now()[0]
    time.sleep(options.idle)
    figures['after_idle'], figures['peak'] = memory_now()

    if options.json:
        print(json.dumps(figures))
    else:
        print(f'{len(service.index):,} packages, {options.sessions:,} sessions, {len(service.kept):,} kept in full')
        for name in ('base', 'peak', 'after_burst', 'after_idle'):
            print(f'{name.replace("_", " "):12} {figures[name] / 1e6:8.1f} MB')
        print(f'{"time":12} {figures["seconds"]:8.2f} s')


if __name__ == '__main__':
    sys.exit(main())
