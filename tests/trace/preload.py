#!/usr/bin/env python3
"""Runs programs of this machine with libouro-trace.so in LD_PRELOAD, and counts what they allocate a second time.

usage: preload.py LIBRARY COUNTER AREAS

COUNTER is counter.c, in front of the library: its counts of allocations and of what is live at the end must be the tracer's, in every process.
AREAS is areas.c, which checks the files that the processes leave. Prints TAP; the exit status is 1 where anything failed."""

import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'recording'))
import make_area  # noqa: E402  the layout of areas

LIBRARY, COUNTER, AREAS = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
CC = os.environ.get('CC', 'cc').split()
CXX = os.environ.get('CXX', 'c++').split()
EXACT = ['trace:exact,frames:1', 'trace:exact,frames:64', 'trace:exact,frames:256']
MODES = EXACT + ['trace:sample,sample:1000', 'trace:later']
EXITED, RUNNING = 2, 1


class Skip(Exception):
    pass


def environment(conf=None, **more):
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(('MALLOC_', 'LD_', 'OURO_', 'GLIBC_', 'PYTHON'))}
    kept['LC_ALL'] = 'C.UTF-8'
    if conf is not None:
        kept['OURO_CONF'] = conf
        kept['LD_PRELOAD'] = str(LIBRARY)
    return kept | more


def run(command, env, **options):
    return subprocess.run([str(word) for word in command], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, **options)


def build(folder, name, source, *flags):
    path = folder / name
    compiler = CXX if name.endswith('.cpp') else CC
    path.write_text(source)
    out = path.with_suffix('')
    subprocess.run([*compiler, '-O1', '-g', str(path), '-o', str(out), *flags], check=True)
    return out


def areas_in(folder):
    """{pid: (state, allocs, live, lost, broken)}, of areas that are what area.h promises."""
    result = run([AREAS, folder], environment())
    if result.returncode:
        raise AssertionError(f'areas: {result.stdout[-500:]!r}')
    lines = [[int(word) for word in line.split()] for line in result.stdout.splitlines()]
    return {pid: tuple(rest) for pid, *rest in lines}


def same_in_every_mode(folder, command, modes=MODES, **options):
    """What the program writes, and how it ends, does not depend on tracing; and each process leaves a whole area."""
    plain = run(command, environment(), **options)
    for mode in modes:
        directory = pathlib.Path(tempfile.mkdtemp(dir=folder))
        traced = run(command, environment(f'{mode},run-dir:{directory}'), **options)
        for what in ('returncode', 'stdout', 'stderr'):
            if getattr(plain, what) != getattr(traced, what):
                raise AssertionError(f'{mode}: {what} {getattr(plain, what)[-300:]!r}, traced {getattr(traced, what)[-300:]!r}')
        for pid, (_, allocs, _, lost, broken) in areas_in(directory).items():
            if broken or lost or (mode != 'trace:later' and 'sample' not in mode and not allocs):
                raise AssertionError(f'{mode}: process {pid}: {allocs} allocations, {lost} lost, broken: {broken}')
        shutil.rmtree(directory)


def counted_twice(folder, command, least, **options):
    """In exact mode, every process counts what the counter in front of it counts."""
    for mode in EXACT:
        out = folder / 'counts'
        out.unlink(missing_ok=True)
        result = run(command, environment(mode, LD_PRELOAD=f'{COUNTER} {LIBRARY}', COUNTER_OUT=str(out)), **options)
        if result.returncode:
            raise AssertionError(f'{mode}: status {result.returncode}, {result.stderr[-500:]!r}')
        rows = [[int(word) for word in line.split()] for line in out.read_text().splitlines()]
        if max(row[0] for row in rows) < least:
            raise AssertionError(f'{mode}: {rows}: {least} allocations were to be seen')
        for row in rows:
            if row[0:3] != row[3:6] or row[6]:
                raise AssertionError(f'{mode}: counted {row[0:3]}, traced {row[3:6]}, lost {row[6]}')


# ---------------------------------------------------------------- programs

