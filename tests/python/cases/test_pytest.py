"""The pytest plugin."""

import importlib.util
import unittest

from common import Case

try:
    import pytest
except ImportError:
    pytest = None


@unittest.skipIf(pytest is None, 'this Python has no pytest')
class Plugin(Case):
    def pytest(self, text, *options, status=0):
        head = '\nimport pytest\nimport unittest\nKEPT = []\n'
        return self.pytest_of(head + text.replace('\n            ', '\n'), *options, status=status).stdout

    def pytest_of(self, text, *options, status=0):
        self.file('test_it.py', text)
        return self.python('-m', 'pytest', '-p', 'ouro.pytest_plugin', '-p', 'no:cacheprovider', '-q', *options, status=status)

    def test_a_test_within_its_limits_passes(self):
        said = self.pytest('''
            @pytest.mark.limit_memory('2 MB')
            @pytest.mark.limit_leaks('10 KB')
            def test_small():
                data = [bytes(1000) for _ in range(1000)]
        ''')
        self.assertIn('1 passed', said)

    def test_a_test_that_takes_too_much_fails_with_its_lines(self):
        said = self.pytest('''
            @pytest.mark.limit_memory('2 MB')
            def test_large():
                data = [bytes(1000) for _ in range(5000)]
                del data
        ''', status=1)
        self.assertRegex(said, r'the test had (4\.\d|5\.\d) MiB at once, and its limit is 2\.0 MiB')
        self.assertRegex(said, r'  (4\.\d|5\.\d) MiB in 50\d\d blocks:\n    .*test_it\.py:8 (test_large|<listcomp>)')

    def test_only_what_the_test_adds_counts(self):
        said = self.pytest('''
            LARGE = [bytes(1000) for _ in range(20000)]

            @pytest.mark.limit_memory('1 MB')
            def test_small():
                data = [bytes(1000) for _ in range(100)]
        ''')
        self.assertIn('1 passed', said)

    def test_what_is_left_behind_fails_with_its_lines(self):
        said = self.pytest('''
            @pytest.mark.limit_leaks('100 KB')
            def test_leak():
                KEPT.append(bytes(200000))
        ''', status=1)
        self.assertIn('1 line left more than 100 KiB behind', said)
        self.assertRegex(said, r'(?m)  195 KiB in 1 blocks:\n    .*test_it\.py:8 test_leak$')

    def test_what_the_first_run_leaves_behind_is_no_leak(self):
        text = '''
            CACHE = {}

            @pytest.mark.limit_leaks('10 KB'%s)
            def test_cache():
                CACHE.setdefault(1, bytes(100000))
        '''
        self.assertIn('1 passed', self.pytest(text % ''))
        self.assertIn('1 failed', self.pytest(text % ', warmups=0', status=1))

    def test_a_cycle_is_no_leak(self):
        said = self.pytest('''
            @pytest.mark.limit_leaks('10 KB')
            def test_cycle():
                data = [bytes(100000)]
                data.append(data)
        ''')
        self.assertIn('1 passed', said)

    def test_fixtures_parameters_methods_and_unittest(self):
        said = self.pytest('''
            @pytest.fixture
            def number():
                return 7

            @pytest.mark.parametrize('other', [1, 2])
            @pytest.mark.limit_memory('1 MB')
            def test_both(number, other):
                assert number == 7 and other in (1, 2)

            class TestClass:
                @pytest.mark.limit_memory('1 MB')
                def test_method(self, number):
                    assert number == 7

            class TestUnit(unittest.TestCase):
                @pytest.mark.limit_leaks('1 MB')
                def test_unit(self):
                    self.assertEqual(1, 1)

            @pytest.mark.limit_memory('1 MB')
            class TestAll:
                def test_too_much(self):
                    data = bytes(2000000)
        ''', status=1)
        self.assertIn('1 failed, 4 passed', said)

    def test_coroutines(self):
        self.file('conftest.py', '''
            import asyncio
            import inspect

            def pytest_pyfunc_call(pyfuncitem):
                if inspect.iscoroutinefunction(pyfuncitem.obj):
                    asyncio.run(pyfuncitem.obj())
                    return True
        ''')
        said = self.pytest('''
            @pytest.mark.limit_memory('1 MB')
            async def test_large():
                data = bytes(2000000)

            @pytest.mark.limit_leaks('1 MB')
            async def test_small():
                pass

            class TestUnit(unittest.IsolatedAsyncioTestCase):
                @pytest.mark.limit_leaks('1 MB')
                async def test_unit(self):
                    KEPT.append(bytes(2000000))
        ''', status=1)
        self.assertIn('2 failed, 1 passed', said)
        self.assertIn('1.9 MiB at once', said)
        self.assertIn('1 line left more than 1.0 MiB behind', said)

    def test_a_failure_of_the_test_itself_stays(self):
        said = self.pytest('''
            @pytest.mark.limit_memory('1 KB')
            def test_wrong():
                data = bytes(100000)
                assert 1 == 2
        ''', status=1)
        self.assertIn('assert 1 == 2', said)
        self.assertNotIn('its limit is', said)

    def test_the_largest_tests_are_listed_when_asked(self):
        text = '''
            def test_small():
                pass

            def test_large():
                KEPT.append([bytes(1000) for _ in range(5000)])
        '''
        said = self.pytest(text, '--ouro')
        self.assertIn('ouro: tests that took most memory', said)
        self.assertRegex(said, r'\n +[\d.]+ MiB at once +[\d.]+ MiB left  test_it.py::test_large\n')
        self.assertLess(said.index('::test_large'), said.index('::test_small'))
        self.assertNotIn('ouro', self.pytest(text))

    def test_a_mark_that_says_nothing_useful_is_told_before_tests_run(self):
        for mark in ("limit_memory('many')", 'limit_memory(5)', 'limit_memory()', "limit_leaks('1 MB', warmup=1)",
                     "limit_memory('1 XB')"):
            done = self.pytest_of(f'import pytest\n@pytest.mark.{mark}\ndef test_it(): pass\n', status=4)
            self.assertRegex(done.stdout + done.stderr, 'ERROR: .*(such as|one limit)')


@unittest.skipIf(importlib.util.find_spec('IPython') is None, 'this Python has no IPython')
class IPython(Case):
    def test_the_magic_shows_the_lines_of_a_cell(self):
        cell = 'kept = [bytes(1000) for _ in range(5000)]'
        self.file('cell.ipy', f'%load_ext ouro\nget_ipython().run_cell_magic("ouro", "3", "{cell}")\n')
        folder = str(self.folder)
        said = self.python('-m', 'IPython', '--colors=NoColor', 'cell.ipy', HOME=folder, IPYTHONDIR=folder).stdout
        self.assertRegex(said, r'ouro: 5\.\d MiB live on, 5\.\d MiB at the peak\nlive on:\n +[\d.]+ MiB +\+500\d blocks')
