#!/usr/bin/env python3
"""Runs programs with libouro-preload.so in LD_PRELOAD: those of this folder, which it compiles, and the machine's.

usage: run.py LIBRARY

A program of the machine is run without the library first; with it, it must write the same and end with the same status.
What is not installed is skipped. CC and CXX name the compilers. Prints TAP; the exit status is 1 where anything failed."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 120
CC = os.environ.get('CC', 'cc').split()
CXX = os.environ.get('CXX', 'c++').split()
FLAGS = ['-O1', '-g', '-Wall', '-Wextra', '-Werror']

# More than the C library promises for one library, and less than what it has in Debian 12.
STATIC_TLS_BYTES = 1400


class Skip(Exception):
    """The case cannot be tried on this machine."""


# ---------------------------------------------------------------- running


def environment(library=None, conf=None):
    """What a program gets: nothing that would change its allocator, but ours."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(('MALLOC_', 'LD_', 'OURO_', 'GLIBC_', 'PYTHON'))}
    kept['LC_ALL'] = 'C.UTF-8'
    if library:
        kept['LD_PRELOAD'] = str(library)
    if conf:
        kept['OURO_CONF'] = conf
    return kept


def run(command, **options):
    options.setdefault('env', environment())
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE, **options)


def expect_success(result, wanted=b''):
    """Fails where the program did not end well, or did not write `wanted` as the end of its output."""
    if result.returncode != 0 or not result.stdout.endswith(wanted):
        raise AssertionError(f'status {result.returncode}, stdout {result.stdout[-500:]!r}, '
                             f'stderr {result.stderr[-1500:]!r}')


def expect_same(without, with_ouro):
    for what in ('returncode', 'stdout', 'stderr'):
        one, other = getattr(without, what), getattr(with_ouro, what)
        if one != other:
            raise AssertionError(f'{what} differs: {one!r:.800} without, {other!r:.800} with ouro')


# ---------------------------------------------------------------- the programs of this folder


def build(command, target):
    expect_success(run([*command, '-o', target]))


def compile_programs(folder):
    """Build everything in this folder into `folder`."""
    for source in HERE.glob('*.c'):
        shared = ['-shared', '-fPIC'] if source.stem == 'plugin' else []
        build([*CC, '-std=gnu11', *FLAGS, *shared, source, '-ldl', '-pthread'], folder / source.stem)
    build([*CC, '-std=gnu11', *FLAGS, '-shared', '-fPIC', f'-DSTATIC_TLS={STATIC_TLS_BYTES}', HERE / 'plugin.c', '-ldl'],
          folder / 'plugin_tls')
    build([*CC, '-std=gnu11', *FLAGS, '-static', HERE / 'threads.c', '-pthread'], folder / 'static')
    for source in HERE.glob('*.cpp'):
        build([*CXX, '-std=c++17', *FLAGS, source, '-pthread'], folder / source.stem)


def own_cases(folder, library):
    """(name, function) for each of our programs, under each configuration."""
    names = ('family', 'library', 'operators', 'ends', 'processes', 'threads', 'static')
    plain = {name: [folder / name] for name in names}
    plain['dlopen'] = [folder / 'dlopen', folder / 'plugin', folder / 'plugin_tls']
    wanted = {'ends': b'done\nlate\n'}

    def case(name, conf):
        def check():
            expect_success(run(plain[name]), wanted.get(name, b'done\n'))
            expect_success(run(plain[name], env=environment(library, conf)), wanted.get(name, b'done\n'))
        return check

    for name in plain:
        for conf in (None, 'check', 'decay:0,background:no'):
            yield f'{name}{", " + conf if conf else ""}', case(name, conf)

    def misuse(how, report):
        def check():
            result = run([folder / 'misuse', how], env=environment(library))
            if result.returncode != -6 or not result.stderr.startswith(report):
                raise AssertionError(f'status {result.returncode}, stderr {result.stderr!r}')
        return check

    yield 'a double free is reported', misuse('twice', b'ouro: fatal: double free: 0x')
    yield 'a bad pointer is reported', misuse('wild', b'ouro: fatal: bad pointer: 0x')