CPP = r'''
#include <thread>
#include <vector>
#include <string>
#include <map>
#include <stdexcept>
#include <cstdio>
static std::string deep(int d, int i) {
  if (d == 0) { if (i % 3 == 0) throw std::runtime_error("x" + std::to_string(i)); return std::string(i % 200, 'a'); }
  return deep(d - 1, i) + "b";
}
static void work(int n) {
  std::map<int, std::string> m;
  for (int i = 0; i < n; i++) {
    try { m[i % 500] = deep(i % 40, i); } catch (const std::exception &) { m.erase(i % 500); }
    if (i % 1000 == 0) { std::vector<double> v(100000); v.resize(300000); }
  }
}
int main() {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) threads.emplace_back(work, 5000);
  for (auto &thread : threads) thread.join();
  puts("done");
}
'''

STORM = r'''
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static volatile sig_atomic_t seen, enough;
static void on_signal(int n) { (void)n; seen++; }
static void *send(void *arg) { while (!enough) { pthread_kill(*(pthread_t *)arg, SIGUSR1); usleep(20); } return NULL; }
static void *at(unsigned depth, unsigned path) {
  void *made = depth == 0 ? malloc(1 + path % 3000) : path & 1 ? at(depth - 1, path >> 1) : at(depth - 1, path >> 1);
  __asm__ volatile("" : "+r"(made));
  return made;
}
int main(void) {
  pthread_t self = pthread_self(), sender;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  sigaction(SIGUSR1, &action, NULL);
  pthread_create(&sender, NULL, send, &self);
  for (unsigned i = 0; i < 200000; i++) free(at(12, i));
  while (!seen) usleep(100);
  enough = 1;
  pthread_join(sender, NULL);
  puts("done");
  return 0;
}
'''

CLOSER = r'''
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <fcntl.h>
#include <sys/wait.h>
int main(void) {
  void *kept[64] = {0};
  for (int round = 0; round < 50; round++) {
    for (int fd = 3; fd < 64; fd++) close(fd);
    for (int i = 0; i < 64; i++) { free(kept[i]); kept[i] = malloc((size_t)(1 + round * i * 40)); }
    int fd = open("/dev/null", O_RDONLY);
    if (fd != 3) return 3; /* a descriptor of somebody else's is open */
    close(fd);
    pid_t child = fork();
    if (child == 0) { if (open("/dev/null", O_RDONLY) != 3) _exit(4); free(malloc(100)); _exit(0); }
    int status;
    if (waitpid(child, &status, 0) != child || status) return 5;
  }
  puts("done");
  return 0;
}
'''

ERRNO = r'''
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
static void *at(unsigned depth, unsigned path) {
  void *made = depth == 0 ? malloc(1 + path % 300000) : path & 1 ? at(depth - 1, path >> 1) : at(depth - 1, path >> 1);
  __asm__ volatile("" : "+r"(made));
  return made;
}
int main(void) {
  for (unsigned i = 0; i < 20000; i++) {
    errno = 42;
    void *block = at(12, i * 7);
    block = realloc(block, i);
    free(block);
    free(calloc(i, 3));
    if (errno != 42) { printf("errno %d at %u\n", errno, i); return 1; }
  }
  puts("done");
  return 0;
}
'''

