"""Native frames: a call that the compiler inlined is a frame of its own, in every format."""

import re
import shutil
import subprocess
import unittest

import common
import make_area

SOURCE = '''#include <stdio.h>
__attribute__((noinline)) void sink(void) { printf("%p\\n", __builtin_return_address(0)); }
static inline __attribute__((always_inline)) void inner(void) { sink(); }
__attribute__((noinline)) void outer(void) {
  inner();
  __asm__ volatile("");
}
int main(void) {
  char line[512];
  outer();
  FILE *maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps)) fputs(line, stdout);
  return 0;
}
'''


def build(folder):
    """Compile SOURCE in the folder and run it: its path, the address inside of the inlined call, and where its code was:
    start, end, offset in the file."""
    (folder / 'a.c').write_text(SOURCE)
    program = folder / 'program'
    subprocess.run(['cc', '-g', '-O2', '-o', program, 'a.c'], check=True, cwd=folder)
    address, maps = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout.split('\n', 1)
    mapping = re.search(rf'^(\w+)-(\w+) r-xp (\w+) .* {program}$', maps, re.MULTILINE).groups()
    return program, int(address, 16) - 1, [int(number, 16) for number in mapping]


class Inlined(common.Case):
    def setUp(self):
        super().setUp()
        program, address, mapping = build(self.folder)
        area = make_area.Area(native=1)
        area.add(make_area.MODULES, *mapping, area.string(str(program)), 0)
        area.site(area.stack(area.native(address)), allocs=(1, 100), live=(1, 100))
        self.area = self.write(area)

    def test_collapsed(self):
        out, _ = self.ouro('export', self.area, '--to', 'collapsed')
        self.assertRegex(out.decode(), r'\Aouter \(\S*a\.c:5\);inner \(\S*a\.c:3\) 100\n\Z')

    @unittest.skipUnless(shutil.which('go'), 'go is not installed')
    def test_pprof_has_both_lines_at_one_address(self):
        self.ouro('export', self.area, '--to', 'pprof', '-o', 'a.pb.gz')
        done = subprocess.run(['go', 'tool', 'pprof', '-raw', 'a.pb.gz'], cwd=self.folder, stdout=subprocess.PIPE, text=True,
                              env=common.environment(HOME=str(self.folder)), check=True)
        self.assertRegex(done.stdout, r'\n +1: 0x\w+ M=1 inner \S*a\.c:3 s=0\(.*\)\n +outer \S*a\.c:5 s=0')
