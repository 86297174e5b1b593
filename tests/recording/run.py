#!/usr/bin/env python3
"""Tests recordings: the format and, with the command, recording programs while they run. Prints TAP; the exit status is 1 where anything
failed.

usage: run.py TOOL [OURO TRACE_LIBRARY] [-k PATTERN]

TOOL is recording_tool. Without OURO, only the tests of the format run."""

import argparse
import os
import pathlib
import runpy
import shutil
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('tool', type=pathlib.Path)
    parser.add_argument('ouro', type=pathlib.Path, nargs='?')
    parser.add_argument('library', type=pathlib.Path, nargs='?')
    parser.add_argument('-k', dest='pattern', default='', help='only tests whose name has this in it')
    options = parser.parse_args()

    sys.dont_write_bytecode = True
    tap = runpy.run_path(str(HERE.parent / 'cli' / 'run.py'))
    sys.path[:0] = [str(HERE), str(HERE.parent / 'cli')]
    os.environ['OURO_TEST_TOOL'] = str(options.tool.resolve(strict=True))
    os.environ['OURO_TEST_COMMAND'] = str(options.ouro.resolve(strict=True)) if options.ouro else ''
    if options.library:
        os.environ['OURO_PRELOAD'] = str(options.library.resolve(strict=True))
    os.environ['OURO_TEST_FOLDER'] = folder = tempfile.mkdtemp(prefix='ouro-test-')
    try:
        suite = unittest.TestSuite()
        found = unittest.defaultTestLoader.discover(HERE, 'test_*.py' if options.ouro else 'test_format.py')
        for test in tap['flat'](found):
            if options.pattern in test.id():
                suite.addTest(test)
        result = tap['Tap']()
        suite.run(result)
        print(f'1..{result.number}')
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if result.bad or result.number == 0 else 0


if __name__ == '__main__':
    sys.exit(main())
