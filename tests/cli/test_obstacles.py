"""Programs into which the library cannot be preloaded: they are told of in one line, and run."""

import os
import pathlib
import shutil
import struct
import subprocess
import sys

from common import Case, compiled, environment

SAY_AND_END = '#include <stdio.h>\nint main(void) { puts("it ran"); return 7; }\n'
EXECUTE = '#include <unistd.h>\nint main(int n, char **words) { execvp(words[1], words + 1); return 1; }\n'


def elf_with(path, **changes):
    """A copy of /bin/true's beginning with another machine, or another dynamic linker; it need not run."""
    data = bytearray(pathlib.Path('/bin/true').resolve().read_bytes())
    if 'machine' in changes:
        struct.pack_into('<H', data, 18, changes['machine'])
    if 'linker' in changes:
        offset, = struct.unpack_from('<Q', data, 32)
        size, count = struct.unpack_from('<HH', data, 54)
        for at in range(offset, offset + size * count, size):
            kind, = struct.unpack_from('<I', data, at)
            place, = struct.unpack_from('<Q', data, at + 8)
            room, = struct.unpack_from('<Q', data, at + 32)
            if kind == 3:
                data[place:place + room] = changes['linker'].encode().ljust(room, b'\0')
    path.write_bytes(data)
    path.chmod(0o755)
    return path


class Obstacles(Case):
    def test_a_static_program(self):
        program = compiled(SAY_AND_END, '-static')
        done = self.reported(program)
        self.assertEqual((done.status, done.out), (7, b'it ran\n'))
        self.assert_one_line(done.err, str(program), 'statically linked', 'its own allocator')
        self.assertFalse(done.report['preloaded'])
        self.assertIn('statically linked', done.report['obstacle'])
        self.assertIsNone(done.program['counters'])
        self.assertGreater(done.report['resident_peak_of_tree'], 100000)

    def test_a_static_position_independent_program(self):
        program = compiled(SAY_AND_END, '-static-pie')
        done = self.reported(program)
        self.assertEqual(done.status, 7)
        self.assert_one_line(done.err, 'statically linked')

    def test_the_text_report_says_so(self):
        done = self.run_ouro('--', compiled(SAY_AND_END, '-static'))
        self.assertIn('it ran on its own allocator', done.err)

    def test_what_a_static_program_executes_is_followed(self):
        done = self.reported(compiled(EXECUTE, '-static'), sys.executable, '-c', 'x = bytearray(30000000)')
        self.assertEqual(done.status, 0)
        self.assertGreater(done.program['counters']['held_peak'], 30000000)
        self.assertTrue(done.program['python']['on_ouro'])

    def test_a_script_is_judged_by_its_interpreter(self):
        static = compiled(SAY_AND_END, '-static')
        script = self.script('script', f'#!{static} word\n')
        outer = self.script('outer', f'#! {script}\n')
        for path in (script, outer):
            done = self.run_ouro('--quiet', '--', path)
            self.assertEqual(done.status, 7)
            self.assert_one_line(done.err, str(static), 'statically linked')

    def test_a_script_of_env_is_judged_by_what_env_finds(self):
        static = compiled(SAY_AND_END, '-static')
        shutil.copy(static, self.folder / 'frobnicate')
        path = f'{self.folder}:{os.environ["PATH"]}'
        for line in ('#!/usr/bin/env frobnicate', '#!/usr/bin/env -S A=1 frobnicate word'):
            done = self.run_ouro('--quiet', '--', self.script('script', line + '\n'), env={'PATH': path})
            self.assertEqual(done.status, 7)
            self.assert_one_line(done.err, 'frobnicate', 'statically linked')

    def test_dynamic_programs_and_scripts_are_not_told_of(self):
        script = self.script('script', '#!/bin/sh\nexit 3\n')
        for program in (compiled(SAY_AND_END), script, 'true'):
            self.assertEqual(self.run_ouro('--quiet', '--', program).err, '')

    def test_another_machine(self):
        other = 0xB7 if os.uname().machine == 'x86_64' else 0x3E
        program = elf_with(self.folder / 'program', machine=other)
        done = self.run_ouro('--quiet', '--', program)
        self.assertRegex(done.err, r'\Aouro: [^\n]*another processor or word size[^\n]*\n')
        self.assertNotIn('ld.so', done.err)

    def test_another_c_library(self):
        program = elf_with(self.folder / 'program', linker='/lib/ld-musl-x86_64.so.1')
        done = self.run_ouro('--quiet', '--', program)
        self.assertRegex(done.err, r'\Aouro: [^\n]*linked with musl[^\n]*\n')

    def test_a_setuid_program(self):
        if os.geteuid() != 0:
            self.skipTest('needs root')
        # Not below the test's own folder, which another user cannot reach.
        program = pathlib.Path(os.environ['OURO_TEST_FOLDER'], 'setuid')
        shutil.copy(compiled(SAY_AND_END), program)
        os.chown(program, 65534, 65534)
        program.chmod(0o4755)
        self.addCleanup(program.unlink)
        done = self.run_ouro('--quiet', '--', program)
        self.assertEqual(done.status, 7)
        self.assert_one_line(done.err, 'setuid')

    def test_damaged_executables_are_left_to_the_kernel(self):
        good = pathlib.Path('/bin/true').resolve().read_bytes()
        for name, data in (('cut', good[:40]), ('wild', good[:32] + b'\xff' * 32 + good[64:]), ('empty', b'')):
            path = self.folder / name
            path.write_bytes(data)
            path.chmod(0o755)
            # env has the shell read what the kernel refuses, and in such a file the shell may find anything.
            plain = subprocess.run(['env', path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
                                   cwd=self.folder)
            self.assertEqual(self.run_ouro('--quiet', '--', path).status, plain.returncode, name)
