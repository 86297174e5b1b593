#!/usr/bin/env python3
"""The table tests/cpython-cases.md is true: each place that it names exists, each case without a place says why, and no
case of the CPython that is installed is missing.

A place is `FILE: TEST`: TEST is listed in FILE's array of cases. What CPython has is read from the tests that Debian's
libpython3.11-testsuite installs; without them that is skipped. Prints TAP: planted mistakes that must be found, then one line
for each section of the table."""

import ast
import pathlib
import re
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent
TABLE = TESTS / 'cpython-cases.md'
CPYTHON = pathlib.Path('/usr/lib/python3.11/test')
FILES = ['test_gc.py', 'test_finalization.py', 'test_weakref.py', 'test_weakset.py']

LISTED = re.compile(r'\b(?:\w*TEST|SHAPE|STEPS|cmocka_unit_test\w*)\((\w+)')
PLACE = re.compile(r'([\w/]+\.c): (\w+)$')
REASON_LEAST = 10  # characters: "no such"


def listed_in(file, cache={}):
    """The tests in a file's array of cases."""
    if file not in cache:
        cache[file] = set(LISTED.findall(file.read_text())) if file.exists() else None
    return cache[file]


def wrong_place(place, tests):
    match = PLACE.match(place)
    if not match:
        return f'"{place}" is no place: FILE: TEST'
    names = listed_in(tests / match[1])
    if names is None:
        return f'no such file: {match[1]}'
    return '' if match[2] in names else f'{match[1]} has no case {match[2]}'


def wrong_row(cells, tests):
    """What is wrong with one row of the table; empty where nothing is."""
    if len(cells) != 3:
        return f'{len(cells)} columns, not 3'
    case, where, remark = cells
    if not re.match(r'[\w.]+( \([\w.]+\))?$', case):
        return f'"{case}" is no name of a case'
    if not where:
        return '' if len(remark) >= REASON_LEAST else f'{case}: neither a place nor a reason'
    return '; '.join(filter(None, (wrong_place(place, tests) for place in where.split(', '))))


def sections(text):
    """(heading, rows) of each section; a row is its cells."""
    for part in re.split(r'^## ', text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition('\n')
        rows = [line for line in body.splitlines() if line.startswith('|')]
        yield heading, [[cell.strip() for cell in row.strip('|').split('|')] for row in rows[2:]]


def wrong_section(heading, rows, tests, known):
    """What is wrong with a section; `known` has the cases that CPython has in it."""
    faults = [wrong_row(cells, tests) for cells in rows]
    names = [re.split(r' ', cells[0])[0] for cells in rows]
    faults += [f'{name}: there twice' for name in sorted(set(names)) if names.count(name) > 1]
    faults += [f'{name}: not in the table' for name in known.get(heading, []) if name not in names]
    return [fault for fault in faults if fault] if rows else ['no rows']


def test_methods(node):
    return [item.name for item in node.body if isinstance(item, ast.FunctionDef) and item.name.startswith('test')]


def cases_of_cpython():
    """{'FILE: CLASS': [case]} of the installed classes of tests, what they inherit included."""
    known, classes = {}, {'TestCase': []}
    for name in ['mapping_tests.py', *FILES]:
        tree = ast.parse((CPYTHON / name).read_text())
        for node in [node for node in tree.body if isinstance(node, ast.ClassDef)]:
            bases = [base.attr if isinstance(base, ast.Attribute) else base.id for base in node.bases]
            if not any(base in classes for base in bases):
                continue  # no class of tests
            cases = test_methods(node) + [case for base in bases for case in classes.get(base, [])]
            classes[node.name] = cases
            if name in FILES and cases:
                known[f'{name}: {node.name}'] = cases
    return known


# A row, and a part of what must be said of it.
PLANTED = {
    '| test_a | a.c: one | |': '',
    '| test_a | a.c: one, a.c: two | with a remark |': '',
    '| test_a | | a reason that is long enough |': '',
    '| test_a | a.c: three | |': 'a.c has no case three',
    '| test_a | a.c: one, a.c: three | |': 'a.c has no case three',
    '| test_a | b.c: one | |': 'no such file: b.c',
    '| test_a | a.c | |': 'is no place',
    '| test_a | a.c: not_listed | |': 'a.c has no case not_listed',
    '| test_a | | |': 'neither a place nor a reason',
    '| test_a | |': '2 columns',
    '| a case | a.c: one | |': 'is no name of a case',
}
SOURCE = 'static void not_listed(void **state) {}\n... OBJECT_TEST(one), cmocka_unit_test(two),\n'


def planted_cases():
    with tempfile.TemporaryDirectory() as name:
        tests = pathlib.Path(name)
        (tests / 'a.c').write_text(SOURCE)
        for row, expected in PLANTED.items():
            text = f'## x: Y\n\n| case | where | |\n|---|---|---|\n{row}\n'
            said = '; '.join(wrong_section(*next(sections(text)), tests, {}))
            yield f'planted: {row}', [] if (expected in said and bool(expected) == bool(said)) else [f'said "{said}"']
        text = '## x: Y\n\n| case | where | |\n|---|---|---|\n| test_a | a.c: one | |\n| test_a | a.c: one | |\n'
        said = wrong_section(*next(sections(text)), tests, {'x: Y': ['test_a', 'test_b']})
        yield 'planted: a case twice, and one that is missing', \
            [] if said == ['test_a: there twice', 'test_b: not in the table'] else [f'said {said}']


def table_cases():
    known = cases_of_cpython() if CPYTHON.is_dir() else {}
    parts = list(sections(TABLE.read_text()))
    for heading, rows in parts:
        yield heading, wrong_section(heading, rows, TESTS, known)
    if not known:
        yield 'every class of the installed CPython has a section # SKIP no libpython3.11-testsuite', []
        return
    missing = sorted(set(known) - {heading for heading, _ in parts})
    yield 'every class of the installed CPython has a section', [f'no section: {heading}' for heading in missing]


def main():
    failed = number = 0
    for number, (name, faults) in enumerate([*planted_cases(), *table_cases()], 1):
        failed += bool(faults)
        print(f'{"not ok" if faults else "ok"} {number} - {name}')
        for fault in faults:
            print(f'#   {fault}')
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
