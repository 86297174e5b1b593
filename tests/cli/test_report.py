"""What the report says is what happened."""

import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

from common import OURO, PATIENCE, Case, children_of, compiled, environment

MEGABYTE = 1000000

# Takes 100 MB in blocks of 1,000 bytes, waits, frees nine in ten, waits, and exits (or is killed, or calls _exit) with the rest.
SPIKE = r'''
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
enum { COUNT = 100000, SIZE = 1000 };
static char *blocks[COUNT];
int main(int argc, char **argv) {
  for (int i = 0; i < COUNT; i++) memset(blocks[i] = malloc(SIZE), 1, SIZE);
  usleep(300000);
  for (int i = 0; i < COUNT * 9 / 10; i++) free(blocks[i]);
  usleep(1500000);
  if (argc > 1 && argv[1][0] == 'k') raise(SIGKILL);
  if (argc > 1 && argv[1][0] == '_') _exit(0);
  return 0;
}
'''

# Does what daemons and sandboxes do to themselves, with a spike before it.
HARSH = r'''
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv) {
  char *block = malloc(50000000);
  memset(block, 1, 50000000);
  for (int fd = 0; fd < 1024; fd++) close(fd);
  if (chdir("/")) return 1;
  if (geteuid() == 0) {
    mkdir(argv[1], 0700);
    if (chroot(argv[1]) || setgid(65534) || setuid(65534)) return 2;
  }
  free(block);
  usleep(1500000);
  return 12;
}
'''

DOUBLE_FREE = '#include <stdlib.h>\nint main(void) { char *p = malloc(100); free(p); free(p); return 0; }\n'


