"""Switching tracing on and off, its totals, and single blocks."""

import json
import platform

import ouro
from common import Case

LINE = 12345  # a size that nothing else has


class Tracing(Case):
    def test_it_is_off_until_it_is_started(self):
        self.assertFalse(ouro.is_tracing())
        self.assertEqual(ouro.get_traced_memory(), (0, 0))
        self.assertIsNone(ouro.get_object_traceback(object()))

    def test_start_and_stop(self):
        ouro.start(7)
        self.assertTrue(ouro.is_tracing())
        self.assertFalse(ouro.is_sampling())
        self.assertEqual(ouro.get_traceback_limit(), 7)
        ouro.stop()
        self.assertFalse(ouro.is_tracing())
        self.assertEqual(ouro.get_traced_memory(), (0, 0))

    def test_a_second_start_changes_nothing(self):
        ouro.start(3)
        data = bytes(LINE)
        ouro.start(9)
        self.assertEqual(ouro.get_traceback_limit(), 3)
        self.assertIsNotNone(ouro.get_object_traceback(data))

    def test_numbers_of_frames_out_of_range_are_refused(self):
        for nframe in (0, -1, ouro.MAX_FRAMES + 1, 2 ** 30):
            with self.assertRaisesRegex(ValueError, r'range \[1; 256\]'):
                ouro.start(nframe)
        self.assertFalse(ouro.is_tracing())
        with self.assertRaises(TypeError):
            ouro.start('1')

    def test_a_sample_of_less_than_a_byte_is_refused(self):
        for sample in (0, -5):
            with self.assertRaisesRegex(ValueError, 'at least 1'):
                ouro.start(sample=sample)
        self.assertFalse(ouro.is_tracing())

    def test_memory_follows_what_is_made_and_dropped(self):
        ouro.start()
        base = ouro.get_traced_memory()[0]
        data = bytes(10 ** 6)
        with_data, peak = ouro.get_traced_memory()
        self.assertLess(abs(with_data - base - 10 ** 6), 4096)
        del data
        current, peak = ouro.get_traced_memory()
        self.assertLess(current - base, 4096)
        self.assertGreaterEqual(peak - base, 10 ** 6)

    def test_the_peak_can_be_reset(self):
        ouro.start()
        data = bytes(10 ** 6)
        del data
        ouro.reset_peak()
        current, peak = ouro.get_traced_memory()
        self.assertLess(peak, 10 ** 6)
        self.assertGreaterEqual(peak, current)

    def test_what_was_traced_can_be_forgotten(self):
        ouro.start()
        data = bytes(LINE)
        ouro.clear_traces()
        self.assertEqual(ouro.get_traced_memory(), (0, 0))
        self.assertIsNone(ouro.get_object_traceback(data))
        after = bytes(LINE)
        self.assertIsNotNone(ouro.get_object_traceback(after))

    def test_what_is_older_than_tracing_is_not_counted_when_it_goes(self):
        older = [bytes(1000) for _ in range(1000)]
        ouro.start()
        before = ouro.get_traced_memory()[0]
        del older
        self.assertLess(abs(ouro.get_traced_memory()[0] - before), 4096)

    def test_what_the_last_tracing_knew_is_not_known_to_the_next(self):
        ouro.start()
        data = bytes(LINE)
        ouro.stop()
        ouro.start()
        self.assertIsNone(ouro.get_object_traceback(data))
        before = ouro.get_traced_memory()[0]
        del data
        self.assertLess(abs(ouro.get_traced_memory()[0] - before), 4096)

    def test_the_traceback_of_objects_of_every_layout(self):
        class Plain:
            pass

        class Slots:
            __slots__ = ('a', '__weakref__')

        ouro.start()
        makers = [Plain, Slots, list, dict, set, object, lambda: bytes(7), lambda: (1, 2, object()), lambda: lambda: 1,
                  lambda: 10 ** 50]
        for make in makers:
            made = [make() for _ in range(200)]  # the first ones may come from the interpreter's own free lists
            traceback = ouro.get_object_traceback(made[-1])
            self.assertIsNotNone(traceback, make)
            self.assertEqual(traceback[-1].filename, __file__, make)

    def test_the_frames_of_a_block(self):
        def outer():
            return inner()

        def inner():
            return bytes(LINE)

        ouro.start(3)
        traceback = ouro.get_object_traceback(outer())
        self.assertEqual(len(traceback), 3)
        self.assertEqual([frame.filename for frame in traceback], [__file__] * 3)
        start = outer.__code__.co_firstlineno
        self.assertEqual([frame.lineno for frame in traceback][1:], [start + 1, start + 4])
        self.assertTrue(traceback[-1].function.endswith('inner'), traceback[-1])
        self.assertTrue(traceback[-2].function.endswith('outer'), traceback[-2])

    def test_the_number_of_frames_is_known_where_all_are_there(self):
        ouro.start(ouro.MAX_FRAMES)
        traceback = ouro.get_object_traceback(bytes(LINE))
        self.assertEqual(traceback.total_nframe, len(traceback))
        ouro.stop()
        ouro.start(1)
        self.assertIsNone(ouro.get_object_traceback(bytes(LINE)).total_nframe)

    def test_frames_of_c_are_among_pythons_when_asked(self):
        ouro.start(30, native=True)
        data = json.loads('[' + ', '.join(str(each + 10 ** 9) for each in range(1000)) + ']')
        traceback = ouro.get_object_traceback(data[7])
        native = [frame for frame in traceback if frame.filename.startswith('<') and frame.lineno == 0]
        self.assertIn(__file__, [frame.filename for frame in traceback])
        self.assertTrue(native)
        self.assertTrue(all(frame.function for frame in native), native)

    def test_code_that_takes_the_place_of_other_code_has_its_own_lines(self):
        for options in ('', ', sample=1'):
            self.program(f'''
                import ouro

                def made_by(number):
                    names = {{}}
                    exec(compile('\\n' * (number % 50) + 'data = bytes(12345)', f'file{{number}}.py', 'exec'), names)
                    return names['data']

                for turn in range(4):
                    ouro.start(2{options})
                    for number in range(turn * 300, turn * 300 + 200):
                        frame = ouro.get_object_traceback(made_by(number))[-1]
                        assert (frame.filename, frame.lineno) == (f'file{{number}}.py', number % 50 + 1), frame
                    ouro.stop()
                    for number in range(turn * 300 + 200, turn * 300 + 300):
                        made_by(number)
            ''')

    def test_tracing_takes_memory_of_its_own(self):
        ouro.start()
        self.assertGreater(ouro.get_tracemalloc_memory(), 0)

    def test_the_trace_is_written_to_a_file(self):
        path = self.folder / 'trace'
        ouro.start()
        ouro.write(path)
        self.assertGreater(path.stat().st_size, 4096)
        self.assertIn(platform.python_version().encode() + b'\0', path.read_bytes()[:4096])
        with self.assertRaises(FileExistsError):
            ouro.write(path)
        ouro.write(str(path), overwrite=True)