SWITCHER = r'''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "trace/table.h"
enum { SLOTS = 256, WORKERS = 6 };
static _Atomic(void *) shared[SLOTS];
static _Atomic int enough;
static unsigned next(unsigned *state) { return *state = *state * 1664525u + 1013904223u, *state >> 8; }
static void *work(void *arg) {
  unsigned state = (unsigned)(size_t)arg;
  while (!enough) {
    size_t size = next(&state) % 100 ? next(&state) % 3000 : next(&state) % 400000;
    void *block;
    switch (next(&state) % 5) {
      case 0: block = calloc(1, size); break;
      case 1: block = aligned_alloc(64, size); break;
      case 2: block = realloc(malloc(size / 2), size + 1); break;
      default: block = malloc(size); break;
    }
    void *old = atomic_exchange(&shared[next(&state) % SLOTS], block);
    if (next(&state) % 4 == 0 && old) old = realloc(old, next(&state) % 5000 + 1);
    free(old);
  }
  return NULL;
}
int main(int count, char **words) {
  const ouro__trace_table *(*get)(void);
  void *address = dlsym(RTLD_DEFAULT, OURO_PRELOAD_TRACE);
  pthread_t threads[WORKERS];
  (void)words;
  if (count > 1 || !address) { puts("done"); return 0; } /* not traced */
  memcpy(&get, &address, sizeof get);
  const ouro__trace_table *trace = get();
  ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
  ouro_trace_totals totals = {.struct_size = sizeof totals};
  trace->stop();
  for (size_t i = 0; i < WORKERS; i++) pthread_create(&threads[i], NULL, work, (void *)(i + 1));
  for (unsigned round = 0; round < 200; round++) {
    options.mode = round % 2 ? OURO_TRACE_SAMPLE : OURO_TRACE_EXACT;
    options.sample_bytes = 1 + round * 37;
    options.frames = 1 + round % 20;
    if (trace->start(&options)) return 3;
    usleep(500);
    if (round % 3 == 0) trace->clear();
    if (round % 5 == 0) trace->reset_peak();
    if (round != 199) trace->stop();
  }
  usleep(20000);
  enough = 1;
  for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < SLOTS; i++) free(atomic_exchange(&shared[i], NULL));
  trace->get_totals(&totals);
  /* The last session is of samples; of the program's own, nothing is left but what the C library keeps. */
  if (totals.live_bytes > 100000) { printf("live %llu\n", (unsigned long long)totals.live_bytes); return 4; }
  trace->stop();
  options.mode = OURO_TRACE_EXACT;
  trace->start(&options);
  for (int i = 0; i < 1000; i++) free(realloc(malloc((size_t)i), (size_t)i * 3 + 1));
  trace->get_totals(&totals);
  if (totals.live_blocks || totals.live_bytes || totals.allocated_blocks < 2000) return 5;
  puts("done");
  return 0;
}
'''

PLUGIN = r'''
#include <stdlib.h>
#include <string.h>
void *plugin(int n) { char *made = malloc((size_t)n); memset(made, 1, (size_t)n); return made; }
'''

LOADER = r'''
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static const char *path;
static void *work(void *arg) {
  (void)arg;
  for (int i = 0; i < 300; i++) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) return (void *)1;
    void *(*plugin)(int);
    *(void **)&plugin = dlsym(library, "plugin");
    void *kept = plugin(i + 1);
    dlclose(library);
    free(kept);
  }
  return NULL;
}
int main(int count, char **words) {
  pthread_t threads[4];
  void *bad;
  (void)count;
  path = words[1];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < 4; i++) { pthread_join(threads[i], &bad); if (bad) return 1; }
  puts("done");
  return 0;
}
'''


def need(*names):
    for name in names:
        if not shutil.which(name):
            raise Skip(f'{name} is not here')


def big_source(folder):
    path = folder / 'big.c'
    lines = ['#include <stdio.h>', '#include <math.h>']
    lines += [f'int f{i}(int a, int b) {{ int s = 0; for (int i = 0; i < a; i++) {{ s += i * {i} ^ b; if (s > b) s -= {i}; }} return s; }}'
              for i in range(300)]
    path.write_text('\n'.join(lines) + '\n')
    return path


def case_cpp_with_threads_and_exceptions(folder):
    program = build(folder, 'cpp.cpp', CPP, '-pthread')
    same_in_every_mode(folder, [program])
    counted_twice(folder, [program], 10000)


def case_a_storm_of_signals(folder):
    program = build(folder, 'storm.c', STORM, '-pthread')
    same_in_every_mode(folder, [program])


def case_errno_stays_as_it_is(folder):
    same_in_every_mode(folder, [build(folder, 'errno.c', ERRNO)])


def case_all_descriptors_closed_and_none_left_open(folder):
    same_in_every_mode(folder, [build(folder, 'closer.c', CLOSER)])


def case_switched_on_and_off_by_the_program(folder):
    program = build(folder, 'switcher.c', SWITCHER, '-pthread', '-ldl', f'-I{HERE.parents[1] / "include"}', f'-I{HERE.parents[1] / "src"}')
    for _ in range(5):
        for mode in ('trace:exact', 'trace:later', 'trace:sample,sample:3000'):
            result = run([program], environment(mode))
            if result.returncode or result.stdout != b'done\n':
                raise AssertionError(f'{mode}: status {result.returncode}, {result.stdout!r}, {result.stderr[-300:]!r}')


