"""Recording programs while they run: `ouro run --trace` and `ouro attach`, as their user meets them, and whoever dies meanwhile."""

import json
import os
import random
import resource
import signal
import subprocess
import time

import common

TOOL = os.environ['OURO_TEST_TOOL']

# Makes 1,000 blocks of 80 bytes at one place, keeps 10 of them.
BLOCKS = r'''
#include <stdlib.h>
#include <string.h>
char *kept[1000];
__attribute__((noinline)) static char *make(void) { char *block = malloc(80); memset(block, 1, 80); return block; }
int main(void) {
  for (int i = 0; i < 1000; i++) kept[i] = make();
  for (int i = 10; i < 1000; i++) free(kept[i]);
  return 0;
}
'''

# Allocates at a hundred places until it is killed, now and then from the system; says when it has begun.
BUSY = r'''
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
char *kept[100];
#define TEN(n) case n: case n + 1: case n + 2: case n + 3: case n + 4: case n + 5: case n + 6: case n + 7: case n + 8: case n + 9: \
  return malloc(n * 16 + 8);
static char *make(int n) {
  switch (n) { TEN(0) TEN(10) TEN(20) TEN(30) TEN(40) TEN(50) TEN(60) TEN(70) TEN(80) TEN(90) }
  return NULL;
}
int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  puts("begun");
  for (unsigned i = 0;; i++) {
    unsigned n = i * 7919 % 100;
    free(kept[n]);
    kept[n] = make((int)n);
    if (i % 1000 == 0) {
      usleep(100);
      free(malloc(1000000));
    }
  }
}
'''

# Forks a child that keeps 77 blocks of 1,000 bytes, then executes `true`.
FAMILY = r'''
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
char *kept[77];
int main(void) {
  char *mine = malloc(3333);
  *mine = 1;
  if (fork() == 0) {
    for (int i = 0; i < 77; i++) (kept[i] = malloc(1000))[0] = 1;
    exit(0);
  }
  wait(NULL);
  execl("/bin/true", "true", (char *)NULL);
  return 9;
}
'''


# Starts 30 programs at once.
CROWD = r'''
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
  for (int i = 0; i < 30; i++) {
    if (fork() == 0) execl("/bin/true", "true", (char *)NULL);
  }
  while (wait(NULL) > 0) {}
  return 0;
}
'''