class Sampling(Case):
    def test_estimates_are_near_and_have_an_error(self):
        ouro.start(sample=4096)
        self.assertTrue(ouro.is_sampling())
        data = [bytes(1000) for _ in range(40000)]
        line = next(line for line in ouro.take_snapshot().statistics('lineno') if line.traceback[0].filename == __file__)
        exact = len(data) * (1000 + 33)
        self.assertGreater(line.error, 0)
        self.assertLess(abs(line.size - exact), 6 * line.error)
        self.assertLess(line.error, 0.1 * exact)
        self.assertIn('error=', str(line))

    def test_the_blocks_of_a_sample_add_up_to_the_estimate(self):
        ouro.start(sample=1024)
        data = [bytes(1000) for _ in range(5000)]
        snapshot = ouro.take_snapshot()
        sizes = sum(trace.size for trace in snapshot.traces)
        self.assertEqual(sizes, sum(line.size for line in snapshot.statistics('lineno')))
        self.assertEqual(len(snapshot.traces), sum(line.count for line in snapshot.statistics('lineno')))
        del data

    def test_the_distance_of_one_session_is_not_that_of_the_next(self):
        ouro.start(sample=2 ** 40)
        made = [bytes(1000) for _ in range(1000)]
        ouro.stop()
        ouro.start(sample=1)
        made = bytes(1000)
        self.assertIsNotNone(ouro.get_object_traceback(made))

    def test_the_usual_distance(self):
        ouro.start(sample=True)
        self.assertTrue(ouro.is_sampling())
