#!/usr/bin/env python3
"""Dicts of ouro against Python's own: the same operations on keys of several types, the same answers and the same text.

    dict_model.py test_values_dict

The program is asked in one go (see "asked by dict_model.py" there). OURO_TEST_SCALE and OURO_TEST_SEED change how many steps there are, and
which. Prints TAP."""

import os
import random
import subprocess
import sys

SCALE = float(os.environ.get('OURO_TEST_SCALE', '1'))
SEED = int(os.environ.get('OURO_TEST_SEED', '1'))
RANGES = [3, 8, 12, 40, 200, 1500]
WEIGHTS = {'set': 30, 'get': 20, 'del': 12, 'pop': 6, 'default': 8, 'popitem': 4}


def key_of(word):
    number = int(word[1:])
    return {'i': number, 'f': number / 2.0, 't': (number, True)}.get(word[0], f'k{number}')


def step(model, words):
    """What the program answers: a code, and the text of what it gives."""
    name, key = words[0], key_of(words[1]) if len(words) > 1 else None
    there = key in model if key is not None else bool(model)
    if name == 'set':
        model[key] = int(words[2])
        return '0'
    if name == 'get':
        return f'1 {model[key]!r}' if there else '0'
    if name == 'del':
        return '0' if not there or model.pop(key) is None else '1'
    if name == 'pop':
        return f'1 {model.pop(key)!r}' if there else '0'
    if name == 'default':
        return f'{int(there)} {model.setdefault(key, int(words[2]))!r}'
    if name == 'popitem':
        return f'1 {model.popitem()[1]!r}' if there else '0'
    if name == 'clear':
        model.clear()
        return '0'
    return f'0 {model!r}'[:4000]


def some_steps(kinds, most, count, rng):
    names, weights = list(WEIGHTS), list(WEIGHTS.values())
    for at in range(count):
        name = rng.choices(names, weights)[0]
        if at % 4000 == 3999:
            name = 'clear'
        elif at % 50 == 49 and most <= 200:
            name = 'repr'
        words = [name]
        if name in ('set', 'get', 'del', 'pop', 'default'):
            words.append(rng.choice(kinds) + str(rng.randrange(most)))
        if name in ('set', 'default'):
            words.append(str(rng.randrange(10000)))
        yield words


def main(program):
    rng = random.Random(SEED)
    cases = [(kinds, most) for kinds in ('s', 'i', 'si', 'if', 'sift') for most in RANGES]
    print(f'1..{len(cases)}')
    failed = False
    for number, (kinds, most) in enumerate(cases, 1):
        steps = list(some_steps(kinds, most, max(200, int(3000 * SCALE)), rng))
        text = ''.join(' '.join(words) + '\n' for words in steps)
        run = subprocess.run([program, 'calculate'], input=text, capture_output=True, text=True)
        model, wrong = {}, None
        answers = run.stdout.splitlines()
        for at, words in enumerate(steps):
            expected = step(model, words)
            got = answers[at][:4000] if at < len(answers) else run.stderr
            if got.rstrip() != expected.rstrip():
                wrong = f'step {at}: {" ".join(words)}: {got[:300]!r}, but Python: {expected[:300]!r}'
                break
        if run.returncode and not wrong:
            wrong = f'it ended with {run.returncode}: {run.stderr[:300]}'
        print(f'{"not " if wrong else ""}ok {number} - keys of {kinds}, {most} of each')
        if wrong:
            print(f'# {wrong}')
            failed = True
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
