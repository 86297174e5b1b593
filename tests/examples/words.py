#!/usr/bin/env python3
"""examples/words: its answers are those of a plain computation; memory does not grow with the file; nothing is alive at its end, however it
ends.

    words.py PROGRAM"""

import collections
import pathlib
import random
import re
import subprocess
import sys
import tempfile

from common import ROOT, Wrong, expect, main, run

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
WORD = re.compile(rb"[a-zA-Z0-9\x80-\xff](?:[a-zA-Z0-9\x80-\xff]|'(?=[a-zA-Z0-9\x80-\xff]))*")


def answer(content):
    counts = collections.Counter()
    for word in WORD.findall(content):
        text = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in word).decode()
        if len(text) >= 4:
            counts[text] += 1
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]
    return f'{len(counts)} words, of 4 letters or more\n' + ''.join(f'{count:7d}  {word}\n' for word, count in top)


def count(*contents, conf=''):
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for content in contents:
            paths.append(pathlib.Path(folder) / f'{len(paths)}.txt')
            paths[-1].write_bytes(content)
        out, err = run(PROGRAM, *paths, conf=conf)
    expect(out, answer(b'\n'.join(contents)))
    expect(err, '', 'stderr')


def headers():
    count(*(path.read_bytes() for path in sorted((ROOT / 'include' / 'ouro').glob('*.h'))))


def edges():
    for content in (b'', b'\n', b'word', b"don't 'quoted' it''s rock'n'roll'\n'", 'Größe größe naïve\r\nÄÖÜß\r\n'.encode(), b'a' * 200000 + b' ' + b'a' * 200000):
        count(content)


def random_texts():
    rng = random.Random(5)
    for _ in range(10):
        count(bytes(rng.choices(b"abcdABCD'' \n\0", k=5000)))


def stressed():
    count((ROOT / 'README.md').read_bytes()[:3000], conf='gc_stress:2')


def standard_input():
    out, err = run(PROGRAM, text='three three word\n')
    expect(out + err, answer(b'three three word'))


def memory_is_flat():
    """Forty times the file, the same words: no more than its own noise."""
    peaks = []
    for times in (1, 40):
        with tempfile.NamedTemporaryFile() as file:
            file.write((b'some words of a line that is written again and again\n' * 10000) * times)
            file.flush()
            code = ('import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); '
                    'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)')
            peaks.append(int(subprocess.run([sys.executable, '-c', code, PROGRAM, file.name], capture_output=True, check=True).stdout))
    if peaks[1] > peaks[0] + 1024:
        raise Wrong(f'{peaks} KiB')


def fails():
    with tempfile.TemporaryDirectory() as folder:
        good, bad = pathlib.Path(folder) / 'good', pathlib.Path(folder) / 'bad'
        good.write_text('some words\n' * 100000)
        bad.write_bytes(b'some words\nand \xff\n')
        for arguments, message in (([good, bad], 'words: the text is not UTF-8\n'),
                                   ([good, '/nowhere/at/all'], '/nowhere/at/all: No such file or directory\nwords: a system call failed\n'),
                                   ([good, '/'], 'words: a system call failed\n')):
            out, err = run(PROGRAM, *arguments, status=1)
            expect(out, '')
            if 'nowhere' in message or 'UTF' in message:
                expect(err.splitlines()[0].split(':')[0], message.splitlines()[0].split(':')[0])
        many = pathlib.Path(folder) / 'many'
        many.write_text(' '.join(f'word{i}' for i in range(300000)))
        for limit in ('1m', '2m', '4m'):
            _, err = run(PROGRAM, many, status=1, conf=f'limit:{limit}')
            expect(err, 'words: ' + run_strerror() + '\n', 'stderr')


def run_strerror():
    text = (ROOT / 'src' / 'base' / 'error.c').read_text()
    return re.search(r'"OURO_ENOMEM", "([^"]+)"', text)[1]


main([
    ('the headers', headers),
    ('empty files, apostrophes, what is not ASCII, long words', edges),
    ('random texts', random_texts),
    ('collecting at every safepoint', stressed),
    ('standard input', standard_input),
    ('memory is flat', memory_is_flat),
    ('what cannot be read, no memory', fails),
])
