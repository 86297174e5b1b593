#!/usr/bin/env python3
"""examples/pipeline: its answers are those of a plain computation, whatever the threads do; what it holds is bounded, and nothing is
alive at its end.

    pipeline.py PROGRAM"""

import collections
import functools
import pathlib
import random
import re
import subprocess
import sys
import tempfile

from common import ROOT, Wrong, expect, main, run

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
FOLDER = ROOT / 'examples' / 'pipeline'
FIGURES = re.compile(r'''read: [\d.]+ MB in [\d.]+ s, [\d.]+ MB/s; (?P<objects>\d+) objects, [\d.]+ million/s
threads: at most (?P<threads>\d+) attached
collector: (?P<collections>\d+) collections, (?P<collected>\d+) objects were garbage in cycles
stops of the world: (?P<stops>\d+), given up (?P<given_up>\d+); until all stood still [\d.]+ ms at most, then [\d.]+ ms on average
memory: at most (?P<memory>[\d.]+) MB resident
left: 0 objects
''')

# ---------------------------------------------------------------- what it should say


def lines_of(content):
    lines = content.split(b'\n')
    return lines[:-1] if lines[-1] == b'' else lines


def answer(content, field=1, top=5, match=None):
    """Its whole output, the matching lines sorted."""
    lines = lines_of(content)
    records = [re.findall(rb'[^ \t]+', line) for line in lines]
    groups = collections.Counter(record[field - 1] for record in records if len(record) >= field)
    found = [b'line %d: %s' % (number, b' '.join(record)) for number, record in enumerate(records, 1) if match and match in record]
    said = [b'all: %d lines, %d fields, %d bytes in them' % (len(lines), sum(map(len, records)), sum(len(b''.join(r)) for r in records)),
            b'groups by field %d: %d, and %d lines without' % (field, len(groups), sum(len(r) < field for r in records))]
    said += [b'top: %9d  %s' % (count, key) for key, count in sorted(groups.items(), key=lambda item: (-item[1], item[0]))[:top]]
    longest = sorted(range(len(lines)), key=lambda i: (-len(lines[i]), i))[:top]
    said += [b'long: line %d, %d bytes, %d fields' % (i + 1, len(lines[i]), len(records[i])) for i in longest]
    return in_order((b'\n'.join(found + said) + b'\n').decode(errors='replace'))


def in_order(output):
    """Parsers are not in step: the lines that match come in any order, before all others."""
    lines = output.split('\n')
    first = next((i for i, line in enumerate(lines) if line.startswith('all: ')), 0)
    return '\n'.join(sorted(lines[:first]) + lines[first:])


def figures(err):
    found = FIGURES.fullmatch(err)
    if not found:
        raise Wrong(f'stderr: {err}')
    return {key: float(value) for key, value in found.groupdict().items()}


def count(content, *options, conf='', **settings):
    """Run it over the content, compare its answer, and return its figures."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        given = [part for key, value in settings.items() for part in (f'--{key}', value if isinstance(value, int) else value.decode())]
        out, err = run(PROGRAM, *given, *options, file.name, conf=conf)
    expect(in_order(out), answer(content, **settings))
    return figures(err)


@functools.cache
def log(lines):
    return subprocess.run([sys.executable, FOLDER / 'make_log.py', str(lines)], capture_output=True, check=True).stdout


# ---------------------------------------------------------------- cases


def threads(parsers, *options):
    found = count(log(8000), '--parsers', parsers, *options, field=7, match=b'500')
    if not 1 <= found['threads'] <= parsers + 3:
        raise Wrong(f'{found["threads"]} threads were attached')


def sources():
    content = b''.join(path.read_bytes() for path in sorted((ROOT / 'include' / 'ouro').glob('*.h')))
    for settings in ({'field': 1}, {'field': 2, 'top': 40, 'match': b'OURO_API'}, {'field': 1000, 'top': 0}):
        count(content, **settings)


def edges():
    for content in (b'', b'\n', b'\n\n\n', b'one', b'one\n', b' \t one\ttwo \n\nthree four', b'x' * 300000 + b'\n' + b'y' * 300001):
        for chunk in (1, 3, 65536):
            count(content, '--chunk', chunk, '--links')


def random_bytes(seed):
    rng = random.Random(seed)
    few = bytes(rng.choices(b'ab \t\n\0\xff', k=3000))
    count(few, '--chunk', rng.randrange(1, 200), '--parsers', rng.randrange(1, 9), '--room', rng.randrange(1, 4),
          field=rng.randrange(1, 4), top=rng.randrange(20), match=rng.choice([b'a', b'ab', b'bb']))


def shell():
    """The same, as one would ask a shell."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(log(8000))
        file.flush()
        command = "export LC_ALL=C; awk '{print $7}' \"$0\" | sort | uniq -c | sort -k1,1nr -k2,2 | head -n 20"
        wanted = subprocess.run(['sh', '-c', command, file.name], capture_output=True, text=True, check=True).stdout
        out, _ = run(PROGRAM, '--field', 7, '--top', 20, file.name)
    found = ''.join(line.removeprefix('top: ') + '\n' for line in out.splitlines() if line.startswith('top: '))
    expect(' '.join(found.split()), ' '.join(wanted.split()))


