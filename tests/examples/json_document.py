#!/usr/bin/env python3
"""examples/json: what it counts is what Python counts; what is not JSON is refused; nothing stays.

    json_document.py PROGRAM"""

import json
import pathlib
import random
import sys
import tempfile

from common import Wrong, expect, main, run

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
TYPES = {dict: 'dict', list: 'list', str: 'str', int: 'int', float: 'float', bool: 'bool', type(None): 'none'}


def loaded(data, **options):
    """(stdout, stderr) for a document given as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'in.json'
        path.write_bytes(data)
        out, err = run(PROGRAM, path, **options)
        return out, err.replace(str(path), 'in.json')


def counted(document):
    """What the program must print."""
    types, depths, strings = dict.fromkeys(TYPES.values(), 0), {}, []
    waiting = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        types[TYPES[type(value)]] += 1
        depths[depth] = depths.get(depth, 0) + 1
        strings += [value] if isinstance(value, str) else []
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [(item, depth + 1) for item in reversed(list(items))]
    lines = [f'{name:6} {count:12}' for name, count in types.items()]
    lines += [f'depth {depth:<3} {depths[depth]:9}' for depth in sorted(depths)]
    strings.sort(key=len, reverse=True)
    lines += [f'{len(text)} code points: {text}' for text in strings[:5]]
    return '\n'.join(lines + ['left: 0 objects', ''])


def counts():
    rng = random.Random(1)
    document = [{'id': i, 'name': f'n{i}é' * rng.randrange(3), 'tags': ['x'] * rng.randrange(4), 'price': i / 7, 'in': i % 2 == 0,
                 'of': None, 'inner': {'deep': [[i]]}} for i in range(3000)]
    out, err = loaded(json.dumps(document, ensure_ascii=False).encode())
    expect(out, counted(document))
    expect(' '.join(line.split()[0] for line in err.splitlines()), 'load walk drop', 'steps')


def refusals():
    _, err = loaded(b'[1,\n 2,\n x]', status=1)
    expect(err, 'in.json:3:2: invalid char in json text\n', 'stderr')
    out, err = run(PROGRAM, '/nowhere/at/all', status=1)
    expect(err, '/nowhere/at/all: No such file or directory\n', 'stderr')
    expect(out, 'left: 0 objects\n')
    _, err = run(PROGRAM, status=2)
    expect(err, 'usage: json FILE\n', 'stderr')


def deep():
    """9,999 lists within each other, on a small stack."""
    out, _ = loaded(b'[' * 9999 + b']' * 9999, stack_kib=256)
    if f'list   {9999:12}' not in out or 'left: 0 objects' not in out:
        raise Wrong(out)


def no_memory():
    out, err = loaded(b'[' + b'{"key": [1000000, 1.5, "text"]},' * 200000 + b'0]', conf='limit:24m', status=1)
    if 'memory' not in err:
        raise Wrong(err)
    expect(out, 'left: 0 objects\n')


main([
    ('what is counted is what Python counts', counts),
    ('what is not JSON, and what is no file, is refused', refusals),
    ('depth', deep),
    ('memory ends', no_memory),
])
