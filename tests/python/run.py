#!/usr/bin/env python3
"""Tests `import ouro`, in every CPython from 3.9 to 3.13 that is here. Prints TAP; the exit status is 1 where anything failed.

usage: run.py PACKAGE CORE [TRACE_LIBRARY] [-k PATTERN] [--python VERSION]

PACKAGE is the folder `ouro` of the build tree, CORE the archive that its extension module is linked with: for the other versions
the module is compiled here, from the same sources. TRACE_LIBRARY is what `ouro run --trace` preloads. In each Python run the tests
in cases/, and CPython's own test_tracemalloc with the import changed, where that Python has it; LISTED says which of its tests
fail, and why."""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DRIVER = HERE.parent / 'cpython' / 'driver.py'
PATIENCE = 600

OWN_SWITCH = "the interpreter's own switch (-X tracemalloc, PYTHONTRACEMALLOC) starts the interpreter's own tracer"
OWN_TRACER = "extensions that register foreign memory do so with the interpreter's own tracer"
LISTED = {
    'TestTracemallocEnabled.test_new_reference': 'an object out of a free list is no allocation; it has the line of its block',
    'TestTracemallocEnabled.test_snapshot': 'frames beyond the limit are not counted: total_nframe is None',
    'TestSnapshot.test_create_snapshot': 'a snapshot is not made of what the private function _get_traces returns',
    'TestCommandLine.test_env_var_enabled_at_startup': OWN_SWITCH,
    'TestCommandLine.test_env_limit': OWN_SWITCH,
    'TestCommandLine.test_sys_xoptions': OWN_SWITCH,
    'TestCAPI.test_track': OWN_TRACER,
    'TestCAPI.test_track_without_gil': OWN_TRACER,
    'TestCAPI.test_track_already_tracked': OWN_TRACER,
    'TestCAPI.test_untrack': OWN_TRACER,
    'TestCAPI.test_stop_untrack': OWN_TRACER,
}

FACTS = '''import json, sys, sysconfig
print(json.dumps({'name': sys.implementation.name, 'minor': sys.version_info[1], 'version': sys.version.split()[0],
                  'suffix': sysconfig.get_config_var('EXT_SUFFIX'), 'include': sysconfig.get_path('include')}))'''


def pythons():
    """{version: (executable, facts)} of every CPython from 3.9 to 3.13 that has its headers."""
    root = pathlib.Path(os.environ.get('PYENV_ROOT', pathlib.Path.home() / '.pyenv'))
    found = {}
    for path in [pathlib.Path('/usr/bin/python3'), *sorted(root.glob('versions/3.*/bin/python3'))]:
        if not path.exists():
            continue
        facts = json.loads(subprocess.run([path, '-c', FACTS], stdout=subprocess.PIPE, text=True, check=True).stdout)
        headers = pathlib.Path(facts['include']) / 'Python.h'
        if facts['name'] == 'cpython' and 9 <= facts['minor'] <= 13 and headers.exists():
            found.setdefault(facts['version'], (path, facts))
    return found


def compile_module(facts, core, target):
    """Build the extension module for one Python."""
    sources = sorted((ROOT / 'python' / 'extension').glob('*.c'))
    subprocess.run(['cc', '-shared', '-fPIC', '-std=gnu11', '-O2', '-g', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden',
                    '-ftls-model=initial-exec', '-isystem', facts['include'], '-I', ROOT / 'src', '-I', ROOT / 'include',
                    *sources, core, '-Wl,--exclude-libs,ALL', '-Wl,-z,nodelete', '-pthread', '-ldl', '-o', target], check=True)


def prepare(folder, package, core, python, facts):
    """A virtual environment of a Python, with the package; its executable."""
    place = folder / facts['version']
    subprocess.run([python, '-m', 'venv', '--without-pip', '--system-site-packages', place], check=True)
    target = place / 'lib' / f'python3.{facts["minor"]}' / 'site-packages' / 'ouro'
    target.mkdir()
    for path in package.iterdir():
        if path.suffix in ('.py', '.pyi', '.typed') or path.name.endswith(facts['suffix']):
            shutil.copy(path, target)
    if not list(target.glob('*' + facts['suffix'])):
        compile_module(facts, core, target / f'_ouro{facts["suffix"]}')
    return place / 'bin' / 'python'


