#!/usr/bin/env python3
"""What a profile says of an address is what addr2line says of it, inlined functions included: for every instruction of programs and
libraries that are compiled in different ways, with their debug information in the file, beside it, split, or nowhere.

    symbols.py TOOL

TOOL is the program of tool.c. Prints TAP, one line per way; those for which a compiler is missing are skipped."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PLAIN, PLUS = HERE / 'plain.c', HERE / 'plus.cpp'


def run(*args, text=''):
    return subprocess.run([str(arg) for arg in args], input=text, capture_output=True, text=True, check=True).stdout


def addresses(file):
    """Of every instruction that is no padding between functions."""
    lines = run('objdump', '-d', '--no-show-raw-insn', file).splitlines()
    found = (re.match(r' +([0-9a-f]+):\t(?!.*\bnop|xchg +%ax,%ax)', line) for line in lines)
    return [int(match[1], 16) for match in found if match]


def offsets(file, wanted):
    """The same places as offsets in the file."""
    loads = [[int(field, 16) for field in line.split()[1:5]] for line in run('readelf', '-lW', file).splitlines() if ' LOAD ' in line]
    for address in wanted:
        offset, start = next((o, v) for o, v, _, size in loads if v <= address < v + size)
        yield address - start + offset


def bare(name):
    """A function without its parameters, what it returns, and what the compiler made of it; they are not told alike."""
    name = re.sub(r'( \[clone [^]]*\]|\.(cold|constprop|isra|part)(\.\d+)?)+$', '', name)
    name = re.sub(r'\(anonymous namespace\)', '{anonymous}', name)
    name = re.sub(r'{lambda\(.*?\)#', '{lambda#', name)
    name = name.replace('operator()', 'operator{}')
    return re.split(r'\(', name)[0].split(' ')[-1]


def place(file, line):
    return (os.path.basename(file), int(line)) if file and int(line) else ('', 0)


def same_place(ours, theirs):
    """addr2line does not find the file of some lines."""
    return ours == theirs or theirs[0] == '<artificial>' and ours[1] == theirs[1]


def found_by_tool(tool, file, wanted):
    """For each address its calls, the innermost first: (function, (file, line))."""
    lines = run(tool, file, text=''.join(f'{offset:x}\n' for offset in offsets(file, wanted))).splitlines()
    assert len(lines) == len(wanted)
    for address, line in zip(wanted, lines):
        first, *rest = line.split('\t')
        assert int(first, 16) == address, f'{file}: {first} is not {address:x}'
        yield [(name, place(path, number)) for name, path, number in zip(*[iter(rest)] * 3)]


def found_by_addr2line(file, wanted):
    text = run('addr2line', '-a', '-i', '-f', '-C', '-e', file, text=''.join(f'{address:x}\n' for address in wanted))
    for part in re.split(r'^0x[0-9a-f]+\n', text, flags=re.M)[1:]:
        lines = part.splitlines()
        yield [(name.replace('??', ''), place(*re.match(r'(.*):(\d+|\?)', where.replace('?', '0')).groups()))
               for name, where in zip(lines[::2], lines[1::2])]


def compiled(folder, name, compiler, source, *flags):
    if not shutil.which(compiler):
        return None
    file = folder / name
    run(compiler, '-O2', *flags, source, '-o', file)
    return file


def separate(folder, name):
    """A program whose debug information is in another file, which is found by .gnu_debuglink."""
    file = compiled(folder, name, 'gcc', PLAIN, '-g', '-Wl,--build-id=none')
    run('objcopy', '--only-keep-debug', file, f'{file}.debug')
    run('strip', file)
    run('objcopy', f'--add-gnu-debuglink={file}.debug', file)
    return file


def by_build_id(folder, name):
    """The same, found by its build id below .debug of the file's folder."""
    file = compiled(folder, name, 'gcc', PLAIN, '-g', '-Wl,--build-id')
    (folder / '.debug').mkdir(exist_ok=True)
    run('objcopy', '--only-keep-debug', file, folder / '.debug' / f'{name}.debug')
    run('strip', file)
    run('objcopy', f'--add-gnu-debuglink={folder}/.debug/{name}.debug', file)
    return file


