#!/usr/bin/env python3
"""The check of ./check: it must count every case, and must never pass over a failure.

A small project is made with programs that pass, fail, die half-way, print nothing, promise more than they run, hang; each is
run by scripts/check.py, whose verdict must be the one written beside it. Prints TAP."""

import contextlib
import importlib.util
import io
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]

# What a program does, in Python; its protocol; what must be counted: passed, failed, skipped.
PROGRAMS = {
    'two cases pass': ('print("1..2\\nok 1 - a\\nok 2 - b")', 'tap', (2, 0, 0)),
    'one of two fails': ('print("1..2\\nok 1 - a\\nnot ok 2 - b")', 'tap', (1, 1, 0)),
    'both fail': ('print("1..2\\nnot ok 1 - a\\nnot ok 2 - b"); raise SystemExit(1)', 'tap', (0, 2, 0)),
    'one is skipped': ('print("1..2\\nok 1 - a\\nok 2 - b # SKIP no reason")', 'tap', (1, 0, 1)),
    'all is skipped': ('print("1..0 # SKIP no reason")', 'tap', (0, 0, 1)),
    'dies after a case': ('import os; print("1..2\\nok 1 - a", flush=True); os.abort()', 'tap', (1, 1, 0)),
    'all pass, but it dies': ('import os; print("1..1\\nok 1 - a", flush=True); os.abort()', 'tap', (1, 1, 0)),
    'all pass, but its status is 1': ('print("1..1\\nok 1 - a"); raise SystemExit(1)', 'tap', (1, 1, 0)),
    'ran fewer than promised': ('print("1..3\\nok 1 - a")', 'tap', (1, 1, 0)),
    'promised none': ('print("1..0")', 'tap', (0, 1, 0)),
    'printed nothing': ('', 'tap', (0, 1, 0)),
    'no TAP, passes': ('', 'exitcode', (1, 0, 0)),
    'no TAP, fails': ('raise SystemExit(1)', 'exitcode', (0, 1, 0)),
    'no TAP, skipped': ('raise SystemExit(77)', 'exitcode', (0, 0, 1)),
    'hangs': ('import time; time.sleep(60)', 'exitcode', (0, 1, 0)),
}


def load(root):
    """scripts/check.py as a module, on a project of ours."""
    spec = importlib.util.spec_from_file_location('check', ROOT / 'scripts' / 'check.py')
    module = importlib.util.module_from_spec(spec)
    sys.modules['check'] = module
    spec.loader.exec_module(module)
    module.ROOT = root
    return module


def project(folder, programs, library='int f(void); int f(void) { return 0; }'):
    lines = ["project('p', 'c')", "static_library('f', 'f.c')", "python = find_program('python3')"]
    for number, (name, (body, protocol, _)) in enumerate(programs.items()):
        (folder / f't{number}.py').write_text(body + '\n')
        lines.append(f"test('{name}', python, args: files('t{number}.py'), protocol: '{protocol}', suite: 'some', timeout: 3)")
    (folder / 'f.c').write_text(library + '\n')
    (folder / 'meson.build').write_text('\n'.join(lines) + '\n')


def verdict(programs, suites=(), **more):
    """(tally, exit status, output) of ./check on a project with these programs."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        project(folder, programs, **more)
        check = load(folder)
        tally, output = check.Tally(), io.StringIO()
        with contextlib.redirect_stdout(output):
            check.run_stage(check.Stage('stage', 'a stage', 'build', [], suites=list(suites)), tally)
            status = tally.finish()
        return tally, status, output.getvalue()


def counts(tally):
    return tally.passed, len(tally.failures), tally.skipped


def of_program(output, name):
    """Passed, failed and skipped cases that the output shows for one program."""
    lines = [line for line in output.splitlines() if f'stage: {name}' in line and not line.startswith('failed: ')]
    return tuple(sum(line.startswith(result) for line in lines) for result in ('ok ', 'FAILED ', 'skipped '))


def cases():
    tally, status, output = verdict(PROGRAMS)
    for name, (_, _, expected) in PROGRAMS.items():
        yield name, of_program(output, name) == expected
    total = tuple(sum(column) for column in zip(*(expected for _, _, expected in PROGRAMS.values())))
    yield 'the sum is that of the programs', counts(tally) == total
    yield 'a failure makes the status 1', status == 1
    yield 'the last line counts', output.splitlines()[-1] == f'{total[0]} passed, {total[1]} failed'

    good = {'two cases pass': PROGRAMS['two cases pass']}
    tally, status, output = verdict(good)
    yield 'where all passes the status is 0', (status, output.splitlines()[-1]) == (0, '2 passed, 0 failed')
    tally, status, output = verdict(good, library='int f(void) { return }')
    yield 'a build that fails is a failure', (counts(tally), status) == ((0, 1, 0), 1)
    tally, status, output = verdict(good, suites=['other'])
    yield 'a stage without tests is a failure', (counts(tally), status) == ((0, 1, 0), 1)
    tally, status, output = verdict({})
    yield 'a project without tests is a failure', (counts(tally), status) == ((0, 1, 0), 1)


def main():
    # What ninja and meson say goes to stderr: this program's own output is TAP and nothing else.
    tap = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    failed = number = 0
    for number, (name, passed) in enumerate(cases(), 1):
        failed += not passed
        print(f'{"ok" if passed else "not ok"} {number} - {name}', file=tap, flush=True)
    print(f'1..{number}', file=tap)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
