#!/usr/bin/env python3
"""Fails when a function of the headers for objects is neither in the table of pairs nor excluded with a reason, or is in it twice, or
does not exist.

usage: covered.py PAIRS        the program; prints TAP: a line for each function"""

import pathlib
import re
import subprocess
import sys

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / 'include' / 'ouro'
HEADERS = ['object.h', 'weak.h', 'weakmap.h', 'gc.h', 'thread.h']
REASON_LEAST = 10  # characters

FUNCTION = re.compile(r'^(?:OURO_ATTR_NEW\s+)?(?:OURO_API|static inline)\b[^;{(]*?\b(ouro_[a-z]\w*)\(', re.MULTILINE)


def without_comments(text):
    return re.sub(r'/\*.*?\*/|//[^\n]*', ' ', text, flags=re.DOTALL)


def functions(text):
    return {name for name in FUNCTION.findall(without_comments(text)) if not name.startswith('ouro__')}


def judge(wanted, entries, excluded):
    """{name: what is wrong, or empty} of every function that is wanted or told."""
    verdict = {}
    for name in sorted(wanted | set(entries) | set(excluded)):
        told = entries.count(name) + (name in excluded)
        verdict[name] = '' if told == 1 and name in wanted else 'no such function' if name not in wanted else \
            'neither an entry nor excluded' if not told else 'there twice'
        if name in excluded and len(excluded[name]) < REASON_LEAST:
            verdict[name] = verdict[name] or 'excluded without a reason'
    return verdict


PLANTED = '''
OURO_API void *ouro_a(int x) OURO_ATTR_NEW;
static inline void ouro_b(void) { ouro_hidden(); }
OURO_ATTR_NEW static inline ouro_ref ouro_c(void *p) {
/* OURO_API void ouro_commented(void); */
OURO_API void ouro__inner(void);
typedef int (*ouro_fn)(void);
'''


def planted():
    found = functions(PLANTED)
    said = judge(found, ['ouro_a', 'ouro_a', 'ouro_d'], {'ouro_b': ''})
    return found == {'ouro_a', 'ouro_b', 'ouro_c'} and said == {
        'ouro_a': 'there twice', 'ouro_b': 'excluded without a reason', 'ouro_c': 'neither an entry nor excluded',
        'ouro_d': 'no such function'}


def main(program):
    lines = subprocess.run([program, '--list'], capture_output=True, text=True, check=True).stdout.splitlines()
    entries = [line.split()[1] for line in lines if line.startswith('entry ')]
    excluded = dict(line.split(maxsplit=1)[1].split(': ', 1) for line in lines if line.startswith('excluded '))
    wanted = set().union(*(functions((INCLUDE / name).read_text()) for name in HEADERS))
    verdict = judge(wanted, entries, excluded)
    print(f'1..{len(verdict) + 2}')
    print('ok 1 - planted mistakes are found' if planted() else 'not ok 1 - planted mistakes are found')
    print(f'{"ok" if len(wanted) > 90 else "not ok"} 2 - the headers were understood: {len(wanted)} functions')
    failed = not planted() or len(wanted) <= 90
    for number, (name, wrong) in enumerate(verdict.items(), 3):
        failed += bool(wrong)
        print(f'{"not ok" if wrong else "ok"} {number} - {name}' + (f'\n# {wrong}' if wrong else ''))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