def split(folder, name):
    """addr2line looks for inlined functions in the program alone: it gets one with the same code."""
    return compiled(folder, name, 'gcc', PLAIN, '-g', '-gsplit-dwarf'), compiled(folder, f'{name}-not', 'gcc', PLAIN, '-g')


def stripped(folder, name):
    file = compiled(folder, name, 'gcc', PLAIN, '-g', '-DLIBRARY', '-shared', '-fPIC')
    run('strip', file)
    return file


# A way gives a file, or that and another, which addr2line is asked about; or None.
WAYS = {
    'position-independent program': lambda f: compiled(f, 'pie', 'gcc', PLAIN, '-g', '-pie', '-fPIE'),
    'program at a fixed address': lambda f: compiled(f, 'fixed', 'gcc', PLAIN, '-g', '-no-pie'),
    'library': lambda f: compiled(f, 'library.so', 'gcc', PLAIN, '-g', '-DLIBRARY', '-shared', '-fPIC'),
    'DWARF 4': lambda f: compiled(f, 'dwarf4', 'gcc', PLAIN, '-gdwarf-4'),
    'split debug information': lambda f: split(f, 'split'),
    'debug information in a linked file': lambda f: separate(f, 'separate'),
    'debug information in the folder .debug': lambda f: by_build_id(f, 'identified'),
    'symbols alone': lambda f: compiled(f, 'symbols', 'gcc', PLAIN),
    'exported symbols alone': lambda f: stripped(f, 'stripped.so'),
    'clang': lambda f: compiled(f, 'clang', 'clang', PLAIN, '-gdwarf-4'),
    'link-time optimisation': lambda f: compiled(f, 'lto', 'gcc', PLAIN, '-g', '-flto'),
    'C++': lambda f: compiled(f, 'plus', 'g++', PLUS, '-g'),
    'C++ by clang': lambda f: compiled(f, 'plus-clang', 'clang++', PLUS, '-gdwarf-4'),
    'C++, symbols alone': lambda f: compiled(f, 'plus-symbols', 'g++', PLUS),
}


def same(ours, theirs):
    return len(ours) == len(theirs) and all(bare(a) == bare(b) and same_place(x, y) for (a, x), (b, y) in zip(ours, theirs))


def differences(tool, file, reference):
    wanted = addresses(file)
    pairs = zip(wanted, found_by_tool(tool, file, wanted), found_by_addr2line(reference, wanted), strict=True)
    return wanted, [f'{address:x}: {ours}, addr2line: {theirs}' for address, ours, theirs in pairs if not same(ours, theirs)]


# What addr2line does not name as it should.
NAMES = {'outer::(anonymous namespace)::hidden::inlined', 'outer::use(int)::{lambda(int)#1}::operator()(int) const',
         'outer::(anonymous namespace)::hidden::member(int) const', 'std::vector<int, std::allocator<int> >::push_back(int const&)'}


def names_are_whole(tool, folder):
    file = compiled(folder, 'plus-inlined', 'g++', PLUS, '-g', '-DINLINED')
    found = {name for calls in found_by_tool(tool, file, addresses(file)) for name, _ in calls}
    print(f'{"not ok" if NAMES - found else "ok"} {len(WAYS) + 1} - names of C++ are whole')
    for name in NAMES - found:
        print(f'# {name} is not among {sorted(found)}')
    return not NAMES - found


def main():
    print(f'1..{len(WAYS) + 1}')
    with tempfile.TemporaryDirectory() as folder:
        failed = False
        for number, (way, make) in enumerate(WAYS.items(), 1):
            file = make(pathlib.Path(folder))
            if not file:
                print(f'ok {number} - {way} # SKIP no compiler')
                continue
            file, reference = file if isinstance(file, tuple) else (file, file)
            wanted, wrong = differences(sys.argv[1], file, reference)
            bad = bool(wrong) or len(wanted) < 50
            print(f'{"not ok" if bad else "ok"} {number} - {way}, {len(wanted)} addresses')
            for line in wrong[:5]:
                print(f'# {line}')
            failed |= bad
        failed |= not names_are_whole(sys.argv[1], pathlib.Path(folder))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
