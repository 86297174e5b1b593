"""`ouro leaks`: what was live at the end, and what only grew."""

from common import Case, area_of, live

NOBODY = 5_000_000  # more than a process can have for a number


def states(series, **page):
    """Areas of lines that have these bytes, one after the other: {line: [bytes, ...]}."""
    count = len(next(iter(series.values())))
    page = {'end_ns': 0} | page
    return [area_of({('a.py', line): live(values[i] // 10, values[i]) for line, values in series.items()}, **page)
            for i in range(count)]


class Growth(Case):

    def grew(self, series, **page):
        answer = self.asked('leaks', self.record(states(series, **page)))
        return {int(row['key'].split(':')[1]): row['bytes_growth'] for row in answer['grew']}

    def test_what_grows_from_snapshot_to_snapshot(self):
        self.assertEqual(self.grew({1: [10, 20, 30, 40, 50]}), {1: 40})

    def test_what_once_became_less_does_not_only_grow(self):
        self.assertEqual(self.grew({1: [10, 20, 30, 40, 39, 60, 70], 2: [10, 20, 30, 40, 50, 60, 70]}), {2: 60})

    def test_it_may_stand_still_for_half_of_the_time(self):
        self.assertEqual(self.grew({1: [10, 20, 20, 30, 30, 40, 40], 2: [10, 20, 20, 20, 20, 30, 40],
                                    3: [10, 10, 10, 10, 20, 30, 30]}), {1: 30, 2: 30})

    def test_more_than_half_of_the_time_is_too_long(self):
        self.assertEqual(self.grew({1: [10, 20, 30, 40, 40, 40, 40, 40]}), {})

    def test_what_has_stopped_to_grow_does_not_count(self):
        self.assertEqual(self.grew({1: [10, 20, 30, 40, 50, 60, 70, 70, 70], 2: [10, 20, 30, 40, 50, 60, 70, 80, 80]}), {2: 70})

    def test_three_times_at_least(self):
        self.assertEqual(self.grew({1: [10, 20, 20, 30], 2: [10, 20, 30, 40]}), {2: 30})

    def test_the_first_tenth_of_the_time_does_not_count(self):
        start_up = [100, 50, *range(60, 260, 10)]
        self.assertEqual(len(start_up), 22)
        self.assertEqual(self.grew({1: start_up}), {1: 190})
        self.assertEqual(self.grew({1: [50, 60, 100, 50, *range(60, 240, 10)]}), {})

    def test_a_slow_leak_is_found_however_often_snapshots_are_taken(self):
        slow = [10 * (number // 5) for number in range(101)]
        dips = [value - (number == 63) for number, value in enumerate(slow)]
        rare = [10 * (number // 40) for number in range(101)]
        self.assertEqual(self.grew({1: slow, 2: dips, 3: rare}), {1: 180})

    def test_what_is_taken_down_at_the_end_does_not_count(self):
        # Began at 1 s of the clock, ends 5 s later; the snapshots are taken at 1, 2, ... 7 s.
        self.assertEqual(self.grew({1: [10, 20, 30, 40, 50, 5, 0]}, end_ns=6_000_000_000), {1: 40})

    def test_rates(self):
        row, = self.asked('leaks', self.record(states({7: [100, 160, 220, 280, 340]})))['grew']
        names = ('bytes_growth', 'blocks_growth', 'bytes', 'blocks', 'times', 'bytes_per_minute')
        self.assertEqual([row[name] for name in names], [240, 24, 340, 34, 4, 3600])
        out, _ = self.ouro('leaks', 'a.ouro')
        self.assertRegex(out, r'(?m)^ +\+240 B +3\.6 kB +340 B +\+24 +4/4  a\.py:7  f$')

    def test_the_fastest_comes_first(self):
        self.assertEqual(list(self.grew({1: [0, 10, 20, 30, 40], 2: [0, 50, 60, 70, 80], 3: [0, 20, 30, 40, 50]})), [2, 3, 1])

    def test_files_together_may_grow_where_no_line_does(self):
        file = self.record(states({1: [10, 30, 20, 50], 2: [40, 30, 50, 40]}))
        self.assertEqual(self.asked('leaks', file)['grew'], [])
        self.assertEqual([row['key'] for row in self.asked('leaks', file, '--by', 'file')['grew']], ['a.py'])

    def test_filters(self):
        file = self.record(states({1: [10, 20, 30, 40], 2: [10, 20, 30, 40]}))
        self.assertEqual([row['key'] for row in self.asked('leaks', file, '--exclude', 'a.py:1')['grew']], ['a.py:2'])

    def test_few_snapshots_tell_nothing(self):
        file = self.record(states({1: [10, 20, 30]}))
        self.assertEqual(self.asked('leaks', file)['grew'], [])
        out, _ = self.ouro('leaks', file)
        self.assertIn('it takes 4 snapshots after the start to tell; there are 3\n', out)


class End(Case):

    def said(self, area, name='a.area'):
        answer = self.asked('leaks', self.write(area, name))
        return answer['when'], {row['key']: (row['bytes'], row['blocks']) for row in answer['live']}

    def test_what_was_live_when_the_program_began_to_end(self):
        area = area_of({('a.py', 1): live(5, 50) | {'end': (4, 40)}, ('b.py', 1): live(1, 7) | {'end': (9, 90)}})
        self.assertEqual(self.said(area), ('end', {'b.py:1': (90, 9), 'a.py:1': (40, 4)}))

    def test_when_it_was_killed(self):
        area = area_of({('a.py', 1): live(5, 50)}, end_ns=0, state=1, pid=NOBODY)
        self.assertEqual(self.said(area, f'{NOBODY}.trace'), ('killed', {'a.py:1': (50, 5)}))
        out, _ = self.ouro('leaks', f'{NOBODY}.trace')
        self.assertIn('live when killed, by line: 50 B in 5 blocks', out)

    def test_of_a_copy_nobody_knows_what_became_of_its_process(self):
        area = area_of({('a.py', 1): live(5, 50)}, end_ns=0, state=1, pid=NOBODY)
        self.assertEqual(self.said(area), ('written', {'a.py:1': (50, 5)}))
        out, _ = self.ouro('leaks', 'a.area')
        self.assertIn('live when written, by line: 50 B in 5 blocks', out)

    def test_stacks(self):
        area = area_of({('a.py', 1): live(5, 50)})
        out, _ = self.ouro('leaks', self.write(area), '--stacks', '1')
        self.assertIn('a.py:1  f\n        a.py:1  f\n', out)
