"""python -m ouro run [OPTIONS] PROGRAM: trace a Python program in this process. Other commands go to `ouro`."""

from __future__ import annotations

import os
import shutil
import sys

from ouro._run import run


def main(arguments: list[str]) -> int:
    if arguments[:1] == ['run']:
        return run(arguments[1:])
    command = shutil.which('ouro')
    if not arguments or arguments[0] in ('-h', '--help') or command is None:
        what = 'usage: python -m ouro run [--help] [OPTIONS] PROGRAM [ARGUMENTS]'
        if arguments and arguments[0] not in ('-h', '--help'):
            what = f"python -m ouro: '{arguments[0]}' is done by the ouro command, which is not on PATH: install it"
        print(what, file=sys.stderr)
        return 0 if arguments[:1] in (['-h'], ['--help']) else 2
    os.execv(command, ['ouro', *arguments])


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