def outcomes(python, module, path, result):
    """({test: outcome}, what it wrote) of a module of tests in a folder; no tests where it died."""
    result.unlink(missing_ok=True)
    environment = {**os.environ, 'PYTHONPATH': str(path), 'PYTHONDONTWRITEBYTECODE': '1'}
    done = subprocess.run([python, DRIVER, result, module], cwd=result.parent, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', timeout=PATIENCE)
    return json.loads(result.read_text()) if result.exists() else {}, f'{done.stdout}status {done.returncode}'


def with_import_changed(python, folder):
    """CPython's test_tracemalloc with the import changed, in `folder`; False where this Python has none."""
    where = 'import test, os; print(os.path.join(os.path.dirname(test.__file__), "test_tracemalloc.py"))'
    said = subprocess.run([python, '-c', where], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()
    if not said or not os.path.exists(said):
        return False
    text = re.sub(r'\bimport tracemalloc\b', 'import ouro as tracemalloc', pathlib.Path(said).read_text())
    (folder / 'test_tracemalloc.py').write_text(text)
    return True


def own_cases(python, folder, pattern):
    for path in sorted((HERE / 'cases').glob('test_*.py')):
        if pattern and pattern not in path.stem:
            continue
        result, log = outcomes(python, path.stem, HERE / 'cases', folder / 'outcomes')
        yield path.stem, '' if result else log, ''
        for test, outcome in result.items():
            yield test, log if outcome == 'FAILED' else '', 'SKIP' if outcome == 'skipped' else ''


def cpython_cases(python, folder, version):
    changed = folder / f'changed-{version}'
    changed.mkdir()
    if not with_import_changed(python, changed):
        yield 'test_tracemalloc', '', 'SKIP this Python has no test package'
        return
    result, log = outcomes(python, 'test_tracemalloc', changed, folder / 'outcomes')
    yield 'test_tracemalloc runs', '' if result else log, ''
    for test, outcome in result.items():
        reason = LISTED.get(test.split('.', 1)[1])
        if reason and outcome != 'skipped':
            yield f'{test}: listed, {reason}', '' if outcome == 'FAILED' else f'it {outcome}: take it off the list', ''
        else:
            yield test, log if outcome == 'FAILED' else '', 'SKIP' if outcome == 'skipped' else ''


# What a typed program may rely on; each line fails where its type is not found.
TYPED = '''
import ouro
from ouro import Snapshot, StatisticDiff

ouro.start(5, sample=True, native=True)
snapshot: Snapshot = ouro.take_snapshot(peak=True)
error: float = snapshot.statistics('lineno')[0].error
function: str = snapshot.statistics('traceback')[0].traceback[-1].function
difference: list[StatisticDiff] = snapshot.filter_traces([ouro.Filter(True, 'x')]).compare_to(snapshot, 'lineno')
functions: list[str] = [frame.function for trace in snapshot.traces[:3] for frame in trace.traceback[:2]]
kept: int = ouro.pins()[0].kept
with ouro.Tracer(sample=1024) as trace:
    peak: int = trace.peak
    with ouro.gc_pauses() as pauses:
        longest: float = pauses.longest
'''


def typed(folder):
    """(name, what is wrong, directive): the package, and a program that uses it, pass mypy --strict."""
    program = folder / 'typed.py'
    program.write_text(TYPED)
    for name, target in (('the package is typed', ROOT / 'python' / 'ouro'), ('a program that uses it is typed', program)):
        if not shutil.which('mypy'):
            yield name, '', 'SKIP there is no mypy'
            continue
        done = subprocess.run(['mypy', '--strict', '--python-version', '3.9', '--cache-dir', os.devnull, target],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, 'MYPYPATH': str(ROOT / 'python')})
        yield name, done.stdout if done.returncode else '', ''


def cases(options, folder):
    """(name, what is wrong, a directive of TAP)."""
    if not options.pattern:
        yield from typed(folder)
    found = pythons()
    yield 'there is a CPython from 3.9 to 3.13', '' if found else 'none was found', ''
    for version, (python, facts) in found.items():
        if options.python and not version.startswith(options.python):
            continue
        python = prepare(folder, options.package, options.core, python, facts)
        for name, wrong, directive in own_cases(python, folder, options.pattern):
            yield f'{version}: {name}', wrong, directive
        if not options.pattern or options.pattern in 'test_tracemalloc':
            for name, wrong, directive in cpython_cases(python, folder, version):
                yield f'{version}: {name}', wrong, directive


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('package', type=pathlib.Path)
    parser.add_argument('core', type=pathlib.Path)
    parser.add_argument('trace', type=pathlib.Path, nargs='?')
    parser.add_argument('-k', dest='pattern', default='', help='only modules of tests whose name has this in it')
    parser.add_argument('--python', default='', help='only the versions that begin so')
    options = parser.parse_args()
    if options.trace:
        os.environ['OURO_TEST_TRACE_LIBRARY'] = str(options.trace.resolve(strict=True))
    failed = number = 0
    with tempfile.TemporaryDirectory(prefix='ouro-test-') as folder:
        for number, (name, wrong, directive) in enumerate(cases(options, pathlib.Path(folder)), 1):
            failed += bool(wrong)
            directive = f' # {directive}' if directive else ''
            print(f'{"not ok" if wrong else "ok"} {number} - {name.replace("#", " ")}{directive}', flush=True)
            for line in wrong.splitlines()[-60:]:
                print(f'# {line}', flush=True)
    print(f'1..{number}')
    return 1 if failed or not number else 0


if __name__ == '__main__':
    sys.exit(main())
