#!/usr/bin/env python3
"""Tests what `ouro` says of recorded programs: report, diff, tree, flame, pins, leaks, check. Prints TAP; the exit status is 1
where anything failed.

usage: run.py OURO RECORDING_TOOL [TRACE_LIBRARY] [-k PATTERN]

OURO is the command, RECORDING_TOOL is tests/recording's. Without TRACE_LIBRARY (libouro-trace.so), what has to run programs is
skipped."""

import argparse
import importlib.util
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def cli_runner():
    """tests/cli/run.py, whose TAP is printed here as well."""
    spec = importlib.util.spec_from_file_location('cli_run', HERE.parent / 'cli' / 'run.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('ouro', type=pathlib.Path)
    parser.add_argument('tool', type=pathlib.Path)
    parser.add_argument('trace', type=pathlib.Path, nargs='?')
    parser.add_argument('-k', dest='pattern', default='', help='only tests whose name has this in it')
    options = parser.parse_args()

    sys.dont_write_bytecode = True
    runner = cli_runner()
    os.environ['OURO_TEST_COMMAND'] = str(options.ouro.resolve(strict=True))
    os.environ['OURO_TEST_TOOL'] = str(options.tool.resolve(strict=True))
    if options.trace and options.trace.exists():
        os.environ['OURO_TEST_TRACE'] = str(options.trace.resolve())
    os.environ['OURO_TEST_FOLDER'] = folder = tempfile.mkdtemp(prefix='ouro-test-')
    try:
        suite = unittest.TestSuite()
        for test in runner.flat(unittest.defaultTestLoader.discover(HERE)):
            if options.pattern in test.id():
                suite.addTest(test)
        result = runner.Tap()
        suite.run(result)
        print(f'1..{result.number}')
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if result.bad or result.number == 0 else 0


if __name__ == '__main__':
    sys.exit(main())
