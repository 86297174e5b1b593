#!/usr/bin/env python3
"""Runs the program and memory.py in turns, each thing in a process of its own, and prints one table: bytes and time, and ouro's by
CPython's.

    compare.py PROGRAM [COUNT] [--runs N] [--python PYTHON]"""

import argparse
import pathlib
import statistics
import subprocess
import sys

SCRIPT = pathlib.Path(__file__).with_name('memory.py')
TITLES = {
    'dictionary': 'instances with a dictionary, four attributes',
    'slots': 'instances with slots, four attributes',
    'list': 'a list of ten times as many squares',
    'generator': 'as many squares from a generator, added up',
    'names': 'different names, interned',
    'repeated': 'times one of a thousand names, interned',
}


def figures(*command):
    """(bytes, seconds) of one thing."""
    _, size, spent = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(size), float(spent)


def row(name, ours, theirs):
    """The medians, bytes and time of both, and their quotients, where there is something to divide by."""
    sizes, times = ([statistics.median(run[which] for run in runs) for runs in (ours, theirs)] for which in (0, 1))
    cells = [f'{size / 1e6:.1f}' for size in sizes] + [f'{spent:.3f}' for spent in times]
    cells += [f'{sizes[0] / sizes[1]:.2f}' if sizes[1] > 1e6 else '', f'{times[0] / times[1]:.2f}' if times[1] else '']
    return f'| {TITLES[name]} | ' + ' | '.join(cells) + ' |'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program', type=pathlib.Path)
    parser.add_argument('count', nargs='?', default='1000000')
    parser.add_argument('--runs', type=int, default=3)
    parser.add_argument('--python', default=sys.executable)
    options = parser.parse_args()
    version = subprocess.run([options.python, '--version'], check=True, capture_output=True, text=True).stdout
    name = f'C{version.strip()}'
    print(f'| {int(options.count):,} | ouro, MB | {name}, MB | ouro, s | {name}, s | bytes | time |')
    print('|---|---:|---:|---:|---:|---:|---:|')
    for title in TITLES:
        ours, theirs = [], []
        for _ in range(options.runs):
            ours.append(figures(options.program.resolve(), options.count, title))
            theirs.append(figures(options.python, SCRIPT, options.count, title))
        print(row(title, ours, theirs), flush=True)


if __name__ == '__main__':
    main()
