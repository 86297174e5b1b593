#!/usr/bin/env python3
"""The rules that the walk finds are those that `readelf --debug-dump=frames-interp` prints, for every row of some libraries.

    rules.py RULES

RULES is the program of rules.c. Prints TAP, one line per library; those that are not installed are skipped."""

import re
import subprocess
import sys

# With hand-written assembly, with compiled code in plenty, with stacks that the compiler aligns.
LIBRARIES = ['ld-linux-x86-64.so.2', 'libc.so.6', 'libstdc++.so.6', 'libcrypto.so.3', 'libpython3.11.so.1.0']

FDE = re.compile(r'[0-9a-f]+ [0-9a-f]{16} [0-9a-f]+ FDE cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+)')
CIE = re.compile(r'([0-9a-f]+) [0-9a-f]{16} [0-9a-f]+ CIE "(\w*)"')
ROW = re.compile(r'[0-9a-f]{16} ')
BASES = {'rsp': 'sp', 'rbp': 'bp', 'rbx': 'bx'}


def path_of(library):
    for line in subprocess.run(['/sbin/ldconfig', '-p'], capture_output=True, text=True).stdout.splitlines():
        name, _, path = line.strip().partition(' => ')
        if name.startswith(library + ' ') and 'x86-64' in name:
            return path
    return None


def functions(path):
    """(augmentation, end, rows) of each function: rows are (address, {column: text}); rows of the CIE hold where there are none."""
    dump = subprocess.run(['readelf', '--wide', '--debug-dump=frames-interp', path], capture_output=True, text=True).stdout
    found, cies, columns, rows = [], {}, [], None
    for line in dump.splitlines():
        if match := CIE.match(line):
            rows = []
            cies[match[1].lstrip('0')] = (match[2], rows)
        elif match := FDE.match(line):
            augmentation, initial = cies[match[1].lstrip('0')]
            rows = []
            found.append((augmentation, int(match[2], 16), int(match[3], 16), rows, initial))
        elif line.startswith('   LOC'):
            columns = line.split()
        elif rows is not None and ROW.match(line):
            cells = re.sub(r' \(\w+\)', '', line).split()  # "r10 (r10)": in a register
            rows.append((int(cells[0], 16), dict(zip(columns, cells))))
    return found


def saved(text):
    """How far below the CFA a register is saved; 0 where it is not, None where it is somewhere else."""
    if text in (None, 'u', 's'):
        return 0
    match = re.fullmatch(r'c-(\d+)', text)
    return int(match[1]) if match else None


def expected(augmentation, row):
    """The rule, or a set of kinds of which it must be one where the dump does not say enough."""
    if row['CFA'] == 'exp':
        return {'signal'} if 'S' in augmentation else {'sp', 'stored', 'none'}
    if row.get('ra') == 'u':
        return {'end'}
    match = re.fullmatch(r'(r\w+)([+-]\d+)', row['CFA'])
    bp = saved(row.get('rbp'))
    if row.get('ra') != 'c-8' or bp is None or not match or match[1] not in BASES:
        return {'none'}
    return BASES[match[1]], int(match[2]), bp


def rows_of(path):
    """(address, rule, where rbx is) at the first and the last address of each row."""
    for augmentation, begin, end, rows, initial in functions(path):
        rows = rows or [(begin, initial[0][1])]
        for (address, row), (after, _) in zip(rows, rows[1:] + [(end, None)]):
            for place in {address, after - 1} if after > address else ():
                yield place, expected(augmentation, row), saved(row.get('rbx'))


def differences(rows, found):
    for (address, rule, bx), line in zip(rows, found):
        kind, cfa, bp, found_bx = line.split()
        agrees = kind in rule if isinstance(rule, set) else (kind, int(cfa), int(bp)) == rule
        if not agrees or bx is not None and int(found_bx) != bx:
            yield f'{address:x}: expected {rule}, rbx {bx}, not {line}'


def check(program, path):
    rows = list(rows_of(path))
    text = ''.join(f'{address:x}\n' for address, _, _ in rows)
    found = subprocess.run([program, path], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
    if len(found) != len(rows) or not rows:
        return rows, [f'{len(rows)} addresses asked, {len(found)} answered']
    return rows, list(differences(rows, found))


def main():
    print(f'1..{len(LIBRARIES)}')
    failed = False
    for number, library in enumerate(LIBRARIES, 1):
        path = path_of(library)
        if not path:
            print(f'ok {number} - {library} # SKIP not installed')
            continue
        rows, wrong = check(sys.argv[1], path)
        print(f'{"not ok" if wrong else "ok"} {number} - {library}, {len(rows)} addresses')
        for line in wrong[:10]:
            print(f'# {line}')
        failed |= bool(wrong)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
