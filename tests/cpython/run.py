#!/usr/bin/env python3
"""CPython's own tests of what leans on memory, under `ouro run`: whatever passes without must pass with it.

    run.py OURO [PYTHON]

Each module is run twice, by itself and on ouro's heap, and the outcomes are compared test by test. That Python's memory was really
there, ouro's report says. The modules come with Debian's libpython3.11-testsuite. Prints TAP."""

import json
import pathlib
import subprocess
import sys
import tempfile

DRIVER = pathlib.Path(__file__).resolve().parent / 'driver.py'
MODULES = '''test_gc test_weakref test_weakset test_finalization test_tracemalloc test_memoryview test_list test_dict test_set
    test_tuple test_deque test_descr test_bytes'''.split()
PATIENCE = 300


def outcomes(command, module, folder):
    """({test: outcome}, what it wrote) of a module that is run by a command; no tests where it died."""
    result = folder / 'outcomes'
    result.unlink(missing_ok=True)
    done = subprocess.run([*command, DRIVER, result, f'test.{module}'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace', timeout=PATIENCE)
    return json.loads(result.read_text()) if result.exists() else {}, f'{done.stdout}status {done.returncode}'


def not_on_ouro(report):
    """Why ouro's report does not show all of Python's memory on its heap; empty where it does."""
    if not report.exists():
        return 'there is no report'
    facts = json.loads(report.read_text())
    subject = next((process for process in facts['processes'] if process['pid'] == facts['subject']), {})
    python = subject.get('python') or {}
    return '' if python.get('on_ouro') and python.get('verified') else f'the report says {python}'


def cases(ouro, python):
    """(name, what is wrong) for each module and each of its tests."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        report = folder / 'report'
        for module in MODULES:
            own, said = outcomes([python], module, folder)
            report.unlink(missing_ok=True)
            on_ouro, log = outcomes([ouro, 'run', '--format', 'json', '--report', report, '--', python], module, folder)
            yield f'{module} runs by itself', '' if own else said
            yield f'{module} runs on ouro', '' if on_ouro else log
            yield f"{module}: Python's memory was on ouro's heap", not_on_ouro(report)
            for test, outcome in own.items():
                worse = outcome != 'FAILED' and on_ouro.get(test, 'missing') != outcome
                yield test.removeprefix('test.'), f'{outcome} by itself, {on_ouro.get(test, "missing")} on ouro\n{log}' if worse else ''


def main():
    ouro, python = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else '/usr/bin/python3'
    if subprocess.run([python, '-c', 'import test.test_gc'], capture_output=True).returncode:
        print('1..0 # SKIP this Python has no test package (Debian: libpython3.11-testsuite)')
        return 0
    failed = number = 0
    for number, (name, wrong) in enumerate(cases(ouro, python), 1):
        failed += bool(wrong)
        print(f'{"not ok" if wrong else "ok"} {number} - {name}')
        for line in wrong.splitlines()[-60:]:
            print(f'# {line}', flush=True)
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
