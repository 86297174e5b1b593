#!/usr/bin/env python3
"""Fails when a file includes upward, or past another layer's one header.

The rules, as docs/design.md gives them:
  - a file of src/LAYER includes its own layer's headers, and of the layers below it their one header alone: LAYER/LAYER.h,
    and of preload/ its protocol, preload/control.h;
  - public headers: base and os take <ouro/base.h>, heap and what lies above it also <ouro/heap.h>, and heap alone the inlined
    fast path <ouro/inline.h>; nobody in src takes the umbrella <ouro/ouro.h>;
  - a public header includes public headers only; an adapter also its runtime's;
  - the command reads the tracer's area by trace/area.h, and the preloaded library has trace/table.h;
  - quoted includes are written from src/ ("heap/heap.h"), so that the layer can be read;
  - nobody includes a .c file, and nobody but os/ and the tests includes os/os_fault.h;
  - a library from outside is included only where it is listed below.

Prints TAP: one line per file, after one per planted violation that must be found."""

import pathlib
import re
import sys
import tempfile

# A layer, and the layers that it may include. A new folder below src/ belongs in here.
LAYERS = {
    'base': [],
    'os': ['base'],
    'heap': ['base', 'os'],
    'trace': ['base', 'os', 'heap'],
    'thread': ['base', 'os', 'heap', 'trace'],
    'object': ['base', 'os', 'heap', 'trace', 'thread'],
    'gc': ['base', 'os', 'heap', 'trace', 'thread', 'object'],
    'values': ['base', 'os', 'heap', 'trace', 'thread', 'object', 'gc'],
    'preload': ['base', 'os', 'heap', 'trace'],
    'cli': ['base', 'os', 'heap', 'trace', 'preload'],
}
ONE_HEADER = {layer: f'{layer}/{layer}.h' for layer in LAYERS} | {'preload': 'preload/control.h'}
# The layouts that two processes share, and the table that libraries find by name.
MORE = {('cli', 'trace'): 'trace/area.h', ('preload', 'trace'): 'trace/table.h'}
PUBLIC = {
    'base': ['ouro/base.h'],
    'os': ['ouro/base.h'],
    'heap': ['ouro/base.h', 'ouro/heap.h', 'ouro/inline.h'],
    'trace': ['ouro/base.h', 'ouro/heap.h', 'ouro/source.h', 'ouro/trace.h'],
    'thread': ['ouro/base.h', 'ouro/heap.h', 'ouro/thread.h'],
    'object': ['ouro/base.h', 'ouro/heap.h', 'ouro/thread.h', 'ouro/object.h', 'ouro/weak.h'],
    'gc': ['ouro/base.h', 'ouro/heap.h', 'ouro/thread.h', 'ouro/object.h', 'ouro/weak.h', 'ouro/gc.h'],
    'values': ['ouro/base.h', 'ouro/heap.h', 'ouro/thread.h', 'ouro/object.h', 'ouro/weak.h', 'ouro/gc.h', 'ouro/weakmap.h',
               'ouro/value.h', 'ouro/number.h', 'ouro/str.h', 'ouro/bytes.h', 'ouro/list.h', 'ouro/dict.h', 'ouro/class.h',
               'ouro/generator.h', 'ouro/json.h'],
    'preload': ['ouro/base.h', 'ouro/heap.h'],
    'cli': ['ouro/base.h', 'ouro/heap.h', 'ouro/trace.h'],
}
# What may come from neither ouro nor the C library and the system.
OUTSIDE = {'values': ['gmp.h', 'yajl/yajl_parse.h'], 'cli': ['jansson.h', 'zstd.h', 'zlib.h', 'ncurses.h', 'gelf.h', 'dwarf.h', 'elfutils/libdw.h', 'elfutils/libdwfl.h',
                   'elfutils/libdwelf.h']}
SYSTEM = re.compile(r'(sys|linux|arpa|netinet|net|asm|bits)/[\w/]+\.h$')
C_LIBRARY = set('''assert complex ctype dirent dlfcn elf endian err errno error execinfo fcntl features fenv float fnmatch ftw
    getopt glob grp ifaddrs inttypes langinfo libgen limits link locale malloc math netdb poll pthread pwd regex sched
    semaphore setjmp signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings
    syscall termios threads time uchar ucontext unistd wchar wctype wordexp'''.split())

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)


def includes(path):
    """The (quoted?, name) pairs of a file's includes; those in comments do not count."""
    text = re.sub(r'/\*.*?\*/', lambda m: '\n' * m[0].count('\n'), path.read_text(), flags=re.DOTALL)
    return [(mark == '"', name) for mark, name in INCLUDE.findall(text)]


def is_system(name):
    return bool(SYSTEM.match(name)) or (name.endswith('.h') and name[:-2] in C_LIBRARY)


def check_source(layer, own, quoted, name):
    """What is wrong with one include of a file in src/`layer`; None where nothing is."""
    if name.endswith('.c'):
        return f'includes {name}: a .c file is compiled, not included'
    if not quoted:
        if name.startswith('ouro/'):
            return None if name in PUBLIC[layer] else f'<{name}> is not for {layer}/'
        if is_system(name) or name in OUTSIDE.get(layer, []):
            return None
        return f'<{name}> is neither of the system nor listed for {layer}/'
    if '/' not in name:
        return f'"{name}" does not say its layer: write it from src/'
    other = name.split('/')[0]
    if other == layer:
        return None if (own / name).exists() else f'"{name}" does not exist'
    if other not in LAYERS:
        return f'"{name}" is in no layer'
    if other not in LAYERS[layer]:
        return f'"{name}": {other}/ does not lie below {layer}/'
    if name not in (ONE_HEADER[other], MORE.get((layer, other))):
        return f'"{name}" is internal to {other}/: its one header is {ONE_HEADER[other]}'
    return None


