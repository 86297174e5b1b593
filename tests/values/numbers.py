#!/usr/bin/env python3
"""Ints and floats of ouro against Python's own: the same operations on the same random numbers, the same answers.

    numbers.py test_values_numbers

The program is asked in one go (see "calculate" there). Numbers are of 1 to 300 bits, or near a power of two, or small; floats of any
exponent, or whole, or special. Where it was built without GMP, no operand has more than 64 bits, and a result that has is OURO_ERANGE.
OURO_TEST_SCALE and OURO_TEST_SEED change how many cases there are, and which. Prints TAP."""

import math
import operator
import os
import random
import struct
import subprocess
import sys

SCALE = float(os.environ.get('OURO_TEST_SCALE', '1'))
SEED = int(os.environ.get('OURO_TEST_SEED', '1'))
RANDOM = random.Random(SEED)
BINARY = {'add': operator.add, 'sub': operator.sub, 'mul': operator.mul, 'truediv': operator.truediv, 'floordiv': operator.floordiv,
          'mod': operator.mod, 'divmod': divmod}
OF_INTS = {'and': operator.and_, 'or': operator.or_, 'xor': operator.xor}
UNARY = {'neg': operator.neg, 'abs': abs}
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308, 2.0 ** 53, 2.0 ** 63, -2.0 ** 63,
           2.0 ** 64]


def some_int(bits):
    kind = RANDOM.randrange(4)
    if kind == 0:
        value = RANDOM.randrange(20)
    elif kind == 1:
        value = (1 << RANDOM.randrange(bits)) + RANDOM.randrange(-2, 3)
    else:
        value = RANDOM.getrandbits(RANDOM.randrange(1, bits + 1))
    return -value if RANDOM.randrange(2) else value


def some_float():
    kind = RANDOM.randrange(6)
    if kind == 0:
        return RANDOM.choice(SPECIAL)
    if kind == 1:
        return float(RANDOM.randrange(-2000, 2000))
    if kind == 2:
        return round(RANDOM.uniform(-1000, 1000), RANDOM.randrange(8))
    if kind == 3:
        return RANDOM.random() * 10 ** RANDOM.randrange(-10, 25)
    return struct.unpack('d', RANDOM.randbytes(8))[0]


def some_number(bits):
    return some_float() if RANDOM.randrange(3) == 0 else some_int(bits)


def shown(value):
    """A number as the program is given it, and as it gives it."""
    if isinstance(value, bool):
        return f'b{int(value)}'
    if isinstance(value, float):
        return f'f{value.hex()}'
    return f'i{value:x}'


def answer(function, *operands):
    """What Python says: a list of values, or the code that stands for its exception."""
    try:
        result = function(*operands)
    except (ZeroDivisionError, OverflowError):
        return 'OURO_ERANGE'
    except ValueError:
        return 'OURO_EINVAL'
    return list(result) if isinstance(result, tuple) else [result]


def read(word):
    """A value that the program gave: (type, value) so that 1 is not 1.0, and -0.0 not 0.0."""
    if word[0] == '!':
        return word[1:]
    if word[0] == 'f':
        return float.fromhex(word[1:])
    if word[0] == 't':
        return word[1:]
    return int(word[1:], 16 if word[0] == 'i' else 10)


def same(found, expected):
    if isinstance(expected, float) and isinstance(found, float):
        return struct.pack('d', found) == struct.pack('d', expected) or (math.isnan(found) and math.isnan(expected))
    return type(found) is type(expected) and found == expected


def order(a, b):
    if a != a or b != b:
        return 9
    return (a > b) - (a < b)


def power(a, b):
    """Python goes on with complex numbers there, and may find them too large."""
    if a < 0 and math.isfinite(a) and isinstance(b, float) and math.isfinite(b) and not b.is_integer():
        raise ValueError('complex')
    return a ** b


def relations(count, bits):
    """Pairs, of which many are equal, or differ by little."""
    for _ in range(count):
        a = some_number(bits)
        b = some_number(bits)
        try:
            b = RANDOM.choice([b, float(a), int(a), int(a) + 1, math.nextafter(float(a), math.inf), bool(a)])
        except (ValueError, OverflowError):
            pass
        if isinstance(b, int) and b.bit_length() > bits:
            continue
        if a != b:
            yield f'relation {shown(a)} {shown(b)}', [order(a, b), 0, None]
        else:
            yield f'relation {shown(a)} {shown(b)}', [0, 1, 1]


def arithmetic(count, bits):
    for name, function in BINARY.items():
        for _ in range(count):
            a, b = some_number(bits), some_number(bits)
            yield f'{name} {shown(a)} {shown(b)}', answer(function, a, b)
    for _ in range(count):
        # Quotients of ints near each other in size, where rounding matters; and those that are hardly a number any more.
        a, b = some_int(bits) * (some_int(bits) if bits > 64 else 1), some_int(bits) or 1
        yield f'truediv {shown(a)} {shown(b)}', answer(operator.truediv, a, b)
        if bits > 64:
            b = RANDOM.getrandbits(RANDOM.randrange(1000, 1500)) | 1
            yield f'truediv {shown(a)} {shown(b)}', answer(operator.truediv, a, b)
            yield f'truediv {shown(b)} {shown(a or 1)}', answer(operator.truediv, b, a or 1)


