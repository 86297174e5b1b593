"""A Python program has all its memory on ouro's heap, however it is started, on every CPython that is here."""

import os
import pathlib
import textwrap

from common import Case, compiled, pythons

# Blocks that pymalloc has handed out: 0 where Python's memory is elsewhere.
BLOCKS = 'import sys; print(sys.getallocatedblocks())'
EXECUTE = '#include <unistd.h>\nint main(int n, char **words) { execvp(words[1], words + 1); return 1; }\n'

LATE = r'''
#include <dlfcn.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  void *python = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
  if (!python) return 1;
  ((void (*)(void))dlsym(python, "Py_Initialize"))();
  int failed = ((int (*)(const char *))dlsym(python, "PyRun_SimpleString"))(argv[2]);
  ((int (*)(void))dlsym(python, "Py_FinalizeEx"))();
  return failed ? 2 : 0;
}
'''


# Looks like an interpreter of version VERSION to the library, and prints how often its tables were set.
FAKE = r'''
#include <stdio.h>
static int set;
const char *Py_GetVersion(void) { return VERSION; }
int Py_IsInitialized(void) { return INITIALIZED; }
void PyMem_SetAllocator(int domain, void *allocator) { set++; }
void PyMem_GetAllocator(int domain, void **allocator) { for (int i = 0; i < 5; i++) allocator[i] = 0; }
void PyMem_SetupDebugHooks(void) {}
int main(void) { printf("%d\n", set); return 0; }
'''


class NotTouched(Case):
    def check(self, version, initialized, memory, word):
        program = compiled(FAKE, '-rdynamic', f'-DVERSION="{version}"', f'-DINITIALIZED={initialized}')
        done = self.reported(program)
        self.assertEqual((done.status, done.out), (0, b'0\n'), 'its tables must be left alone')
        python = done.program['python']
        self.assertEqual((python['version'], python['memory'], python['on_ouro']), (version.split()[0], memory, False))
        self.assertIn(word, self.run_ouro('--', program).err)

    def test_a_free_threaded_build(self):
        for version in ('3.13.0 experimental free-threading build (main)', '3.14.0 free-threading build (main)'):
            self.check(version, 0, 'free-threaded', 'a free-threaded build')

    def test_one_before_3_8(self):
        for version in ('2.7.18 (default)', '3.7.16 (default)'):
            self.check(version, 0, 'too old', 'from 3.8 on')

    def test_one_that_runs_already(self):
        self.check('3.11.2 (main)', 1, 'started before', 'running before')

    def test_the_tables_of_any_other_are_set(self):
        program = compiled(FAKE, '-rdynamic', '-DVERSION="3.99.0 (main)"', '-DINITIALIZED=0')
        self.assertEqual(self.run_ouro('--quiet', '--', program).out, b'3\n')


