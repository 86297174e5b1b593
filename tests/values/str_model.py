#!/usr/bin/env python3
"""Strings of ouro against Python's own: the same operations on the same random strings, the same answers.

    str_model.py test_values_str

The program is asked in one go (see "asked by str_model.py" there). Strings are of few characters, so that they are found in each other: of
one to four bytes, white space, quotes, ends of lines, and NUL. OURO_TEST_SCALE and OURO_TEST_SEED change how many cases there are, and
which. Prints TAP."""

import errno
import os
import random
import subprocess
import sys

SCALE = float(os.environ.get('OURO_TEST_SCALE', '1'))
RANDOM = random.Random(int(os.environ.get('OURO_TEST_SEED', '1')))
PLAIN = 'aabbcxyzAB ,'
WHITE = ' \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000'
OTHERS = 'éßΩ€漢\ufffd😀\U00010000\U0010fffd'
ODD = '\0\x01\x1b\x7f\x80\x9f\'"\\\uffff\ufdd0\U0001fffe'
ALPHABETS = ['a', 'ab', PLAIN, PLAIN, PLAIN + WHITE, 'aé', PLAIN + OTHERS, OTHERS, PLAIN + WHITE + OTHERS + ODD]


def some_str(longest=24, alphabet=None):
    length = RANDOM.choice([0, 1, 2, 3, RANDOM.randrange(longest), RANDOM.randrange(longest), RANDOM.randrange(200)])
    return ''.join(RANDOM.choices(alphabet or RANDOM.choice(ALPHABETS), k=length))


def some_pair():
    """A string, and one that is often found in it."""
    alphabet = RANDOM.choice(ALPHABETS)
    text = some_str(alphabet=alphabet)
    if RANDOM.randrange(2) and text:
        at = RANDOM.randrange(len(text))
        return text, text[at:at + RANDOM.randrange(4)]
    return text, ''.join(RANDOM.choices(alphabet, k=RANDOM.randrange(4)))


def some_index(length):
    return RANDOM.choice([None, RANDOM.randrange(-length - 2, length + 3), RANDOM.randrange(-length - 2, length + 3), 10 ** 9, -10 ** 9])


def ascii_letters(text, how):
    """upper, lower, title of ASCII alone: what is not ASCII is no letter, and parts words."""
    parts, run = [], ''
    for c in text:
        if c.isascii():
            run += c
        else:
            parts += [getattr(run, how)(), c]
            run = ''
    return ''.join(parts) + getattr(run, how)()


def escaped(c, quote):
    point = ord(c)
    if c in '\\' + quote:
        return '\\' + c
    if c in '\n\r\t':
        return {'\n': '\\n', '\r': '\\r', '\t': '\\t'}[c]
    if point < 32 or 127 <= point < 160:
        return f'\\x{point:02x}'
    if point in (0x2028, 0x2029) or 0xfdd0 <= point <= 0xfdef or point & 0xfffe == 0xfffe:
        return f'\\u{point:04x}' if point < 0x10000 else f'\\U{point:08x}'
    return c


def repr_of(text):
    quote = '"' if "'" in text and '"' not in text else "'"
    return quote + ''.join(escaped(c, quote) for c in text) + quote


def valid(raw):
    try:
        raw.decode()
        return -1
    except UnicodeDecodeError as error:
        return error.start


def some_bytes():
    """UTF-8, with a byte or two changed, or left out."""
    raw = bytearray(some_str().encode())
    for _ in range(RANDOM.randrange(3)):
        if raw:
            at = RANDOM.randrange(len(raw))
            if RANDOM.randrange(2):
                raw[at] = RANDOM.choice([RANDOM.randrange(256), 0x80, 0xbf, 0xc0, 0xe0, 0xed, 0xf0, 0xf4, 0xa0, 0x9f, 0x8f, 0x90])
            else:
                del raw[at]
    return bytes(raw)


def sliced(text, start, stop, step):
    return text[slice(start, stop, step)]


