"""`ouro top --once`: one frame as text has the numbers of the area, whatever the size of the screen."""

import re
import subprocess

import make_area
import world


def row(lines, name):
    """The columns of the row that ends with the name."""
    line, = [line for line in lines if line.rstrip().endswith(name)]
    return re.split(r'\s{2,}', line.strip())


class Frame(world.World):
    def test_the_numbers_are_those_of_the_area(self):
        self.show(self.sized(1000, 250_000, 749_000))
        self.tell_heap(2_500_000)
        lines = self.once(self.process.pid)
        self.assertRegex(lines[0], rf'^server --port 80 +process {self.process.pid}  exact, 25 frames  ')
        self.assertRegex(lines[1], r'^live 1\.0 MB  peak 1\.0 MB  heap 2\.5 MB  resident \S+ [kM]B  allocs/s \S+  blocks 3$')
        self.assertEqual(row(lines, 'a.py:3  f3'), ['749.0 kB', '1', '2.2 MB', '74.9 %', 'a.py:3', 'f3'])
        self.assertEqual(row(lines, 'a.py:1  f1'), ['1.0 kB', '1', '3.0 kB', '0.1 %', 'a.py:1', 'f1'])
        order = [line.split()[-1] for line in lines if re.search(r' f\d$', line)]
        self.assertEqual(order, ['f3', 'f2', 'f1'], 'the largest comes first')

    def test_the_newest_process_needs_no_name(self):
        self.show(self.sized(100))
        self.assertIn(f'process {self.process.pid} ', self.once()[0])

    def test_a_program_that_was_executed_later_is_the_one(self):
        self.show(self.sized(100))
        self.show(self.sized(50, 60, command=b'later\0', started_ns=self.started + 1), self.run / f'{self.process.pid}-1.trace')
        self.assertTrue(self.once(self.process.pid)[0].startswith('later '))

    def test_sampling_is_said(self):
        self.show(self.sized(100, mode=make_area.SAMPLE, sample_bytes=524288))
        self.assertIn('sampled, one byte in 524.3 kB', self.once(self.process.pid)[0])

    def test_every_size_of_screen(self):
        self.show(self.sized(1000, 20_000))
        for columns in 1, 2, 10, 23, 40, 79, 80, 81, 200:
            for rows in 1, 2, 3, 4, 5, 10, 15, 16, 24, 60:
                lines = self.once(self.process.pid, columns=columns, rows=rows)
                self.assertEqual(len(lines), rows)
                self.assertTrue(all(len(line) <= columns for line in lines), (columns, rows))
                if columns >= 79 and rows >= 10:
                    self.assertTrue(any('a.py:2' in line for line in lines), (columns, rows))

    def test_without_unicode_only_ascii_is_written(self):
        area = self.area()
        area.site(area.stack(area.python('caf\u00e9.py', 'f', 1)), allocs=(1, 500), live=(1, 500))
        self.show(area)
        out, _ = self.ouro('top', '--once', self.process.pid, env={'LC_ALL': 'C', 'COLUMNS': '100'})
        self.assertTrue(out.isascii())
        self.assertIn(b'caf?.py:1', out)

    def test_names_cannot_move_the_cursor(self):
        area = self.area(command=b'a\x1b[2J\0')
        area.site(area.stack(area.python('x\x1b[31m\ny.py', 'f\t', 1)), allocs=(1, 500), live=(1, 500))
        area.site(area.stack(area.python('\u65e5\u672c.py', 'e\u0301', 2)), allocs=(1, 400), live=(1, 400))
        self.show(area)
        out, _ = self.ouro('top', '--once', self.process.pid, env={'COLUMNS': '100'})
        self.assertNotIn(b'\x1b', out)
        self.assertIn('x?[31m?y.py:1  f?', out.decode())
        self.assertIn('\u65e5\u672c.py:2  e\u0301', out.decode())

    def test_nothing_traced_yet(self):
        self.show(self.area())
        self.assertIn('nothing is live', self.once(self.process.pid))

    def test_inlined_calls_and_new_frames_keep_their_places(self):
        """Frames that come later get numbers behind those of inlined calls: the lines must stay right."""
        self.show(self.sized(*[10 * i for i in range(1, 30)]))
        lines = self.once(self.process.pid, rows=60)
        for i in range(1, 30):
            self.assertEqual(row(lines, f'a.py:{i}  f{i}')[0], f'{10 * i} B')


class Recording(world.World):
    def test_it_is_shown_as_it_ended(self):
        path = self.recording(self.sized(100, state=2), self.sized(100, 3000, state=2))
        lines = self.once(path)
        self.assertRegex(lines[0], r'^server --port 80 .* ended$')
        self.assertEqual(row(lines, 'a.py:2  f2')[0], '3.0 kB')

    def test_what_was_live_when_the_program_began_to_end_is_what_is_shown_of_it(self):
        """An interpreter that ends frees nearly all; the snapshots from then on are not compared with either."""
        def area(live, **page):
            made = self.area(**page)
            made.site(made.stack(made.python('a.py', 'f1', 1)), allocs=(9, 9000), live=(1, live), end=(8, 8000))
            return made
        path = self.recording(area(7000), area(100, state=2, end_ns=self.started + 1_500_000_000))
        lines = self.once(path)
        self.assertIn('at end 8.0 kB ', lines[1])
        self.assertEqual(row(lines, 'a.py:1  f1')[:3], ['8.0 kB', '8', '+1.0 kB'])

    def test_a_copy_of_an_area(self):
        lines = self.once(self.write(self.sized(700)))
        self.assertEqual(row(lines, 'a.py:1  f1')[0], '700 B')


class Usage(world.World):
    def test_help(self):
        self.assertIn(b'usage: ouro top', self.ouro('top', '--help')[0])

    def test_wrong_usage_gets_a_line_that_says_what_would_be_right(self):
        for words, says in ((['--interval', '0'], '0.1 to 60'), (['--interval', 'x'], '0.1 to 60'), (['a', 'b'], 'name one'),
                            (['--often'], '--help'), (['1'], '--once')):
            with self.subTest(says):
                self.refused('top', *words, says=says)

    def test_a_process_that_is_not_traced(self):
        self.refused('top', '--once', self.process.pid, status=2, says='ouro run --trace')

    def test_a_file_that_is_none(self):
        self.refused('top', '--once', 'none.ouro', status=2, says='No such file')

    def test_output_that_fails_is_told(self):
        self.show(self.sized(1))
        with open('/dev/full', 'wb') as full:
            self.refused('top', '--once', self.process.pid, status=125, says='No space left', stdout=full)

    def test_a_terminal_that_nobody_knows(self):
        self.show(self.sized(1))
        line = f'TERM=nonsense {world.os.environ["OURO_TEST_COMMAND"]} top {self.process.pid}'
        done = subprocess.run(['script', '-qec', line, '/dev/null'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              env=world.common.environment(TMPDIR=str(self.folder)), timeout=world.common.PATIENCE)
        self.assertEqual(done.returncode, 125)
        self.assertRegex(done.stdout, "^ouro: the terminal 'nonsense' is not known")