def check_public(path, root, quoted, name):
    """What is wrong with one include of a public header."""
    adapter = path.parent.name == 'adapt'
    if quoted:
        target = (path.parent / name).resolve()
        if not target.exists() or (root / 'include' / 'ouro').resolve() not in target.parents:
            return f'"{name}" is no public header'
        if not adapter and target.parent.name == 'adapt':
            return f'"{name}": the library does not depend on an adapter'
        return None
    if adapter or is_system(name):
        return None
    return f'<{name}> is not of the C library'


def check_tree(root):
    """{file: [what is wrong]} for every source file and public header below `root`."""
    found = {}
    source = root / 'src'
    for path in sorted(source.glob('**/*.[ch]')):
        layer = path.relative_to(source).parts[0]
        if layer not in LAYERS:
            found[path] = [f'{layer} is no layer that tests/layers.py knows']
            continue
        found[path] = [w for w in (check_source(layer, source, *include) for include in includes(path)) if w]
    for path in sorted((root / 'include').glob('**/*.h')):
        found[path] = [w for w in (check_public(path, root, *include) for include in includes(path)) if w]
    return found


# A small tree in which nothing is wrong, and what is planted into it: (file, line, part of what must be said).
CLEAN = {
    'src/base/base.h': '#include <ouro/base.h>\n#include <stdint.h>',
    'src/base/bits.h': '',
    'src/base/bits.c': '#include "base/base.h"\n#include "base/bits.h"',
    'src/os/os.h': '#include "base/base.h"',
    'src/os/os_fault.h': '',
    'src/os/os_fault.c': '#include "os/os_fault.h"\n#include <sys/mman.h>',
    'src/heap/heap.h': '#include "base/base.h"\n#include <ouro/heap.h>',
    'src/heap/pool.h': '#include "heap/heap.h"',
    'src/heap/pool.c': '/* #include "cli/cli.h" */\n#include "heap/pool.h"\n#include "os/os.h"',
    'src/preload/preload.c': '#include "heap/heap.h"\n#include <dlfcn.h>',
    'src/cli/cli.h': '',
    'src/preload/control.h': '',
    'src/cli/main.c': '#include "cli/cli.h"\n#include "preload/control.h"\n#include <jansson.h>',
    'include/ouro/base.h': '#include <stddef.h>',
    'include/ouro/heap.h': '#include "base.h"',
    'include/ouro/ouro.h': '#include "heap.h"',
    'include/ouro/adapt/lua.h': '#include <lua.h>\n#include "../heap.h"',
}
PLANTED = [
    ('src/base/bits.c', '#include "os/os.h"', 'does not lie below'),
    ('src/base/bits.c', '#include <ouro/heap.h>', 'is not for base/'),
    ('src/os/os_fault.c', '  #  include "heap/heap.h"', 'does not lie below'),
    ('src/heap/pool.c', '#include "cli/cli.h"', 'does not lie below'),
    ('src/heap/pool.c', '#include "base/bits.h"', 'is internal to base/'),
    ('src/heap/pool.c', '#include "os/os_fault.h"', 'is internal to os/'),
    ('src/heap/pool.c', '#include "pool.h"', 'does not say its layer'),
    ('src/heap/pool.c', '#include "../cli/cli.h"', 'is in no layer'),
    ('src/heap/pool.c', '#include "heap/gone.h"', 'does not exist'),
    ('src/heap/pool.c', '#include "heap/pool.c"', 'compiled, not included'),
    ('src/heap/pool.c', '#include <ouro/ouro.h>', 'is not for heap/'),
    ('src/heap/pool.c', '#include <jansson.h>', 'neither of the system nor listed'),
    ('src/preload/preload.c', '#include "heap/pool.h"', 'is internal to heap/'),
    ('src/preload/preload.c', '#include "cli/cli.h"', 'does not lie below'),
    ('src/cli/main.c', '#include "preload/malloc.h"', 'is internal to preload/'),
    ('src/strange/new.c', '', 'is no layer'),
    ('include/ouro/heap.h', '#include "../../src/heap/heap.h"', 'is no public header'),
    ('include/ouro/heap.h', '#include "adapt/lua.h"', 'does not depend on an adapter'),
    ('include/ouro/heap.h', '#include <lua.h>', 'is not of the C library'),
]


def verdict_of(tree):
    """What check_tree says of a tree given as {file: text}."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in tree.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + '\n')
        return {str(path.relative_to(root)): wrong for path, wrong in check_tree(root).items()}


def self_test():
    """Yields (name, passed) for the check of this check."""
    yield 'a clean tree is found clean', not any(verdict_of(CLEAN).values())
    for name, line, expected in PLANTED:
        wrong = verdict_of({**CLEAN, name: CLEAN.get(name, '') + '\n' + line})
        found = len(wrong[name]) == 1 and expected in wrong[name][0] and sum(map(len, wrong.values())) == 1
        yield f'planted in {name}: {line.strip() or "an unknown layer"}'.replace('#', ''), found


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    results = [(name, [] if passed else ['the check missed it']) for name, passed in self_test()]
    results += [(str(path.relative_to(root)), wrong) for path, wrong in check_tree(root).items()]
    print(f'1..{len(results)}')
    for number, (name, wrong) in enumerate(results, 1):
        print(f'{"not ok" if wrong else "ok"} {number} - {name}')
        for line in wrong:
            print(f'# {line}')
    return 1 if any(wrong for _, wrong in results) else 0


if __name__ == '__main__':
    sys.exit(main())