def cases():
    """(operation, arguments, what Python says)."""
    text, part = some_pair()
    other = some_str()
    start, stop = some_index(len(text)), some_index(len(text))
    step = RANDOM.choice([None, 1, 2, 3, -1, -2, -7, 10 ** 12, -10 ** 12])
    most = RANDOM.choice([-1, -1, 0, 1, 2, 5])
    index = RANDOM.randrange(-len(text) - 1, len(text) + 2)
    items = [some_str(8) for _ in range(RANDOM.randrange(6))]
    points = RANDOM.choice([None, part, some_str(5)])
    yield 'len', [text], len(text)
    yield 'slice', [text, start, stop, step], sliced(text, start, stop, step)
    yield 'get', [text, index], text[index] if -len(text) <= index < len(text) else -errno.ENXIO
    yield 'find', [text, part, start, stop], text.find(part, start, stop)
    yield 'rfind', [text, part, start, stop], text.rfind(part, start, stop)
    yield 'count', [text, part], text.count(part)
    yield 'contains', [text, part], int(part in text)
    yield 'starts', [text, part], int(text.startswith(part))
    yield 'ends', [text, part], int(text.endswith(part))
    yield 'compare', [text, other], (text > other) - (text < other)
    yield 'compare', [text, text[:index] + other], (text > text[:index] + other) - (text < text[:index] + other)
    yield 'same', [text, RANDOM.choice([text, other])], None
    yield 'concat', [text, other], text + other
    yield 'repeat', [text, most], text * most
    yield 'join', [part, *items], part.join(items)
    yield 'split', [text, part, most], text.split(part, most) if part else -errno.EINVAL
    yield 'split', [text, '_', most], text.split(None, most)
    yield 'lines', [text, most > 0], text.splitlines(most > 0)
    yield 'partition', [text, part], list(text.partition(part)) if part else -errno.EINVAL
    yield 'rpartition', [text, part], list(text.rpartition(part)) if part else -errno.EINVAL
    for how in ('strip', 'lstrip', 'rstrip'):
        yield how, [text, '_' if points is None else points], getattr(text, how)(points)
    yield 'replace', [text, part, some_str(4), most], None
    for how in ('upper', 'lower', 'title'):
        yield how, [text], ascii_letters(text, how)
    yield 'repr', [text], repr_of(text)
    yield 'chars', [text], list(text)
    raw = some_bytes()
    yield 'valid', [raw], valid(raw)


def expected(name, arguments, answer):
    """What depends on a random argument that is in the list alone."""
    if name == 'same':
        return int(arguments[0] == arguments[1])
    if name == 'replace':
        return arguments[0].replace(*arguments[1:])
    return answer


def said(value):
    """An argument or an answer, as the program reads and writes it. A string '_' is what is left out: no string of ours is."""
    if value is None or value == '_':
        return '_'
    if isinstance(value, str):
        return 's' + value.encode().hex()
    if isinstance(value, bytes):
        return 's' + value.hex()
    if isinstance(value, list):
        return '[' + ''.join(said(v) + ',' for v in value) + ']'
    return str(int(value))


def wanted(name, answer):
    if isinstance(answer, int) and answer < 0 and name in ('get', 'split', 'partition', 'rpartition'):
        return f'!{-answer}'
    return said(answer)


def main():
    asked = []
    for _ in range(max(50, int(4000 * SCALE))):
        asked += [(name, arguments, expected(name, arguments, answer)) for name, arguments, answer in cases()]
    lines = ''.join(' '.join([name, *map(said, arguments)]) + '\n' for name, arguments, _ in asked)
    ran = subprocess.run([sys.argv[1], 'calculate'], input=lines.encode(), stdout=subprocess.PIPE)
    answers = ran.stdout.decode().splitlines()
    names = sorted({name for name, _, _ in asked})
    wrong = {name: [] for name in names}
    for (name, arguments, answer), got in zip(asked, answers):
        if got != wanted(name, answer):
            wrong[name].append(f'{name}{tuple(arguments)!a}: {got} instead of {wanted(name, answer)}')
    print(f'1..{len(names) + 1}')
    for number, name in enumerate(names, 1):
        count = sum(one == name for one, _, _ in asked)
        print(f'{"not " if wrong[name] else ""}ok {number} - {name}: {count} answers are those of Python')
        for line in wrong[name][:3]:
            print(f'# {line}')
    all_answered = ran.returncode == 0 and len(answers) == len(asked)
    print(f'{"" if all_answered else "not "}ok {len(names) + 1} - the program answered all, and ended well')
    return any(wrong.values()) or not all_answered


if __name__ == '__main__':
    sys.exit(main())