# ---------------------------------------------------------------- the programs of the machine

PERL = 'my %h; $h{$_ % 1000} .= "x$_" for 1..200000; print length(join "", map { $h{$_} } sort keys %h), "\\n";'
PYTHON = 'import json; d = {str(i): [i] * 10 for i in range(20000)}; t = json.dumps(d); print(len(t), len(json.loads(t)))'
THREADS = ('import threading; out = []\n'
           'def f(n): out.append(sum(len(str(i) * 50) for i in range(n)))\n'
           'ts = [threading.Thread(target=f, args=(20000,)) for _ in range(8)]\n'
           '[t.start() for t in ts]; [t.join() for t in ts]; print(out)')
MULTI = 'import multiprocessing as m; print(m.Pool(4).map(len, [[0] * i for i in range(2000)], 50)[-1])'
LUA = 'local t, s = {}, {} for i = 1, 300000 do t[i] = {i, tostring(i)} end for i = 1, 1000 do s[i] = t[i][2] end ' \
      'print(#t, #table.concat(s))'
SQL = 'create table t(a, b); with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000) ' \
      'insert into t select i, hex(i * 7919) from n; create index x on t(b); select count(*), max(b), min(b) from t;'

MACHINE = {
    'true': ['true'],
    'false': ['false'],
    'ls': ['ls', '-lR', '/usr/share/doc/libc6', '/etc/alternatives'],
    'ls of what is not there': ['ls', '/nonexistent'],
    'cat': ['cat', '/etc/passwd'],
    'sort': ['sort', '-r', '/var/lib/dpkg/status'],
    'sort in parallel': ['sort', '--parallel=4', '-S', '1M', '/var/lib/dpkg/status'],
    'awk': ['awk', '/^Package/ { a[$2] = length(a) } END { for (k in a) s += a[k]; print s }',
            '/var/lib/dpkg/status'],
    'sed': ['sed', '-n', 's/Package: \\(.*\\)/<\\1>/p', '/var/lib/dpkg/status'],
    'grep': ['grep', '-rc', 'e', '/usr/share/doc/libc6'],
    'find': ['find', '/usr/share/doc/libc6', '/etc/alternatives', '-type', 'l'],
    'tar and gzip': ['sh', '-c', 'tar -cf - --mtime=@0 /usr/share/doc/libc6 2>/dev/null | gzip -n9 | sha256sum'],
    'xz in threads': ['sh', '-c', 'xz -T2 -c /var/lib/dpkg/status | xz -dc | sha256sum'],
    'bash': ['bash', '-c', 'declare -A a; for i in {1..3000}; do a[$i]=$(( i * i )); done; echo ${#a[@]} ${a[77]} $(echo x)'],
    'bash and exec': ['bash', '-c', 'exec ls /usr/share/doc/libc6'],
    'a pipeline': ['sh', '-c', 'yes | head -100000 | sort | uniq -c | tr -d " "'],
    'git': ['git', '--version'],
    'git of a tree': ['sh', '-c', 'cd "$(mktemp -d)" && git init -q . && cp /usr/share/doc/libc6/* .; git add -A && '
                      'git -c user.name=x -c user.email=x@example.org commit -q -m x && git ls-tree -r HEAD | sha256sum; '
                      'rm -rf "$PWD"'],
    'perl': ['perl', '-e', PERL],
    'python3': ['/usr/bin/python3', '-c', PYTHON],
    'python3 with threads': ['/usr/bin/python3', '-c', THREADS],
    'python3 with processes': ['/usr/bin/python3', '-c', MULTI],
    'python3 with malloc': ['env', 'PYTHONMALLOC=malloc', '/usr/bin/python3', '-c', PYTHON],
    'lua5.4': ['lua5.4', '-e', LUA],
    'sqlite3': ['sqlite3', ':memory:', SQL],
    'redis-server': ['redis-server', '--version'],
    'gcc': ['sh', '-c', 'echo "int main(void) { return 3; }" | gcc -O2 -x c -S -o - -'],
    'g++': ['sh', '-c', 'echo "#include <map>\n#include <string>\nstd::map<std::string, int> m;" | '
            'g++ -O1 -x c++ -S -o - - | wc -l'],
    'make': ['sh', '-c', 'printf "all: a b c\\n%%:\\n\\t@echo $@\\n" | make -f - -j4 -O | sort'],
    'openssl': ['openssl', 'dgst', '-sha256', '/etc/passwd'],
    'curl': ['curl', '--version'],
    'getent': ['getent', 'passwd', 'root'],
    # Where a program has more rights than its user, the linker ignores LD_PRELOAD.
    'a setuid program': ['setpriv', '--reuid', '65534', '--clear-groups', 'su', '--version'],
    'dpkg-query': ['dpkg-query', '-W', 'libc6', 'bash'],
    'closed descriptors': ['sh', '-c', 'ls / <&- >&- 2>&-'],
    'no environment': ['sh', '-c', 'env -i ${LD_PRELOAD:+LD_PRELOAD=$LD_PRELOAD} /bin/ls /'],
    'a small stack': ['bash', '-c', 'ulimit -s 256; ls / | sort'],
    'little address space': ['bash', '-c', 'ulimit -v 400000; sort /var/lib/dpkg/status | sha256sum'],
    'too little address space': ['bash', '-c', 'ulimit -v 60000; head -c 100000000 /dev/zero | tail -1 >/dev/null 2>&1 && '
                                 'echo enough || echo "too little"'],
}


