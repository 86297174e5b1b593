"""What the tests of reports share: areas and recordings with known content, and running the command on them."""

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
OURO = os.environ['OURO_TEST_COMMAND']
TOOL = os.environ['OURO_TEST_TOOL']
PATIENCE = 120

FOREIGN = ('OURO_CONF', 'OURO_PYTHONMALLOC', 'PYTHONMALLOC', 'PYTHONDEVMODE', 'LD_PRELOAD', 'NO_COLOR')


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_area = load('make_area', HERE.parent / 'recording' / 'make_area.py')
Area = make_area.Area


def environment(**more):
    plain = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return plain | {'LC_ALL': 'C.UTF-8', 'PYTHONDONTWRITEBYTECODE': '1'} | more


class Case(unittest.TestCase):
    """A test in a folder of its own, self.folder, in which the command runs; its temporary files go to self.temporary."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='ouro-test-'))
        self.temporary = self.folder / 'tmp'
        self.temporary.mkdir()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def ouro(self, *arguments, status=0, env=None, **options):
        """Run `ouro ARGUMENTS`, which must end with `status`; what it wrote, as (stdout, stderr)."""
        done = subprocess.run([OURO, *map(str, arguments)], cwd=self.folder, timeout=PATIENCE, stdin=subprocess.DEVNULL,
                              env=environment(TMPDIR=str(self.temporary), **(env or {})), capture_output=True, **options)
        out, err = done.stdout.decode(errors='surrogateescape'), done.stderr.decode(errors='surrogateescape')
        self.assertEqual(done.returncode, status, f'{arguments}: {err}{out[-2000:]}')
        return out, err

    def asked(self, *arguments):
        """The answer in JSON."""
        out, err = self.ouro(*arguments, '--format', 'json')
        self.assertEqual(err, '')
        return json.loads(out)

    def rows(self, *arguments, key='rows'):
        """{key: (bytes, blocks)} of the answer's rows."""
        return {row['key']: (row['bytes'], row['blocks']) for row in self.asked(*arguments)[key]}

    def refused(self, *arguments, words):
        """Wrong usage: one line that says what to do, and status 2."""
        out, err = self.ouro(*arguments, status=2)
        self.assertEqual(out, '')
        self.assertRegex(err, r'\Aouro: [^\n]+\n\Z')
        for word in words:
            self.assertIn(word, err)

    def write(self, area, name='a.area'):
        (self.folder / name).write_bytes(area.bytes())
        return name

    def record(self, areas, name='a.ouro'):
        """A recording in which the areas follow each other, a second apart, with a snapshot of each."""
        names = [self.write(area, f'{name}.{number}') for number, area in enumerate(areas)]
        (self.folder / name).unlink(missing_ok=True)
        subprocess.run([TOOL, 'record', name, *names], cwd=self.folder, check=True)
        return name


def area_of(lines, **page):
    """An area of sites of one Python frame each: {(file, line): {site's arguments}}."""
    area = Area(**page)
    for (file, line), site in lines.items():
        area.site(area.stack(area.python(file, 'f', line)), **site)
    return area


def live(count, size):
    return {'allocs': (count, size), 'live': (count, size)}
