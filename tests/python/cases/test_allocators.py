"""Python's allocators while ouro is put under them, in an interpreter that runs already."""

import sys
import unittest

import ouro
from common import Case

try:
    import _testcapi
except ImportError:
    _testcapi = None

WORK = '''
    def work():
        data = {}
        for number in range(20000):
            data[str(number)] = [number, float(number), b'x' * (number % 700)]
            if number % 3 == 0:
                data.pop(str(number // 2), None)
        return len(data)
'''


class Allocators(Case):
    def test_a_program_goes_on_after_the_switch(self):
        """Blocks of before are freed and resized after, and the other way round."""
        text = '''
            import ouro
            older = [bytearray(b'x' * size) for size in range(2000)]
            texts = {str(each): [each] for each in range(5000)}
            for turn in range(4):
                ouro.start(1 + turn)
                for each in older:
                    each += b'y' * 300
                newer = [bytearray(b'z' * size) for size in range(2000)]
                ouro.stop()
                for each in newer:
                    each += b'w' * 300
                for number in range(0, 5000, 7):
                    texts[str(number)] = [turn] * 10
            assert all(each[:size] == b'x' * size and each[size:] == b'y' * 1200 for size, each in enumerate(older))
            assert all(each == b'z' * size + b'w' * 300 for size, each in enumerate(newer))
            del older, newer, texts
            print('done')
        '''
        self.assertEqual(self.program(text), 'done\n')

    def test_what_grows_is_traced_from_then_on(self):
        grown = bytearray(100000)
        ouro.start()
        base = ouro.get_traced_memory()[0]
        grown += bytes(900000)
        self.assertGreater(ouro.get_traced_memory()[0] - base, 900000)
        self.assertEqual(grown, bytes(1000000))

    def test_threads_allocate_while_the_allocators_change(self):
        text = WORK + '''
            import ouro, sys, threading
            sys.setswitchinterval(1e-5)
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for _ in range(20):
                ouro.start()
                work()
                ouro.take_snapshot()
                ouro.stop()
                if not any(thread.is_alive() for thread in threads):
                    break
            for thread in threads:
                thread.join()
            print('done')
        '''.replace('\n        ', '\n')
        self.assertEqual(self.program(text), 'done\n')

    def test_tracing_may_be_on_when_the_interpreter_ends(self):
        for ending in ('', 'import sys; sys.exit(0)', 'import threading; threading.Timer(0.05, work).start()'):
            text = WORK + f'''
                import ouro
                ouro.start(5)
                keep = [work(), type('C', (), {{}})(), ouro]
                keep.append(keep)
                {ending}
            '''.replace('\n            ', '\n')
            with self.subTest(ending=ending):
                self.program(text)

    def test_the_debug_hooks_of_python_may_be_there(self):
        text = WORK + '''
            import ouro
            older = [bytearray(each) for each in range(1000)]
            ouro.start()
            for each in older:
                each += b'12345678' * 10
            work()
            del older
            ouro.stop()
            work()
            print('done')
        '''.replace('\n        ', '\n')
        for hooks in ('debug', 'malloc_debug', 'malloc', 'pymalloc'):
            with self.subTest(hooks=hooks):
                self.assertEqual(self.program(text, PYTHONMALLOC=hooks), 'done\n')

    def test_the_development_mode(self):
        done = self.python('-X', 'dev', '-c', 'import ouro; ouro.start(); a = [bytes(9) for _ in range(999)]; ouro.take_snapshot()')
        self.assertEqual(done.stderr, '')

    def test_tracemalloc_can_come_and_go_above_ouro(self):
        text = WORK + '''
            import ouro, tracemalloc
            ouro.start()
            data = [bytes(100) for _ in range(1000)]
            tracemalloc.start()
            both = [bytes(100) for _ in range(1000)]
            work()
            assert ouro.get_object_traceback(both[-1])[-1].lineno == tracemalloc.get_object_traceback(both[-1])[-1].lineno
            del data
            tracemalloc.stop()
            del both
            work()
            print('done')
        '''.replace('\n        ', '\n')
        self.assertEqual(self.program(text), 'done\n')

    def test_tracemalloc_below_ouro_is_refused(self):
        for options in ((), ('-X', 'tracemalloc')):
            text = 'import tracemalloc, ouro; tracemalloc.start(); ouro.start()'
            done = self.python(*options, '-c', text if not options else 'import ouro; ouro.start()', status=1)
            self.assertIn('RuntimeError: tracemalloc is tracing: stop it before ouro.start()', done.stderr)

    def test_a_child_of_fork_goes_on(self):
        text = WORK + '''
            import os, ouro
            ouro.start()
            older = bytes(12345)
            child = os.fork()
            assert ouro.is_tracing()
            assert ouro.get_object_traceback(older) is not None
            data = bytes(12345)
            assert ouro.get_object_traceback(data) is not None
            work()
            assert ouro.take_snapshot().statistics('lineno')
            if child:
                assert os.waitpid(child, 0)[1] == 0
                print('done')
            else:
                os._exit(0)
        '''.replace('\n        ', '\n')
        self.assertEqual(self.program(text), 'done\n')

    def test_threads_have_their_own_stacks(self):
        text = '''
            import ouro, threading
            def deep(number, kept):
                kept.append(bytes(12345))
            kept = []
            ouro.start(10)
            threads = [threading.Thread(target=deep, args=(each, kept)) for each in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            for each in kept:
                traceback = ouro.get_object_traceback(each)
                assert traceback[-1].function == 'deep', traceback
                assert 'threading.py' in traceback[0].filename, traceback
            print('done')
        '''
        self.assertEqual(self.program(text), 'done\n')

    @unittest.skipIf(_testcapi is None, 'this Python has no _testcapi')
    def test_failures_that_the_interpreter_injects(self):
        text = '''
            import _testcapi, ouro
            ouro.start()
            for start in range(1, 60):
                _testcapi.set_nomemory(start, start + 3)
                try:
                    [bytearray(700) for _ in range(20)]
                except MemoryError:
                    pass
                finally:
                    _testcapi.remove_mem_hooks()
            data = bytes(12345)
            assert ouro.get_object_traceback(data)
            print('done')
        '''
        self.assertEqual(self.program(text), 'done\n')

    @unittest.skipIf(_testcapi is None, 'this Python has no _testcapi')
    def test_requests_of_no_bytes(self):
        self.program('import _testcapi, ouro; ouro.start(); _testcapi.test_pymem_alloc0()')

    @unittest.skipIf(_testcapi is None or not hasattr(_testcapi, 'run_in_subinterp'), 'this Python has no _testcapi')
    def test_nested_interpreters(self):
        text = '''
            import _testcapi, ouro
            ouro.start(4)
            for _ in range(3):
                assert _testcapi.run_in_subinterp("data = [bytes(1000) for _ in range(1000)]; import json") == 0
            assert ouro.get_object_traceback(bytes(12345))
            print('done')
        '''
        self.assertEqual(self.program(text), 'done\n')

    @unittest.skipIf(sys.version_info < (3, 12), 'interpreters with a lock of their own are new in 3.12')
    def test_interpreters_with_locks_of_their_own_run_at_once(self):
        text = '''
            import ouro, threading
            try:
                import _interpreters as interpreters
            except ImportError:
                import _xxsubinterpreters as interpreters
            CODE = "for turn in range(100): data = [str(each) for each in range(300)]"
            def work():
                interpreter = interpreters.create()
                interpreters.run_string(interpreter, CODE)
                interpreters.destroy(interpreter)
            ouro.start(5)
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            ouro.take_snapshot()
            assert ouro.get_traced_memory()[0] < 5000000
            print('done')
        '''
        self.assertEqual(self.program(text), 'done\n')

    def test_memory_is_on_ouros_heap(self):
        ouro.start()
        before = ouro.heap_stats()
        data = [bytes(1000) for _ in range(10000)]
        after = ouro.heap_stats()
        self.assertGreater(after['heap']['bytes_live'] - before['heap']['bytes_live'], 10 ** 7)
        del data


if __name__ == '__main__':
    sys.exit(unittest.main())
