"""What tracemalloc has not: the context manager, pins, the heap, the collector's pauses, python -m ouro."""

import gc

import ouro
from common import Case


def make(number):
    return [bytes(1000) for _ in range(number)]


BYTES = make.__code__.co_firstlineno + 1


class TracerCase(Case):
    def test_what_lives_on_and_what_the_peak_was(self):
        with ouro.Tracer(5) as trace:
            kept = make(1000)
            dropped = make(5000)
            del dropped
        self.assertFalse(ouro.is_tracing())
        self.assertLess(abs(trace.size - 1000 * 1041), 60000)
        self.assertGreater(trace.peak, 6000 * 1033)
        self.assertEqual(trace.diff()[0].traceback[-1].lineno, BYTES)
        self.assertIn(trace.diff()[0].count_diff, (1001, 1002))
        self.assertGreaterEqual(trace.peak_diff()[0].count_diff, 6000)
        del kept

    def test_tracing_that_was_on_stays_on(self):
        ouro.start(3)
        with ouro.Tracer() as trace:
            pass
        self.assertTrue(ouro.is_tracing())
        self.assertEqual(trace.after.traceback_limit, 3)

    def test_an_exception_goes_through(self):
        with self.assertRaises(KeyError):
            with ouro.Tracer() as trace:
                raise KeyError
        self.assertFalse(ouro.is_tracing())
        self.assertGreaterEqual(trace.peak, 0)


class Heap(Case):
    def test_statistics(self):
        ouro.start()
        self.assertGreater(ouro.heap_stats()['heap']['bytes_held'], 0)

    def test_memory_goes_back_when_asked(self):
        ouro.start()
        data = make(50000)
        del data
        ouro.trim()
        self.assertLess(ouro.heap_stats()['heap']['bytes_held'], 30 * 10 ** 6)

    def test_pins_name_the_line_that_keeps_memory(self):
        ouro.start(2)
        data = [make(1)[0] if each % 50 == 0 else bytes(each % 3 + 990) for each in range(100000)]
        kept = data[::50]
        del data
        ouro.trim()
        pins = ouro.pins()
        ours = [pin for pin in pins if pin.traceback and pin.traceback[-1].lineno == BYTES]
        self.assertIn(sum(pin.blocks for pin in ours) - 2000, range(5))  # and a frame or two
        self.assertGreater(sum(pin.kept for pin in ours), 2000 * 1000)
        self.assertEqual([pin.kept for pin in pins], sorted((pin.kept for pin in pins), reverse=True))
        self.assertTrue(all(pin.oldest >= pin.youngest >= 0 for pin in pins))
        del kept


class Pauses(Case):
    def test_collections_are_seen_while_it_is_on(self):
        with ouro.gc_pauses() as pauses:
            gc.collect(0)
            cycle = []
            cycle.append(cycle)
            del cycle
            gc.collect()
        gc.collect()
        self.assertEqual([pause.generation for pause in pauses if pause.generation != 1][-2:], [0, 2])
        self.assertGreaterEqual(pauses.pauses[-1].collected, 1)
        self.assertGreaterEqual(pauses.longest, pauses.pauses[-1].duration)
        self.assertGreaterEqual(pauses.total, pauses.longest)
        count = len(pauses)
        gc.collect()
        self.assertEqual(len(pauses), count)

    def test_it_can_be_cleared_and_go_on(self):
        pauses = ouro.gc_pauses()
        gc.collect()
        pauses.clear()
        pauses.start()
        gc.collect()
        pauses.stop()
        pauses.stop()
        self.assertGreaterEqual(len(pauses), 1)
        self.assertNotIn(pauses._callback, gc.callbacks)


SCRIPT = '''
    import sys
    kept = [bytes(1000) for _ in range(5000)]
    print(sys.argv[1:], __name__)
    sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
'''


class Run(Case):
    def test_a_script_is_traced_and_its_status_kept(self):
        self.file('app.py', SCRIPT)
        done = self.python('-m', 'ouro', 'run', '--frames', '3', 'app.py', '7', '--x', status=7)
        self.assertEqual(done.stdout, "['7', '--x'] __main__\n")
        self.assertRegex(done.stderr, r'ouro: live at the end: 5\.\d MiB\n +[\d.]+ MiB +500\d blocks  app\.py:3\n')
        self.assertIn('ouro: at the peak: 5.', done.stderr)

    def test_a_module_and_code(self):
        self.file('app.py', SCRIPT)
        self.assertIn('app.py:3', self.python('-m', 'ouro', 'run', '-m', 'app', '0').stderr)
        self.assertIn('<string>:1', self.python('-m', 'ouro', 'run', '-c', 'kept = [bytes(1000) for _ in range(5000)]').stderr)

    def test_a_sample(self):
        self.file('app.py', SCRIPT)
        self.assertIn('app.py:3', self.python('-m', 'ouro', 'run', '--sample', '10000', 'app.py').stderr)

    def test_a_program_that_fails(self):
        self.file('app.py', 'kept = bytes(10 ** 7); raise KeyError("so")')
        done = self.python('-m', 'ouro', 'run', 'app.py', status=1)
        self.assertIn("KeyError: 'so'", done.stderr)
        self.assertIn('app.py:1', done.stderr)

    def test_the_trace_goes_to_a_file_that_is_not_overwritten(self):
        self.file('app.py', SCRIPT)
        self.python('-m', 'ouro', 'run', '--output', 'trace', 'app.py')
        self.assertGreater((self.folder / 'trace').stat().st_size, 4096)
        done = self.python('-m', 'ouro', 'run', '--output', 'trace', 'app.py', status=2)
        self.assertIn('trace exists; --force overwrites it', done.stderr)
        self.assertEqual(done.stdout, '')
        self.python('-m', 'ouro', 'run', '--output', 'trace', '--force', 'app.py')

    def test_what_is_wrong_is_said_in_a_line(self):
        for arguments, said in (([], 'which program?'), (['--frames', '0', 'x.py'], 'the number of frames must be in range'),
                                (['--sample', '0', '-c', ''], 'at least 1')):
            self.assertIn(said, self.python('-m', 'ouro', 'run', *arguments, status=2).stderr)

    def test_other_commands_are_the_commands(self):
        command = self.file('ouro', '''\
            #!/bin/sh
            echo "$@"
        ''')
        command.chmod(0o755)
        done = self.python('-m', 'ouro', 'report', 'a b', '--top', PATH=f'{self.folder}:/usr/bin:/bin')
        self.assertEqual(done.stdout, 'report a b --top\n')
        self.assertIn('not on PATH', self.python('-m', 'ouro', 'report', status=2, PATH='/nowhere').stderr)
        self.assertIn('usage', self.python('-m', 'ouro', status=2).stderr)
