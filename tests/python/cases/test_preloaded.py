"""The package in a process where the preloaded library traces already."""

import os
import unittest

from common import Case

LIBRARY = os.environ.get('OURO_TEST_TRACE_LIBRARY', '')


@unittest.skipIf(not LIBRARY, 'the library was not named')
class Preloaded(Case):
    def preloaded(self, text, conf='trace:exact,frames:3'):
        return self.program(text, LD_PRELOAD=LIBRARY, OURO_CONF=conf)

    def test_it_is_about_the_trace_that_is_on(self):
        said = self.preloaded('''
            import ouro, ouro._ouro
            assert ouro._ouro.preloaded
            assert ouro.is_tracing() and ouro.get_traceback_limit() == 3
            ouro.start(20)
            assert ouro.get_traceback_limit() == 3
            data = [bytes(1000) for _ in range(1000)]
            line = next(line for line in ouro.take_snapshot().statistics('lineno') if line.traceback[0].filename == __file__)
            assert line.count in (1001, 1002) and 1033000 < line.size < 1045000, line
            assert ouro.get_object_traceback(data[0])[-1].filename == __file__
            print(ouro.get_traced_memory()[0] > 10 ** 6)
        ''')
        self.assertEqual(said, 'True\n')

    def test_memory_of_c_is_in_a_domain_of_its_own(self):
        self.preloaded('''
            import ouro, ctypes
            libc = ctypes.CDLL(None)
            libc.malloc.restype = ctypes.c_void_p
            blocks = [libc.malloc(54321) for _ in range(10)]
            snapshot = ouro.take_snapshot()
            sizes = {domain: [trace.size for trace in snapshot.filter_traces([ouro.DomainFilter(True, domain)]).traces]
                     for domain in (ouro.DOMAIN_MALLOC, ouro.DOMAIN_PYTHON)}
            assert sizes[ouro.DOMAIN_MALLOC].count(54321) == 10
            assert 54321 not in sizes[ouro.DOMAIN_PYTHON]
        ''')

    def test_native_frames(self):
        said = self.preloaded('''
            import ouro, json
            ouro.stop()
            ouro.start(20, native=True)
            data = json.loads('[' + ', '.join(str(each + 10 ** 9) for each in range(1000)) + ']')
            print(sorted({frame.filename for frame in ouro.get_object_traceback(data[7])}))
        ''')
        self.assertIn('program.py', said)
        self.assertIn("'<", said)

    def test_stop_and_start(self):
        self.preloaded('''
            import ouro
            ouro.stop()
            assert not ouro.is_tracing()
            ouro.start(2)
            data = bytes(12345)
            traceback = ouro.get_object_traceback(data)
            assert traceback[-1].filename == __file__ and ouro.get_traceback_limit() == 2
        ''')

    def test_a_trace_that_waits_is_started_from_python(self):
        self.preloaded('''
            import ouro
            assert not ouro.is_tracing()
            older = bytes(12345)
            ouro.start()
            newer = bytes(12345)
            assert ouro.get_object_traceback(older) is None and ouro.get_object_traceback(newer)
        ''', conf='trace:later')

    def test_pins_and_statistics_are_those_of_the_one_heap(self):
        self.preloaded('''
            import ouro
            data = [bytes(1000) for _ in range(20000)]
            kept = data[::50]
            del data
            assert ouro.trim() > 0
            assert any(pin.traceback and pin.traceback[-1].filename == __file__ and pin.kept for pin in ouro.pins())
            assert ouro.heap_stats()['heap']['bytes_live'] > 10 ** 6
        ''')