def standard_input():
    out, err = run(PROGRAM, '--field', 2, text='a b\nc b\n')
    expect(out, answer(b'a b\nc b\n', field=2))
    figures(err)


def bounded(*options):
    """Four times the file takes no more memory: what is in the pipeline is what its queues have room for."""
    small, large = log(30000), log(30000) * 4
    least, most = count(small, *options, field=7), count(large, *options, field=7)
    if most['memory'] > 1.5 * least['memory'] + 20:
        raise Wrong(f'{most["memory"]} MB for {len(large)} bytes, {least["memory"]} MB for {len(small)}')
    return most


def cycles():
    """Batches and their records hold each other: the collector frees all of them, while the pipeline runs. With one parser, so that it
    does not depend on the machine how much the others make while one collects."""
    found = bounded('--links', '--parsers', 1)
    if found['collected'] < 30000 * 4 or found['collections'] < 2:
        raise Wrong(f'{found}')


def stressed():
    count(log(200), '--links', '--chunk', 1000, '--room', 1, field=7, match=b'404', conf='gc_stress:2')


def fails(message, *arguments, status=1, conf=''):
    """It says what is wrong and nothing else, so nothing is alive; and it ends."""
    _, err = run(PROGRAM, *arguments, status=status, conf=conf)
    expect(err, message, 'stderr')


def no_memory():
    with tempfile.NamedTemporaryFile() as file:
        file.write(log(30000))
        file.flush()
        for megabytes in (2, 4, 8):
            fails('pipeline: out of memory\n', '--chunk', 1 << 20, file.name, conf=f'limit:{megabytes}m')


def one_thread_only():
    with tempfile.NamedTemporaryFile() as file:
        file.write(log(100))
        file.flush()
        fails('pipeline: a second thread was refused\n', '--room', 1, '--chunk', 500, file.name, conf='threads:1')


def no_output():
    """The writer fails, at the end or while all others wait for room in the queues: they end too, and drop what they could not push."""
    for content, options in ((b'', []), (log(8000), ['--match', '200', '--room', '1', '--chunk', '500'])):
        with open('/dev/full', 'w') as full, tempfile.TemporaryFile() as file:
            file.write(content)
            file.seek(0)
            done = subprocess.run([PROGRAM, *options], stdin=file, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        expect(f'{done.returncode} {done.stderr}', '1 pipeline: cannot write\n')


def no_input():
    fails('pipeline: cannot read\n', '/')
    fails('pipeline: /nowhere/at/all: No such file or directory\n', '/nowhere/at/all')


def usage():
    text, _ = run(PROGRAM, '--help')
    for arguments in (['--fast'], ['--parsers'], ['--parsers', '0'], ['--parsers', '257'], ['--top', '-1'], ['--chunk', '1k'], ['a', 'b']):
        fails(text, *arguments, status=2)


def readme():
    """What the README shows is what it prints."""
    text = (FOLDER / 'README.md').read_text()
    shown = re.search(r'^```text\n(all: .*?)^```', text, re.MULTILINE | re.DOTALL)[1]
    expect(shown, answer(log(20000), field=7, top=3))
    count(log(20000), field=7, top=3)


main([
    *[(f'a log, {parsers} parsers', functools.partial(threads, parsers)) for parsers in (1, 4, 16)],
    ('a log, queues of one', functools.partial(threads, 3, '--room', 1, '--chunk', 500)),
    ('a log, records that refer to their batch', functools.partial(threads, 4, '--links')),
    ('C sources', sources),
    ('empty files, empty lines, long lines, no last newline', edges),
    *[(f'bytes that mean nothing, {seed}', functools.partial(random_bytes, seed)) for seed in range(8)],
    ('what a shell says', shell),
    ('standard input', standard_input),
    ('memory is bounded', bounded),
    ('memory is bounded, with cycles', cycles),
    ('collecting and verifying at every safepoint', stressed),
    ('too little memory', no_memory),
    ('a program of one thread', one_thread_only),
    ('nowhere to write to', no_output),
    ('nothing to read from', no_input),
    ('the command line', usage),
    ('the README shows what it prints', readme),
])