def needed(command):
    """The programs that a command line names, as far as that can be told."""
    yield command[0]
    if command[0] == 'sh' and 'xz ' in command[-1]:
        yield 'xz'
    for word in ('git', 'gcc', 'g++', 'make'):
        if command[0] == 'sh' and f'{word} ' in command[-1]:
            yield word


def machine_cases(library):
    def case(command, conf):
        def check():
            for program in needed(command):
                if not shutil.which(program):
                    raise Skip(f'{program} is not installed')
            expect_same(run(command), run(command, env=environment(library, conf)))
        return check

    for name, command in MACHINE.items():
        yield name, case(command, None)
    for name in ('ls', 'bash', 'perl', 'python3', 'python3 with threads', 'git of a tree', 'sort', 'sqlite3', 'gcc'):
        yield f'{name}, check', case(MACHINE[name], 'check')
    for name in ('sort in parallel', 'python3 with processes'):
        yield f'{name}, decay:0', case(MACHINE[name], 'decay:0')


# ---------------------------------------------------------------- the library itself


def is_found_by_the_linker(library):
    """A path that does not exist would only be warned of, and every program would pass."""
    def check():
        result = run(['sh', '-c', 'cat /proc/self/maps'], env=environment(library))
        if result.stderr or library.name.encode() not in result.stdout:
            raise AssertionError(f'{library} is not loaded: {result.stderr!r}')
    return check


def main():
    if len(sys.argv) != 2 or not pathlib.Path(sys.argv[1]).is_file():
        sys.exit(__doc__)
    library = pathlib.Path(sys.argv[1]).resolve()
    failed = number = 0
    with tempfile.TemporaryDirectory(prefix='ouro-preload-') as name:
        folder = pathlib.Path(name)
        compile_programs(folder)
        cases = [('the library is loaded', is_found_by_the_linker(library)), *own_cases(folder, library),
                 *machine_cases(library)]
        for number, (name, check) in enumerate(cases, 1):
            note = wrong = ''
            try:
                check()
            except Skip as reason:
                note = f' # SKIP {reason}'
            except (AssertionError, subprocess.TimeoutExpired) as error:
                wrong = str(error)
            print(f'{"not ok" if wrong else "ok"} {number} - {name}{note}')
            for line in wrong.splitlines():
                print(f'# {line}')
            sys.stdout.flush()
            failed += bool(wrong)
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
