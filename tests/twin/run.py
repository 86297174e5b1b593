#!/usr/bin/env python3
"""The twin test: random programs that make objects, link them, drop them, refer to them weakly, finalize, resurrect and collect,
run on ouro and in CPython. Who lives, what is called and in which order, what collections give: all must agree.

usage: run.py TWIN [--programs N] [--seed S] [--jobs J] [--verify]     N programs (20,000), the same ones for the same seed
       run.py TWIN --only I [--seed S]                                 show what program I does in both
       run.py TWIN --threads COUNT [--programs N] [--seed S]           so many programs at once, on ouro alone (see twin.c)

Prints TAP: a case for each batch of programs, and one that all kinds of events came to pass. A program on which the twins differ is
shrunk: operations are left out as long as they still differ. What is left is printed, with both logs from where they part."""

import argparse
import collections
import concurrent.futures
import itertools
import multiprocessing
import random
import struct
import subprocess
import sys

import mirror
import program

BATCH = 500
PATIENCE = 120  # seconds for a batch
VERSIONS = ((3, 11), (3, 14))  # CPython's collector of these is the reference: from, and up to but not including


def make_program(seed, index):
    return program.generate(random.Random(f'{seed}/{index}'))


class MirrorFails(Exception):
    """A defect of mirror.py."""


def split(output):
    """The events of each program, as the twin wrote them."""
    at = 0
    while at + 4 <= len(output):
        count, = struct.unpack_from('<I', output, at)
        if at + 4 + 4 * count > len(output):
            return
        yield list(struct.unpack_from(f'<{count}I', output, at + 4))
        at += 4 + 4 * count


