#!/usr/bin/env python3
"""ouro is installed to a fresh prefix, and strangers build against it: with pkg-config and with CMake, shared and static.

The prefix is then moved, since a CMake package must not remember where it was built. The installed command runs a program.
Prints TAP."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / 'examples' / 'embed'
TRACED = ROOT / 'examples' / 'trace'
HEADERS = sorted(path.relative_to(ROOT / 'include') for path in (ROOT / 'include').glob('ouro/**/*.h'))


class Failed(Exception):
    """What was wrong, in words for the log."""


def run(*command, expect=0, **environment):
    """What the command wrote; Failed where its status is another than expected."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, **environment})
    if (done.returncode == 0) != (expect == 0):
        raise Failed(f'{" ".join(map(str, command))}: status {done.returncode}\n{done.stdout}')
    return done.stdout


class Installation:
    """A build of its own, installed to a folder of its own, and what is tried with it. Each method is one case."""

    def __init__(self, folder):
        self.folder = folder
        self.prefix = folder / 'prefix'

    @property
    def libdir(self):
        return next(self.prefix.glob('lib*/**/libouro.a')).parent

    def pkg_config(self, *flags):
        return run('pkg-config', *flags, 'ouro', PKG_CONFIG_PATH=str(self.libdir / 'pkgconfig')).split()

    def check_words(self, program, **environment):
        """The example, which must count right: seven words, four of them different."""
        text = self.folder / 'text'
        text.write_text('The heap, the pool, the\nheap: arenas!\n')
        output = run(program, text, **environment)
        if '7 words, 4 different' not in output or 'ouro 0.1.0' not in output:
            raise Failed(output)

    def builds_and_installs(self):
        build = self.folder / 'build'
        run('meson', 'setup', build, ROOT, f'--prefix={self.prefix}', '-Dtests=disabled')
        run('meson', 'install', '-C', build)

    def has_every_file(self):
        version = self.pkg_config('--modversion')[0]
        expected = [f'include/{header}' for header in HEADERS]
        expected += [self.libdir / name for name in (
            f'libouro.so.{version}', 'libouro.so.0', 'libouro.so', 'libouro.a', 'pkgconfig/ouro.pc', 'ouro/libouro-preload.so', 'ouro/libouro-trace.so',
            'cmake/ouro/ouroConfig.cmake', 'cmake/ouro/ouroConfigVersion.cmake')]
        expected += ['bin/ouro']
        if shutil.which('scdoc'):
            expected += [f'share/man/man{page[-1]}/{page}' for page in
                         ('ouro.1', 'ouro.7', 'ouro_gc.3', 'ouro_heap.3', 'ouro_malloc.3', 'ouro_objects.3', 'ouro_thread.3', 'ouro_trace.3', 'ouro_values.3')]
        missing = [str(path) for path in expected if not (self.prefix / path).exists()]
        if missing:
            raise Failed('not installed: ' + ', '.join(missing))

    def pkg_config_shared(self):
        program = self.folder / 'words-shared'
        run('cc', EXAMPLE / 'main.c', *self.pkg_config('--cflags', '--libs'), '-o', program)
        self.check_words(program, LD_LIBRARY_PATH=str(self.libdir))

    def pkg_config_static(self):
        program = self.folder / 'words-static'
        needs = [word for word in self.pkg_config('--libs', '--static') if word != '-louro' and not word.startswith('-L')]
        for define in ([], ['-DOURO_STATIC', '-O2']):
            run('cc', *define, EXAMPLE / 'main.c', *self.pkg_config('--cflags'), self.libdir / 'libouro.a', *needs, '-o', program)
            if 'libouro' in run('ldd', program):
                raise Failed('linked with the shared library')
            self.check_words(program)

    def whole_static(self):
        program = self.folder / 'words-whole-static'
        run('cc', '-static', EXAMPLE / 'main.c', *self.pkg_config('--cflags', '--libs', '--static'), '-o', program)
        self.check_words(program)

    def objects(self):
        """The examples with objects, as their README files say: what they print is what lies beside them."""
        document = ROOT / 'examples' / 'document'
        program = self.folder / 'document'
        run('cc', *sorted(document.glob('*.c')), *self.pkg_config('--cflags', '--libs'), '-o', program)
        output = run('sh', '-c', f'exec {program} {document / "library.xml"} < {document / "tour.txt"}', LD_LIBRARY_PATH=str(self.libdir))
        if output != (document / 'tour.out').read_text():
            raise Failed(output)
        lisp = ROOT / 'examples' / 'lisp'
        build = self.folder / 'cmake-lisp'
        run('cmake', '-G', 'Ninja', '-S', lisp, '-B', build, f'-DCMAKE_PREFIX_PATH={self.prefix}')
        run('cmake', '--build', build)
        output = run(build / 'lisp', lisp / 'tests' / 'church.lisp')
        if output != (lisp / 'tests' / 'church.out').read_text():
            raise Failed(output)

    def cmake(self):
        build = self.folder / 'cmake'
        run('cmake', '-G', 'Ninja', '-S', EXAMPLE, '-B', build, f'-DCMAKE_PREFIX_PATH={self.prefix}')
        run('cmake', '--build', build)
        self.check_words(build / 'words')
        self.check_words(build / 'words-static')
        if 'libouro.so.0' not in run('ldd', build / 'words') or 'libouro' in run('ldd', build / 'words-static'):
            raise Failed('the CMake targets link the wrong libraries')

    def cmake_versions(self):
        project = self.folder / 'versions'
        project.mkdir()
        for wanted, status in (('', 0), ('0', 0), ('0.1', 0), ('0.1.0', 0), ('0.1.99', 1), ('0.2', 1), ('0.0', 1), ('1', 1)):
            (project / 'CMakeLists.txt').write_text('cmake_minimum_required(VERSION 3.13)\nproject(p C)\n'
                                                    f'find_package(ouro {wanted} REQUIRED)\n')
            run('cmake', '-G', 'Ninja', '-S', project, '-B', project / f'build-{wanted}',
                f'-DCMAKE_PREFIX_PATH={self.prefix}', expect=status)

    def command(self):
        ouro = self.prefix / 'bin' / 'ouro'
        report = run(ouro, 'run', '--', '/bin/sh', '-c', 'echo through; exit 0')
        if 'through' not in report or 'heap' not in report:
            raise Failed(report)

    def names_its_lines(self):
        program = self.folder / 'index'
        run('cc', '-DOURO_TRACE', TRACED / 'main.c', *self.pkg_config('--cflags', '--libs'), '-o', program)
        output = run(program, ROOT / 'LICENSE', LD_LIBRARY_PATH=str(self.libdir))
        if 'find_or_make' not in output:
            raise Failed(output)

    def traces(self):
        leak, recording, ouro = self.folder / 'leak', self.folder / 'leak.ouro', self.prefix / 'bin' / 'ouro'
        run('cc', '-g', TRACED / 'leak.c', '-o', leak)
        run(ouro, 'run', '--quiet', '--trace', '--output', recording, '--force', '--', leak)
        for output in (run(ouro, 'report', recording), run(ouro, 'check', '--max-live-at-exit', '5kB', '--', leak, expect=1)):
            if 'leak.c:11  lower' not in output:
                raise Failed(output)

    def moved(self):
        elsewhere = self.folder / 'elsewhere'
        self.prefix.rename(elsewhere)
        self.prefix = elsewhere
        shutil.rmtree(self.folder / 'cmake', ignore_errors=True)
        self.cmake()
        self.command()
        self.traces()


CASES = [
    ('ouro is built and installed to a fresh prefix', Installation.builds_and_installs),
    ('every file is there', Installation.has_every_file),
    ('a program is built with pkg-config, shared', Installation.pkg_config_shared),
    ('a program is built with pkg-config and libouro.a', Installation.pkg_config_static),
    ('a program is built with pkg-config --static and -static', Installation.whole_static),
    ('a program is built with CMake, shared and static', Installation.cmake),
    ('the examples of objects are built and run', Installation.objects),
    ('CMake takes the versions that fit, and no others', Installation.cmake_versions),
    ('the installed command runs a program', Installation.command),
    ('a program with the macros of tracing names its lines', Installation.names_its_lines),
    ('the installed command traces a program', Installation.traces),
    ('CMake and the command work after the tree was moved', Installation.moved),
]


def main():
    failed = False
    print(f'1..{len(CASES)}')
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(pathlib.Path(folder))
        for number, (name, case) in enumerate(CASES, 1):
            try:
                case(installation)
                print(f'ok {number} - {name}', flush=True)
            except (Failed, OSError, StopIteration) as error:
                failed = True
                print(f'not ok {number} - {name}')
                for line in str(error).splitlines() or [type(error).__name__]:
                    print(f'# {line}', flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