def bits_and_shifts(count, bits):
    for name, function in OF_INTS.items():
        for _ in range(count):
            a, b = some_int(bits), some_int(bits)
            yield f'{name} {shown(a)} {shown(b)}', answer(function, a, b)
    for _ in range(count):
        a, b = some_int(bits), RANDOM.randrange(-1, 330)
        yield f'lshift {shown(a)} {shown(b)}', answer(operator.lshift, a, b)
        yield f'rshift {shown(a)} {shown(b)}', answer(operator.rshift, a, b)
        yield f'invert {shown(a)}', [~a]
        yield f'bits {shown(a)}', [a.bit_length()]


def powers(count, bits):
    for _ in range(count):
        a, b = some_int(bits), RANDOM.randrange(-5, 25)
        yield f'pow {shown(a)} {shown(b)}', answer(power, a, b)
        a, b = some_float(), RANDOM.choice([some_float(), RANDOM.randrange(-30, 30)])
        yield f'pow {shown(a)} {shown(b)}', answer(power, a, b)
    for a in (0, 1, -1):
        for b in (10 ** 18, 10 ** 18 + 1) + ((2 ** 64, 2 ** 64 + 1) if bits > 64 else ()):
            yield f'pow {shown(a)} {shown(b)}', [a ** (b % 2 + 2)]


def single(count, bits):
    for name, function in UNARY.items():
        for _ in range(count):
            a = some_number(bits)
            yield f'{name} {shown(a)}', answer(function, a)
    for _ in range(count):
        a = some_number(bits)
        yield f'double {shown(a)}', answer(float, a)
        a = some_float()
        yield f'whole {shown(a)}', answer(int, a)


def digits_in(value, base):
    text = ''
    rest = abs(value)
    while True:
        rest, digit = divmod(rest, base)
        text = '0123456789abcdefghijklmnopqrstuvwxyz'[digit] + text
        if not rest:
            return '-' + text if value < 0 else text


def texts(count, bits):
    for _ in range(count):
        value, base = some_int(bits), RANDOM.choice([10, 10, 16, 2, 8, RANDOM.randrange(2, 37)])
        text = digits_in(value, base)
        yield f'digits{base} {shown(value)}', [text]
        yield f'int{base} {text}', [int(text, base)]
        value = some_float()
        yield f'repr {shown(value)}', [repr(value)]
        yield f'float {value!r}', [value]
        text = f'{RANDOM.getrandbits(RANDOM.randrange(1, 80))}.{RANDOM.randrange(10 ** 12)}e{RANDOM.randrange(-340, 320)}'
        yield f'float {text}', [float(text)]


def powers_of_two():
    for exponent in range(-1074, 1024):
        value = math.ldexp(1.0, exponent)
        yield f'repr {shown(value)}', [repr(value)]
        yield f'repr {shown(value * 3 if exponent < 1022 else value)}', [repr(value * 3 if exponent < 1022 else value)]


def fits(expected, has_gmp):
    """Without GMP an int beyond 64 bits is an error."""
    if has_gmp or isinstance(expected, str):
        return expected
    large = any(isinstance(value, int) and not -2 ** 63 <= value < 2 ** 63 for value in expected)
    return 'OURO_ERANGE' if large else expected


def agrees(line, expected):
    found = [read(word) for word in line.split()]
    if isinstance(expected, str):
        return found == [expected]
    return len(found) == len(expected) and all(e is None or same(f, e) for f, e in zip(found, expected))


def ask(program, cases):
    given = ''.join(f'{question}\n' for question, _ in cases)
    done = subprocess.run([program, 'calculate'], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f'Bail out! {program} ended with {done.returncode}: {done.stderr[-500:]}')
        sys.exit(1)
    return done.stdout.splitlines()


def main():
    program = sys.argv[1]
    has_gmp = ask(program, [])[0] == 'gmp 1'
    bits, count = 300 if has_gmp else 63, max(20, int(1000 * SCALE))
    families = {
        'arithmetic': arithmetic(count, bits), 'bits and shifts': bits_and_shifts(count, bits), 'powers': powers(count, bits),
        'single numbers': single(count, bits), 'order, equality, hash': relations(count * 3, bits), 'text': texts(count, bits),
        'repr of powers of two': powers_of_two(),
    }
    print(f'1..{len(families)}')
    failed = False
    for number, (name, family) in enumerate(families.items(), 1):
        cases = list(family)
        answers = ask(program, cases)[1:]
        wrong = [(question, expected, line) for (question, expected), line in zip(cases, answers)
                 if not agrees(line, fits(expected, has_gmp))]
        bad = bool(wrong) or len(answers) != len(cases)
        failed |= bad
        print(f'{"not ok" if bad else "ok"} {number} - {name}: {len(cases)} answers are those of Python')
        for question, expected, line in wrong[:5]:
            print(f'# seed {SEED}: {question}: {line} instead of {expected}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
