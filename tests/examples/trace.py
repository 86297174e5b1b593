#!/usr/bin/env python3
"""examples/trace: the program that traces itself names its lines, and counts what it knows that it allocates.

    trace.py PROGRAM"""

import pathlib
import re
import sys
import tempfile

from common import ROOT, Wrong, expect, main, run

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
SOURCE = (ROOT / 'examples' / 'trace' / 'main.c').read_text().splitlines()
HEAD = 32  # bytes of a word before its text
LINE = re.compile(r' *(\d+) bytes +(\d+) blocks  .*main\.c:(\d+)  (\w+)')


def index(text):
    """What the program writes: (when, live bytes, peak, {function: (bytes, blocks)}) of both times."""
    with tempfile.NamedTemporaryFile('w') as file:
        file.write(text)
        file.flush()
        output, _ = run(PROGRAM, file.name)
    found = []
    for line in output.splitlines():
        if match := LINE.fullmatch(line):
            number = int(match[3])
            if 'ouro_' not in SOURCE[number - 1]:
                raise Wrong(f'line {number} allocates nothing: {SOURCE[number - 1]}')
            found[-1][3][match[4]] = (int(match[1]), int(match[2]))
        else:
            when, live, peak = re.fullmatch(r'(.*): (\d+) bytes, at most (\d+)', line).groups()
            found.append((when, int(live), int(peak), {}))
    return found


def names_its_lines():
    words = ['a', 'bb', 'ccc'] * 3 + ['alone']
    (_, live, peak, lines), (_, later, _, rest) = index(' '.join(words) + '\n')
    made = sum(HEAD + len(word) + 1 for word in set(words))
    expect(str(lines), str({'find_or_make': (made, 4), 'add': (4 * 16, 4)}), 'the lines')
    expect(str(rest), str({'find_or_make': (made - HEAD - 6, 3), 'add': (3 * 16, 3)}), 'the lines that are left')
    expect(f'{live} {later}', f'{made + 64} {made + 48 - HEAD - 6}', 'what is live')
    if peak < live:
        raise Wrong(f'a peak of {peak}, with {live} live')


def places_grow():
    _, (_, _, _, lines) = index('same ' * 100)
    expect(str(lines), str({'add': (128 * 4, 1), 'find_or_make': (HEAD + 5, 1)}), 'the lines')


def nothing():
    for _, live, _, lines in index(''):
        if live or lines:
            raise Wrong(f'{live} bytes live, {lines}')


def readme():
    """What the README shows is what it prints."""
    text = (ROOT / 'examples' / 'trace' / 'README.md').read_text()
    shown = re.search(r'^```text\n(.*?)^```', text, re.MULTILINE | re.DOTALL)[1]
    output, _ = run(PROGRAM, ROOT / 'LICENSE')
    expect(re.sub(r'  \S*main\.c', '  main.c', output), shown)


main([
    ('it names its lines, and counts what they made', names_its_lines),
    ('a block that grows is at the line that made it grow', places_grow),
    ('without words nothing is live', nothing),
    ('the README shows what it prints', readme),
])
