"""Snapshots: statistics, differences, filters, blocks, files."""

import pickle
import tracemalloc

import ouro
from common import Case


def make(number, size):
    return [bytes(size + each % 3) for each in range(number)]


BYTES = make.__code__.co_firstlineno + 1
HEAD = bytes().__sizeof__()


def here(statistics, lineno=BYTES):
    return next(line for line in statistics if line.traceback[-1].filename == __file__ and line.traceback[-1].lineno == lineno)


class Snapshots(Case):
    def test_there_is_none_without_tracing(self):
        with self.assertRaisesRegex(RuntimeError, 'must be tracing'):
            ouro.take_snapshot()

    def test_counts_and_bytes_of_a_line(self):
        ouro.start()
        data = make(300, 1000)
        line = here(ouro.take_snapshot().statistics('lineno'))
        # 300 objects of three sizes, and the list and its items; the list may come out of the interpreter's own free list
        self.assertIn(line.count, (301, 302))
        self.assertGreater(line.size, 300 * (1001 + HEAD))
        self.assertEqual(line.error, 0)

    def test_blocks_have_their_exact_sizes(self):
        ouro.start()
        data = make(300, 1000)
        snapshot = ouro.take_snapshot()
        sizes = [trace.size for trace in snapshot.traces if trace.traceback[-1].lineno == BYTES and 1000 < trace.size < 1100]
        self.assertEqual(sorted(sizes), sorted(each.__sizeof__() for each in data))
        self.assertEqual(sum(trace.size for trace in snapshot.traces), sum(line.size for line in snapshot.statistics('filename')))

    def test_a_snapshot_does_not_show_in_the_next_one(self):
        ouro.start()
        first = ouro.take_snapshot()
        second = ouro.take_snapshot()
        here = [line for line in second.compare_to(first, 'filename') if 'ouro' in line.traceback[0].filename]
        self.assertLess(sum(line.size_diff for line in here), 2000)

    def test_a_snapshot_keeps_what_it_saw(self):
        ouro.start()
        data = make(100, 1000)
        snapshot = ouro.take_snapshot()
        del data
        ouro.stop()
        self.assertGreater(len([trace for trace in snapshot.traces if trace.traceback[0].lineno == BYTES]), 99)

    def test_differences(self):
        ouro.start()
        data = make(100, 1000)
        old = ouro.take_snapshot()
        data += make(50, 1000)
        new = ouro.take_snapshot()
        line = here(new.compare_to(old, 'lineno'))
        self.assertIn(line.count_diff, (49, 50, 51))
        self.assertGreater(line.size_diff, 50 * 1000)
        back = here(old.compare_to(new, 'lineno'))
        self.assertEqual((back.size_diff, back.count_diff), (-line.size_diff, -line.count_diff))
        del data

    def test_functions_are_named(self):
        ouro.start(2)
        data = make(100, 1000)
        snapshot = ouro.take_snapshot()
        for key_type in ('lineno', 'traceback'):
            functions = {frame.function.split('.')[-1] for frame in here(snapshot.statistics(key_type)).traceback}
            self.assertTrue(functions & {'make', '<listcomp>'}, functions)
        trace = next(trace for trace in snapshot.traces if trace.traceback[-1].lineno == BYTES)
        self.assertIn('make', {frame.function for frame in trace.traceback})
        del data

    def test_cumulative_sums_count_callers(self):
        ouro.start(3)
        data = make(100, 1000)
        snapshot = ouro.take_snapshot()
        caller = self.test_cumulative_sums_count_callers.__code__.co_firstlineno + 2
        self.assertGreaterEqual(here(snapshot.statistics('lineno', True), caller).count, 100)
        del data

    def test_filters_of_the_standard_library_and_ours_are_the_same(self):
        self.assertIs(ouro.Filter, tracemalloc.Filter)
        ouro.start()
        data = make(100, 1000)
        snapshot = ouro.take_snapshot()
        only = snapshot.filter_traces([ouro.Filter(True, __file__, BYTES)])
        self.assertEqual([line.traceback[0].lineno for line in only.statistics('lineno')], [BYTES])
        self.assertEqual(len(only.traces), here(snapshot.statistics('lineno')).count)
        without = snapshot.filter_traces([ouro.Filter(False, __file__)])
        self.assertNotIn(__file__, [line.traceback[0].filename for line in without.statistics('filename')])
        self.assertEqual(snapshot.filter_traces([ouro.DomainFilter(False, ouro.DOMAIN_PYTHON)]).statistics('lineno'), [])
        del data

    def test_snapshots_are_tracemallocs(self):
        ouro.start()
        snapshot = ouro.take_snapshot()
        self.assertIsInstance(snapshot, tracemalloc.Snapshot)
        self.assertIsInstance(snapshot.statistics('lineno')[0], tracemalloc.Statistic)
        self.assertIsInstance(snapshot.traces[0].traceback, tracemalloc.Traceback)
        self.assertIsInstance(snapshot.traces[0].traceback[0], tracemalloc.Frame)

    def test_a_file(self):
        ouro.start(2)
        data = make(100, 1000)
        snapshot = ouro.take_snapshot()
        path = str(self.folder / 'snapshot')
        snapshot.dump(path)
        read = ouro.Snapshot.load(path)
        self.assertEqual(read.traces, snapshot.traces)
        self.assertEqual(read.statistics('traceback'), snapshot.statistics('traceback'))
        self.assertEqual(read.traceback_limit, 2)
        (self.folder / 'other').write_bytes(pickle.dumps([1]))
        with self.assertRaisesRegex(TypeError, 'holds no snapshot'):
            ouro.Snapshot.load(str(self.folder / 'other'))
        del data

    def test_what_was_live_at_the_peak(self):
        ouro.start()
        data = make(1000, 1000)
        del data
        now, peak = ouro.take_snapshot(), ouro.take_snapshot(peak=True)
        self.assertGreaterEqual(here(peak.statistics('lineno')).count, 1000)
        self.assertLess(sum(line.size for line in now.statistics('lineno')), 500000)
        self.assertEqual(sum(trace.size for trace in peak.traces), sum(line.size for line in peak.statistics('lineno')))

    def test_an_unknown_key_is_refused(self):
        ouro.start()
        snapshot = ouro.take_snapshot()
        with self.assertRaisesRegex(ValueError, 'unknown key_type'):
            snapshot.statistics('line')
        with self.assertRaisesRegex(ValueError, 'cumulative'):
            snapshot.statistics('traceback', cumulative=True)


class Large(Case):
    def test_a_million_blocks_are_few_sites(self):
        ouro.start()
        data = [bytes(each % 50 * 10 + 1) for each in range(10 ** 6)]
        snapshot = ouro.take_snapshot()
        self.assertLess(len(snapshot._sites), 1000)
        line = self.test_a_million_blocks_are_few_sites.__code__.co_firstlineno + 2
        self.assertGreaterEqual(here(snapshot.statistics('lineno'), line).count, 10 ** 6)
        self.assertGreater(len(snapshot.traces), 10 ** 6)
        del data
