#!/usr/bin/env python3
"""JSON beside Python's json: random documents read and written the same, damaged ones refused by both.

    documents.py TEST_VALUES_JSON

OURO_TEST_SCALE and OURO_TEST_SEED change how many there are, and which. Prints TAP. What the two do not agree on is known: NaN and
Infinity, surrogates without their other half, ints of very many digits."""

import json
import os
import random
import subprocess
import sys

SCALE = float(os.environ.get('OURO_TEST_SCALE', '1'))
SEED = int(os.environ.get('OURO_TEST_SEED', '1'))
SORT_KEYS, ASCII, ALLOW_NAN = 1, 2, 4
POINTS = ['a', 'key', ' ', '"', '\\', '/', '\b', '\f', '\n', '\r', '\t', '\0', '\x1f', '\x7f', 'é', '€', '\U0001d11e', '\U0010ffff',
          '\ud7ff', '\ue000', 'x' * 70]
DAMAGE = [b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b'0', b'-', b'.', b'e', b' ', b'\n', b'\t', b'\v', b'\f', b'\0', b'u',
          b'\\u', b'\\ud8', b'\\udc00', b'\xff', b'\xc0\x80', b'\xed\xa0\x80', b'\xe2\x82', b'null', b'tru', b'1e', b'//', b'1', b'9' * 30]


class Random(random.Random):
    def text(self):
        return ''.join(self.choice(POINTS) for _ in range(self.randrange(6)))

    def number(self):
        kind = self.randrange(6)
        if kind == 0:
            return self.randrange(-10, 2000)
        if kind == 1:
            return self.randrange(-2**63, 2**63)
        if kind == 2:
            return self.randrange(-10**40, 10**40)
        if kind == 3:
            return self.randrange(-10**6, 10**6) / 10**self.randrange(6)
        return self.uniform(-1, 1) * 10.0**self.randrange(-320, 308) if kind == 4 else float(self.randrange(2**60))

    def value(self, depth=0):
        kind = self.randrange(10 if depth < 6 else 6)
        if kind == 0:
            return self.choice([None, True, False])
        if kind < 3:
            return self.text()
        if kind < 6:
            return self.number()
        if kind < 8:
            return [self.value(depth + 1) for _ in range(self.randrange(8))]
        return {self.text(): self.value(depth + 1) for _ in range(self.randrange(8))}

    def damage(self, data):
        data = bytearray(data)
        for _ in range(self.randrange(1, 4)):
            at = self.randrange(len(data) + 1)
            if self.random() < 0.5:
                data[at:at + self.randrange(3)] = self.choice(DAMAGE)
            else:
                del data[at:at + self.randrange(1, 4)]
        return bytes(data)


def refuse_constant(name):
    raise ValueError(name)


def python_reads(data):
    """Python's verdict, as ours should be: the value, or ValueError."""
    value = json.loads(data.decode(), parse_constant=refuse_constant)
    json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError, a ValueError: half of a pair
    return value


def dumps(value, flags, indent):
    return json.dumps(value, ensure_ascii=bool(flags & ASCII), sort_keys=bool(flags & SORT_KEYS), indent=indent or None,
                      separators=(',', ': ' if indent else ':'))


def ask(program, cases):
    """The answers of the program: bytes, or a code where it refuses."""
    sent = b''.join(b'%d %d %d %d\n' % (piece, flags, indent, len(data)) + data for data, piece, flags, indent in cases)
    out = subprocess.run([program, 'documents'], input=sent, stdout=subprocess.PIPE, check=True).stdout
    answers, at = [], 0
    for _ in cases:
        line, at = out[at:out.index(b'\n', at)], out.index(b'\n', at) + 1
        refused = line.startswith(b'-')
        answers.append(line.split()[1].decode() if refused else out[at:at + int(line)])
        at += 0 if refused else int(line)
    return answers


def documents(rng):
    value = rng.value()
    style = {'ensure_ascii': rng.random() < 0.5, 'indent': rng.choice([None, 0, 3])}
    return json.dumps(value, **style).encode()


def differs(answer, expected):
    """What an answer differs in; empty where it is right."""
    if not isinstance(answer, bytes):  # a library without GMP says what it cannot read
        return '' if expected is None or answer == 'OURO_ERANGE' else f'{answer}, but Python reads it'
    if expected is None:
        return f'Python refuses it; {answer[:200]!r}'
    at = len(os.path.commonprefix([answer, expected]))
    near = slice(max(0, at - 20), at + 40)
    return f'{answer[near]!r}, expected {expected[near]!r}' if answer != expected else ''


def check(program, datas, rng):
    """What is wrong, or nothing."""
    cases = [(data, rng.choice([0, 0, 1, 2, 7, 100]), rng.randrange(4) | ALLOW_NAN, rng.choice([0, 0, 1, 4])) for data in datas]
    for (data, piece, flags, indent), answer in zip(cases, ask(program, cases)):
        try:
            expected = dumps(python_reads(data), flags, indent).encode()
        except ValueError:
            expected = None
        wrong = differs(answer, expected)
        if wrong:
            return f'{data[:3000]!r} in pieces of {piece}, flags {flags}, indent {indent}: {wrong}'
    return ''


def main():
    program, count, rng = sys.argv[1], max(50, int(2000 * SCALE)), Random(SEED)
    whole = [documents(rng) for _ in range(count)]
    damaged = [rng.damage(data) for data in whole for _ in range(3)]
    print('1..2')
    failed = False
    for number, (name, datas) in enumerate([('documents are read and written as Python does', whole),
                                            ('damaged documents are refused where Python refuses them', damaged)], 1):
        wrong = check(program, datas, rng)
        print(f'{"not ok" if wrong else "ok"} {number} - {name}')
        if wrong:
            print(f'# {wrong}')
            failed = True
    return failed


if __name__ == '__main__':
    sys.exit(main())
