"""`ouro top` in a terminal: it follows a process, and every key does what the help says."""

import json
import os
import re
import shutil
import time
import unittest

import make_area
import test_native
import world


@unittest.skipUnless(shutil.which('tmux'), 'tmux is not installed')
class Keys(world.World):
    def setUp(self):
        super().setUp()
        self.show(self.sized(1000, 250_000, 749_000))
        self.tell_heap(2_500_000)

    def open(self, *words, **options):
        terminal = world.Terminal(self, *(words or [self.process.pid, '--interval', '0.1']), **options)
        terminal.wait('line')
        return terminal

    def wait_rows(self, terminal, *names):
        """Wait until the table has these rows, in this order."""
        terminal.wait(r'(line|function)\n' + ''.join(rf'.* {name}\n' for name in names) + r'\n')

    def test_it_follows_the_process(self):
        terminal = self.open()
        terminal.wait(r'749\.0 kB .* a\.py:3')
        self.show(self.sized(1000, 250_000, 749_000, 5_000_000))
        terminal.wait(r'5\.0 MB .* a\.py:4  f4')
        terminal.wait(r'live 6\.0 MB')
        self.tell_heap(7_700_000)
        terminal.wait(r'heap 7\.7 MB')

    def test_what_changed_is_shown(self):
        terminal = self.open(self.process.pid, '--interval', '2')
        terminal.wait(r'749\.0 kB')
        self.show(self.sized(1000, 200_000, 759_000))
        terminal.wait(r'759\.0 kB +1 +\+10\.0 kB .* a\.py:3.*\n +200\.0 kB +1 +-50\.0 kB .* a\.py:2')
        terminal.wait(r'\+10\.0 kB', absent=True)

    def test_tracing_that_began_anew(self):
        terminal = self.open()
        self.show(self.sized(300, 200, 100, started_ns=self.started + 10**9, start_realtime_ns=1_800_000_000_000_000_000))
        terminal.wait('live 600 B')
        self.wait_rows(terminal, 'f1', 'f2', 'f3')

    def test_exec_is_followed(self):
        terminal = self.open()
        self.show(self.sized(50, 60, command=b'later\0'), self.run / f'{self.process.pid}-1.trace')
        terminal.wait(r'^later .*\n.*live 110 B')

    def test_the_end_is_shown_with_the_last_state(self):
        terminal = self.open()
        self.end()
        screen = terminal.wait(', ended')
        self.file.unlink()
        self.assertRegex(screen, r'749\.0 kB .* a\.py:3')
        terminal.press('Tab')
        terminal.wait(r'749\.0 kB .* f3')

    def test_two_at_once_and_joining_again(self):
        one, two = self.open(), self.open(columns=90)
        one.press('q')
        one.wait('status 0')
        two.wait(r'749\.0 kB')
        self.open(columns=80).wait(r'749\.0 kB')

    def test_tab_goes_through_the_views(self):
        terminal = self.open()
        for title in ('function', 'file', 'type', 'bytes of a block', 'thread', 'keeps .* line', 'no objects of libouro',
                      r'\*live .* line'):
            terminal.press('Tab')
            terminal.wait(title)
        terminal.press('BTab')
        terminal.wait('no objects of libouro')

    def test_frames_that_come_later_keep_their_names(self):
        """A profile has frames of inlined calls between those of the area, whose numbers therefore differ."""
        program, address, mapping = test_native.build(self.folder)
        area = self.area(native=1)
        area.add(make_area.MODULES, *mapping, area.string(str(program)), 0)
        area.site(area.stack(area.native(address)), allocs=(1, 100), live=(1, 100))
        self.show(area)
        terminal = self.open()
        terminal.wait(r'100 B .* a\.c:3  inner')
        area.site(area.stack(area.python('later.py', 'g', 8), area.native(address + 1)), allocs=(1, 200), live=(1, 200))
        area.site(area.stack(area.python('last.py', 'h', 9)), allocs=(1, 300), live=(1, 300))
        self.show(area)
        terminal.wait(r'300 B .* last\.py:9  h.*\n +200 B .* a\.c:.*\n +100 B .* a\.c:3  inner')

    def test_tracing_that_is_off(self):
        self.show(self.sized(1, mode=0))
        self.open().wait('tracing is off')

    def test_rows_of_the_views(self):
        area = self.area()
        area.add(make_area.THREADS, 77, b'worker')
        node = area.stack(area.python('a.py', 'f', 1))
        area.site(node, allocs=(1, 100), live=(1, 100), size_class=2, type_='node', domain=5)
        area.site(node, allocs=(1, 5000), live=(1, 5000), size_class=0)
        self.show(area)
        terminal = self.open()
        for row in (r'5\.1 kB +2 .* f ', r'5\.1 kB +2 .* a\.py', r'100 B +1 .* node', r'5\.0 kB +1 .* large',
                    r'5\.1 kB +2 .* worker'):
            terminal.press('Tab')
            terminal.wait(row)

    def test_pins_are_asked_for_and_shown(self):
        area = self.sized(1000, 250_000, 749_000, pins_ns=self.started + 5, pins_writes=2)
        area.add(make_area.PINS, 0x10000, make_area.WHOLE_ARENA, 85, 30640, 100_000, 0, 3, 1500, 10, 40)
        area.add(make_area.PINS, 0x10000, 2, 7, 300, 90_000, 8192, 2, 1500, 100, 0)
        area.add(make_area.PINS, 0x20000, 2, 3, 200, 10_000, 4096, 2, 1500, 100, 0)
        self.show(area)
        terminal = self.open()
        terminal.press('BTab', 'BTab')
        terminal.wait(r'100\.0 kB +12\.3 kB +500 B +10 +2 +a\.py:2')
        at, _ = make_area.PLACE['asked']
        end = time.monotonic() + world.common.PATIENCE
        while not int.from_bytes(self.file.read_bytes()[at:at + 4], 'little') and time.monotonic() < end:
            time.sleep(0.05)
        wish, _ = make_area.PLACE['wish']
        page = self.file.read_bytes()
        self.assertEqual((page[at], page[wish]), (1, 2), 'the process was asked once, for pins alone')

    def test_collections(self):
        generation = {'objects': 5, 'collections': 1234, 'collected': 17, 'pauses_ns': 1000000, 'longest_pause_ns': 500000}
        objects = {'live': 5, 'bytes': 160, 'types_in_all': 1, 'generations': [generation] * 3,
                   'types': [{'name': 'cell', 'objects': 5, 'bytes': 160, 'generations': [5, 0, 0]}]}
        self.tell_heap(1000, json.dumps({'objects': objects}).encode())
        terminal = self.open()
        terminal.press('BTab')
        terminal.wait(r'cell +5 +160 B(.|\n)*young +1,234')

    def test_s_sorts_by_the_next_column_and_last_by_name(self):
        terminal = self.open()
        for title in r'\*blocks', r'\*change', r'\*total', r'\*share', r'\*line', r'\*live':
            terminal.press('s')
            terminal.wait(title)
            rising = title in (r'\*line', r'\*blocks', r'\*change')
            self.wait_rows(terminal, *(('f1', 'f2', 'f3') if rising else ('f3', 'f2', 'f1')))

    def test_the_filter(self):
        terminal = self.open()
        terminal.press('/')
        terminal.type('F2x')
        terminal.press('BSpace')
        terminal.wait('/F2_')
        self.wait_rows(terminal, 'f2')
        terminal.press('Enter')
        terminal.wait('filter=F2 ')
        terminal.press('Escape')
        terminal.wait('filter=', absent=True)
        self.wait_rows(terminal, 'f3', 'f2', 'f1')
        terminal.press('/')
        terminal.type('qqq')
        terminal.wait('nothing has this')
        terminal.press('Escape')
        self.wait_rows(terminal, 'f3', 'f2', 'f1')

    def test_pause_keeps_what_is_shown(self):
        terminal = self.open()
        terminal.press('p')
        terminal.wait(', paused')
        self.show(self.sized(1000, 250_000, 999_000))
        terminal.press('Tab')
        terminal.wait(r'function\n +749\.0 kB')
        terminal.press('p')
        terminal.wait(r'999\.0 kB')
        terminal.wait(', paused', absent=True)

    def test_w_writes_a_new_file_each_time(self):
        terminal = self.open()
        name = f'ouro-{self.process.pid}-%d.json'
        (self.folder / (name % 1)).write_text('mine')
        terminal.press('w')
        terminal.wait('written: ' + name % 2)
        terminal.press('w')
        terminal.wait('written: ' + name % 3)
        self.assertEqual((self.folder / (name % 1)).read_text(), 'mine')
        file = json.loads((self.folder / (name % 3)).read_text())
        self.assertEqual(sum(site['live'][1] for site in file['sites']), 1_000_000)

    def test_a_folder_that_cannot_be_written_is_told(self):
        gone = self.folder / 'gone'
        gone.mkdir()
        terminal = self.open(cwd=gone)
        gone.rmdir()
        terminal.press('w')
        terminal.wait('cannot write')

    def test_the_interval(self):
        terminal = self.open(self.process.pid, '--interval', '4')
        terminal.wait(r'\+-:4s')
        terminal.press('+')
        terminal.wait(r'\+-:2s')
        terminal.press('-', '-')
        terminal.wait(r'\+-:8s')
        for _ in range(4):
            terminal.press('-')
        terminal.wait(r'\+-:60s')

    def test_help_comes_and_goes(self):
        terminal = self.open()
        terminal.press('?')
        terminal.wait('shift-tab')
        terminal.press('x')
        terminal.wait('shift-tab', absent=True)

    def selected(self, terminal):
        """What the bar is on: the row in reverse, without the tab that is, too."""
        marked = [line for line in terminal.screen('-e').splitlines() if re.match(r'\x1b\[(0;)?7m', line) and 'a.py:' in line]
        return [line.split()[-1].split('\x1b')[0] for line in marked]

    def wait_selected(self, terminal, name):
        end = time.monotonic() + world.common.PATIENCE
        while self.selected(terminal) != [name] and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(self.selected(terminal), [name])

    def test_the_bar_moves_and_the_table_with_it(self):
        self.show(self.sized(*range(1000, 900, -1)))
        terminal = self.open()
        self.wait_selected(terminal, 'f1')
        for key, name in (('Down', 'f2'), ('Down', 'f3'), ('Up', 'f2'), ('End', 'f100'), ('Up', 'f99'), ('Home', 'f1'),
                          ('Up', 'f1')):
            terminal.press(key)
            self.wait_selected(terminal, name)
        terminal.wait(r'f1\n(.*a\.py:.*\n)+.*help')
        page = len([line for line in terminal.screen().splitlines() if 'a.py:' in line])
        terminal.press('NPage')
        self.wait_selected(terminal, f'f{1 + page}')
        terminal.press('PPage')
        self.wait_selected(terminal, 'f1')

    def test_a_new_size(self):
        terminal = self.open()
        for columns, rows, last in ((60, 12, 'p:pause w:write'), (20, 5, 'q:quit ta'), (8, 3, 'help q'),
                                    (140, 40, 'p:pause w:write')):
            terminal.tmux('resize-window', '-x', str(columns), '-y', str(rows))
            terminal.wait(rf'\A([^\n]*\n){{{rows - 1}}}.*{last}')
            terminal.wait(r'a\.py:3', absent=rows <= 5)

    def test_a_dumb_terminal(self):
        terminal = self.open(columns=40, rows=10, LC_ALL='C')
        self.assertTrue(terminal.screen().isascii())
        terminal.press('q')
        terminal.wait('status 0')

    def test_a_terminal_that_goes_away_ends_it(self):
        terminal = self.open()
        pid, = [int(line.split()[0]) for line in os.popen('ps -eo pid=,args=').read().splitlines()
                if line.split(None, 1)[1].startswith(f'{os.environ["OURO_TEST_COMMAND"]} top {self.process.pid}')]
        terminal.tmux('kill-server')
        end = time.monotonic() + world.common.PATIENCE
        while os.path.exists(f'/proc/{pid}') and time.monotonic() < end:
            time.sleep(0.05)
        self.assertFalse(os.path.exists(f'/proc/{pid}'))

    def test_a_signal_leaves_the_terminal_as_it_was(self):
        terminal = self.open()
        terminal.press('C-c')
        screen = terminal.wait('status 1')
        self.assertNotIn('a.py', screen)


@unittest.skipUnless(shutil.which('tmux'), 'tmux is not installed')
class Moving(world.World):
    def test_left_and_right_move_through_the_snapshots(self):
        path = self.recording(self.sized(100, 900, state=2), self.sized(300, 500, state=2), self.sized(50, 70, state=2))
        terminal = world.Terminal(self, path)
        terminal.wait('live 120 B')
        terminal.press('Left', 'Left')
        terminal.wait(r'snapshot 2 of 3(.|\n)*live 800 B(.|\n)* 500 B +1 +-400 B .* a\.py:2.*\n +300 B +1 +\+200 B .* a\.py:1')
        terminal.press('Left', 'Left')
        terminal.wait(r'snapshot 1 of 3(.|\n)* 900 B +1 .* a\.py:2')
        terminal.press('Right')
        terminal.wait(r'snapshot 2 of 3')
        terminal.press('Right', 'Right', 'Right')
        terminal.wait(r', ended')