def case_libraries_that_come_and_go(folder):
    plugin = build(folder, 'plugin.c', PLUGIN, '-shared', '-fPIC')
    program = build(folder, 'loader.c', LOADER, '-pthread', '-ldl')
    same_in_every_mode(folder, [program, plugin])
    counted_twice(folder, [program, plugin], 1000)


def case_gcc(folder):
    source = big_source(folder)
    command = [*CC, '-c', '-O2', source, '-o', folder / 'big.o']
    same_in_every_mode(folder, command, ['trace:exact,frames:64', 'trace:sample,sample:4096'])
    counted_twice(folder, command, 100000)


def case_sqlite(folder):
    need('sqlite3')
    query = '''create table t(a, b); with recursive c(x) as (select 1 union all select x + 1 from c where x < 20000)
               insert into t select x, hex(x * x) from c; create index i on t(b); select count(*), sum(length(b)) from t;'''
    same_in_every_mode(folder, ['sqlite3', ':memory:', query])
    counted_twice(folder, ['sqlite3', ':memory:', query], 10000)


def case_bash_with_many_forks(folder):
    need('bash')
    script = 'for i in $(seq 1 40); do x=$(echo $i | cat); (y=$x; echo $y > /dev/null); done; echo $x'
    same_in_every_mode(folder, ['bash', '-c', script])
    counted_twice(folder, ['bash', '-c', script], 500)


def case_a_program_that_executes_itself(folder):
    need('bash')
    same_in_every_mode(folder, ['bash', '-c', 'exec bash -c "exec bash -c \'echo end\'"'])


# ---------------------------------------------------------------- Python

