"""What the tests of the examples share: running a program, and TAP."""

import os
import pathlib
import resource
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 120


class Wrong(Exception):
    """What was wrong, in words for the log."""


def run(program, *arguments, text='', conf='', stack_kib=0, status=0, folder=None, patience=PATIENCE):
    """(stdout, stderr) of a program. Wrong where it ends with another status than expected."""
    environment = {key: value for key, value in os.environ.items() if key not in ('OURO_CONF', 'MALLOC_PERTURB_')}
    if conf:
        environment['OURO_CONF'] = conf

    def limit():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if stack_kib:
            resource.setrlimit(resource.RLIMIT_STACK, (stack_kib << 10, stack_kib << 10))

    done = subprocess.run([program, *map(str, arguments)], input=text, capture_output=True, text=True, errors='replace',
                          env=environment, timeout=patience, preexec_fn=limit, cwd=folder)
    if done.returncode != status:
        raise Wrong(f'status {done.returncode}, not {status}\n{done.stdout[-2000:]}{done.stderr[-4000:]}')
    return done.stdout, done.stderr


def expect(found, wanted, what='output'):
    """Wrong, with the first line that differs, unless the two texts are equal."""
    if found == wanted:
        return
    pairs = list(zip(found.splitlines() + [''], wanted.splitlines() + ['']))
    line = next((i for i, (a, b) in enumerate(pairs, 1) if a != b), len(pairs) + 1)
    here = pairs[line - 1] if line <= len(pairs) else ('the end', 'more')
    raise Wrong(f'{what}, line {line}: {here[0]!r}, not {here[1]!r}')


def main(cases):
    """Run (name, function) pairs, and print TAP."""
    failed = number = 0
    for number, (name, case) in enumerate(cases, 1):
        try:
            case()
            wrong = ''
        except (Wrong, subprocess.TimeoutExpired) as error:
            wrong = str(error)
        failed += bool(wrong)
        print(f'{"not ok" if wrong else "ok"} {number} - {name}')
        for line in wrong.splitlines():
            print(f'# {line}', flush=True)
    print(f'1..{number}')
    sys.exit(1 if failed or not number else 0)
