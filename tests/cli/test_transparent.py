"""The program is as it would be without `ouro run`: its input, output, status, signals, descriptors, terminal."""

import json
import os
import pathlib
import pty
import resource
import signal
import subprocess
import sys
import time

from common import OURO, Case, children_of, compiled, environment, state_of

# Prints what a process inherits, as JSON.
INHERITED = '''
import json, os, signal
fields = dict(line.rstrip().partition(':\\t')[::2] for line in open('/proc/self/status'))
print(json.dumps({
    'blocked': fields['SigBlk'], 'ignored': fields['SigIgn'], 'caught': fields['SigCgt'],
    'descriptors': sorted(int(name) for name in os.listdir('/proc/self/fd')),
    'group': os.getpgrp(), 'session': os.getsid(0), 'folder': os.getcwd(), 'umask': fields['Umask'],
    'environment': dict(os.environ), 'nice': os.nice(0),
}))
'''


class Status(Case):
    def test_is_the_programs(self):
        for status in (0, 1, 2, 42, 125, 126, 127, 255):
            self.assertEqual(self.run_ouro('--quiet', '--', 'sh', '-c', f'exit {status}').status, status)

    def test_a_signal_kills_ouro_in_the_same_way(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGPIPE, signal.SIGUSR1):
            done = self.run_ouro('--quiet', '--', 'sh', '-c', f'kill -{int(number)} $$')
            self.assertEqual(done.status, -number)

    def test_one_core_file_not_two(self):
        pattern = pathlib.Path('/proc/sys/kernel/core_pattern').read_text()
        if pattern.startswith(('|', '/')):
            self.skipTest('core files do not go to the current folder here')
        limit = lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
        self.run_ouro('--quiet', '--', 'sh', '-c', 'kill -ABRT $$', preexec_fn=limit)
        cores = [path.name for path in self.folder.iterdir() if 'core' in path.name]
        self.assertLessEqual(len(cores), 1)

    def test_not_found_and_not_executable(self):
        plain = self.script('plain', 'echo hello\n', mode=0o644)
        for program, status, word in (('/nonexistent/program', 127, 'No such file'), ('no-such-program', 127, 'No such file'),
                                      ('', 127, 'No such file'), (plain, 126, 'Permission denied'),
                                      (self.folder, 126, 'Permission denied')):
            done = self.run_ouro('--', program)
            self.assertEqual(done.status, status, done.err)
            self.assert_one_line(done.err, f"'{program}'", word)

    def test_a_missing_interpreter_is_told_as_env_tells_it(self):
        script = self.script('script', '#!/nonexistent/interpreter\n')
        plain = subprocess.run(['env', script], stderr=subprocess.DEVNULL).returncode
        self.assertEqual(self.run_ouro('--quiet', '--', script).status, plain)

    def test_a_file_without_a_magic_number_is_a_shell_script(self):
        script = self.script('script', 'echo from the shell; exit 3\n')
        done = self.run_ouro('--quiet', '--', script)
        self.assertEqual((done.status, done.out), (3, b'from the shell\n'))

    def test_path_is_searched_as_by_the_shell(self):
        first, second = self.folder / 'first', self.folder / 'second'
        for folder, mode in ((first, 0o644), (second, 0o755)):
            folder.mkdir()
            (folder / 'tool').write_text('#!/bin/sh\necho second\n')
            (folder / 'tool').chmod(mode)
        done = self.run_ouro('--quiet', '--', 'tool', env={'PATH': f'{first}:{second}:{os.environ["PATH"]}'})
        self.assertEqual((done.status, done.out), (0, b'second\n'))


