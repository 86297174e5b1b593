"""A process to look at, whose area says what the test wants, and a terminal to look at it in."""

import os
import re
import shutil
import struct
import subprocess
import time

import common
import make_area

TMUX = shutil.which('tmux')
# Of preload/control.h: the page's magic and version, and where `held` and the two numbers about slots are.
STAT_MAGIC, STAT_BYTES, STAT_HELD, STAT_WRITES, STAT_SLOT, STAT_SLOT_AT = 0x746174736F72756F, 4096 + 2 * 262144, 104, 36, 48, 4096


class World(common.Case):
    """self.process is a process that only sleeps; what top is told of it is written by `show`."""

    def setUp(self):
        super().setUp()
        self.process = subprocess.Popen(['sleep', '600'])
        self.addCleanup(self.end)
        self.run = self.folder / 'ouro-run-test'
        self.run.mkdir(mode=0o700)
        self.file = self.run / f'{self.process.pid}.trace'
        self.started = time.monotonic_ns()

    def end(self):
        self.process.kill()
        self.process.wait()

    def area(self, **page):
        return make_area.Area(**{'pid': self.process.pid, 'state': 1, 'end_ns': 0, 'started_ns': self.started,
                                 'start_realtime_ns': 1_700_000_000_000_000_000, 'command': b'server\0--port\0' + b'80\0'} | page)

    def sized(self, *sizes, **page):
        """An area with a line a.py:N for each size, N from 1 on, of which that many bytes are live in one block each."""
        area = self.area(**page)
        for line, size in enumerate(sizes, 1):
            area.site(area.stack(area.python('a.py', f'f{line}', line)), allocs=(2, 3 * size), live=(1, size))
        return area

    def show(self, area, file=None):
        """Write it in place, as a process does, which has the file open all the time."""
        with open(file or self.file, 'r+b' if (file or self.file).exists() else 'wb') as out:
            out.write(area.bytes())

    def tell_heap(self, held, text=b''):
        page = bytearray(STAT_BYTES)
        struct.pack_into('<QIiiI', page, 0, STAT_MAGIC, 1, self.process.pid, os.getpid(), 1)
        struct.pack_into('<Q', page, STAT_HELD, held)
        if text:
            struct.pack_into('<I', page, STAT_WRITES, 1)
            struct.pack_into('<IIQ', page, STAT_SLOT, len(text), 1, self.started)
            page[STAT_SLOT_AT:STAT_SLOT_AT + len(text)] = text
        (self.run / f'{self.process.pid}.stat').write_bytes(page)

    def recording(self, *areas):
        """A recording with these as snapshots, a second apart."""
        paths = [self.write(area, f'{number}.area') for number, area in enumerate(areas)]
        out = self.folder / 'program.ouro'
        subprocess.run([os.environ['OURO_TEST_TOOL'], 'record', out, *paths], check=True)
        return out

    def once(self, *words, columns=100, rows=24):
        out, _ = self.ouro('top', '--once', *words, env={'COLUMNS': str(columns), 'LINES': str(rows)})
        return out.decode().splitlines()


class Terminal:
    """tmux with one pane in which `ouro top` runs; a server of its own, that the user's is not disturbed."""

    def __init__(self, case, *words, columns=100, rows=24, cwd=None, **env):
        self.case, self.socket = case, case.folder / f'tmux-{columns}-{len(os.listdir(case.folder))}'
        command = [os.environ['OURO_TEST_COMMAND'], 'top', *map(str, words)]
        env = common.environment(TMPDIR=str(case.folder), TERM='xterm', **env)
        line = 'trap : INT; ' + ' '.join(command) + '; echo "status $?"; sleep 600'
        subprocess.run([TMUX, '-S', self.socket, '-f', '/dev/null', 'new-session', '-d', '-x', str(columns), '-y', str(rows),
                        'sh', '-c', line], env=env, cwd=cwd or case.folder, check=True, timeout=common.PATIENCE)
        case.addCleanup(self.tmux, 'kill-server')

    def tmux(self, *words):
        return subprocess.run([TMUX, '-S', self.socket, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              timeout=common.PATIENCE).stdout

    def screen(self, *options):
        return self.tmux('capture-pane', '-p', *options).rstrip('\n')

    def press(self, *keys):
        self.tmux('send-keys', *keys)

    def type(self, text):
        self.tmux('send-keys', '-l', text)

    def wait(self, pattern, options=(), absent=False):
        """Wait until the screen has (or has not) the pattern; returns the screen."""
        end = time.monotonic() + common.PATIENCE
        while True:
            screen = self.screen(*options)
            if bool(re.search(pattern, screen)) != absent:
                return screen
            if time.monotonic() > end:
                self.case.fail(f'{pattern!r} {"stays" if absent else "does not come"}:\n{screen}')
            time.sleep(0.05)
