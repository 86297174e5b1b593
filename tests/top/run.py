#!/usr/bin/env python3
"""Tests `ouro top`: its frames as text, and its keys in a terminal of tmux. Prints TAP.

usage: run.py OURO RECORDING_TOOL [-k PATTERN]"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'export'))
sys.dont_write_bytecode = True

import common

if __name__ == '__main__':
    sys.exit(common.main(__doc__, HERE))