class Numbers(Case):
    def check_spike(self, subject):
        counters = subject['counters']
        self.assertGreater(counters['held_peak'], 100 * MEGABYTE)
        self.assertLess(counters['held_peak'], 125 * MEGABYTE)
        self.assertGreater(subject['resident']['peak'], 100 * MEGABYTE)
        self.assertLess(subject['resident']['peak'], 130 * MEGABYTE)
        self.assertLess(counters['held'], 30 * MEGABYTE)
        self.assertGreater(counters['taken'], 100 * MEGABYTE)
        self.assertGreater(counters['returned'], 75 * MEGABYTE)
        self.assertLessEqual(counters['returned'], counters['taken'])

    def test_of_a_spike(self):
        done = self.reported(compiled(SPIKE))
        self.check_spike(done.subject)
        self.assertEqual(done.subject['state'], 'exited')
        self.assertLess(done.subject['resident']['exit'], 35 * MEGABYTE)
        self.assertEqual(done.report['status'], {'exit': 0})
        self.assertTrue(1.7 < done.report['time']['elapsed_s'] < 20)
        self.assertEqual(done.report['command'], [str(compiled(SPIKE))])

    def test_of_a_program_that_is_killed(self):
        done = self.reported(compiled(SPIKE), 'kill')
        self.check_spike(done.subject)
        self.assertEqual(done.status, -signal.SIGKILL)
        self.assertEqual(done.report['status'], {'signal': 9, 'signal_name': 'SIGKILL'})
        self.assertEqual(done.subject['state'], 'ended')
        self.assertNotIn('exit', done.subject['resident'])

    def test_of_a_program_that_ends_without_exit(self):
        done = self.reported(compiled(SPIKE), '_exit')
        self.check_spike(done.subject)
        self.assertEqual((done.status, done.subject['state']), (0, 'ended'))

    def test_detail_adds_up(self):
        detail = self.reported(compiled(SPIKE)).subject['detail']
        self.assertTrue(detail['at_exit'])
        heap, classes, arenas = detail['heap'], detail['classes'], detail['arenas']
        self.assertEqual(sum(row['live'] for row in classes) + heap['blocks_large'], heap['blocks_live'])
        live = next(row['live'] for row in classes if row['size'] >= 1000)
        self.assertGreaterEqual(live, 10000)
        self.assertLess(live, 10100)
        self.assertEqual(sum(row['pools'] for row in classes), heap['pools'])
        self.assertGreaterEqual(len(arenas), 3)
        self.assertGreaterEqual(sum(arena['live'] for arena in arenas), 10000 * 1000)

    def test_history(self):
        history = self.reported(compiled(SPIKE)).subject['history']
        times, held, resident = history['time_s'], history['held'], history['resident']
        self.assertTrue(len(times) == len(held) == len(resident) >= 10)
        self.assertLessEqual(len(times), 600)
        self.assertEqual(times, sorted(times))
        self.assertGreater(max(resident), 100 * MEGABYTE)
        self.assertGreater(max(held), 100 * MEGABYTE)
        self.assertLess(resident[-1], 40 * MEGABYTE)
        self.assertLess(held[-1], 30 * MEGABYTE)

    def test_history_shows_growth_while_nothing_is_freed(self):
        grow = 'import time\nx = []\nfor i in range(40):\n    x.append([str(j) for j in range(20000)])\n    time.sleep(0.02)'
        history = self.reported(sys.executable, '-c', grow).subject['history']
        middle = history['held'][len(history['held']) // 2]
        self.assertGreater(middle, 0.2 * max(history['held']))
        self.assertLess(middle, 0.9 * max(history['held']))

    def test_threads(self):
        code = ('import threading, time\nready = threading.Barrier(6)\n'
                'def work():\n    ready.wait()\n    time.sleep(0.5)\n'
                'for _ in range(5): threading.Thread(target=work).start()\nready.wait()')
        self.assertGreaterEqual(self.reported(sys.executable, '-c', code).subject['threads_peak'], 6)


class Text(Case):
    def test_has_every_part_and_is_short(self):
        done = self.run_ouro('--', compiled(SPIKE))
        for part in ('ouro run', 'ended with status 0', 'resident memory', "ouro's heap", 'took', 'gave back', 'threads',
                     'memory over time', 'the heap at exit', 'arenas:', 'block size', 'wasted', '1,024 B'):
            self.assertIn(part, done.err)
        self.assertLess(len(done.err.splitlines()), 45)
        self.assertLess(max(map(len, done.err.splitlines())), 130)

    def test_is_plain_where_the_locale_is(self):
        done = self.run_ouro('--', compiled(SPIKE), env={'LC_ALL': 'C'})
        self.assertTrue(done.err.isascii(), done.err)
        self.assertIn('#', done.err)

    def test_of_a_killed_program(self):
        done = self.run_ouro('--', 'sh', '-c', 'kill -9 $$')
        self.assertIn('killed by signal 9 (Killed)', done.err)

    def test_goes_to_a_file_and_leaves_stderr_alone(self):
        done = self.run_ouro('--report', 'report', '--', 'sh', '-c', 'echo mine >&2')
        self.assertEqual(done.err, 'mine\n')
        self.assertIn('ended with status 0', (self.folder / 'report').read_text())

    def test_quiet(self):
        self.assertEqual(self.run_ouro('--quiet', '--', 'true').err, '')

    def test_escapes_in_arguments_do_not_reach_the_terminal(self):
        done = self.run_ouro('--', 'true', '\033[31mred\nline')
        self.assertNotIn('\033', done.err)
        self.assertIn('[31mred line', done.err)


class Json(Case):
    def test_arguments_that_are_no_text(self):
        done = self.reported('true', b'caf\xe9'.decode('utf-8', 'surrogateescape'))
        self.assertEqual(done.report['command'][0], 'true')
        self.assertEqual(len(done.report['command']), 2)

    def test_version_and_format(self):
        report = self.reported('true').report
        self.assertEqual(report['format'], 1)
        self.assertRegex(report['ouro'], r'\A\d+\.\d+\.\d+\Z')
        self.assertTrue(report['preloaded'])

    def test_goes_to_stderr_without_a_file(self):
        done = self.run_ouro('--format', 'json', '--', 'true')
        self.assertEqual(json.loads(done.err)['status'], {'exit': 0})


class Processes(Case):
    def test_children_are_followed(self):
        code = ('import os, subprocess, sys\n'
                'big = [sys.executable, "-c", "x = bytearray(40000000)"]\n'
                'subprocess.run(big)\n'
                'if os.fork() == 0:\n    y = [bytes(1000) for i in range(60000)]\n    sys.exit()\n'
                'os.wait()')
        done = self.reported(sys.executable, '-c', code)
        peaks = sorted(process['counters']['held_peak'] // MEGABYTE for process in done.report['processes'])
        self.assertEqual(len(peaks), 3, done.report['processes'])
        self.assertTrue(40 <= peaks[1] < 60 <= peaks[2] < 90, peaks)
        self.assertEqual({process['parent'] for process in done.report['processes'][1:]}, {done.program['pid']})
        self.assertEqual(done.subject['counters']['held_peak'] // MEGABYTE, peaks[2])

    def test_the_one_with_the_largest_heap_is_shown(self):
        done = self.run_ouro('--', 'sh', '-c', f'{compiled(SPIKE)}; exit 8')
        self.assertEqual(done.status, 8)
        self.assertIn('the process with the largest heap', done.err)
        self.assertRegex(done.err, r"ouro's heap +peak 1\d\d\.\d MB")
        self.assertIn('processes ', done.err)

    def test_no_children(self):
        code = f'import os, subprocess\nsubprocess.run(["{compiled(SPIKE)}"])\nif os.fork() == 0: exit()\nos.wait()'
        done = self.reported(sys.executable, '-c', code, options=['--no-children'])
        self.assertEqual(len(done.report['processes']), 1)
        self.assertLess(done.program['counters']['held_peak'], 50 * MEGABYTE)

    def test_no_children_follows_what_the_program_becomes(self):
        done = self.reported('sh', '-c', f'exec {compiled(SPIKE)}', options=['--no-children'])
        self.assertEqual(len(done.report['processes']), 1)
        self.assertGreater(done.program['counters']['held_peak'], 100 * MEGABYTE)

    def test_hundreds_of_them(self):
        done = self.reported('sh', '-c', 'i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done')
        self.assertEqual(done.status, 0)
        self.assertGreaterEqual(len(done.report['processes']), 290)
        kept = [process for process in done.report['processes'] if process['detail']]
        self.assertLess(len(kept), 80)
        text = self.run_ouro('--', 'sh', '-c', 'i=0; while [ $i -lt 100 ]; do /bin/true; i=$((i+1)); done').err
        self.assertRegex(text, r'and \d+ more')

    def test_one_that_outlives_the_program(self):
        done = self.reported('sh', '-c', 'sleep 3 >/dev/null 2>&1 </dev/null & sleep 0.5; exit 0')
        self.assertEqual(done.status, 0)
        self.assertLess(done.report['time']['elapsed_s'], 2.5)
        self.assertIn('running', [process['state'] for process in done.report['processes']])

    def test_ouro_inside_ouro(self):
        inner = self.folder / 'inner.json'
        done = self.reported(OURO, 'run', '--report', inner, '--format', 'json', '--', compiled(SPIKE))
        self.assertEqual(done.status, 0)
        report = json.loads(inner.read_text())
        self.assertGreater(report['processes'][0]['counters']['held_peak'], 100 * MEGABYTE)


class Hardships(Case):
    def test_a_program_that_closes_everything_and_locks_itself_in(self):
        done = self.reported(compiled(HARSH), self.folder / 'jail')
        self.assertEqual(done.status, 12)
        self.assertGreater(done.program['counters']['held_peak'], 50 * MEGABYTE)
        self.assertLess(done.program['counters']['held'], 50 * MEGABYTE)
        self.assertEqual(done.program['state'], 'exited')
        self.assertTrue(done.program['detail']['at_exit'])

    def test_a_limit_on_the_size_of_files(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        done = self.run_ouro('--quiet', '--', 'sh', '-c', 'exit 3', preexec_fn=limit)
        self.assertEqual(done.status, 3)

    def test_no_place_for_the_directory(self):
        done = self.run_ouro('--', 'sh', '-c', 'exit 3', env={'TMPDIR': '/nonexistent'})
        self.assertEqual(done.status, 3)
        self.assertRegex(done.err, r'\Aouro: [^\n]*/nonexistent[^\n]*know nothing of the heap')
        self.assertIn('ended with status 3', done.err)

    def test_a_place_with_a_comma(self):
        place = self.folder / 'a,b'
        place.mkdir()
        done = self.reported(compiled(SPIKE), env={'TMPDIR': str(place)})
        self.assertGreater(done.program['counters']['held_peak'], 100 * MEGABYTE)
        self.assertEqual(list(place.iterdir()), [])

    def test_a_library_whose_path_has_a_space(self):
        library = os.environ.get('OURO_PRELOAD') or find_library()
        place = self.folder / 'my own $HOME: here'
        place.mkdir()
        shutil.copy(library, place)
        done = self.reported(compiled(SPIKE), env={'OURO_PRELOAD': str(place / pathlib.Path(library).name)})
        self.assertEqual(done.err, '')
        self.assertGreater(done.program['counters']['held_peak'], 100 * MEGABYTE)

    def test_a_library_that_is_not_there(self):
        done = self.run_ouro('--', 'touch', 'mark', env={'OURO_PRELOAD': '/nonexistent.so'})
        self.assertEqual(done.status, 125)
        self.assert_one_line(done.err, '/nonexistent.so')
        self.assertFalse((self.folder / 'mark').exists())

    def test_other_preloaded_libraries_stay(self):
        library = compiled('int ouro_test_answer(void) { return 5; }\n', '-shared', '-fPIC')
        code = 'import ctypes, os; print(ctypes.CDLL(None).ouro_test_answer(), os.environ["LD_PRELOAD"].split(":")[1])'
        done = self.reported(sys.executable, '-c', code, env={'LD_PRELOAD': str(library)})
        self.assertEqual(done.out.decode().split(), ['5', str(library)])
        self.assertGreater(done.program['counters']['held_peak'], 0)


def find_library():
    for place in ('../preload', '../lib/ouro'):
        path = pathlib.Path(OURO).parent / place / 'libouro-preload.so'
        if path.exists():
            return path
    raise FileNotFoundError('libouro-preload.so')


class Options(Case):
    def test_heap_limit(self):
        code = 'x = []\ntry:\n    while True: x.append(bytearray(1000000))\nexcept MemoryError:\n    print(len(x))'
        done = self.reported(sys.executable, '-c', code, options=['--heap-limit', '64m'])
        self.assertEqual(done.status, 0, done.err)
        self.assertTrue(30 <= int(done.out) <= 67, done.out)
        self.assertLessEqual(done.program['counters']['held_peak'], 64 << 20)

    def test_check(self):
        done = self.run_ouro('--check', '--', compiled(DOUBLE_FREE))
        self.assertEqual(done.status, -signal.SIGABRT)
        self.assertRegex(done.err, r'(?i)free')

    def test_conf_reaches_the_program_before_that_of_the_environment(self):
        done = self.run_ouro('--quiet', '--conf', 'decay:100', '--conf', 'background:no', '--', 'sh', '-c', 'echo $OURO_CONF',
                             env={'OURO_CONF': 'decay:900,huge_pages:no'})
        words = done.out.decode().strip().split(',')
        self.assertEqual([word for word in words if not word.startswith(('run-dir:', 'signal:'))],
                         ['decay:100', 'background:no', 'decay:900', 'huge_pages:no'])

    def test_live(self):
        done = self.run_ouro('--live', '--report', 'report', '--', 'sleep', '2.5')
        lines = done.err.splitlines()
        self.assertEqual(len(lines), 2, done.err)
        for line in lines:
            self.assertRegex(line, r'\Aouro: [12]\.\d\d s  heap .* resident .* gave back .* threads \d+  processes 1\Z')


class OnRequest(Case):
    PROGRAM = 'import time\nx = [bytes(900) for i in range(30000)]\nprint("ready", flush=True)\ntime.sleep(60)'

    def start_ready(self, *program):
        process = self.start('--report', 'report', '--', *program)
        self.assertEqual(process.stdout.readline(), b'ready\n')
        self.addCleanup(process.kill)
        return process

    def read_report(self, process):
        """The report on stderr; it comes in pieces."""
        text = b''
        os.set_blocking(process.stderr.fileno(), False)

        def more():
            nonlocal text
            text += process.stderr.read() or b''
            return b' others' in text or b'large  ' in text
        self.wait_for('a report', more)
        return text.decode()

    def finish(self, process, status):
        process.terminate()
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, status)

    def test_a_signal_to_the_program(self):
        process = self.start_ready(sys.executable, '-c', self.PROGRAM)
        os.kill(children_of(process.pid)[0], signal.SIGUSR2)
        text = self.read_report(process)
        self.assertIn('still running', text)
        self.assertRegex(text, r"ouro's heap +peak 3\d\.\d MB")
        self.assertRegex(text, r'960 B +\d+ +30,\d\d\d')
        self.finish(process, -signal.SIGTERM)

    def test_a_signal_to_ouro(self):
        process = self.start_ready(sys.executable, '-c', self.PROGRAM)
        process.send_signal(signal.SIGUSR2)
        self.assertIn('still running', self.read_report(process))
        process.send_signal(signal.SIGUSR2)
        self.assertIn('still running', self.read_report(process))
        self.finish(process, -signal.SIGTERM)

    def test_a_program_that_wants_the_signal_has_it(self):
        code = ('import signal, sys\nsignal.signal(signal.SIGUSR2, lambda *_: sys.exit(11))\nprint("ready", flush=True)\n'
                'while True: signal.pause()')
        process = self.start_ready(sys.executable, '-c', code)
        process.send_signal(signal.SIGUSR2)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 11)

    def test_a_program_that_ignores_the_signal_goes_on_ignoring_it(self):
        done = self.run_ouro('--quiet', '--', 'sh', '-c', 'kill -USR2 $$; exit 13',
                             preexec_fn=lambda: signal.signal(signal.SIGUSR2, signal.SIG_IGN))
        self.assertEqual(done.status, 13)


class WithoutTheCommand(Case):
    """OURO_CONF alone, with the library preloaded by hand."""

    def run_preloaded(self, conf, *program):
        library = os.environ.get('OURO_PRELOAD') or find_library()
        return subprocess.run(program, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                              env=environment(LD_PRELOAD=str(library), OURO_CONF=conf))

    def test_report_to_a_file_of_each_process(self):
        done = self.run_preloaded(f'report:{self.folder}/heap.%p', 'sh', '-c', f'{compiled(SPIKE)}; exit 3')
        self.assertEqual((done.returncode, done.stderr), (3, b''))
        texts = [path.read_text() for path in self.folder.glob('heap.*')]
        self.assertTrue(texts)
        self.assertTrue(any('bytes_held_peak' in text and '1024' in text for text in texts), texts)

    def test_report_to_stderr(self):
        done = self.run_preloaded('report:stderr', compiled(SPIKE))
        self.assertIn(b'bytes_held_peak', done.stderr)

    def test_report_is_appended(self):
        path = self.folder / 'all'
        path.write_text('before\n')
        self.run_preloaded(f'report:{path}', compiled(SPIKE))
        text = path.read_text()
        self.assertTrue(text.startswith('before\n'))
        self.assertIn('bytes_held_peak', text)

    def test_a_directory_that_is_gone_is_no_matter(self):
        done = self.run_preloaded('run-dir:/nonexistent/x,signal:usr2', 'sh', '-c', 'exit 4')
        self.assertEqual((done.returncode, done.stderr), (4, b''))

    def test_signal_to_stderr(self):
        done = self.run_preloaded('signal:usr2', 'sh', '-c', 'kill -USR2 $$; exit 4')
        self.assertEqual(done.returncode, 4)
        self.assertIn(b'bytes_held', done.stderr)
