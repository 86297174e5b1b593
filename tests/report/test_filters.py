"""--include, --exclude and their like, by tracemalloc's rules. tracemalloc itself gives the verdicts."""

import itertools
import tracemalloc

from common import Area, Case, live, make_area

# Stacks of the fake snapshot, most recent frame first, and what each has live: (blocks, bytes).
STACKS = {
    (('a.py', 2), ('b.py', 4)): (3, 30),
    (('a.py', 5), ('b.py', 4)): (1, 2),
    (('b.py', 1),): (1, 66),
    (('lib/a.pyc', 2), ('a.py', 2)): (2, 7),
    (('<frozen x>', 0),): (1, 7),
    (('aXc', 9), ('lib/b.py', 4)): (5, 11),
}
PATTERNS = ['a.py', 'b.py', 'a.py:2', 'b.py:4', '*.py', '*.pyc', 'a.pyc', '*/a.py', 'a?c', 'a[X-Z]c', 'a[!X]c', '*', '<*>',
            '*b.py:4', 'nothing', 'A.PY', 'lib*', '[a', 'a*c:9']


def fake():
    area = Area()
    for stack, (count, size) in STACKS.items():
        frames = [area.python(file, 'f', line) for file, line in stack]
        area.site(area.stack(*reversed(frames)), **live(count, size))
    return area


def said_by_tracemalloc(patterns, all_frames):
    """{line: bytes} of what passes; patterns are (inclusive, text)."""
    filters = []
    for inclusive, text in patterns:
        name, _, line = text.rpartition(':')
        filters.append(tracemalloc.Filter(inclusive, name, int(line), all_frames=all_frames) if name else
                       tracemalloc.Filter(inclusive, text, all_frames=all_frames))
    traces = [(0, size, stack, len(stack)) for stack, (_, size) in STACKS.items()]
    snapshot = tracemalloc.Snapshot(traces, 9).filter_traces(filters)
    found = {}
    for statistic in snapshot.statistics('lineno'):
        frame = statistic.traceback[0]
        found[(frame.filename, frame.lineno)] = statistic.size
    return found


class Filters(Case):

    def setUp(self):
        super().setUp()
        self.file = self.write(fake())

    def passes(self, *patterns, all_frames=False):
        arguments = [word for inclusive, text in patterns for word in ('--include' if inclusive else '--exclude', text)]
        rows = self.asked('report', self.file, *arguments, *(['--all-frames'] if all_frames else []))['rows']
        return {(row['file'], row.get('line', 0)): row['bytes'] for row in rows}

    def agree(self, *patterns):
        for all_frames in (False, True):
            with self.subTest(patterns=patterns, all_frames=all_frames):
                self.assertEqual(self.passes(*patterns, all_frames=all_frames), said_by_tracemalloc(patterns, all_frames))

    def test_each_pattern_alone(self):
        for pattern, inclusive in itertools.product(PATTERNS, (True, False)):
            self.agree((inclusive, pattern))

    def test_one_of_several_inclusive_ones_is_enough(self):
        self.agree((True, 'a.py:2'), (True, 'b.py'))
        self.agree((True, 'nothing'), (True, 'a.py:5'))

    def test_none_of_several_exclusive_ones_may_match(self):
        self.agree((False, 'a.py:2'), (False, 'b.py'))
        self.agree((False, '*'), (False, 'nothing'))

    def test_both_kinds_together(self):
        for include, exclude in itertools.product(('a.py', '*.py', 'b.py:4'), ('a.py:2', 'b.py', '*.pyc')):
            self.agree((True, include), (False, exclude))

    def test_numbers_of_lines_are_not_parts_of_names(self):
        self.assertEqual(self.passes((True, 'a.py:')), {})
        self.assertEqual(self.passes((True, 'a.py:x')), {})

    def test_too_many(self):
        self.refused('report', self.file, *['--include', 'a'] * 33, words=['32'])


class Sites(Case):

    def setUp(self):
        super().setUp()
        area = Area()
        area.add(make_area.THREADS, 100, b'main')
        area.add(make_area.THREADS, 101, b'worker-1')
        for line, (thread, domain, type_) in enumerate([(0, 0, ''), (1, 3, 'Node'), (1, 5, 'NodeList'), (0, 3, '')], 1):
            area.site(area.stack(area.python('a.py', 'f', line)), thread=thread, domain=domain, type_=type_, **live(1, line))
        self.file = self.write(area)

    def lines(self, *arguments):
        return sorted(self.rows('report', self.file, *arguments))

    def test_a_thread_by_a_pattern_of_its_name_or_its_number(self):
        self.assertEqual(self.lines('--thread', 'worker*'), ['a.py:2', 'a.py:3'])
        self.assertEqual(self.lines('--thread', '100'), ['a.py:1', 'a.py:4'])
        self.assertEqual(self.lines('--thread', 'work'), [])

    def test_types(self):
        self.assertEqual(self.lines('--type', 'Node'), ['a.py:2'])
        self.assertEqual(self.lines('--type', 'Node*'), ['a.py:2', 'a.py:3'])

    def test_domains(self):
        self.assertEqual(self.lines('--domain', 'malloc'), ['a.py:1'])
        self.assertEqual(self.lines('--domain', 'obj'), ['a.py:2', 'a.py:4'])
        self.assertEqual(self.lines('--domain', 'object'), ['a.py:3'])

    def test_all_of_them_must_hold(self):
        self.assertEqual(self.lines('--thread', 'main', '--domain', 'obj', '--include', 'a.py'), ['a.py:4'])

    def test_shares_are_of_all(self):
        answer = self.asked('report', self.file, '--thread', 'main')
        self.assertEqual((answer['all'], answer['passed']), ({'bytes': 10, 'blocks': 4}, {'bytes': 5, 'blocks': 2}))
