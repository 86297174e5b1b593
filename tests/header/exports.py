#!/usr/bin/env python3
"""What the libraries export, what they need, and how much static thread storage they take.

    exports.py libouro.so libouro.a [libouro-preload.so libouro-trace.so]

libouro exports exactly the functions that the public headers declare; the archive defines no global name that could clash
with a program's; the preload library exports the malloc family and nothing else. None needs a library but libc, and
libouro what it was built with: GMP and yajl. Prints TAP."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The family that a replacement of malloc must define as a whole, and what glibc has beside it.
FAMILY = set('''malloc calloc realloc reallocarray free free_sized aligned_alloc posix_memalign memalign valloc pvalloc
    malloc_usable_size malloc_trim mallinfo2 malloc_stats mallopt'''.split())
ALSO = {'cfree', 'free_aligned_sized', 'mallinfo', 'malloc_info'}
# Where a program's own libouro tells of its objects.
JOIN = {'ouro_preload_join_1'}
TRACE = {'ouro_preload_trace_1', 'dlclose'}
# What each needs: of the C library; and of others, where it was built with them.
OF_LIBC = {'libc.so.6', 'libm.so.6', 'ld-linux-x86-64.so.2'}
OF_OTHERS = {'libouro.so': {'libgmp.so.10', 'libyajl.so.2'}}
# A library that is loaded late (dlopen) shares 1,664 bytes of static thread storage with all others; a preloaded one is there
# from the start, and the loader makes room for it.
MOST_TLS_BYTES = {'libouro.so': 512, 'libouro-preload.so': 4096, 'libouro-trace.so': 4224}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def exported(library):
    """The names that a shared library exports, without their versions, and without the version's own name."""
    lines = run('nm', '--dynamic', '--defined-only', '--extern-only', library).splitlines()
    return {line.split()[-1].split('@')[0] for line in lines if line.split()[-2] != 'A'}


def defined(archive):
    """The global names that an archive defines."""
    lines = run('nm', '--defined-only', '--extern-only', archive).splitlines()
    return {line.split()[-1] for line in lines if len(line.split()) == 3}


def declared():
    """The functions and variables that the public headers declare, those behind inlined functions included."""
    names = ('base.h', 'heap.h', 'thread.h', 'object.h', 'gc.h', 'weak.h', 'weakmap.h', 'value.h', 'number.h', 'str.h',
             'bytes.h', 'list.h', 'dict.h', 'class.h', 'generator.h', 'json.h', 'trace.h', 'source.h')
    text = ''.join((ROOT / 'include' / 'ouro' / name).read_text() for name in names)
    text = re.sub(r'/\*.*?\*/', '', text, flags=re.DOTALL)
    functions = re.findall(r'^OURO_API[^;(]*?\b(ouro_\w+)\(', text, re.MULTILINE)
    variables = re.findall(r'^(?:OURO_API extern|extern OURO_API)[^;(]*?\b(ouro_\w+)(?: __attribute__.*)?(?:\[\w+\])?;', text, re.MULTILINE)
    return {*functions, *variables}


def needed(library):
    """The libraries that the loader must find for this one."""
    return set(re.findall(r'\(NEEDED\).*\[(.*)\]', run('readelf', '--dynamic', '--wide', library)))


def tls_bytes(library):
    match = re.search(r'^\s+TLS\s+(?:0x\w+\s+){4}(0x\w+)', run('readelf', '--program-headers', '--wide', library), re.MULTILINE)
    return int(match[1], 16) if match else 0


def soname(library):
    return re.search(r'\(SONAME\).*\[(.*)\]', run('readelf', '--dynamic', '--wide', library))[1]


def unexpected(names, allowed, what):
    extra = sorted(names - allowed)
    return f'{what}: {", ".join(extra)}' if extra else ''


def cases(shared, archive, preload=None, trace=None):
    """(name, what is wrong) for each promise."""
    public = declared()
    yield 'the headers declare functions', '' if len(public) > 20 else f'only {len(public)} found'
    yield 'libouro.so exports only what the headers declare', unexpected(exported(shared), public, 'also')
    yield 'libouro.so exports all that the headers declare', unexpected(public, exported(shared), 'not')
    yield "libouro.so's soname is libouro.so.0", '' if soname(shared) == 'libouro.so.0' else soname(shared)
    clashing = {name for name in defined(archive) if not name.startswith('ouro_')}
    yield 'libouro.a defines only names that begin with ouro_', unexpected(clashing, set(), 'also')
    yield 'libouro.a defines all that the headers declare', unexpected(public, defined(archive), 'not')
    if preload:
        yield 'the preload library exports only the malloc family', unexpected(exported(preload), FAMILY | ALSO | JOIN, 'also')
        yield 'the preload library exports the whole malloc family', unexpected(FAMILY, exported(preload), 'not')
    if trace:
        allowed = FAMILY | ALSO | JOIN | TRACE
        yield 'the library that traces exports the same, what tracing needs, and nothing else', unexpected(exported(trace), allowed, 'also')
        yield 'the library that traces exports all of that', unexpected(FAMILY | TRACE, exported(trace), 'not')
    for library in filter(None, (shared, preload, trace)):
        name = pathlib.Path(library).name.split('.so')[0] + '.so'
        allowed = OF_LIBC | OF_OTHERS.get(name, set())
        yield f'{name} needs libc, and at most what it was built with', unexpected(needed(library), allowed, 'also')
        size = tls_bytes(library)
        yield f'{name} takes little static thread storage', f'{size} bytes' if size > MOST_TLS_BYTES[name] else ''


def main():
    results = list(cases(*sys.argv[1:]))
    print(f'1..{len(results)}')
    for number, (name, wrong) in enumerate(results, 1):
        print(f'{"not ok" if wrong else "ok"} {number} - {name}')
        if wrong:
            print(f'# {wrong}')
    return 1 if any(wrong for _, wrong in results) else 0


if __name__ == '__main__':
    sys.exit(main())
