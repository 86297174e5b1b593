"""The command line: what is refused, and that nothing was done then."""

import subprocess

from common import OURO, Case, environment


class Usage(Case):
    def ouro(self, *arguments):
        done = subprocess.run([OURO, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        done.status, done.out, done.err = done.returncode, done.stdout, done.stderr.decode()
        return done

    def test_no_command(self):
        self.assert_usage_error(self.ouro(), 'ouro run')

    def test_unknown_command(self):
        self.assert_usage_error(self.ouro('python3', 'app.py'), "'python3'", 'ouro run -- python3')

    def test_no_program(self):
        self.assert_usage_error(self.run_ouro(), 'PROGRAM')
        self.assert_usage_error(self.run_ouro('--quiet', '--'), 'PROGRAM')

    def test_unknown_option(self):
        self.assert_usage_error(self.run_ouro('--nonsense', 'true'), '--nonsense', '--help')
        self.assert_usage_error(self.run_ouro('-z', 'true'), '-z')

    def test_missing_value(self):
        self.assert_usage_error(self.run_ouro('--report'), '--report', 'value')

    def test_wrong_values(self):
        for size in ('', '0', 'x', '12q', '5mm', '-1', '99999999999999999999', '9999999999g'):
            self.assert_usage_error(self.run_ouro('--heap-limit', size, 'true'), '--heap-limit', '512m')
        self.assert_usage_error(self.run_ouro('--format', 'xml', 'true'), 'text or json', 'xml')

    def test_unknown_word_of_conf(self):
        self.assert_usage_error(self.run_ouro('--conf', 'decay:100,limt:5m', 'true'), "'limt:5m'")

    def test_options_that_contradict(self):
        self.assert_usage_error(self.run_ouro('--quiet', '--report', 'x', 'true'), '--quiet')
        self.assert_usage_error(self.run_ouro('--force', 'true'), '--force')

    def test_a_wrong_option_runs_nothing(self):
        mark = self.folder / 'mark'
        self.assert_usage_error(self.run_ouro('--format', 'xml', '--', 'touch', mark), 'xml')
        self.assertFalse(mark.exists())

    def test_help(self):
        for arguments in (['--help'], ['run', '--help']):
            done = self.ouro(*arguments)
            self.assertEqual((done.status, done.err), (0, ''))
            self.assertIn(b'ouro run', done.out)
        for option in ('report', 'force', 'format', 'quiet', 'live', 'heap-limit', 'check', 'no-children', 'conf', 'help'):
            self.assertIn(f'--{option}'.encode(), done.out)

    def test_version(self):
        done = self.ouro('--version')
        self.assertEqual((done.status, done.err), (0, ''))
        self.assertRegex(done.out, rb'\Aouro \d+\.\d+\.\d+\n\Z')

    def test_options_end_at_the_program(self):
        done = self.run_ouro('--quiet', 'echo', '--report', '--quiet')
        self.assertEqual((done.status, done.out, done.err), (0, b'--report --quiet\n', ''))
        done = self.run_ouro('--quiet', '--', 'echo', '--', 'x')
        self.assertEqual((done.status, done.out), (0, b'-- x\n'))


class ReportFile(Case):
    def test_is_not_overwritten(self):
        path, mark = self.folder / 'report', self.folder / 'mark'
        path.write_text('precious')
        self.assert_usage_error(self.run_ouro('--report', path, '--', 'touch', mark), str(path), '--force')
        self.assertEqual(path.read_text(), 'precious')
        self.assertFalse(mark.exists(), 'the program must not run')

    def test_is_overwritten_by_force_and_whole(self):
        path = self.folder / 'report'
        path.write_text('precious ' * 10000)
        done = self.run_ouro('--report', path, '--force', '--', 'true')
        self.assertEqual((done.status, done.err), (0, ''))
        self.assertNotIn('precious', path.read_text())
        self.assertIn('ouro run', path.read_text())

    def test_that_cannot_be_written_is_known_before_the_run(self):
        mark = self.folder / 'mark'
        done = self.run_ouro('--report', self.folder / 'none' / 'report', '--', 'touch', mark)
        self.assert_usage_error(done, 'none/report', 'No such file')
        self.assertFalse(mark.exists())

    def test_is_not_left_behind_when_there_was_no_run(self):
        path = self.folder / 'report'
        self.assertEqual(self.run_ouro('--report', path, '--', '/nonexistent/program').status, 127)
        self.assertFalse(path.exists())
        broken = self.script('broken', '#!/nonexistent/interpreter\n')
        self.assertIn(self.run_ouro('--report', path, '--', broken).status, (126, 127))
        self.assertFalse(path.exists())

    def test_by_force_survives_when_there_was_no_run(self):
        path = self.folder / 'report'
        path.write_text('precious')
        self.assertEqual(self.run_ouro('--report', path, '--force', '--', '/nonexistent/program').status, 127)
        self.assertEqual(path.read_text(), 'precious')

    def test_may_be_a_device(self):
        done = self.run_ouro('--report', '/dev/null', '--', 'true')
        self.assertEqual((done.status, done.err), (0, ''))

    def test_on_a_full_disk_is_an_error_of_one_line_and_the_status_is_the_programs(self):
        done = self.run_ouro('--report', '/dev/full', '--', 'sh', '-c', 'exit 5')
        self.assertEqual(done.status, 5)
        self.assert_one_line(done.err, 'No space left')
