"""Lines of a compiled program: calls that the compiler inlined, and functions that only hand out memory. Skipped without
libouro-trace.so."""

import os
import subprocess
import unittest

from common import Case

TRACE = os.environ.get('OURO_TEST_TRACE')

SOURCE = '''
#include <stdlib.h>
#include <string.h>
__attribute__((noinline)) void *xmalloc(size_t size) {
  void *block = malloc(size);
  if (!block) abort();
  return block;
}
static inline __attribute__((always_inline)) char *innermost(void) {
  return xmalloc(1000);  /* innermost */
}
static inline __attribute__((always_inline)) char *middle(void) {
  return innermost();  /* middle */
}
char *kept[10];
__attribute__((noinline)) void outer(void) {
  for (int i = 0; i < 10; i++) kept[i] = middle();  /* outer */
}
int main(void) {
  outer();
  kept[0][0] = *strdup("twelve bytes");  /* text */
  return 0;
}
'''


@unittest.skipUnless(TRACE, 'there is no libouro-trace.so')
class Native(Case):

    def setUp(self):
        super().setUp()
        (self.folder / 'p.c').write_text(SOURCE)
        subprocess.run(['cc', '-g', '-O2', '-fno-builtin', '-w', '-o', 'p', 'p.c'], cwd=self.folder, check=True)
        self.ouro('run', '--trace', '--quiet', '--output', 'p.ouro', '--', './p', env={'OURO_PRELOAD': TRACE})
        self.lines = {}
        for number, text in enumerate(SOURCE.splitlines(), 1):
            if '  /* ' in text:
                self.lines[text.split('/* ')[1].split(' */')[0]] = f'p.c:{number}'

    def rows_of(self, *arguments):
        """{last part of the key: (bytes, blocks)}"""
        return {key.rpartition('/')[2]: value for key, value in self.rows('report', 'p.ouro', *arguments).items()}

    def test_blocks_are_of_the_inlined_line(self):
        self.assertEqual(self.rows_of(), {self.lines['innermost']: (10000, 10), self.lines['text']: (13, 1)})

    def test_inlined_calls_are_on_the_stack(self):
        rows = self.asked('report', 'p.ouro', '--by', 'stack')['rows']
        self.assertEqual([frame['function'] for frame in rows[0]['stack'][:4]], ['innermost', 'middle', 'outer', 'main'])
        self.assertEqual(rows[0]['stack'][1]['key'].rpartition('/')[2], self.lines['middle'])

    def test_and_count_where_all_frames_do(self):
        found = self.rows_of('--cumulative')
        self.assertEqual([found[self.lines[name]] for name in ('innermost', 'middle', 'outer')], 3 * [(10000, 10)])
        self.assertEqual(found[self.lines['text']], (13, 1))

    def test_raw_frames_begin_in_the_function_that_hands_out_memory(self):
        rows = self.asked('report', 'p.ouro', '--by', 'function', '--raw-frames')['rows']
        self.assertEqual([row['function'].removeprefix('__GI___') for row in rows], ['xmalloc', 'strdup'])
