"""%%ouro in IPython: what the lines of a cell allocate. `%load_ext ouro` brings it."""

from __future__ import annotations

import shlex
from typing import Any

from ouro._snapshot import amount
from ouro._tracer import Tracer


def describe(trace: Tracer, count: int) -> str:
    lines = [f'ouro: {amount(trace.size)} live on, {amount(trace.peak)} at the peak']
    for heading, differences in (('live on', trace.diff()), ('at the peak', trace.peak_diff())):
        lines.append(f'{heading}:')
        lines += [f'  {amount(line.size_diff):>10} {line.count_diff:>+9} blocks  {line.traceback}'
                  for line in differences[:count] if line.size_diff > 0]
    return '\n'.join(lines)


def load_ipython_extension(shell: Any) -> None:
    def ouro(line: str, cell: str) -> None:
        """%%ouro [LINES]: run the cell, and show the lines that hold most of what it allocated (default: 10)."""
        words = shlex.split(line)
        if len(words) > 1 or not all(word.isdecimal() for word in words):
            raise ValueError('usage: %%ouro [LINES]')
        with Tracer() as trace:
            shell.run_cell(cell)
        print(describe(trace, int(words[0]) if words else 10))

    shell.register_magic_function(ouro, 'cell', 'ouro')
