"""What the tests of `ouro export` and `ouro top` share: running the command on areas of known content, and printing TAP."""

import argparse
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / 'recording'))
PATIENCE = 20
# Variables of the user's that would change what the command does.
FOREIGN = ('OURO_CONF', 'LD_PRELOAD', 'COLUMNS', 'LINES', 'NO_COLOR', 'TERM')


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def environment(**more):
    return {name: value for name, value in os.environ.items() if name not in FOREIGN} | {'LC_ALL': 'C.UTF-8'} | more


class Case(unittest.TestCase):
    """A test with a folder of its own, self.folder, in which the command runs."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='ouro-test-'))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, area, name='program.area'):
        path = self.folder / name
        path.write_bytes(area.bytes())
        return path

    def ouro(self, *words, status=0, env=None, **options):
        """Run the command; it must end with that status. Returns what it wrote, as bytes, and its messages."""
        done = subprocess.run([os.environ['OURO_TEST_COMMAND'], *map(str, words)], cwd=self.folder, timeout=PATIENCE,
                              env=environment(TMPDIR=str(self.folder), **(env or {})), stdin=subprocess.DEVNULL,
                              **({'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE} | options))
        messages = (done.stderr or b'').decode(errors='replace')
        self.assertEqual(done.returncode, status, messages)
        return done.stdout, messages

    def refused(self, *words, status=2, says='', **options):
        """The command must write one line of message that has `says` in it, and nothing else."""
        out, messages = self.ouro(*words, status=status, **options)
        self.assertIn(out, (b'', None))
        self.assertRegex(messages, r'\Aouro: [^\n]+\n\Z')
        self.assertIn(says, messages)


def main(about, here):
    parser = argparse.ArgumentParser(description=about.split('\n')[0])
    parser.add_argument('ouro', type=pathlib.Path)
    parser.add_argument('recording_tool', type=pathlib.Path, nargs='?', help='of tests/recording; makes recordings of areas')
    parser.add_argument('-k', dest='pattern', default='', help='only tests whose name has this in it')
    options = parser.parse_args()
    cli = load('cli_run', TESTS / 'cli' / 'run.py')
    os.environ['OURO_TEST_COMMAND'] = str(options.ouro.resolve(strict=True))
    if options.recording_tool:
        os.environ['OURO_TEST_TOOL'] = str(options.recording_tool.resolve(strict=True))
    sys.dont_write_bytecode = True
    suite = unittest.TestSuite()
    for test in cli.flat(unittest.TestLoader().discover(str(here))):
        if options.pattern in test.id():
            suite.addTest(test)
    result = cli.Tap()
    suite.run(result)
    print(f'1..{result.number}')
    return 1 if result.bad or result.number == 0 else 0
