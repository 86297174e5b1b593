#!/usr/bin/env python3
"""Every public header compiles alone: as C11, C17 and C++17, with each compiler there is, and pedantic warnings as errors.

An adapter needs its runtime's header; where pkg-config does not know the runtime, its lines are skipped. Prints TAP."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
STANDARDS = {'c11': 'c', 'c17': 'c', 'c++17': 'c++'}
COMPILERS = {'c': ['gcc', 'clang'], 'c++': ['g++', 'clang++']}
WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Wundef', '-Wshadow', '-Werror']
C_WARNINGS = ['-Wstrict-prototypes', '-Wmissing-prototypes']
RUNTIMES = {'python.h': 'python3-embed', 'sqlite.h': 'sqlite3', 'uv.h': 'libuv', 'git2.h': 'libgit2'}
# libuv's own header needs POSIX beside the C standard.
POSIX = {'uv.h': ['-D_POSIX_C_SOURCE=200809L']}
# Debian 12 packages no QuickJS: the adapter is compiled after the declarations that it needs, in both shapes.
QUICKJS = {
    'quickjs-ng': '''#define JS_EXTERN
typedef struct { void *(*js_calloc)(void *, size_t, size_t); void *(*js_malloc)(void *, size_t);
  void (*js_free)(void *, void *); void *(*js_realloc)(void *, void *, size_t);
  size_t (*js_malloc_usable_size)(const void *); } JSMallocFunctions;''',
    'Bellard': '''typedef struct { size_t malloc_count, malloc_size, malloc_limit; void *opaque; } JSMallocState;
typedef struct { void *(*js_malloc)(JSMallocState *, size_t); void (*js_free)(JSMallocState *, void *);
  void *(*js_realloc)(JSMallocState *, void *, size_t); size_t (*js_malloc_usable_size)(const void *); } JSMallocFunctions;''',
}


def runtime_flags(header):
    """The compiler's flags for an adapter's runtime, as system includes; None where it is not installed."""
    if header.name not in RUNTIMES or header.parent.name != 'adapt':
        return []
    asked = subprocess.run(['pkg-config', '--cflags-only-I', RUNTIMES[header.name]], capture_output=True, text=True)
    if asked.returncode:
        return None
    return [flag.replace('-I', '-isystem', 1) for flag in asked.stdout.split()] + POSIX.get(header.name, [])


def compiles(compiler, standard, source, flags=()):
    """The compiler's complaints; empty where there are none."""
    language = STANDARDS[standard]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / 'alone'
        file.write_text(source)
        command = [compiler, '-x', language, f'-std={standard}', *WARNINGS, *(C_WARNINGS if language == 'c' else []),
                   f'-I{ROOT / "include"}', *flags, '-fsyntax-only', file]
        return subprocess.run(command, capture_output=True, text=True).stderr


def sources():
    """(name, header, text) of each translation unit."""
    for header in sorted((ROOT / 'include').glob('ouro/**/*.h')):
        name = header.relative_to(ROOT / 'include')
        # Twice: the guard holds.
        text = f'#include <{name}>\n#include <{name}>\nextern int something;\nint something;\n'
        if name.name == 'quickjs.h':
            for shape, declarations in QUICKJS.items():
                yield f'{name} ({shape})', header, f'#include <stddef.h>\n{declarations}\n{text}'
        else:
            yield str(name), header, text
        if name.name == 'ouro.h':
            yield f'{name} (OURO_STATIC)', header, f'#define OURO_STATIC\n{text}'


def cases():
    """(name, complaint, reason to skip) for each header, compiler and standard; first, that the check can fail."""
    for standard, language in STANDARDS.items():
        for compiler in COMPILERS[language]:
            title = f'{compiler} -std={standard}'
            if not shutil.which(compiler):
                yield title, '', f'{compiler} is not installed'
                continue
            missed = '' if compiles(compiler, standard, 'size_t broken(void);\n') else 'a header that lacks an include passed'
            yield f'{title}: a broken header is found', missed, ''
            for name, header, text in sources():
                flags = runtime_flags(header)
                if flags is None:
                    yield f'{title}: {name}', '', f'{RUNTIMES[header.name]} is not installed'
                else:
                    yield f'{title}: {name}', compiles(compiler, standard, text, flags), ''


def main():
    failed = number = 0
    for number, (name, complaint, skip) in enumerate(cases(), 1):
        failed += bool(complaint)
        print(f'{"not ok" if complaint else "ok"} {number} - {name}{" # SKIP " + skip if skip else ""}')
        for line in complaint.splitlines():
            print(f'# {line}')
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