def run_twin(twin, programs):
    """(events of each program that it finished, what is wrong with the run or None)."""
    blob = b''.join(one.pack() for one in programs)
    try:
        done = subprocess.run(twin, input=blob, capture_output=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        return list(split(error.stdout or b'')), f'no end after {PATIENCE} s'
    wrong = done.stderr.decode(errors='replace').strip()
    if done.returncode:
        wrong = f'status {done.returncode}: {wrong}'
    return list(split(done.stdout)), wrong or None


def run_mirror(one):
    try:
        return list(mirror.machine.run(one))
    except Exception as error:
        raise MirrorFails(f'the mirror fails: {error!r} in\n{one}') from error


def differs(twin, programs):
    """(the first of the programs, run one after another, on which the twins differ; events of the twin; events of the mirror;
    what is wrong); None where they agree on all."""
    told, wrong = run_twin(twin, programs)
    for number, one in enumerate(programs):
        expected = run_mirror(one)
        if number >= len(told) or told[number] != expected:
            return one, told[number] if number < len(told) else [], expected, wrong
    return (programs[-1], told[-1], run_mirror(programs[-1]), wrong) if wrong else None


def shrink(items, still_fails):
    """A part of a list that still fails: chunks are left out, ever smaller ones."""
    chunk = max(1, len(items) // 2)
    while True:
        at, shorter = 0, False
        while at < len(items):
            fewer = items[:at] + items[at + chunk:]
            if fewer and still_fails(fewer):
                items, shorter = fewer, True
            else:
                at += chunk
        if chunk == 1 and not shorter:
            return items
        chunk = max(1, chunk // 2)


def shrink_programs(twin, programs):
    """Fewer programs, each with fewer operations, on which the twins still differ."""
    programs = shrink(programs, lambda fewer: differs(twin, fewer))
    for index, one in enumerate(programs):
        def with_ops(ops):
            return programs[:index] + [program.Program(one.mode, ops)] + programs[index + 1:]
        programs = with_ops(shrink(one.ops, lambda ops: differs(twin, with_ops(ops))))
    return programs


def show(one, told, expected, wrong):
    """Lines that tell a program, and where the two logs part."""
    lines = str(one).splitlines() + ([f'the twin says: {line}' for line in wrong.splitlines()] if wrong else [])
    pairs = list(itertools.zip_longest(told, expected))
    part = next((number for number, (a, b) in enumerate(pairs) if a != b), len(pairs))
    for number, pair in enumerate(pairs[max(0, part - 8):part + 12], max(0, part - 8)):
        ours, python = ('-' if event is None else program.describe_event(event) for event in pair)
        lines.append(f'{number:4}   {ours}' if ours == python else f'{number:4} ! ouro: {ours} | CPython: {python}')
    return lines


def explain(twin, seed, index, programs):
    """What a program does that failed after those before it: shrunk, alone if it fails alone as well."""
    lines = [f'seed {seed}, program {index}: run.py ... --seed {seed} --only {index}']
    small = [programs[-1]] if differs(twin, programs[-1:]) else programs
    if not differs(twin, small):
        return lines + ['it failed once, and does not fail again']
    small = shrink_programs(twin, small)
    last, *logs = differs(twin, small)
    for before in small[:small.index(last)]:
        lines += ['after:', *str(before).splitlines()]
    return lines + show(last, *logs)


def run_batch(job):
    """(first index, count, the lines of the first failure, events by kind) of a batch."""
    kinds = collections.Counter()
    try:
        return compare_batch(*job, kinds)
    except MirrorFails as error:
        return *job[2:], str(error).splitlines(), kinds


def compare_batch(twin, seed, first, count, kinds):
    programs = [make_program(seed, first + i) for i in range(count)]
    told, wrong = run_twin(twin, programs)
    for number, one in enumerate(programs):
        expected = run_mirror(one)
        kinds.update(event >> 24 for event in expected)
        if number >= len(told) or told[number] != expected:
            return first, count, explain(twin, seed, first + number, programs[:number + 1]), kinds
    return first, count, [f'the twin says: {wrong}'] if wrong else [], kinds


def report(results, batches, seed):
    """Print TAP; whether all is well."""
    kinds, failed = collections.Counter(), 0
    print(f'1..{batches + 1}', flush=True)
    for number, (first, count, lines, seen) in enumerate(results, 1):
        kinds += seen
        failed += bool(lines)
        print(f'{"not ok" if lines else "ok"} {number} - programs {first} to {first + count - 1} of seed {seed}')
        print(''.join(f'# {line}\n' for line in lines), end='', flush=True)
    never = [name for name, code in program.EVENT.items() if not kinds[code]]
    print(f'{"not ok" if never else "ok"} {batches + 1} - every kind of event came to pass')
    print('# ' + ', '.join(f'{name} {kinds[code]}' for name, code in program.EVENT.items()))
    return not failed and not never


def run_at_once(twin, seed, programs):
    """Print TAP for programs that run at once, several in a round: all is checked by the twin. Whether all is well."""
    failed, batches = 0, range(0, programs, BATCH)
    print(f'1..{len(batches)}', flush=True)
    for number, first in enumerate(batches, 1):
        last = min(first + BATCH, programs) - 1
        _, wrong = run_twin(twin, [make_program(seed, index) for index in range(first, last + 1)])
        print(f'{"not ok" if wrong else "ok"} {number} - programs {first} to {last} of seed {seed}, {twin[-1]} at once')
        print(''.join(f'# {line}\n' for line in (wrong or '').splitlines()), end='', flush=True)
        failed += bool(wrong)
    return not failed


def show_one(twin, seed, index):
    one = make_program(seed, index)
    told, wrong = run_twin(twin, [one])
    told = told[0] if told else []
    expected = run_mirror(one)
    print('\n'.join(show(one, told, expected, wrong)))
    print('the same' if told == expected and not wrong else 'different')


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('twin')
    parser.add_argument('--programs', type=int, default=20000)
    parser.add_argument('--seed', default='1')
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--verify', action='store_true', help="ouro's checkers run after each operation")
    parser.add_argument('--only', type=int)
    parser.add_argument('--threads', type=int, help='how many programs at once')
    return parser.parse_args()


def main():
    told = parse()
    if told.threads:
        return 0 if run_at_once([told.twin, '--threads', str(told.threads)], told.seed, told.programs) else 1
    twin = [told.twin] + ['--verify'] * told.verify
    if not VERSIONS[0] <= sys.version_info[:2] < VERSIONS[1] or sys.implementation.name != 'cpython':
        print('1..0 # SKIP the reference is CPython 3.11 to 3.13')
        return 0
    if told.only is not None:
        mirror.start()
        show_one(twin, told.seed, told.only)
        return 0
    jobs = [(twin, told.seed, first, min(BATCH, told.programs - first)) for first in range(0, told.programs, BATCH)]
    fork = multiprocessing.get_context('fork')
    with concurrent.futures.ProcessPoolExecutor(told.jobs, fork, mirror.start) as pool:
        return 0 if report(pool.map(run_batch, jobs), len(jobs), told.seed) else 1


if __name__ == '__main__':
    sys.exit(main())
