#!/usr/bin/env python3
"""The documents say what is so: their programs compile and do what is printed beside them, and their links lead somewhere.

    documents.py BUILD-FOLDER

A fenced block of C that holds `int main` is a program. It is built against BUILD-FOLDER's libouro.a with all warnings as errors,
and run. `` ```c check `` runs it with OURO_CONF=check. A `` ```text `` block right behind it is what it must write, where "0x..."
stands for any address; a program whose text begins with "ouro: fatal" must die by SIGABRT, any other must end with status 0. One that begins
with `/* needs gmp */` (or yajl) is skipped where the library was built without it. Prints TAP."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
WARNINGS = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-O1', '-g']
# The programs of misuse.md do wrong on purpose, and compilers see some of it.
ON_PURPOSE = ['-Wno-free-nonheap-object', '-Wno-use-after-free', '-Wno-mismatched-dealloc', '-Wno-array-bounds',
              '-Wno-stringop-overflow', '-Wno-unused-result']
PROGRAM = re.compile(r'^```c( check)?\n(.*?)^```\n(?:\n?```text\n(.*?)^```$)?', re.MULTILINE | re.DOTALL)
LINK = re.compile(r'\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)')
NEEDS = re.compile(r'^/\* needs (\w+) \*/')
KEYS = re.compile(r'(?:ouro__conf_find|parse_flag|conf_value|conf_number|conf_is)\("([\w-]+)"')


def documents():
    return sorted([*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md'), *ROOT.glob('examples/**/*.md'), *ROOT.glob('bench/*.md')])


def needs(build):
    """What libouro.a needs besides libc, in this build: GMP and yajl are optional. It is what pkg-config says of it."""
    text = (build / 'meson-private' / 'ouro.pc').read_text()
    return re.search(r'^Libs\.private:(.*)$', text, re.MULTILINE).group(1).split()


def run_program(source, check, build):
    """(what it wrote, its status) of a program; the compiler's complaint and None where it does not compile."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / 'program'
        file = program.with_suffix('.c')
        file.write_text(source)
        compiled = subprocess.run(['gcc', *WARNINGS, *(ON_PURPOSE if check is not None else []), f'-I{ROOT / "include"}', file,
                                   build / 'src' / 'libouro.a', *needs(build), '-o', program], capture_output=True, text=True)
        if compiled.returncode:
            return compiled.stderr, None
        environment = {name: value for name, value in os.environ.items() if name != 'OURO_CONF'}
        if check:
            environment['OURO_CONF'] = 'check'
        ran = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, timeout=60)
        return ran.stdout, ran.returncode


def check_program(source, check, expected, build):
    """What is wrong with one program of a document."""
    output, status = run_program(source, check, build)
    if status is None:
        return 'does not compile:\n' + output
    wanted = -signal.SIGABRT if (expected or '').startswith('ouro: fatal') else 0
    if status != wanted:
        return f'ended with {status}, not {wanted}:\n{output}'
    said = re.sub(r'0x[0-9a-f]+', '0x...', output)
    if expected is not None and said != expected:
        return f'wrote\n{said}but the document says\n{expected}'
    return ''


def program_cases(document, build):
    name = document.relative_to(ROOT)
    text = document.read_text()
    for match in PROGRAM.finditer(text):
        check, source, expected = match.groups()
        if 'int main' in source:
            line = text[:match.start()].count('\n') + 1
            misuse = document.name == 'misuse.md'
            needed = NEEDS.match(source)
            if needed and not any(word.startswith(f'-l{needed.group(1)}') for word in needs(build)):
                yield f'{name}:{line}: the program # SKIP built without {needed.group(1)}', ''
                continue
            yield f'{name}:{line}: the program', check_program(source, bool(check) if misuse or check else None, expected, build)


def broken_links(document):
    text = re.sub(r'```.*?```', '', document.read_text(), flags=re.DOTALL)
    targets = [target for target in LINK.findall(text) if '://' not in target and not target.startswith('mailto:')]
    broken = [target for target in targets if not (document.parent / target).exists()]
    return f'no such file: {", ".join(broken)}' if broken else ''


def not_mentioned(names, document):
    path = ROOT / 'docs' / document
    text = path.read_text() if path.exists() else ''
    missing = [name for name in names if f'`{name}' not in text]
    return f'not mentioned: {", ".join(missing)}' if missing else ''


def cases(build):
    header = (ROOT / 'include' / 'ouro' / 'base.h').read_text()
    yield 'misuse.md has every fatal code', not_mentioned(sorted(set(re.findall(r'\bOURO_FATAL_\w+', header))), 'misuse.md')
    source = ''.join(path.read_text() for path in (ROOT / 'src').glob('**/*.c'))
    keys = sorted(set(KEYS.findall(source)))
    yield 'the source reads keys of OURO_CONF', '' if len(keys) >= 5 else f'only {keys} found'
    yield 'conf.md has every key of OURO_CONF', not_mentioned(keys, 'conf.md')
    for document in documents():
        yield f'{document.relative_to(ROOT)}: links', broken_links(document)
        yield from program_cases(document, build)


def main():
    failed = number = 0
    for number, (name, wrong) in enumerate(cases(pathlib.Path(sys.argv[1])), 1):
        failed += bool(wrong)
        print(f'{"not ok" if wrong else "ok"} {number} - {name}')
        for line in wrong.splitlines():
            print(f'# {line}', flush=True)
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
