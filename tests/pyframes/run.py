#!/usr/bin/env python3
"""The reader of CPython's stacks, in every CPython 3.9 to 3.13 that is here: the system's, and those of pyenv.

    run.py WALKER [PYTHON...]

WALKER, preloaded, walks the stack at each allocation of the interpreter. inside.py has the cases of a running interpreter; here
are those of its beginning and its end. Prints TAP; a comment names each Python."""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 300
FOREIGN = ('OURO_CONF', 'OURO_PYTHONMALLOC', 'PYTHONMALLOC', 'PYTHONDEVMODE', 'PYTHONTRACEMALLOC', 'LD_PRELOAD')
DESCRIBE = '''import sys, sysconfig
print(sys.implementation.name, *sys.version_info[:3], bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
print(sysconfig.get_config_var("LIBDIR"), "python" + sysconfig.get_config_var("LDVERSION"), sep="\\n")'''

# Each mark is an allocation of which the walker keeps the stack.
MARK = 777777

AT_THE_END = f'''
import sys
class Last:
    def __del__(self):
        self.mark = bytes({MARK})
sys.last_of_all = Last()
'''

DAEMONS = '''
import ctypes, sys, threading, time
released = ctypes.CDLL(sys.argv[1])
held = ctypes.PyDLL(sys.argv[1])
def spin(library):
    while True:
        [library.walker_raw() for i in range(100)]
for i in range(8):
    threading.Thread(target=spin, args=(held if i == 0 else released,), daemon=True).start()
time.sleep(0.05)
'''

THREAD_ENDS = '''
import ctypes, sys, threading
released = ctypes.CDLL(sys.argv[1])
for i in range(300):
    threads = [threading.Thread(target=released.walker_raw) for i in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
'''

EMBEDDED = f'''
void Py_Initialize(void);
int Py_FinalizeEx(void);
int PyRun_SimpleString(const char *text);
int walker_raw(void);
unsigned walker_native_thread(void);
int main(void) {{
  int failed = walker_native_thread();
  for (int i = 0; i < 5; i++) {{
    Py_Initialize();
    failed += PyRun_SimpleString("import threading, json, re\\n"
                                 "def life():\\n"
                                 "  return bytes({MARK})\\n"
                                 "thread = threading.Thread(target=life); thread.start(); thread.join()\\n"
                                 "class Last:\\n"
                                 "  def __del__(self): life()\\n"
                                 "last = Last()\\n");
    failed += walker_native_thread();
    Py_FinalizeEx();
    failed += walker_native_thread();
  }}
  return failed != 0;
}}
'''


class Python:
    def __init__(self, path, version, folder, library):
        self.path, self.version, self.folder, self.library = path, version, folder, library


def describe(path):
    """The Python at `path`, or None where it is not one to try."""
    done = subprocess.run([path, '-c', DESCRIBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if done.returncode:
        return None
    line, folder, library = done.stdout.splitlines()
    name, major, minor, micro, free_threaded = line.split()
    if name != 'cpython' or major != '3' or not 9 <= int(minor) <= 13 or free_threaded == 'True':
        return None
    return Python(path, f'{major}.{minor}.{micro}', folder, library)


def pythons():
    """One for each version."""
    root = pathlib.Path(os.environ.get('PYENV_ROOT', pathlib.Path.home() / '.pyenv'))
    found = {}
    for path in [pathlib.Path('/usr/bin/python3'), *sorted(root.glob('versions/3.*/bin/python3'))]:
        python = describe(path) if path.exists() else None
        if python:
            found.setdefault(python.version, python)
    return list(found.values())


def start(walker, *command, **more):
    """Run with the walker preloaded; returns the exit status and what was written."""
    plain = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace', timeout=PATIENCE,
                          env=plain | {'LD_PRELOAD': str(walker)} | more)
    return done.returncode, done.stdout


def running(python, walker):
    """(name, what is wrong) of the cases of inside.py."""
    status, text = start(walker, python.path, HERE / 'inside.py', walker)
    for line in text.splitlines():
        if '\t' in line:
            name, wrong = line.split('\t')
            yield name, wrong.replace('\r', '\n')
    yield 'the cases of a running interpreter were all run', f'{text}status {status}' if status else ''


def wrong_report(path):
    """What the walker says at exit: allocations, of which before the beginning, since the end began; and the last mark."""
    numbers, _, marked = path.read_text().partition('\n')
    allocations, early, late, frames = map(int, numbers.split())
    plain = [line.split('\t')[1:3] for line in marked.splitlines()]
    if allocations < early + late or early < 1000 or late < 10 or frames < 1000:
        return f'counts {numbers}'
    return '' if plain and plain[0][0].endswith('__del__') and plain[0][1] == '5' else f'marked {plain}'


def begins_and_ends(python, walker, folder):
    report = folder / 'report'
    status, text = start(walker, python.path, '-c', AT_THE_END, PYFRAMES_REPORT=str(report))
    return text + f'status {status}' if status else wrong_report(report)


def repeated(python, walker, script, times):
    for _ in range(times):
        status, text = start(walker, python.path, '-c', script, walker)
        if status or text:
            return f'{text}status {status}'
    return ''


def embedded(python, walker, folder):
    """'SKIP' where there is no libpython to link."""
    (folder / 'embedded.c').write_text(EMBEDDED)
    build = subprocess.run(['cc', '-o', folder / 'embedded', folder / 'embedded.c', walker, f'-L{python.folder}',
                            f'-l{python.library}', f'-Wl,-rpath,{python.folder}'],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if build.returncode:
        return 'SKIP' if 'cannot find -lpython' in build.stdout else build.stdout
    home = pathlib.Path(python.path).parent.parent
    status, text = start(walker, folder / 'embedded', PYTHONHOME=str(home))
    return f'{text}status {status}' if status else ''


def cases(python, walker):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        yield from running(python, walker)
        yield 'the interpreter begins and ends', begins_and_ends(python, walker, folder)
        yield 'the interpreter ends above threads that allocate', repeated(python, walker, DAEMONS, 10)
        yield 'threads allocate while they begin and end', repeated(python, walker, THREAD_ENDS, 1)
        yield 'a program has an interpreter five times', embedded(python, walker, folder)


def main():
    walker = sys.argv[1]
    found = [describe(path) for path in sys.argv[2:]] if sys.argv[2:] else pythons()
    if not found:
        print('1..0 # SKIP no CPython 3.9 to 3.13 is here')
        return 0
    failed = number = 0
    for python in found:
        print(f'# CPython {python.version}, {python.path}')
        for name, wrong in cases(python, walker):
            number += 1
            name = f'{number} - {python.version}: {name}'
            if wrong == 'SKIP':
                print(f'ok {name} # SKIP no libpython')
                continue
            failed += bool(wrong)
            print(f'{"not ok" if wrong else "ok"} {name}')
            for line in wrong.splitlines()[-60:]:
                print(f'# {line}', flush=True)
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
