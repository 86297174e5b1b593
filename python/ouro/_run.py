"""python -m ouro run: a script, a module or a command, traced in this process, with its top lines at the end."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import traceback
from typing import Optional

from ouro import _ouro
from ouro._snapshot import Snapshot, amount, take_snapshot


def parse(arguments: list[str]) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(prog='python -m ouro run',
                                     usage='%(prog)s [OPTIONS] (SCRIPT | -m MODULE | -c CODE) [ARGUMENTS]')
    parser.add_argument('--frames', type=int, default=1, metavar='N', help='frames of each stack (default: 1)')
    parser.add_argument('--sample', type=int, nargs='?', const=512 * 1024, metavar='BYTES',
                        help='trace a sample: one allocation in so many bytes (default: 512 KiB)')
    parser.add_argument('--output', metavar='FILE', help='write the trace to FILE, for `ouro report`')
    parser.add_argument('--force', action='store_true', help='overwrite FILE')
    parser.add_argument('-m', dest='module', nargs=argparse.REMAINDER, help='run a module, as python -m')
    parser.add_argument('-c', dest='code', nargs=argparse.REMAINDER, help='run code, as python -c')
    parser.add_argument('script', nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser, parser.parse_args(arguments)


def execute(options: argparse.Namespace) -> None:
    """Run the program as if Python had been started with it."""
    if options.module:
        sys.argv = list(options.module)
        sys.path[0] = os.getcwd()
        runpy.run_module(options.module[0], run_name='__main__', alter_sys=True)
    elif options.code:
        sys.argv = ['-c', *options.code[1:]]
        sys.path[0] = ''
        exec(compile(options.code[0], '<string>', 'exec'), {'__name__': '__main__', '__builtins__': __builtins__})
    else:
        sys.argv = list(options.script)
        sys.path[0] = os.path.dirname(os.path.abspath(options.script[0]))
        runpy.run_path(options.script[0], run_name='__main__')


def lines(snapshot: Snapshot, heading: str) -> list[str]:
    top = snapshot.statistics('lineno')[:10]
    return [heading, *(f'  {amount(line.size):>10} {line.count:>9} blocks  {line.traceback}' for line in top)]


def report(live: Snapshot, peak: Snapshot, totals: tuple[int, int]) -> str:
    current, most = totals
    return '\n'.join(lines(live, f'ouro: live at the end: {amount(current)}') + lines(peak, f'ouro: at the peak: {amount(most)}'))


def finish(options: argparse.Namespace) -> None:
    totals = _ouro.get_traced_memory()
    if options.output:
        _ouro.write(options.output, overwrite=options.force)
    print(report(take_snapshot(), take_snapshot(peak=True), totals), file=sys.stderr)


def traced(options: argparse.Namespace) -> int:
    """Run the program and report; what it ends with is returned, or raised on."""
    status = 0
    leaving: Optional[SystemExit] = None
    try:
        execute(options)
    except SystemExit as error:
        leaving = error
    except BaseException:
        traceback.print_exc()
        status = 1
    if _ouro.is_tracing():
        finish(options)
    if leaving:
        raise leaving
    return status


def run(arguments: list[str]) -> int:
    parser, options = parse(arguments)
    if options.script[:1] == ['--']:
        del options.script[0]
    if not (options.module or options.code or options.script):
        parser.error('which program? Name a script, -m MODULE or -c CODE')
    if options.output and not options.force and os.path.exists(options.output):
        parser.error(f'{options.output} exists; --force overwrites it')
    try:
        _ouro.start(options.frames, sample=options.sample)
    except ValueError as error:
        parser.error(str(error))
    return traced(options)
