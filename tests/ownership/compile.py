#!/usr/bin/env python3
"""Compiles, and never links, under -DOURO_CHECK_OWNERSHIP, where owned and borrowed references are different types: with gcc and with
clang, all warnings as errors.

Must compile: right.c, the examples, and each test that names OURO_OWNED, which says that it keeps to it. Must not compile: each
program of planted/, which is right in C and wrong in ownership; so it must compile in an ordinary build (unless its first comment
says BOTH). Prints TAP."""

import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COMPILERS = ['gcc', 'clang']
WARNINGS = ['-Wall', '-Wextra', '-Wundef', '-Wshadow', '-Wstrict-prototypes', '-Wmissing-prototypes', '-Wpointer-arith',
            '-Wwrite-strings', '-Wvla', '-Werror']
INCLUDES = [f'-I{ROOT / folder}' for folder in ('include', 'src', 'tests')]
CHECK = '-DOURO_CHECK_OWNERSHIP'


def complaint(compiler, source, *flags):
    """What the compiler says against a file; empty where nothing."""
    command = [compiler, '-std=c11', '-D_GNU_SOURCE', *WARNINGS, *INCLUDES, *flags, '-c', source, '-o', '/dev/null']
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stderr or f'status {done.returncode}' if done.returncode else ''


def kept():
    """The sources that must compile."""
    yield HERE / 'right.c'
    for example in ('document', 'lisp', 'pipeline', 'cache', 'json', 'memory', 'words'):
        yield from sorted((ROOT / 'examples' / example).glob('*.c'))
    for source in sorted((ROOT / 'tests').glob('*/*.c')):
        if source.parent != HERE and 'OURO_OWNED(' in source.read_text():
            yield source


def planted_case(compiler, source):
    """What is wrong with a planted violation; empty where it is found as it should be."""
    both = 'BOTH' in source.read_text().split('*/')[0]
    ordinary, checked = complaint(compiler, source), complaint(compiler, source, CHECK)
    if not checked:
        return 'it compiled'
    if bool(ordinary) != both:
        return f'in an ordinary build: {ordinary or "it compiled"}'
    return '' if 'error' in checked else checked


def cases():
    """(name, what is wrong, reason to skip)."""
    for compiler in COMPILERS:
        if not shutil.which(compiler):
            yield compiler, '', f'{compiler} is not installed'
            continue
        for source in kept():
            name = f'{compiler}: {source.relative_to(ROOT)}'
            yield f'{name} compiles', complaint(compiler, source, CHECK), ''
        yield f'{compiler}: tests/ownership/right.c compiles in an ordinary build', complaint(compiler, HERE / 'right.c'), ''
        for source in sorted((HERE / 'planted').glob('*.c')):
            yield f'{compiler}: planted, and found: {source.stem}', planted_case(compiler, source), ''


def main():
    failed = number = 0
    for number, (name, wrong, skip) in enumerate(cases(), 1):
        failed += bool(wrong)
        print(f'{"not ok" if wrong else "ok"} {number} - {name}{" # SKIP " + skip if skip else ""}')
        for line in wrong.splitlines():
            print(f'# {line}')
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
