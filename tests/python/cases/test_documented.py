"""What tracemalloc's documentation shows, with the import changed."""

import collections
import io
import linecache
import os
import sys

import ouro as tracemalloc
from common import Case


def application():
    return {str(each): bytes(each) for each in range(1000)}


def display_top(snapshot, out, key_type='lineno', limit=3):
    """The example of a pretty top."""
    snapshot = snapshot.filter_traces((
        tracemalloc.Filter(False, '<frozen importlib._bootstrap>'),
        tracemalloc.Filter(False, '<unknown>'),
    ))
    top = snapshot.statistics(key_type)
    print('Top %s lines' % limit, file=out)
    for index, line in enumerate(top[:limit], 1):
        frame = line.traceback[0]
        print('#%s: %s:%s: %.1f KiB' % (index, os.path.basename(frame.filename), frame.lineno, line.size / 1024), file=out)
        text = linecache.getline(frame.filename, frame.lineno).strip()
        if text:
            print('    %s' % text, file=out)
    others = top[limit:]
    if others:
        print('%s other: %.1f KiB' % (len(others), sum(line.size for line in others) / 1024), file=out)
    print('Total allocated size: %.1f KiB' % (sum(line.size for line in top) / 1024), file=out)


class Documented(Case):
    def test_display_the_top_10(self):
        tracemalloc.start()
        kept = application()
        top = tracemalloc.take_snapshot().statistics('lineno')
        self.assertRegex(str(top[0]), r'test_documented\.py:\d+: size=\d+ KiB, count=\d+, average=\d+ B')
        self.assertEqual([line.size for line in top], sorted((line.size for line in top), reverse=True))
        del kept

    def test_compute_differences(self):
        tracemalloc.start()
        before = tracemalloc.take_snapshot()
        kept = application()
        after = tracemalloc.take_snapshot()
        top = after.compare_to(before, 'lineno')
        self.assertRegex(str(top[0]), r'test_documented\.py:\d+: size=\d+ KiB \(\+\d+ KiB\), count=\d+ \(\+\d+\), average=\d+ B')
        del kept

    def test_get_the_traceback_of_a_memory_block(self):
        tracemalloc.start(25)
        kept = application()
        stat = tracemalloc.take_snapshot().statistics('traceback')[0]
        self.assertGreater(stat.count, 900)
        lines = stat.traceback.format()
        self.assertIn('return {str(each)', lines[-1])
        self.assertRegex(lines[-2], r'  File ".*test_documented\.py", line \d+')
        self.assertIn('return {str(each)', stat.traceback.format(most_recent_first=True)[1])
        self.assertEqual(len(stat.traceback.format(limit=1)), 2)
        del kept

    def test_pretty_top(self):
        tracemalloc.start()
        kept = application()
        out = io.StringIO()
        display_top(tracemalloc.take_snapshot(), out)
        self.assertRegex(out.getvalue(), r'Top 3 lines\n#1: test_documented\.py:\d+: \d+\.\d KiB\n    return ')
        self.assertIn('\nTotal allocated size: ', out.getvalue())
        del kept

    def test_record_the_current_and_the_peak_size(self):
        tracemalloc.start()
        large_sum = sum(list(range(100000)))
        first_size, first_peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        small_sum = sum(list(range(1000)))
        second_size, second_peak = tracemalloc.get_traced_memory()
        self.assertEqual((large_sum, small_sum), (4999950000, 499500))
        self.assertGreater(first_peak, 800000)
        self.assertLess(second_peak, first_peak / 10)
        self.assertGreater(second_peak, second_size)
        del first_size

    def test_filters(self):
        tracemalloc.start()
        kept = collections.OrderedDict(application())
        snapshot = tracemalloc.take_snapshot().filter_traces([
            tracemalloc.Filter(True, __file__),
            tracemalloc.Filter(False, tracemalloc.__file__),
            tracemalloc.DomainFilter(True, 0),
        ])
        files = {line.traceback[0].filename for line in snapshot.statistics('filename')}
        self.assertIn(__file__, files)
        self.assertNotIn(tracemalloc.__file__, files)
        del kept


assert sys.modules['tracemalloc'] is not tracemalloc