def sites(path):
    """[(frames innermost first: (file, line), allocs, bytes)] of an area; frames of Python only."""
    data = path.read_bytes()
    place = make_area.PLACE
    page = {name: struct.unpack_from('<' + code, data, at)[0] for name, (at, code) in place.items()}
    tables = {table: [] for table in range(7)}
    for number in range(page['chunks']):
        at = make_area.PAGE + number * make_area.CHUNK
        tables[struct.unpack_from('<I', data, at)[0]].append(data[at + make_area.HEAD:at + make_area.CHUNK])

    def entries(table):
        size = make_area.ENTRY_BYTES[table]
        room = (make_area.CHUNK - make_area.HEAD) // size
        return [struct.unpack_from(make_area.FORMATS[table], tables[table][i // room], i % room * size)
                for i in range(page[f'count_{table}'])]

    def string(at):
        chunk, inside = tables[0][at // (make_area.CHUNK - make_area.HEAD)], at % (make_area.CHUNK - make_area.HEAD)
        length = struct.unpack_from('<I', chunk, inside)[0]
        return chunk[inside + 4:inside + 4 + length].decode(errors='replace')

    frames, nodes = entries(make_area.FRAMES), entries(make_area.NODES)
    for entry in entries(make_area.SITES):
        node, stack = entry[0], []
        while node:
            kind, line, file, _, _ = frames[nodes[node][1]]
            stack.append((string(file), line) if kind == make_area.PYTHON else ('', 0))
            node = nodes[node][0]
        yield stack, entry[6], entry[7]


# Code objects come and go at the same addresses; each allocates 5,000 bytes and some at the one line that its name tells.
CODES = r"""
import gc, sys
def make(line):
    source = '\n' * (line - 1) + 'made = bytearray(5000 + %d)\nmade = None\n' % line
    exec(compile(source, 'at-%d' % line, 'exec'), {})
def function(line):
    names = {}
    exec(compile('\n' * (line - 1) + 'def f(n):\n  return bytearray(n)\n', 'in-%d' % (line + 1), 'exec'), names)
    names['f'](7000 + line)
for turn in range(60):
    for line in range(1, 40):
        make(line)
        function(line)
    if turn % 20 == 0:
        gc.collect()
print('done')
"""


def pythons():
    found = {path.resolve() for name in ('python3', 'python3.9', 'python3.10', 'python3.11', 'python3.12', 'python3.13')
             for path in [pathlib.Path(shutil.which(name) or '/nonexistent')] if path.exists() and 'shims' not in path.parts}
    found |= {path for version in range(9, 14) for path in pathlib.Path.home().glob(f'.pyenv/versions/3.{version}.*/bin/python3')}
    found |= {pathlib.Path('/usr/bin/python3')} if pathlib.Path('/usr/bin/python3').exists() else set()
    if not found:
        raise Skip('no Python')
    return sorted({path.resolve() for path in found})


def check_lines(stacks, exact, version):
    counts = {}
    for stack, allocs, size in stacks:
        if not stack:
            continue
        file, line = stack[0]
        kind, _, wanted = file.partition('-')
        if kind not in ('at', 'in') or not wanted.isdigit():
            continue
        if kind == 'at' and line not in (0, int(wanted), int(wanted) + 1) or kind == 'in' and line not in (0, int(wanted), int(wanted) - 1):
            raise AssertionError(f'{version}: {file} allocates at line {line}')
        counts[file, line] = counts.get((file, line), 0) + size
    if not counts:
        raise AssertionError(f'{version}: nothing was seen')
    for line in range(1, 40):
        have, least = counts.get((f'at-{line}', line), 0), 60 * (5000 + line)
        if exact and not least <= have < least * 1.3:
            raise AssertionError(f'{version}: at-{line} has {have} bytes at line {line}, not {least} and a little')


def lines_of_code_that_comes_and_goes(folder, conf, exact):
    script = folder / 'codes.py'
    script.write_text(CODES)
    for python in pythons():
        directory = pathlib.Path(tempfile.mkdtemp(dir=folder))
        result = run([python, script], environment(f'{conf},run-dir:{directory}'))
        if result.returncode or result.stdout != b'done\n':
            raise AssertionError(f'{python}: status {result.returncode}, {result.stderr[-500:]!r}')
        areas_in(directory)
        for path in directory.glob('*.trace'):
            check_lines(sites(path), exact, python)


def case_python_lines_exact_one_frame(folder):
    lines_of_code_that_comes_and_goes(folder, 'trace:exact,frames:1', True)


def case_python_lines_exact_all_frames(folder):
    lines_of_code_that_comes_and_goes(folder, 'trace:exact,frames:25', True)


def case_python_lines_sampled(folder):
    lines_of_code_that_comes_and_goes(folder, 'trace:sample,sample:100,frames:5', False)


def case_python_with_threads_and_generators(folder):
    script = folder / 'threads.py'
    script.write_text('''
import threading, json, os
def generate(n):
    for i in range(n):
        yield [i] * 10
def work(k):
    total = 0
    for block in generate(3000):
        total += len(json.dumps(block))
    if k == 0:
        child = os.fork()
        if child == 0:
            os._exit(len(list(generate(50))) - 50)
        assert os.waitpid(child, 0)[1] == 0
    return total
threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
[t.start() for t in threads]
[t.join() for t in threads]
print(work(1))
''')
    for python in pythons():
        if b'3.12' in run([python, '--version'], environment()).stdout or b'3.13' in run([python, '--version'], environment()).stdout:
            python = [python, '-W', 'ignore']  # fork in a process of many threads
        same_in_every_mode(folder, [*(python if isinstance(python, list) else [python]), script],
                           ['trace:exact,frames:1', 'trace:exact,frames:25', 'trace:exact,frames:40,native', 'trace:sample,sample:2000'])


# ----------------------------------------------------------------

def main():
    cases = [(name[5:].replace('_', ' '), body) for name, body in globals().items() if name.startswith('case_')]
    wanted = sys.argv[4] if len(sys.argv) > 4 else ''
    cases = [case for case in cases if wanted in case[0]]
    print(f'1..{len(cases)}')
    failed = False
    for number, (name, body) in enumerate(cases, 1):
        with tempfile.TemporaryDirectory(prefix='ouro-test-') as folder:
            try:
                body(pathlib.Path(folder))
                print(f'ok {number} - {name}', flush=True)
            except Skip as reason:
                print(f'ok {number} - {name} # SKIP {reason}', flush=True)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                failed = True
                print(f'not ok {number} - {name}\n# {error}', flush=True)
    return failed


if __name__ == '__main__':
    sys.exit(main())