class Inheritance(Case):
    def inherited(self, command, **options):
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=self.folder,
                              env=environment(TMPDIR=str(self.temporary)), **options)
        return json.loads(done.stdout)

    def compare(self, **options):
        program = [sys.executable, '-c', INHERITED]
        plain = self.inherited(program, **options)
        ours = self.inherited([OURO, 'run', '--quiet', '--', *program], **options)
        # The handler of SIGUSR2, which a program that wants that signal replaces.
        usr2 = 1 << (signal.SIGUSR2 - 1)
        ours['caught'] = f'{int(ours["caught"], 16) & ~usr2:016x}'
        for name in ('LD_PRELOAD', 'OURO_CONF'):
            self.assertIn(name, ours['environment'])
            del ours['environment'][name]
        self.assertEqual(plain, ours)

    def test_everything_is_passed_on(self):
        self.compare()

    def test_a_blocked_signal_stays_blocked(self):
        self.compare(preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGINT}))

    def test_an_ignored_signal_stays_ignored(self):
        def ignore():
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR2):
                signal.signal(number, signal.SIG_IGN)
        self.compare(preexec_fn=ignore, restore_signals=False)

    def test_open_descriptors_are_the_same(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        self.compare(pass_fds=(read, write))

    def test_input_and_output_of_any_bytes(self):
        data = bytes(range(256)) * 4000
        done = self.run_ouro('--quiet', '--', 'cat', input=data)
        self.assertEqual((done.status, done.out, done.err), (0, data, ''))

    def test_closed_standard_streams(self):
        done = subprocess.run(['sh', '-c', f'exec "$0" run -- sh -c "exit 4" <&- >&- 2>&-', OURO], cwd=self.folder,
                              env=environment(TMPDIR=str(self.temporary)), timeout=60)
        self.assertEqual(done.returncode, 4)

    def test_a_report_into_a_closed_pipe_does_not_change_the_status(self):
        read, write = os.pipe()
        os.close(read)
        done = self.run_ouro('--', 'sh', '-c', 'exit 6', stderr=write)
        os.close(write)
        self.assertEqual(done.status, 6)


# Says when it is ready, then counts the signals that come, and prints them when SIGTERM comes.
COUNTER = '''
import os, signal, sys, time
seen = []
def count(number, frame): seen.append(number)
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT, signal.SIGWINCH,
               signal.SIGALRM, signal.SIGTERM):
    signal.signal(number, count)
print('ready', flush=True)
while signal.SIGTERM not in seen:
    time.sleep(0.02)
print(*map(int, seen), flush=True)
sys.exit(9)
'''


class Signals(Case):
    def start_counter(self, **options):
        process = self.start('--quiet', '--', sys.executable, '-c', COUNTER, **options)
        self.assertEqual(process.stdout.readline(), b'ready\n')
        return process

    def test_are_passed_on_once_each(self):
        numbers = [signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT,
                   signal.SIGWINCH, signal.SIGALRM, signal.SIGTERM]
        process = self.start_counter()
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.15)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 9)
        self.assertEqual(out.split(), [b'%d' % number for number in numbers])

    def test_one_that_kills_the_program_kills_ouro(self):
        process = self.start('--quiet', '--', 'sleep', '60')
        self.wait_for('a child', lambda: children_of(process.pid))
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGTERM)

    def test_a_stopped_program_outside_of_a_terminal_can_go_on(self):
        """Nobody would continue ouro, if it stopped as well."""
        process = self.start('--quiet', '--', 'sh', '-c', 'sleep 0.6; exit 3', start_new_session=True)
        child = self.wait_for('a child', lambda: children_of(process.pid))[0]
        os.kill(child, signal.SIGSTOP)
        self.wait_for('the stop', lambda: state_of(child) == 'T')
        time.sleep(0.3)
        self.assertNotEqual(state_of(process.pid), 'T')
        os.kill(child, signal.SIGCONT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 3)


# A shell of one job, on a terminal of its own: starts ouro as the foreground job, tells what becomes of it.
SHELL = '''
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
try:
    os.setpgid(pid, pid)
except OSError:
    pass
while True:
    _, status = os.waitpid(pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        break
    os.tcsetpgrp(0, os.getpgrp())
    print('stopped by', os.WSTOPSIG(status), flush=True)
    input()
    os.tcsetpgrp(0, pid)
    os.killpg(pid, signal.SIGCONT)
os.tcsetpgrp(0, os.getpgrp())
print('signal' if os.WIFSIGNALED(status) else 'status',
      os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), flush=True)
'''


class Terminal(Case):
    def start_shell(self, *program):
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execve(sys.executable, [sys.executable, '-c', SHELL, OURO, 'run', '--quiet', '--', *program],
                      environment(TMPDIR=str(self.temporary)))
        self.addCleanup(self.end, pid, terminal)
        self.terminal, self.text = terminal, ''

    def end(self, pid, terminal):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(terminal)
        os.waitpid(pid, 0)

    def expect(self, word):
        end = time.monotonic() + 20
        os.set_blocking(self.terminal, False)
        while word not in self.text:
            self.assertLess(time.monotonic(), end, f'{word!r} was not seen in {self.text!r}')
            try:
                self.text += os.read(self.terminal, 4096).decode()
            except BlockingIOError:
                time.sleep(0.02)
            except OSError:
                break
        self.assertIn(word, self.text)

    def test_the_program_has_the_terminal(self):
        self.start_shell('sh', '-c', 'test -t 0 && test -t 1 && test -t 2 && read line </dev/tty && echo got $line')
        time.sleep(0.5)
        os.write(self.terminal, b'hello\n')
        self.expect('got hello')
        self.expect('status 0')

    def test_ctrl_c_reaches_the_program_once(self):
        self.start_shell(sys.executable, '-c', COUNTER)
        self.expect('ready')
        os.write(self.terminal, b'\x03')
        time.sleep(0.5)
        os.write(self.terminal, b'\x1c')
        time.sleep(0.5)
        counter = [pid for pid in map(int, filter(str.isdigit, os.listdir('/proc'))) if self.is_counter(pid)]
        self.assertEqual(len(counter), 1)
        os.kill(counter[0], signal.SIGTERM)
        self.expect('2 3 15')
        self.expect('status 9')

    def is_counter(self, pid):
        try:
            words = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')
            return words[1:2] == [b'-c'] and words[2].decode() == COUNTER and \
                os.readlink(f'/proc/{pid}/cwd') == str(self.folder)
        except OSError:
            return False

    def test_ctrl_c_kills_a_program_that_leaves_it_alone(self):
        self.start_shell('sh', '-c', 'echo ready; exec sleep 60')
        self.expect('ready')
        time.sleep(0.2)
        os.write(self.terminal, b'\x03')
        self.expect('signal 2')

    def test_ctrl_z_stops_and_the_shell_continues(self):
        self.start_shell('sh', '-c', 'echo ready; read line; echo got $line; exit 5')
        self.expect('ready')
        time.sleep(0.2)
        os.write(self.terminal, b'\x1a')
        self.expect('stopped by')
        os.write(self.terminal, b'\n')
        time.sleep(0.5)
        os.write(self.terminal, b'again\n')
        self.expect('got again')
        self.expect('status 5')
