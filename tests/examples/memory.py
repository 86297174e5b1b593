#!/usr/bin/env python3
"""examples/memory: six things are made and measured, nothing stays; the table has a row for each.

    memory.py PROGRAM"""

import pathlib
import sys

from common import ROOT, Wrong, expect, main, run

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
FOLDER = ROOT / 'examples' / 'memory'
NAMES = ['dictionary', 'slots', 'list', 'generator', 'names', 'repeated']


def measured(count):
    """{name: bytes}"""
    out, err = run(PROGRAM, count)
    expect(err, '', 'stderr')
    rows = [line.split() for line in out.splitlines()]
    expect(' '.join(row[0] for row in rows), ' '.join(NAMES), 'names')
    return {name: int(size) for name, size, _ in rows}


def few():
    measured(1)
    measured(1000)


def compared():
    """Rough bounds, which no build's padding breaks."""
    found = measured(100000)
    if not found['slots'] < found['dictionary']:
        raise Wrong(f'slots take {found["slots"]}, a dictionary {found["dictionary"]}')
    if not found['generator'] * 10 < found['list']:
        raise Wrong(f'a generator takes {found["generator"]}, a list {found["list"]}')
    if not found['repeated'] * 3 < found['names']:
        raise Wrong(f'repeated names take {found["repeated"]}, others {found["names"]}')


def table():
    out, _ = run(sys.executable, FOLDER / 'compare.py', PROGRAM, 2000, '--runs', 1)
    lines = out.splitlines()
    if len(lines) != 2 + len(NAMES) or not lines[0].startswith('| 2,000 | ouro, MB | CPython'):
        raise Wrong(out)


def no_memory():
    _, err = run(PROGRAM, 1000000, conf='limit:16m', status=1)
    expect(err, 'dictionary: OURO_ENOMEM\n', 'stderr')


main([
    ('few of each', few),
    ('what takes less than what', compared),
    ('beside Python', table),
    ('memory ends', no_memory),
])
