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


# What a program looks like that libouro.a is linked into: its names, and its folders.
OWN = '''
#include <stdlib.h>
#define FUNCTION __attribute__((noinline)) void *
static FUNCTION record(size_t size) { return malloc(size); }
FUNCTION ouro__count_given(size_t size) { return record(size); }
static FUNCTION between(size_t size) { return ouro__count_given(size); }
FUNCTION ouro_make(size_t size) { return between(size); }
FUNCTION ouro_call(void *(*function)(void)) { return function(); }
'''
USER = '''
#include <stddef.h>
void *ouro_make(size_t size), *ouro_call(void *(*function)(void));
__attribute__((noinline)) void *called(void) { return ouro_make(100); }
void *kept[2];
int main(void) {
  kept[0] = ouro_make(1000);
  kept[1] = ouro_call(called);
  return 0;
}
'''


@unittest.skipUnless(TRACE, 'there is no libouro-trace.so')
class Own(Case):
    """The allocator's own functions, where it is a part of the program."""

    def functions(self, *arguments):
        rows = self.asked('report', 'p.ouro', '--by', 'function', *arguments)['rows']
        return {row['function']: row['bytes'] for row in rows if row['bytes'] in (100, 1000)}

    def traced(self, debug):
        folder = self.folder / 'library' / 'trace'
        folder.mkdir(parents=True)
        (folder / 'own.c').write_text(OWN)
        (self.folder / 'p.c').write_text(USER)
        subprocess.run(['cc', debug, '-O1', '-fno-optimize-sibling-calls', '-o', 'p', 'p.c', 'library/trace/own.c'],
                       cwd=self.folder, check=True)
        self.ouro('run', '--trace', '--quiet', '--output', 'p.ouro', '--', './p', env={'OURO_PRELOAD': TRACE})

    def test_are_nobodys_lines(self):
        self.traced('-g')
        self.assertEqual(self.functions(), {'main': 1000, 'called': 100})
        rows = self.asked('report', 'p.ouro', '--by', 'function', '--raw-frames')['rows']
        self.assertEqual((rows[0]['function'], rows[0]['bytes']), ('record', 1100))

    def test_are_known_by_their_names_where_nothing_else_is_known(self):
        self.traced('-g0')
        self.assertEqual(self.functions(), {'main': 1000, 'called': 100})

    def test_in_what_is_exported_too(self):
        self.traced('-g')
        out, _ = self.ouro('export', 'p.ouro', '--to', 'collapsed')
        self.assertRegex(out, r'(?m)main \([^;]*\) 1000$')
        self.assertRegex(out, r'(?m)called \([^;]*\) 100$')


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