class EveryVersion(Case):
    def each(self):
        """(version, path) of each interpreter; a test that fails names the version that it was at."""
        found = pythons()
        self.assertTrue(found, 'there is no CPython to test')
        for self.version, path in found.items():
            yield self.version, path
        self.version = None

    def run(self, result=None):
        self.version = None
        return super().run(result)

    def _formatMessage(self, message, standard):
        return super()._formatMessage(f'Python {self.version}: {message or ""}' if self.version else message, standard)

    def check(self, done, version, process=None):
        process = process or done.subject
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(process['python']['version'], version)
        self.assertEqual(process['python']['memory'], 'direct')
        self.assertTrue(process['python']['on_ouro'] and process['python']['verified'])

    def test_however_it_is_named(self):
        wrapper = compiled(EXECUTE)
        for version, path in self.each():
            app = self.script('app.py', f'#!{path}\n{BLOCKS}\n')
            folder = self.folder / f'bin-{version}'
            folder.mkdir()
            (folder / 'python3').symlink_to(path)
            by_env = self.script('by-env', f'#!/usr/bin/env python3\n{BLOCKS}\n')
            search = {'PATH': f'{folder}:/usr/bin:/bin'}
            for command in ([path, app], [path, '-c', BLOCKS], [app], ['env', path, app], ['sh', '-c', f'exec {path} {app}'],
                            [wrapper, path, app], [wrapper, 'sh', '-c', app],
                            [by_env], ['python3', app], [path, '-I', app], [path, '-E', '-S', app]):
                done = self.reported(*command, env=search)
                self.assertEqual(done.out, b'0\n', command)
                self.check(done, version)

    def test_a_console_script(self):
        """As pip writes them: a script that imports a package's function and exits with what it returns."""
        for version, path in self.each():
            (self.folder / 'package.py').write_text(f'def main():\n    {BLOCKS}\n    return 0\n')
            script = self.script('tool', f'#!{path}\nimport sys\nsys.path.insert(0, {str(self.folder)!r})\n'
                                         'from package import main\nsys.exit(main())\n')
            done = self.reported(script)
            self.assertEqual(done.out, b'0\n')
            self.check(done, version)

    def test_child_processes(self):
        code = textwrap.dedent('''
            import multiprocessing, subprocess, sys
            def work(number):
                return sys.getallocatedblocks()
            if __name__ == '__main__':
                for method in ('fork', 'spawn', 'forkserver'):
                    with multiprocessing.get_context(method).Pool(2) as pool:
                        print(*pool.map(work, range(4)))
                print(subprocess.run([sys.executable, '-c', 'import sys; print(sys.getallocatedblocks())'],
                                     stdout=subprocess.PIPE, check=True).stdout.decode().strip())
        ''')
        for version, path in self.each():
            app = self.script('app.py', code)
            done = self.reported(path, app)
            self.assertEqual(done.out.split(), [b'0'] * 13, done.err)
            self.assertGreaterEqual(len(done.report['processes']), 8)
            for process in done.report['processes']:
                self.assertEqual(process['python']['memory'], 'direct')

    def test_the_environment_is_as_without(self):
        code = 'import os; print(sorted(name for name in os.environ if "MALLOC" in name))'
        for version, path in self.each():
            self.assertEqual(self.reported(path, '-c', code).out, b'[]\n')

    def test_pythonmalloc_and_development_mode(self):
        for version, path in self.each():
            for setting, options, memory, on_ouro in (
                    ('malloc', [], 'direct', True), ('default', [], 'direct', True), ('', [], 'direct', True),
                    ('debug', [], 'malloc_debug', True), ('malloc_debug', [], 'malloc_debug', True),
                    ('pymalloc', [], 'own', False), ('pymalloc_debug', [], 'own', False),
                    (None, ['-X', 'dev'], 'malloc_debug', True), (None, ['-bXdev'], 'malloc_debug', True),
                    ('malloc', ['-X', 'dev'], 'malloc', True), (None, ['-E', '-X', 'dev'], 'own', False),
                    ('pymalloc', ['-E'], 'direct', True)):
                env = {} if setting is None else {'PYTHONMALLOC': setting}
                done = self.reported(path, *options, '-c', BLOCKS, env=env)
                case = f'PYTHONMALLOC={setting} {options}'
                self.assertEqual(done.status, 0, done.err)
                self.assertEqual(int(done.out) == 0, on_ouro, case)
                self.assertEqual((done.program['python']['memory'], done.program['python']['on_ouro']), (memory, on_ouro), case)

    def test_development_mode_stays_with_its_process(self):
        code = f'import subprocess, sys; print(subprocess.run([sys.executable, "-c", "{BLOCKS}"]).returncode)'
        for version, path in self.each():
            done = self.reported(path, '-X', 'dev', '-c', code)
            self.assertEqual(done.out.split(), [b'0', b'0'])
            self.assertEqual([process['python']['memory'] for process in done.report['processes']], ['malloc_debug', 'direct'])

    def test_debug_hooks_still_find_an_overrun(self):
        code = ('import ctypes\nm = ctypes.pythonapi\nm.PyMem_Malloc.restype = ctypes.c_void_p\n'
                'm.PyMem_Free.argtypes = [ctypes.c_void_p]\nm.PyMem_Malloc.argtypes = [ctypes.c_size_t]\n'
                'p = m.PyMem_Malloc(16)\nctypes.memset(p, 1, 17)\nm.PyMem_Free(p)')
        for version, path in self.each():
            done = self.run_ouro('--quiet', '--', path, '-X', 'dev', '-c', code)
            self.assertEqual(done.status, -6)
            self.assertIn('bad trailing pad byte', done.err)

    def test_tracemalloc(self):
        code = 'import tracemalloc\nx = bytes(5000000)\nassert tracemalloc.get_traced_memory()[0] > 5000000'
        for version, path in self.each():
            done = self.reported(path, '-X', 'tracemalloc', '-c', code)
            self.check(done, version)

    def test_fork_does_not_warn_of_threads(self):
        """From 3.12 on, Python warns at a fork of a process with threads; ouro's own thread must not count."""
        code = ('import os, time\nfor _ in range(3):\n    x = [bytes(1000) for i in range(50000)]\n    del x\n'
                '    time.sleep(0.2)\n    pid = os.fork()\n    if pid == 0: os._exit(0)\n    os.waitpid(pid, 0)')
        for version, path in self.each():
            done = self.reported(path, '-W', 'error', '-c', code)
            self.assertEqual((done.status, done.err), (0, ''))

    def test_what_it_had_is_shown_not_what_is_left_after_its_end(self):
        code = ('import time\nx = [bytes(1000) for i in range(60000)]\ny = x[::10]\ndel x\ntime.sleep(1.2)')
        for version, path in self.each():
            done = self.reported(path, '-c', code)
            detail = done.program['detail']
            self.assertFalse(detail['at_exit'])
            live = sum(row['live'] for row in detail['classes'] if 1000 < row['size'] < 1300)
            self.assertTrue(6000 <= live < 7000, live)


class Embedded(Case):
    def test_a_libpython_that_is_loaded_later(self):
        libraries = sorted(pathlib.Path('/usr/lib').glob('*/libpython3.*.so.1.0'))
        if not libraries:
            self.skipTest('there is no libpython here')
        done = self.reported(compiled(LATE, '-ldl'), libraries[0], BLOCKS)
        self.assertEqual((done.status, done.out), (0, b'0\n'), done.err)
        self.assertEqual(done.program['python']['memory'], 'malloc')
        self.assertTrue(done.program['python']['verified'])
