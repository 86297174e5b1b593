"""`ouro check`: limits, baselines, and which exit status comes of it. Runs programs; skipped without libouro-trace.so."""

import functools
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

from common import Case

TRACE = os.environ.get('OURO_TEST_TRACE')

# usage: program KEPT STATUS GROWING TEMPORARY: keeps blocks of 10,000 bytes, frees others at once, grows for a while.
SOURCE = '''
#include <stdlib.h>
#include <unistd.h>
static void *kept[1000];
static void fill(int count) { for (int i = 0; i < count; i++) kept[i] = malloc(10000); }
static void spend(int count) { for (int i = 0; i < count; i++) free(malloc(100)); }
static void grow(int count) {
  for (int i = 0; i < count; i++) {
    kept[900 + i] = malloc(1000);
    usleep(100000);
  }
}
int main(int argc, char **argv) {
  int number[5] = {0};
  for (int i = 1; i < argc; i++) number[i] = atoi(argv[i]);
  fill(number[1]);
  spend(number[4]);
  grow(number[3]);
  if (number[2] < 0) kill(getpid(), -number[2]);
  if (number[2] == 99) abort();
  return number[2];
}
'''.replace('#include <stdlib.h>', '#include <signal.h>\n#include <stdlib.h>')


@functools.lru_cache(None)
def program(folder=None):
    folder = pathlib.Path(tempfile.mkdtemp(prefix='check-', dir=os.environ['OURO_TEST_FOLDER']))
    (folder / 'program.c').write_text(SOURCE)
    subprocess.run(['cc', '-g', '-O1', '-fno-builtin', '-fno-inline', '-w', '-o', 'program', 'program.c'], cwd=folder, check=True)
    return folder / 'program'


@unittest.skipUnless(TRACE, 'there is no libouro-trace.so')
class Check(Case):

    def check(self, *arguments, status=0):
        """What `ouro check` says; nothing of it may be left behind."""
        out, err = self.ouro('check', *arguments, status=status, env={'OURO_PRELOAD': TRACE})
        self.assertEqual(list(self.temporary.iterdir()), [])
        return err

    def test_limits_that_hold_are_silent(self):
        limits = ('--max-peak', '1000100', '--max-live-at-exit', '1MB', '--max-temporary', '50', '--no-growth')
        self.assertEqual(self.check(*limits, '--', program(), 100, 0, 0, 50), '')

    def test_the_peak(self):
        err = self.check('--max-peak', '999999', '--', program(), 100, status=1)
        self.assertRegex(err, r'\Aouro: process \d+ \(.*program 100\) had 1000000 bytes live at its peak; '
                              r'--max-peak allows 999999\n')
        self.assertRegex(err, r'(?m)^ +1\.0 MB +100  .*program\.c:\d+  fill$')

    def test_what_is_live_at_exit(self):
        err = self.check('--max-live-at-exit', '0', '--', program(), 3, status=1)
        self.assertIn('had 30.0 kB live at its exit; --max-live-at-exit allows 0 B\n', err)
        self.assertRegex(err, r'(?m)^ +30\.0 kB +3  .*program\.c:\d+  fill$')
        self.assertEqual(self.check('--max-live-at-exit', '0', '--', program(), 0, 0, 0, 9), '')

    def test_blocks_that_are_freed_at_once(self):
        err = self.check('--max-temporary', '49', '--', program(), 0, 0, 0, 50, status=1)
        self.assertIn('made 50 blocks that it freed at once; --max-temporary allows 49\n', err)
        self.assertRegex(err, r'(?m)^ +5\.0 kB +50  .*program\.c:\d+  spend$')

    def test_growth(self):
        err = self.check('--no-growth', '--', program(), 1, 0, 15, status=1)
        self.assertIn('has 1 line that only grew; --no-growth allows none\n', err)
        self.assertRegex(err, r'(?m) .*program\.c:\d+  grow$')

    def test_each_broken_limit_is_named(self):
        err = self.check('--max-peak', '1', '--max-live-at-exit', '1', '--', program(), 1, status=1)
        self.assertIn('--max-peak allows', err)
        self.assertIn('--max-live-at-exit allows', err)

    def test_a_program_that_fails_has_its_own_status(self):
        err = self.check('--max-peak', '1', '--', program(), 1, 7, status=7)
        self.assertIn('--max-peak allows', err)
        self.assertEqual(self.check('--max-peak', '1MB', '--', program(), 1, 7, status=7), '')

    def test_a_program_that_is_killed_is_told_apart(self):
        self.check('--max-peak', '1MB', '--', program(), 1, -signal.SIGTERM, status=-signal.SIGTERM)

    def test_children_are_judged_as_well(self):
        err = self.check('--max-peak', '500kB', '--', 'sh', '-c', f'{program()} 100; true', status=1)
        self.assertIn('program 100) had 1.0 MB live at its peak', err)

    def test_output_is_the_programs(self):
        out, err = self.ouro('check', '--max-peak', '1GB', '--', 'sh', '-c', 'echo out; echo err >&2',
                             env={'OURO_PRELOAD': TRACE})
        self.assertEqual((out, err), ('out\n', 'err\n'))

    def test_a_python_program(self):
        (self.folder / 'app.py').write_text('kept = [b"x" * 100000 for _ in range(20)]\n')
        python = os.path.realpath(sys.executable)
        err = self.check('--max-live-at-exit', '1MB', '--', python, 'app.py', status=1)
        self.assertRegex(err, r'(?m)^ +2\.0 MB +\d+  app\.py:1  ')


