#!/usr/bin/env python3
"""Fails when a function of the headers for objects is called by no scenario of this folder, and so never without memory.

usage: covered.py        prints TAP: a line for each function"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / 'include' / 'ouro'
HEADERS = ['object.h', 'gc.h', 'weak.h', 'weakmap.h']

FUNCTION = re.compile(r'^(?:OURO_API|static inline)\b[^;{(]*?\b(ouro_[a-z]\w*)\(', re.MULTILINE)
# Inline ones that only count, and cannot fail: the scenarios need not name them.
COUNT = {'ouro_xincref', 'ouro_newref', 'ouro_xnewref', 'ouro_steal', 'ouro_is_unique', 'ouro_allow_tries', 'ouro_try_incref', 'ouro_visit', 'ouro_borrow', 'ouro_adopt'}


def without_comments(text):
    return re.sub(r'/\*.*?\*/|//[^\n]*', ' ', text, flags=re.DOTALL)


def functions():
    for name in HEADERS:
        for function in FUNCTION.findall(without_comments((INCLUDE / name).read_text())):
            if not function.startswith('ouro__') and function not in COUNT:
                yield name, function


def main():
    source = ''.join(without_comments(path.read_text()) for path in sorted(HERE.glob('*.c')))
    called = set(re.findall(r'\b(ouro_[a-z]\w*)\s*\(', source))
    wanted = sorted(set(functions()))
    print(f'1..{len(wanted) + 1}')
    failed = len(wanted) < 60
    print(f'{"not ok" if failed else "ok"} 1 - the headers were understood: {len(wanted)} functions')
    for number, (header, function) in enumerate(wanted, 2):
        failed += function not in called
        print(f'{"ok" if function in called else "not ok"} {number} - {header}: {function}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
