"""What the tests of the command share: starting it, compiling small programs, reading its reports."""

import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

# Set by run.py before any test is loaded.
OURO = os.environ['OURO_TEST_COMMAND']
PATIENCE = 60

# Variables that a run of the tests under `ouro run`, or with one's own options, would bring in.
FOREIGN = ('OURO_CONF', 'OURO_PYTHONMALLOC', 'PYTHONMALLOC', 'PYTHONDEVMODE', 'LD_PRELOAD', 'NO_COLOR')


def environment(**more):
    plain = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return plain | {'LC_ALL': 'C.UTF-8'} | more


class Done:
    """A finished run of the command, with its report where one was written as JSON."""

    def __init__(self, status, out, err, report=None):
        self.status, self.out, self.err, self.report = status, out, err, report

    @property
    def program(self):
        return self.report['processes'][0]

    @property
    def subject(self):
        return next(process for process in self.report['processes'] if process['pid'] == self.report['subject'])


class Case(unittest.TestCase):
    """A test in a folder of its own, self.folder, which is also TMPDIR for the command: nothing may be left there."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='ouro-test-'))
        self.temporary = self.folder / 'tmp'
        self.temporary.mkdir()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, *arguments, env=None, **options):
        """Start `ouro run ARGUMENTS`."""
        options = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE} | options
        return subprocess.Popen([OURO, 'run', *map(str, arguments)], cwd=options.pop('cwd', self.folder),
                                env=environment(**({'TMPDIR': str(self.temporary)} | (env or {}))), **options)

    def run_ouro(self, *arguments, env=None, input=None, **options):
        """Run `ouro run ARGUMENTS` to its end, and see that it left nothing behind."""
        process = self.start(*arguments, env=env, stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
                             **options)
        out, err = process.communicate(input, timeout=PATIENCE)
        self.assertEqual(list(self.temporary.iterdir()), [], 'files of the run were left behind')
        return Done(process.returncode, out or b'', (err or b'').decode(errors='replace'))

    def reported(self, *arguments, options=(), **more):
        """Run ARGUMENTS with a report in JSON."""
        path = self.folder / 'report.json'
        done = self.run_ouro('--report', path, '--force', '--format', 'json', *options, '--', *arguments, **more)
        self.assertTrue(path.exists(), f'no report; stderr: {done.err}')
        done.report = json.loads(path.read_text())
        return done

    def script(self, name, text, mode=0o755):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def assert_usage_error(self, done, *words):
        self.assertEqual(done.status, 2, done.err)
        self.assertEqual(done.out, b'')
        self.assert_one_line(done.err, *words)

    def assert_one_line(self, err, *words):
        self.assertRegex(err, r'\Aouro: [^\n]+\n\Z')
        for word in words:
            self.assertIn(word, err)

    def wait_for(self, what, condition, seconds=20):
        """Wait until `condition()` is true; its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        self.fail(f'{what} did not happen within {seconds} s')


@functools.lru_cache(None)
def compiled(source, *flags):
    """The path of a small C program; it lives as long as the tests run."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix='ouro-test-c-', dir=os.environ['OURO_TEST_FOLDER']))
    (folder / 'program.c').write_text(source)
    subprocess.run(['cc', '-std=gnu11', '-O1', '-fno-builtin', '-w', '-o', folder / 'program', folder / 'program.c', *flags],
                   check=True)
    return folder / 'program'


def children_of(pid):
    """Process ids of the children of `pid`."""
    try:
        return [int(child) for child in pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def state_of(pid):
    """The state letter of a process: R, S, T, Z..."""
    for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('State:'):
            return line.split()[1]
    return ''


def pythons():
    """Every CPython from 3.8 on that is here: the system's, and those of pyenv."""
    root = pathlib.Path(os.environ.get('PYENV_ROOT', pathlib.Path.home() / '.pyenv'))
    candidates = [pathlib.Path('/usr/bin/python3'), *sorted(root.glob('versions/3.*/bin/python3'))]
    found = {}
    for candidate in candidates:
        if not candidate.exists():
            continue
        code = 'import sys; print(sys.version_info >= (3, 8) and sys.implementation.name == "cpython", sys.version.split()[0])'
        answer = subprocess.run([candidate, '-c', code], stdout=subprocess.PIPE, text=True).stdout.split()
        if answer and answer[0] == 'True':
            found.setdefault(answer[1], str(candidate))
    return found
