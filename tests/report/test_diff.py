"""`ouro diff`: what grew, with tracemalloc's own verdict beside it."""

import tracemalloc

from common import Area, Case, area_of, live

OLD = {('a.py', 2): (3, 30), ('a.py', 5): (1, 2), ('b.py', 1): (1, 66), ('same.py', 1): (4, 40), ('count.py', 1): (4, 40)}
NEW = {('a.py', 2): (4, 5030), ('a.py', 5): (1, 2), ('c.py', 578): (1, 400), ('same.py', 1): (4, 40), ('count.py', 1): (2, 40)}


def area(lines):
    return area_of({line: live(*value) for line, value in lines.items()})


def said_by_tracemalloc(old, new, key):
    def snapshot(lines):
        traces = [(0, 0, (line,), 1) for line in lines]
        traces = []
        for line, (count, size) in lines.items():
            traces += [(0, size - count + 1 if number == 0 else 1, (line,), 1) for number in range(count)]
        return tracemalloc.Snapshot(traces, 1)
    return [(str(one.traceback).removesuffix(':0'), one.size, one.size_diff, one.count, one.count_diff)
            for one in snapshot(new).compare_to(snapshot(old), key)]


class Diff(Case):

    def setUp(self):
        super().setUp()
        self.write(area(OLD), 'old.area')
        self.write(area(NEW), 'new.area')

    def compared(self, *arguments):
        return [(row['key'], row['bytes'], row['bytes_growth'], row['blocks'], row['blocks_growth'])
                for row in self.asked('diff', *arguments)['rows']]

    def test_lines_as_tracemalloc_compares_and_sorts_them(self):
        for first, second, old, new in (('old', 'new', OLD, NEW), ('new', 'old', NEW, OLD)):
            said = said_by_tracemalloc(old, new, 'lineno')
            found = self.compared(f'{first}.area', f'{second}.area')
            self.assertEqual(sorted(found), sorted(said))
            self.assertEqual([row[1:] for row in found], [row[1:] for row in said])

    def test_files(self):
        self.assertEqual(self.compared('old.area', 'new.area', '--by', 'file'), said_by_tracemalloc(OLD, NEW, 'filename'))

    def test_what_did_not_change_is_not_printed(self):
        out, _ = self.ouro('diff', 'old.area', 'new.area')
        self.assertRegex(out, r'(?m)^ +\+5\.0 kB +5\.0 kB +\+1  a\.py:2  f$')
        self.assertRegex(out, r'(?m)^ +-66 B +0 B +-1  b\.py:1  f$')
        self.assertRegex(out, r'(?m)^ +0 B +40 B +-2  count\.py:1  f$')
        self.assertIn(' 178 B then, 5.5 kB now: +5.3 kB in -1 blocks\n', out)
        self.assertNotIn('same.py', out)
        out, _ = self.ouro('diff', 'old.area', 'old.area')
        self.assertIn(' nothing changed\n', out)

    def test_filters(self):
        self.assertEqual(self.compared('old.area', 'new.area', '--include', 'b.py'), [('b.py:1', 0, -66, 0, -1)])

    def test_cumulative(self):
        stacked = Area()
        stacked.site(stacked.stack(stacked.python('m.py', 'm', 1), stacked.python('a.py', 'f', 2)), **live(4, 35))
        self.write(stacked, 'stacked.area')
        self.assertIn(('m.py:1', 35, 35, 4, 4), self.compared('old.area', 'stacked.area', '--cumulative'))
        self.assertIn(('a.py:2', 35, 5, 4, 1), self.compared('old.area', 'stacked.area', '--cumulative'))

    def test_snapshots_of_one_recording(self):
        states = [area_of({('a.py', 1): live(number, 10 * number)}, end_ns=0) for number in (1, 5, 2)]
        file = self.record(states)
        self.assertEqual(self.compared(file), [('a.py:1', 20, 10, 2, 1)])
        self.assertEqual(self.compared(f'{file}@2', f'{file}@3'), [('a.py:1', 20, -30, 2, -3)])
        self.assertEqual(self.compared(f'{file}@2', file), [('a.py:1', 20, -30, 2, -3)])
        self.assertEqual(self.compared(f'{file}@1.5s', f'{file}@2.5s'), [('a.py:1', 50, 40, 5, 4)])

    def test_a_snapshot_with_the_end(self):
        states = [area_of({('a.py', 1): live(number, 10 * number) | {'end': (7, 70)}}, end_ns=4_000_000_000)
                  for number in (1, 5, 2)]
        file = self.record(states)
        self.assertEqual(self.compared(f'{file}@1', file), [('a.py:1', 70, 60, 7, 6)])
        self.assertEqual(self.compared(f'{file}@1', file, '--measure', 'live'), [('a.py:1', 20, 10, 2, 1)])

    def test_what_cannot_be_compared(self):
        self.refused('diff', 'old.area', words=['0 snapshots', 'two recordings'])
        self.refused('diff', words=['one or two recordings'])
        self.refused('diff', 'old.area', 'new.area', 'old.area', words=['one or two recordings'])
        file = self.record([area(OLD), area(NEW)])
        self.refused('diff', f'{file}@1', words=['compare'])
        self.refused('diff', file, '--measure', 'peak', words=['--measure'])
