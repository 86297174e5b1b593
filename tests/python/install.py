#!/usr/bin/env python3
"""The package as pip installs it from the sources, without a network, into a virtual environment: it has what belongs to it and
nothing else, it traces, and pytest finds its plugin. Prints TAP."""

import importlib.util
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 500

WANTED = {path.name for path in (ROOT / 'python' / 'ouro').iterdir() if path.suffix in ('.py', '.pyi', '.typed')}
PROGRAM = '''
import ouro
ouro.start(3)
data = [bytes(1000) for _ in range(1000)]
print(ouro.take_snapshot().statistics('lineno')[0])
'''


def copy_of_the_tree(folder):
    """The sources, without build folders: what git knows, or would."""
    listed = subprocess.run(['git', '-C', ROOT, 'ls-files', '-co', '--exclude-standard', '-z'], stdout=subprocess.PIPE, check=True,
                            text=True)
    for name in filter(None, listed.stdout.split('\0')):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def run(*command, folder):
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=PATIENCE)
    return '' if done.returncode == 0 else f'{done.stdout}\nstatus {done.returncode}', done.stdout


def cases(folder):
    """(name, what is wrong)."""
    source, place = folder / 'source', folder / 'place'
    copy_of_the_tree(source)
    subprocess.run([sys.executable, '-m', 'venv', '--system-site-packages', place], check=True)
    python = place / 'bin' / 'python'
    wrong, _ = run(python, '-m', 'pip', 'install', '--no-build-isolation', '--no-deps', '--no-index', source, folder=folder)
    yield 'pip installs it', wrong
    if wrong:
        return
    package, = place.glob('lib/python3*/site-packages/ouro')
    found = {path.name for path in package.iterdir() if path.suffix != '.so' and path.name != '__pycache__'}
    yield 'the package is complete', '' if found == WANTED else f'found {sorted(found)}, wanted {sorted(WANTED)}'
    strangers = [path.name for path in place.rglob('*ouro*') if path.is_file() and package not in path.parents]
    yield 'nothing else is installed', '\n'.join(strangers)
    wrong, said = run(python, '-c', PROGRAM, folder=folder)
    yield 'it traces', wrong or ('' if said.startswith('<string>:4: size=10') else said)
    if importlib.util.find_spec('pytest'):
        wrong, said = run(python, '-m', 'pytest', '--markers', folder=folder)
        yield 'pytest finds the plugin', wrong or ('' if 'limit_leaks' in said else said)


def main():
    needed = [name for name in ('mesonpy', 'venv', 'pip') if importlib.util.find_spec(name) is None]
    if needed or not shutil.which('git'):
        print(f'1..0 # SKIP there is no {", ".join(needed) or "git"}')
        return 0
    failed = number = 0
    with tempfile.TemporaryDirectory(prefix='ouro-test-') as folder:
        for number, (name, wrong) in enumerate(cases(pathlib.Path(folder)), 1):
            failed += bool(wrong)
            print(f'{"not ok" if wrong else "ok"} {number} - {name}', flush=True)
            for line in wrong.splitlines()[-40:]:
                print(f'# {line}', flush=True)
    print(f'1..{number}')
    return 1 if failed or not number else 0


if __name__ == '__main__':
    sys.exit(main())
