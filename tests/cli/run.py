#!/usr/bin/env python3
"""Tests the `ouro` command from outside, as a user meets it. Prints TAP; the exit status is 1 where anything failed.

usage: run.py OURO [PRELOAD_LIBRARY [LIBRARY]] [-k PATTERN]

OURO is the command; it finds the preload library by its own place, or it is named here. LIBRARY is libouro.a, with libouro.so in the
same folder, for programs that use objects; without it, the tests of these are skipped."""

import argparse
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Tap(unittest.TestResult):
    """One line for each test; what went wrong follows as comments."""

    def __init__(self):
        super().__init__()
        self.number = 0
        self.bad = 0
        self.seen = False

    def startTest(self, test):
        super().startTest(test)
        self.seen = False

    def line(self, good, test, note='', text=''):
        self.number += 1
        self.bad += not good
        name = test.id().split('.', 1)[-1].replace('#', ' ')
        print(f'{"ok" if good else "not ok"} {self.number} - {name}{note}', flush=True)
        for line in text.splitlines():
            print(f'# {line}')

    def addSuccess(self, test):
        if not self.seen:
            self.line(True, test)

    def addSkip(self, test, reason):
        self.seen = True
        self.line(True, test, f' # SKIP {reason}')

    def fail(self, test, error):
        self.seen = True
        self.line(False, test, text=self._exc_info_to_string(error, test))

    addFailure = addError = fail

    def addSubTest(self, test, subtest, error):
        if error:
            self.fail(subtest, error)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('ouro', type=pathlib.Path)
    parser.add_argument('preload', type=pathlib.Path, nargs='?')
    parser.add_argument('library', type=pathlib.Path, nargs='?')
    parser.add_argument('-k', dest='pattern', default='', help='only tests whose name has this in it')
    options = parser.parse_args()

    os.environ['OURO_TEST_COMMAND'] = str(options.ouro.resolve())
    if options.preload:
        os.environ['OURO_PRELOAD'] = str(options.preload.resolve())
    if options.library:
        os.environ['OURO_TEST_LIBRARY'] = str(options.library.resolve(strict=True))
    os.environ['OURO_TEST_FOLDER'] = folder = tempfile.mkdtemp(prefix='ouro-test-')
    sys.dont_write_bytecode = True
    try:
        suite = unittest.TestSuite()
        for test in flat(unittest.defaultTestLoader.discover(HERE)):
            if options.pattern in test.id():
                suite.addTest(test)
        result = Tap()
        suite.run(result)
        print(f'1..{result.number}')
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if result.bad or result.number == 0 else 0


def flat(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flat(item)
        else:
            yield item


if __name__ == '__main__':
    sys.exit(main())
