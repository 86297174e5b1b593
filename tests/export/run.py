#!/usr/bin/env python3
"""Tests `ouro export`: every format against the reader that it is for, where that is on the machine. Prints TAP.

usage: run.py OURO [-k PATTERN]"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'export'))
sys.dont_write_bytecode = True

import common

if __name__ == '__main__':
    sys.exit(common.main(__doc__, HERE))
