"""What the tests of the package share: programs in an interpreter of their own."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

import ouro

PATIENCE = 120
FOREIGN = ('OURO_CONF', 'OURO_PYTHONMALLOC', 'PYTHONMALLOC', 'PYTHONDEVMODE', 'PYTHONTRACEMALLOC', 'LD_PRELOAD')


def environment(**more):
    plain = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return {**plain, 'LC_ALL': 'C.UTF-8', **more}


class Case(unittest.TestCase):
    """A test that begins and ends with tracing off, and has a folder of its own."""

    maxDiff = None

    def setUp(self):
        self.assertFalse(ouro.is_tracing(), 'a test before this one left tracing on')
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='ouro-test-'))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(ouro.stop)

    def file(self, name, text):
        path = self.folder / name
        path.write_text(textwrap.dedent(text))
        return path

    def python(self, *arguments, status=0, **env):
        """Run this Python; what it wrote to its standard output and error."""
        done = subprocess.run([sys.executable, *map(str, arguments)], cwd=self.folder, env=environment(**env), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def program(self, text, *arguments, **options):
        """Run a program in an interpreter of its own; what it printed."""
        return self.python(self.file('program.py', text), *arguments, **options).stdout
