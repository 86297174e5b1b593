"""The command line of `ouro export`: where it writes, and what it refuses."""

import os
import pty
import subprocess

import common
import make_area


class Output(common.Case):
    def setUp(self):
        super().setUp()
        self.area = self.write(make_area.example())
        self.expected, _ = self.ouro('export', self.area, '--to', 'collapsed')

    def test_standard_output_is_the_default(self):
        self.assertIn(b'JSONDecoder.decode', self.expected)
        self.assertEqual(self.ouro('export', self.area, '--to', 'collapsed', '-o', '-')[0], self.expected)

    def test_a_file(self):
        self.ouro('export', self.area, '--to', 'collapsed', '-o', 'out.txt')
        self.assertEqual((self.folder / 'out.txt').read_bytes(), self.expected)

    def test_an_existing_file_stays_as_it_is(self):
        (self.folder / 'out.txt').write_text('mine')
        self.refused('export', self.area, '--to', 'collapsed', '-o', 'out.txt', says='--force')
        self.assertEqual((self.folder / 'out.txt').read_text(), 'mine')

    def test_force_overwrites_it(self):
        (self.folder / 'out.txt').write_text('mine' * 10000)
        self.ouro('export', self.area, '--to', 'collapsed', '-o', 'out.txt', '--force')
        self.assertEqual((self.folder / 'out.txt').read_bytes(), self.expected)

    def test_the_recording_itself_is_never_overwritten(self):
        before = self.area.read_bytes()
        os.link(self.area, self.folder / 'link')
        for name in self.area, 'link':
            self.refused('export', self.area, '--to', 'collapsed', '-o', name, '--force', says='the recording itself')
        self.assertEqual(self.area.read_bytes(), before)

    def test_a_device_is_written_without_force(self):
        self.ouro('export', self.area, '--to', 'pprof', '-o', '/dev/null')

    def test_a_full_disk_is_told(self):
        self.refused('export', self.area, '--to', 'json', '-o', '/dev/full', status=125, says='No space left')
        with open('/dev/full', 'wb') as full:
            self.refused('export', self.area, '--to', 'pprof', status=125, says='No space left', stdout=full)

    def test_a_folder_that_is_not_there_is_told(self):
        self.refused('export', self.area, '--to', 'csv', '-o', 'none/out.csv', status=125, says='No such file')

    def test_binary_is_not_written_to_a_terminal(self):
        master, slave = pty.openpty()
        self.refused('export', self.area, '--to', 'pprof', says='-o', stdout=slave)
        self.ouro('export', self.area, '--to', 'collapsed', stdout=slave)
        for end in master, slave:
            os.close(end)


class CommandLine(common.Case):
    def test_help(self):
        out, messages = self.ouro('export', '--help')
        self.assertIn(b'usage: ouro export', out)
        self.assertEqual(messages, '')

    def test_wrong_usage_gets_a_line_that_says_what_would_be_right(self):
        area = self.write(make_area.example())
        for words, says in (
                ([], 'ouro export --to FORMAT'),
                ([area], '--to pprof'),
                ([area, area, '--to', 'csv'], 'name one'),
                ([area, '--to', 'svg'], 'speedscope'),
                ([area, '--to', 'pprof', '--measure', 'most'], 'temporary'),
                ([area, '--to', 'csv', '--measure', 'peak'], 'leave out --measure'),
                ([area, '--to', 'csv', '--force'], '-o OUT'),
                ([area, '--to'], '--help'),
                ([area, '--from', 'csv'], '--help')):
            with self.subTest(says):
                self.refused('export', *words, says=says)

    def test_what_is_no_recording_is_told(self):
        (self.folder / 'text').write_text('hello')
        self.refused('export', 'text', '--to', 'csv', status=2, says='no recording')
        self.refused('export', 'none', '--to', 'csv', status=2, says='No such file')
        self.assertFalse((self.folder / 'out').exists())

    def test_a_process_is_named_by_its_number(self):
        run = self.folder / 'ouro-run-x'
        run.mkdir(mode=0o700)
        with subprocess.Popen(['sleep', '60']) as process:
            try:
                (run / f'{process.pid}.trace').write_bytes(make_area.example(pid=process.pid, state=1).bytes())
                self.assertIn(b'JSONDecoder', self.ouro('export', process.pid, '--to', 'collapsed')[0])
            finally:
                process.kill()
