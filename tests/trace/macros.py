#!/usr/bin/env python3
"""Compiles programs with -DOURO_TRACE in the dialects of C and C++ that it must work in, with the compilers' warnings as errors, and runs them.

usage: macros.py LIBOURO.A

Each program prints the lines at which the tracer saw its allocations; they must be those that are marked in its source. Prints TAP; the exit
status is 1 where anything failed."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

LIBRARY = pathlib.Path(sys.argv[1]).resolve()
INCLUDE = pathlib.Path(__file__).resolve().parents[2] / 'include'
WARNINGS = ['-Wall', '-Wextra', '-Werror', '-Wshadow']

SOURCE = r'''
#include <ouro/ouro.h>
#include <stdio.h>
#include <string.h>

typedef void *allocate(size_t);
static unsigned lines[64], count;

static int collect(const ouro_trace_site *site, void *arg) {
  ouro_trace_frame frame;
  (void)arg;
  if (site->domain < 4 || ouro_trace_stack(site->stack, &frame, 1) == 0 || !frame.line) return 0;
  if (strstr(frame.file, "program") && count < 64) lines[count++] = frame.line;
  return 0;
}

typedef struct pair {
  void *one, *other;
} pair;

static pair both(void *one, void *other) {
  pair made;
  made.one = one;
  made.other = other;
  return made;
}

static size_t eight(void *block) {
  ouro_free(block);
  return 8;
}

int main(void) {
  ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
  allocate *plain = ouro_malloc;
  unsigned i;
  if (ouro_trace_start(&options)) return 1;
  void *a = ouro_malloc(10);            /* here */
  void *b = (ouro_malloc)(10);
  void *c = plain(10);
  pair p = both(ouro_malloc(1), ouro_calloc(1, 2)); /* here */
  void *d = ouro_malloc(eight(ouro_malloc(16)));    /* here */
  a = ouro_realloc(a, 100000);          /* here */
  if (!a) return 2;
  for (i = 0; i < 10; i++) ouro_free(ouro_aligned_alloc(64, 10)); /* here */
  ouro_trace_each_site(collect, NULL);
  for (i = 0; i < count; i++) printf("%u\n", lines[i]);
  ouro_free(a);
  ouro_free(b);
  ouro_free(c);
  ouro_free(d);
  ouro_free(p.one);
  ouro_free(p.other);
  return 0;
}
'''

C_DIALECTS = [['-std=c11', '-pedantic'], ['-std=gnu11', '-O2'], ['-std=c17', '-pedantic', '-O2', '-DOURO_STATIC'], ['-std=gnu17', '-Og']]
CXX_DIALECTS = [['-std=c++11', '-pedantic'], ['-std=c++17', '-pedantic', '-O2'], ['-std=gnu++20', '-O2', '-DOURO_STATIC']]


def compilers():
    for name, dialects, suffix in (('gcc', C_DIALECTS, '.c'), ('clang', C_DIALECTS, '.c'), ('g++', CXX_DIALECTS, '.cpp'),
                                   ('clang++', CXX_DIALECTS, '.cpp')):
        for dialect in dialects:
            if shutil.which(name):
                yield name, dialect, suffix


def compile_and_run(folder, compiler, dialect, suffix):
    source, program = folder / f'program{suffix}', folder / 'program'
    source.write_text(SOURCE)
    built = subprocess.run([compiler, *dialect, *WARNINGS, '-DOURO_TRACE', f'-I{INCLUDE}', str(source), '-o', str(program), str(LIBRARY),
                            '-pthread'], capture_output=True, text=True)
    if built.returncode:
        return built.stderr
    ran = subprocess.run([program], capture_output=True, text=True, timeout=60)
    seen = sorted({int(line) for line in ran.stdout.split()})
    wanted = [number for number, line in enumerate(SOURCE.splitlines(), 1) if re.search(r'/\* here \*/', line)]
    return None if ran.returncode == 0 and seen == wanted else f'status {ran.returncode}, lines {seen}, not {wanted}'


def untraced(folder):
    """Without OURO_TRACE the functions are what they were."""
    source = folder / 'plain.c'
    source.write_text('#include <ouro/ouro.h>\n#ifdef ouro_calloc\n#error a macro\n#endif\nint main(void) { return !&ouro_malloc; }\n')
    built = subprocess.run(['cc', f'-I{INCLUDE}', '-Wno-address', str(source), '-o', str(folder / 'plain'), str(LIBRARY), '-pthread'],
                           capture_output=True, text=True)
    return built.stderr if built.returncode else None


def main():
    cases = [(f'{compiler} {" ".join(dialect)}', (compile_and_run, compiler, dialect, suffix)) for compiler, dialect, suffix in compilers()]
    cases.append(('without OURO_TRACE', (untraced,)))
    print(f'1..{len(cases)}')
    failed = False
    for number, (name, (body, *arguments)) in enumerate(cases, 1):
        with tempfile.TemporaryDirectory(prefix='ouro-test-') as folder:
            reason = body(pathlib.Path(folder), *arguments)
        failed |= reason is not None
        print(f'{"not ok" if reason else "ok"} {number} - {name}', flush=True)
        for line in (reason or '').splitlines()[:15]:
            print(f'# {line}')
    return failed


if __name__ == '__main__':
    sys.exit(main())
