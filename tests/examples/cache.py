#!/usr/bin/env python3
"""examples/cache: readers get the right pages, through both caches, each made once as long as somebody holds it; and nothing stays.

    cache.py PROGRAM"""

import functools
import pathlib
import re
import sys
import tempfile
import zlib

from common import ROOT, Wrong, expect, main, run

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
FOLDER = ROOT / 'examples' / 'cache'
KINDS = ['weak values', 'striped table']
ROUND = re.compile(r' *(.*), (cold|warm): +\d+ lookups/s; (\d+) found, (\d+) made, (\d+) waited for; (\d+) entries left')
FEW = sorted((ROOT / 'examples' / 'lisp' / 'tests').glob('*.lisp'))
MASK = (1 << 64) - 1

# ---------------------------------------------------------------- what it should say


@functools.cache
def page(path):
    """(Adler-32 of the page, the lengths of its lines)"""
    lines = path.read_bytes().split(b'\n')
    if lines[-1] == b'':
        lines.pop()
    escaped = [line.replace(b'&', b'&amp;').replace(b'<', b'&lt;').replace(b'>', b'&gt;').replace(b'"', b'&quot;') for line in lines]
    rendered = [b'<a id="%d">%d</a> %s' % (number, number, line) for number, line in enumerate(escaped, 1)]
    return zlib.adler32(b''.join(rendered)), [len(line) for line in rendered]


def requests(thread, count, below):
    """(page, random number) for each request of a thread."""
    state = (2 * thread + 1) * 0x9e3779b97f4a7c15 & MASK
    for _ in range(count):
        state ^= state << 13 & MASK
        state ^= state >> 7
        state ^= state << 17 & MASK
        yield ((state >> 32) ** 2 >> 32) * below >> 32, state


def sum_of(files, threads, count):
    total = 0
    for thread in range(threads):
        for index, number in requests(thread, count, len(files)):
            adler, lengths = page(files[index])
            total += adler + (lengths[(number & 0xffff) % len(lengths)] if lengths else 0)
    return total & MASK


# ---------------------------------------------------------------- cases


def rounds(err):
    """{(kind, when): (found, made, waited, left)}; nothing else was said, but that no object is alive."""
    *lines, last = err.splitlines()
    expect(last, 'left: 0 objects', 'the last line')
    found = [ROUND.fullmatch(line) for line in lines]
    if None in found:
        raise Wrong(err)
    return {(match[1], match[2]): tuple(map(int, match.groups()[2:])) for match in found}


def read(files, threads=4, count=1500, hold=16, conf=''):
    out, err = run(PROGRAM, '--threads', threads, '--requests', count, '--hold', hold, *files, conf=conf)
    total = sum_of(files, threads, count)
    expect(out, ''.join(f'{kind}, {when}: sum {total}\n' for kind in KINDS for when in ('cold', 'warm')))
    said = rounds(err)
    expect(str(sorted(said)), str(sorted((kind, when) for kind in KINDS for when in ('cold', 'warm'))), 'the rounds')
    for (kind, when), (found, made, waited, left) in said.items():
        if found + made + waited != threads * count:
            raise Wrong(f'{kind}, {when}: {found} + {made} + {waited} lookups')
        if when == 'cold' and left:
            raise Wrong(f'{kind}: {left} entries are left')
        if when == 'warm' and (found != threads * count or left != len(set(files))):
            raise Wrong(f'{kind}: {made + waited} were not found, of {left}')
    return said


def one_thread():
    """Then it is known how often a page is made: when it is asked for, and not among the last ones."""
    for hold in (1, 3, 8, 2000):
        held, wanted = [None] * hold, 0
        for at, (index, _) in enumerate(requests(0, 1500, len(FEW))):
            wanted += index not in held
            held[at % hold] = index
        for (kind, when), (_, made, waited, _) in read(FEW, threads=1, hold=hold).items():
            if when == 'cold':
                expect(f'{kind}: {made} {waited}', f'{kind}: {wanted} 0', 'pages made')


def one_page():
    """All ask for the same large page at once: one makes it, and the others wait for that. (Another makes it once more where all who
    had it have ended before.)"""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b'a line <of> some "length"\n' * 40000)
        file.flush()
        for (kind, when), (_, made, waited, _) in read([pathlib.Path(file.name)], threads=16, count=1000, hold=8).items():
            if when == 'cold' and not (1 <= made <= 8 and waited):
                raise Wrong(f'{kind}: it was made {made} times, and waited for {waited} times')


def sources():
    files = sorted((ROOT / 'include' / 'ouro').glob('*.h')) + sorted((ROOT / 'src' / 'heap').glob('*.c'))
    read(files, threads=8, count=400)


def odd_files():
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, content in enumerate([b'', b'\n', b'no newline', b'\0\xff<&>"\n\n', b'x' * 100000, b'\n' * 5000]):
            files.append(pathlib.Path(folder) / str(number))
            files[-1].write_bytes(content)
        read(files, threads=3, hold=1)


def fails(message, *arguments, status=1, conf=''):
    """It says what is wrong and nothing else: nothing is alive."""
    _, err = run(PROGRAM, *arguments, status=status, conf=conf)
    expect(err, message, 'stderr')


def no_memory():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b'word\n' * 200000)
        file.flush()
        for megabytes in (2, 4, 8):
            fails('cache: Cannot allocate memory\n', file.name, *FEW, conf=f'limit:{megabytes}m')


def one_thread_only():
    fails('cache: Operation not permitted\n', *FEW, conf='threads:1')


def usage():
    text, _ = run(PROGRAM, '--help')
    for arguments in ([], ['--fast', 'a'], ['--threads'], ['--threads', '0', 'a'], ['--threads', '257', 'a'], ['--hold', '1k', 'a'],
                      ['--requests', '-1', 'a'], ['--threads', '2']):
        fails(text, *arguments, status=2)


def readme():
    """What the README shows has the shape of what it prints."""
    def shape(text):
        return re.sub(r' *\d+', ' N', text)

    text = (FOLDER / 'README.md').read_text()
    shown = re.search(r'^```text\n(weak values, .*?)^```', text, re.MULTILINE | re.DOTALL)[1]
    out, err = run(PROGRAM, '--requests', 100, *FEW)
    expect(shape(out + err), shape(shown))


main([
    *[(f'{threads} threads', functools.partial(read, FEW, threads)) for threads in (2, 4, 16)],
    ('nothing is held but what is just read', functools.partial(read, FEW, 4, 1000, 1)),
    ('one thread makes what it does not hold', one_thread),
    ('one page', one_page),
    ('C sources', sources),
    ('empty files, long lines, bytes that mean nothing', odd_files),
    ('collecting and verifying at every safepoint', functools.partial(read, FEW[:3], 3, 20, 2, 'gc_stress:2')),
    ('a file that is not there', functools.partial(fails, 'cache: No such file or directory\n', '/nowhere/at/all')),
    ('too little memory', no_memory),
    ('a program of one thread', one_thread_only),
    ('the command line', usage),
    ('the README shows what it prints', readme),
])