class Case(common.Case):
    def dump(self, path):
        done = subprocess.run([TOOL, 'dump', path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=common.PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        profile = json.loads(done.stdout)
        self.assertTrue(profile['sums_fit'])
        return profile

    def totals(self, profile):
        """[count, bytes] in total of each site."""
        return [site['of'][2] for site in profile['sites']]

    def attach(self, pid, *arguments):
        return subprocess.run([common.OURO, 'attach', str(pid), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, cwd=self.folder, env=common.environment(TMPDIR=str(self.temporary)), timeout=common.PATIENCE)

    def attach_well(self, pid, *arguments):
        done = self.attach(pid, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        return done.stdout

    def start_busy(self, *options, program=BUSY, **more):
        """A process of `ouro run` whose program has begun, and the program's number."""
        process = self.start(*options, '--', common.compiled(program), **more)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.assertEqual(process.stdout.readline(), b'begun\n')
        child = self.wait_for('a child', lambda: common.children_of(process.pid))[0]
        self.addCleanup(self.kill, child)
        return process, child

    def kill(self, pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Recording(Case):
    def test_a_line_has_the_blocks_that_it_made(self):
        path = self.folder / 'made.ouro'
        done = self.run_ouro('--trace', '--output', path, '--', common.compiled(BLOCKS, '-g'))
        self.assertEqual(done.status, 0, done.err)
        self.assertRegex(done.err, r'\nouro: recorded 1 process; see: ouro report \S+made\.ouro\n\Z')
        profile = self.dump(path)
        self.assertTrue(profile['complete'] and profile['ended'])
        site = next(site for site in profile['sites'] if site['of'][2] == [1000, 80000])
        self.assertEqual(site['of'][0], [10, 800])
        self.assertEqual(site['of'][1], [1000, 80000])
        frame = profile['frames'][profile['nodes'][site['node']][1]]
        self.assertEqual((frame['function'], os.path.basename(frame['file']), frame['line']), ('make', 'program.c', 5))
        self.assertEqual(profile['snapshots'][-1]['label'], 'end')
        self.assertIn('"heap"', profile['heap'])

    def test_the_default_name_is_of_the_program_and_its_process(self):
        program = common.compiled(BLOCKS)
        self.run_ouro('--trace', '--quiet', '--', program)
        self.assertRegex(' '.join(path.name for path in self.folder.glob('*.ouro')), r'\Aprogram\.\d+\.ouro\Z')

    def test_a_file_is_not_overwritten_unless_forced(self):
        path = self.folder / 'old.ouro'
        path.write_text('precious')
        done = self.run_ouro('--trace', '--output', path, '--', 'touch', self.folder / 'ran')
        self.assert_usage_error(done, 'old.ouro', '--force')
        self.assertEqual(path.read_text(), 'precious')
        self.assertFalse((self.folder / 'ran').exists())
        done = self.run_ouro('--trace', '--force', '--output', path, '--', common.compiled(BLOCKS))
        self.assertEqual(done.status, 0)
        self.assertTrue(self.dump(path)['complete'])

    def test_a_file_that_would_be_overwritten_stays_while_there_is_nothing_to_write(self):
        path = self.folder / 'old.ouro'
        path.write_text('precious')
        done = self.run_ouro('--trace=later', '--force', '--output', path, '--', common.compiled(BLOCKS))
        self.assertEqual(done.status, 0)
        self.assertEqual(path.read_text(), 'precious')

    def test_children_are_left_out_where_the_user_says_so(self):
        self.run_ouro('--trace', '--quiet', '--no-children', '--output', 'family.ouro', '--', common.compiled(FAMILY))
        self.assertEqual([path.name for path in self.folder.glob('*.ouro') if 'exec' not in path.name], ['family.ouro'])

    def test_quiet_says_nothing(self):
        self.assertEqual(self.run_ouro('--trace', '--quiet', '--', common.compiled(BLOCKS)).err, '')

    def test_wrong_options_are_explained(self):
        for words, answer in ((('--frames', '3', '--', 'true'), 'add --trace'),
                              (('--trace=all', '--', 'true'), 'exact, sample or later'),
                              (('--trace', '--frames', '0', '--', 'true'), '1 to 256'),
                              (('--trace', '--frames', '257', '--', 'true'), '1 to 256'),
                              (('--trace', '--temporary', '33', '--', 'true'), '0 to 32'),
                              (('--trace', '--snapshots', '0', '--', 'true'), 'seconds'),
                              (('--trace=sample', '--sample-bytes', 'x', '--', 'true'), 'size'),
                              (('--trace', '--sample-bytes', '4k', '--', 'true'), '--trace=sample')):
            with self.subTest(words=words):
                self.assert_usage_error(self.run_ouro(*words), answer)

    def test_tracing_that_never_began_leaves_no_file(self):
        path = self.folder / 'later.ouro'
        done = self.run_ouro('--trace=later', '--output', path, '--', common.compiled(BLOCKS))
        self.assertIn('nothing was traced', done.err)
        self.assertFalse(path.exists())

    def test_a_child_and_an_executed_program_have_files_of_their_own(self):
        path = self.folder / 'family.ouro'
        done = self.run_ouro('--trace', '--quiet', '--output', path, '--', common.compiled(FAMILY))
        self.assertEqual((done.status, done.err), (0, ''))
        first = self.dump(self.folder / 'family.exec0.ouro')
        self.assertIn([1, 3333], self.totals(first))
        self.assertEqual(self.dump(path)['command'], ['true'])
        child, = [file for file in self.folder.glob('family.*.ouro') if 'exec' not in file.name]
        profile = self.dump(child)
        self.assertEqual(f'family.{profile["pid"]}.ouro', child.name)
        self.assertEqual(profile['parent'], first['pid'])
        self.assertIn([77, 77000], self.totals(profile))
        self.assertTrue(profile['ended'])

    def test_none_of_many_short_processes_is_missed(self):
        done = self.run_ouro('--trace', '--quiet', '--output', 'crowd.ouro', '--', common.compiled(CROWD))
        self.assertEqual((done.status, done.err), (0, ''))
        profiles = [self.dump(path) for path in self.folder.glob('*.ouro')]
        self.assertEqual(sum(profile['command'] == ['true'] for profile in profiles), 30)
        self.assertEqual(len(profiles), 61)

    def test_snapshots_come_at_intervals_and_with_SIGUSR2(self):
        path = self.folder / 'busy.ouro'
        process, child = self.start_busy('--trace', '--quiet', '--snapshots', '0.05', '--output', path)
        time.sleep(0.5)
        process.send_signal(signal.SIGUSR2)
        time.sleep(0.2)
        self.kill(child)
        process.wait(common.PATIENCE)
        profile = self.dump(path)
        labels = [snapshot['label'] for snapshot in profile['snapshots']]
        self.assertGreaterEqual(labels.count('interval'), 3)
        self.assertEqual((labels.count('signal'), labels[-1]), (1, 'end'))
        self.assertTrue(profile['points'])
        self.assertGreaterEqual(profile['pins_seconds'], 0)

    def test_a_path_of_the_library_is_found_beside_the_command(self):
        done = self.run_ouro('--trace', '--', 'true', env={'OURO_PRELOAD': '/nowhere.so'})
        self.assertEqual(done.status, 125)
        self.assert_one_line(done.err, 'OURO_PRELOAD names /nowhere.so')


class Endings(Case):
    def test_killed_at_any_moment_a_program_leaves_a_whole_recording(self):
        chance, recorded = random.Random(4), 0
        for i in range(200):
            path = self.folder / f'{i}.ouro'
            process = self.start('--trace', '--quiet', '--snapshots', '0.01', '--output', path, '--', common.compiled(BUSY))
            child = self.wait_for('a child', lambda: common.children_of(process.pid))[0]
            time.sleep(chance.uniform(0, 0.04))
            self.kill(child)
            out, err = process.communicate(timeout=common.PATIENCE)
            self.assertEqual((process.returncode, err), (-signal.SIGKILL, b''))
            if path.exists():
                profile = self.dump(path)
                self.assertTrue(profile['complete'] and profile['ended'])
                recorded += profile['total'][0] > 0
        self.assertGreater(recorded, 50)
        self.assertEqual(list(self.temporary.iterdir()), [])

    def test_when_ouro_is_killed_the_recording_is_read_to_its_last_chunk_and_the_program_goes_on(self):
        chance, with_snapshots = random.Random(5), 0
        for i in range(20):
            path = self.folder / f'{i}.ouro'
            process, child = self.start_busy('--trace', '--quiet', '--snapshots', '0.01', '--output', path)
            self.wait_for('a recording', lambda: path.stat().st_size > 300)
            time.sleep(chance.uniform(0, 0.15))
            process.kill()
            process.wait()
            self.assertIn(common.state_of(child), 'RSD')
            self.kill(child)
            profile = self.dump(path)
            self.assertFalse(profile['complete'])
            self.assertEqual(profile['pid'], child)
            with_snapshots += len(profile['snapshots']) > 0
        self.assertGreater(with_snapshots, 5)

    def test_a_full_disk_is_said_once_and_the_program_is_undisturbed(self):
        done = self.run_ouro('--trace', '--force', '--output', '/dev/full', '--quiet', '--', common.compiled(BLOCKS))
        self.assertEqual(done.status, 0)
        self.assert_one_line(done.err, '/dev/full', 'No space left on device')
        self.assertTrue(os.path.exists('/dev/full'))

    def test_a_file_that_may_not_grow_ends_with_a_whole_chunk(self):
        path = self.folder / 'busy.ouro'
        process, child = self.start_busy('--trace', '--quiet', '--snapshots', '0.01', '--output', path)
        self.wait_for('a recording', lambda: path.stat().st_size > 3000)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (6000, 6000))
        line = process.stderr.readline().decode()
        self.assert_one_line(line, 'busy.ouro', 'File too large')
        time.sleep(0.2)
        self.assertIn(common.state_of(child), 'RSD')
        self.assertIsNone(process.poll())
        self.kill(child)
        self.assertEqual(process.wait(common.PATIENCE), -signal.SIGKILL)
        self.assertEqual(process.stderr.read(), b'')
        profile = self.dump(path)
        self.assertFalse(profile['complete'])
        self.assertLessEqual(path.stat().st_size, 6000)
        self.assertTrue(profile['snapshots'])


class Attach(Case):
    def test_tracing_is_switched_on_read_and_switched_off_while_the_program_runs(self):
        path = self.folder / 'later.ouro'
        process, child = self.start_busy('--trace=later', '--quiet', '--output', path)
        self.assertRegex(self.attach_well(child), rf'\Aprocess {child}: off')
        refused = self.attach(child, 'snapshot')
        self.assertEqual(refused.returncode, 1)
        self.assert_one_line(refused.stderr, 'attach', 'start')
        self.attach_well(child, 'start', '--frames', '3')
        again = self.attach(child, 'start')
        self.assertEqual(again.returncode, 1)
        self.assert_one_line(again.stderr, 'already')
        self.assertIn('at most 3 frames', self.attach_well(child, 'status'))
        self.attach_well(child, 'pins')
        self.attach_well(child, 'snapshot', '--output', 'now.ouro')
        profile = self.dump(self.folder / 'now.ouro')
        self.assertEqual([snapshot['label'] for snapshot in profile['snapshots']], ['asked'])
        self.assertGreaterEqual(profile['pins_seconds'], 0)
        self.attach_well(child, 'reset-peak')
        self.attach_well(child, 'stop')
        self.assertIn(': off', self.attach_well(child))
        self.kill(child)
        process.wait()
        self.assertTrue(self.dump(path)['complete'])

    def test_what_is_cleared_is_counted_anew(self):
        path = self.folder / 'busy.ouro'
        process, child = self.start_busy('--trace', '--quiet', '--snapshots', '0.02', '--output', path)
        for i in range(5):
            time.sleep(0.05)
            self.attach_well(child, 'clear')
        self.attach_well(child, 'snapshot', '--output', 'now.ouro')
        self.kill(child)
        process.wait()
        now, whole = self.dump(self.folder / 'now.ouro'), self.dump(path)
        sums = [sum(site['of'][2][1] for site in profile['sites']) for profile in (now, whole)]
        self.assertGreaterEqual(sums[0], now['total'][1], 'the program went on while its sites were read')
        self.assertAlmostEqual(sums[1], whole['total'][1], delta=1_000_000, msg='but for a block that was being counted')

    def test_sampling_is_switched_on_with_its_distance(self):
        process, child = self.start_busy('--trace=later', '--quiet')
        self.attach_well(child, 'start', '--sample-bytes=4k')
        self.assertIn('sampling', self.attach_well(child))
        self.assertIn('one sample in 4.1 kB', self.attach_well(child))

    def test_many_commands_at_once_all_get_their_answers(self):
        process, child = self.start_busy('--trace', '--quiet')
        commands = [subprocess.Popen([common.OURO, 'attach', str(child), word], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                     env=common.environment(TMPDIR=str(self.temporary)))
                    for word in ('pins', 'clear', 'reset-peak', 'pins', 'status', 'clear')]
        for command in commands:
            err = command.communicate(timeout=common.PATIENCE)[1]
            self.assertEqual((command.returncode, err), (0, b''))

    def test_a_snapshot_overwrites_nothing(self):
        process, child = self.start_busy('--trace', '--quiet')
        (self.folder / 'old.ouro').write_text('precious')
        done = self.attach(child, 'snapshot', '--output', 'old.ouro')
        self.assertEqual(done.returncode, 2)
        self.assert_one_line(done.stderr, 'exists', '--force')
        self.assertEqual((self.folder / 'old.ouro').read_text(), 'precious')

    def test_who_cannot_be_asked_is_named(self):
        for words, status, answer in ((('1',), 1, 'ouro run --trace'), (('x',), 2, 'no process'), (('1', 'dance'), 2, 'dance'),
                                      (('1', 'stop', '--force'), 2, '--force'), (('1', 'start', '--frames', '999'), 2, '256'),
                                      (('1', 'stop', 'now'), 2, 'too many')):
            with self.subTest(words=words):
                done = self.attach(*words)
                self.assertEqual((done.returncode, done.stdout), (status, ''))
                self.assert_one_line(done.stderr, answer)