@unittest.skipUnless(TRACE, 'there is no libouro-trace.so')
class Baseline(Case):

    def check(self, *arguments, status=0):
        return self.ouro('check', '--baseline', 'b.json', *arguments, status=status, env={'OURO_PRELOAD': TRACE})[1]

    def setUp(self):
        super().setUp()
        self.assertEqual(self.check('--update-baseline', '--', program(), 100, 0, 0, 5), '')

    def test_the_file(self):
        baseline = json.loads((self.folder / 'b.json').read_text())
        self.assertEqual(baseline['ouro_baseline'], 1)
        self.assertEqual(baseline['command'], [str(program()), '100', '0', '0', '5'])
        self.assertEqual(baseline['totals'], {'peak': 1_000_100, 'live_at_exit': 1_000_000, 'allocated': 1_000_500,
                                              'temporary_blocks': 5})
        line, = baseline['lines']
        self.assertRegex(line.pop('line'), r'program\.c:\d+$')
        self.assertEqual(line, {'function': 'fill', 'peak': 1_000_000, 'live_at_exit': 1_000_000})

    def test_the_same_again_holds(self):
        self.assertEqual(self.check('--', program(), 100), '')

    def test_more_by_less_than_the_tolerance_holds(self):
        self.assertEqual(self.check('--', program(), 109), '')
        self.assertEqual(self.check('--tolerance', '50', '--', program(), 149), '')

    def test_more_than_that_is_told_by_line(self):
        err = self.check('--', program(), 150, status=1)
        self.assertIn('ouro: what is live at the peak is 1.5 MB; the baseline b.json has 1.0 MB, and 10 % more is allowed\n', err)
        self.assertIn('ouro: what is live at exit is 1.5 MB; ', err)
        self.assertRegex(err, r'(?m)^ +\+500\.0 kB +1\.5 MB  .*program\.c:\d+  fill$')
        self.check('--tolerance', '0', '--', program(), 101, status=1)

    def test_lines_that_moved_within_their_function_are_the_same(self):
        baseline = json.loads((self.folder / 'b.json').read_text())
        file, _, number = baseline['lines'][0]['line'].rpartition(':')
        baseline['lines'][0]['line'] = f'{file}:{int(number) + 40}'
        (self.folder / 'b.json').write_text(json.dumps(baseline))
        err = self.check('--', program(), 150, status=1)
        self.assertRegex(err, rf'(?m)^ +\+500\.0 kB +1\.5 MB  .*program\.c:{number}  fill$')

    def test_a_failing_program_comes_first(self):
        self.check('--', program(), 150, 3, status=3)

    def test_files_that_are_no_baseline(self):
        for text in ('{}', 'nonsense', '{"ouro_baseline": 2, "totals": {}}'):
            (self.folder / 'b.json').write_text(text)
            self.assertIn('--update-baseline', self.check('--', program(), 1, status=2))

    def test_update_keeps_the_old_file_where_the_new_one_cannot_be_written(self):
        before = (self.folder / 'b.json').read_text()
        (self.folder / 'b.json.new').mkdir()
        self.assertIn('cannot write b.json', self.check('--update-baseline', '--', program(), 1, status=125))
        self.assertEqual((self.folder / 'b.json').read_text(), before)


class Usage(Case):

    def test_each_wrong_use_says_what_is_right(self):
        self.refused('check', words=['name a program'])
        self.refused('check', '--', 'true', words=['--max-peak'])
        self.refused('check', '--max-peak', 'big', '--', 'true', words=['--max-peak', 'size', 'big'])
        self.refused('check', '--max-temporary', '-3', '--', 'true', words=['--max-temporary', 'number'])
        self.refused('check', '--tolerance', 'much', '--', 'true', words=['--tolerance', 'percentage'])
        self.refused('check', '--update-baseline', '--', 'true', words=['--baseline FILE'])
        self.refused('check', '--baseline', 'absent.json', '--', 'true', words=['absent.json', '--update-baseline'])
        self.refused('check', '--colour', '--', 'true', words=['--colour'])

    @unittest.skipUnless(TRACE, 'there is no libouro-trace.so')
    def test_a_program_that_there_is_not(self):
        out, err = self.ouro('check', '--max-peak', '1MB', '--', './absent', status=127, env={'OURO_PRELOAD': TRACE})
        self.assertEqual((out, err), ('', "ouro: cannot run './absent': No such file or directory\n"))
