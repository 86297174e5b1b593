#!/usr/bin/env python3
"""Runs the misuse programs: each must die by SIGABRT with the exact report that its first comment promises (see misuse.h), by
default and under OURO_CONF=check.

usage: run.py PROGRAM...    a program's source is looked up beside this script by its name, with or without a leading "misuse_"

Prints one TAP line for each program and configuration; the exit status is 1 where anything failed."""

import os
import pathlib
import re
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
NOTHING = 'nothing'
PATIENCE = 60


def source_of(program):
    stem = pathlib.Path(program).name
    for name in (stem, stem.removeprefix('misuse_')):
        source = HERE / f'{name}.c'
        if source.exists():
            return source
    raise SystemExit(f'run.py: no source beside this script for {program}')


def expectations(source):
    """{'default': text, 'check': text} from the first comment of a program."""
    comment = source.read_text().split('*/', 1)[0]
    comment = re.sub(r'\n \* {6,}', ' ', comment)  # a line that goes on in the next
    told = dict(re.findall(r'^ \* (EXPECT|DEFAULT|CHECK): +(.+)$', comment, re.M))
    both = told.get('EXPECT')
    texts = {'default': told.get('DEFAULT', both), 'check': told.get('CHECK', both)}
    if None in texts.values():
        raise SystemExit(f'run.py: {source} does not say what to expect')
    return texts


def fill_in(text, output):
    """The expected line, with the addresses that the program told."""
    told = dict(re.findall(r'^(address|block)=(0x[0-9a-f]+)$', output, re.M))
    address = int(told['address'], 16)
    block = int(told.get('block', told['address']), 16)
    return 'ouro: fatal: ' + text.format(address=hex(address), block=hex(block), pool=hex(block & ~0xffff),
                                         medium=hex(block & ~0x7ffff)) + '\n'


def judge(expected, result):
    """What is wrong with a run, or None."""
    if expected == NOTHING:
        if result.returncode or result.stderr:
            return f'status {result.returncode} and {result.stderr!r}, where nothing should have been found'
        return None
    wanted = fill_in(expected, result.stdout)
    if result.stderr != wanted:
        return f'wrote {result.stderr!r}, not {wanted!r}'
    if result.returncode != -signal.SIGABRT:
        return f'ended with status {result.returncode}, not by SIGABRT'
    return None


def more_options(source):
    """What a program's first comment wants to have in OURO_CONF in any case."""
    return re.findall(r'^ \* CONF: +(\S+)$', source.read_text().split('*/', 1)[0], re.M)


def run(program, conf):
    environment = {key: value for key, value in os.environ.items() if key != 'OURO_CONF'}
    options = more_options(source_of(program)) + ['check'] * (conf == 'check')
    if options:
        environment['OURO_CONF'] = ','.join(options)
    return subprocess.run([program], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE)


def main(programs):
    if not programs:
        raise SystemExit(__doc__)
    cases = [(program, conf) for program in programs for conf in ('default', 'check')]
    print(f'1..{len(cases)}')
    failed = 0
    for number, (program, conf) in enumerate(cases, 1):
        source = source_of(program)
        name = f'{source.stem}, {conf}'
        try:
            wrong = judge(expectations(source)[conf], run(program, conf))
        except (subprocess.TimeoutExpired, KeyError) as error:
            wrong = f'{type(error).__name__}: {error}'
        print(f'{"not ok" if wrong else "ok"} {number} - {name}')
        if wrong:
            print(f'# {wrong}')
            failed += 1
    return 1 if failed else 0


if __name__ == '__main__':
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main(sys.argv[1:]))
