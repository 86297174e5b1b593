"""`ouro pins`: who keeps memory from going back."""

import csv
import io

from common import Area, Case, make_area

ARENA = 0x7F0000000000


def pinned():
    """Two guilty lines in 10 arenas; a third line keeps one arena with them; in the last arena somebody untraced lives, too."""
    area = Area(pins_ns=2_000_000_000, pins_writes=2)
    cache, name, other = (area.python('app.py', function, line) for function, line in (('put', 10), ('name', 20), ('other', 30)))
    main = area.python('main.py', 'main', 1)
    sites = [area.site(area.stack(*stack), live=(100, 6400), size_class=4) for stack in
             ((cache,), (name,), (main, name), (other,))]
    for number in range(10):
        whole = {'blocks': 20, 'bytes': 1280, 'kept': 90_000}
        rows = {sites[0]: (12, 768, 60_000, 20_000, 5000 + number, 1000), sites[1]: (5, 320, 15_000, 4_096, 7000, 2000),
                sites[2]: (3, 192, 15_000, 4_096, 0, 0)}
        if number == 8:
            rows[sites[3]] = (1, 64, 900, 0, 10, 10)
            whole = {'blocks': 21, 'bytes': 1344, 'kept': 90_900}
        if number == 9:
            rows[0] = (2, 128, 100, 0, 0, 0)
            whole = {'blocks': 22, 'bytes': 1408, 'kept': 90_100}
        at = ARENA + number * 0x100000
        area.add(make_area.PINS, at, make_area.WHOLE_ARENA, whole['blocks'], whole['bytes'], whole['kept'], 0, 4, 0, 0, 25)
        for site, (blocks, size, kept, sole, oldest, youngest) in rows.items():
            area.add(make_area.PINS, at, site, blocks, size, kept, sole, 1, oldest, youngest, 0)
    area.add(make_area.PINS, 0, sites[0], 1, 500_000, 1234, 503_808, 0, 1, 1, 0)
    return area


class Pins(Case):

    def setUp(self):
        super().setUp()
        self.file = self.write(pinned())

    def test_sums_by_line(self):
        answer = self.asked('pins', self.file)
        names = ('kept', 'sole', 'bytes', 'blocks', 'arenas', 'oldest_s', 'youngest_s')
        rows = {row['key']: tuple(row.get(name) for name in names) for row in answer['rows']}
        self.assertEqual(rows, {
            'app.py:10': (600_000, 200_000, 7680, 120, 10, 5.009, 1),
            'app.py:20': (300_000, 81_920, 5120, 80, 10, 7, 2),
            'app.py:30': (900, 0, 64, 1, 1, 0.01, 0.01),
            '(not traced, or older than the trace)': (100, 0, 128, 2, 1, None, None)})
        self.assertEqual([row['kept'] for row in answer['rows']], [600_000, 300_000, 900, 100])

    def test_the_whole(self):
        answer = self.asked('pins', self.file)
        self.assertEqual([answer[key] for key in ('arena_count', 'held', 'bytes', 'kept', 'blocks')],
                         [10, 10 * 25 * 4096, 12992, 901_000, 203])

    def test_what_would_go_back_without_the_guilty(self):
        answer = self.asked('pins', self.file)
        # Eight arenas are the two lines' alone; in the other two, the pages are that are theirs alone.
        self.assertEqual((answer['guilty_rows'], answer['guilty_kept'], answer['guilty_would_go_back']),
                         (2, 900_000, 8 * 25 * 4096 + 2 * (20_000 + 2 * 4_096)))

    def test_the_sentence(self):
        out, _ = self.ouro('pins', self.file)
        self.assertIn(' 10 arenas hold 1.0 MB that cannot go back: live blocks fill 13.0 kB of it, 901.0 kB is unused.\n'
                      ' 2 lines keep 99.9 % of what is unused; without their blocks at least 875.6 kB would go back.\n', out)
        self.assertRegex(out, r'(?m)^ +600\.0 kB +200\.0 kB +7\.7 kB +120 +10  1\.0-5\.0 s +app\.py:10  put$')
        self.assertLessEqual(max(map(len, out.splitlines())), 100)

    def test_by_function_and_by_stack(self):
        self.assertEqual({row['key']: row['kept'] for row in self.asked('pins', self.file, '--by', 'function')['rows']},
                         {'put  app.py': 600_000, 'name  app.py': 300_000, 'other  app.py': 900,
                          '(not traced, or older than the trace)': 100})
        rows = self.asked('pins', self.file, '--by', 'stack')['rows']
        self.assertEqual([(row['kept'], [frame['key'] for frame in row['stack']]) for row in rows[:3]],
                         [(600_000, ['app.py:10']), (150_000, ['app.py:20']), (150_000, ['app.py:20', 'main.py:1'])])

    def test_filters_choose_rows_and_leave_the_whole(self):
        answer = self.asked('pins', self.file, '--include', '*:10')
        self.assertEqual([row['key'] for row in answer['rows']], ['app.py:10'])
        self.assertEqual(answer['kept'], 901_000)

    def test_arenas(self):
        arenas = self.asked('pins', self.file, '--arenas')['arenas']
        self.assertEqual(len(arenas), 10)
        self.assertEqual(arenas[0]['address'], ARENA + 8 * 0x100000)
        self.assertEqual([arenas[0][key] for key in ('held', 'bytes', 'kept', 'blocks', 'pools')], [102_400, 1344, 90_900, 21, 4])
        self.assertEqual([(row['key'], row['kept'], row['blocks']) for row in arenas[0]['rows']],
                         [('app.py:10', 60_000, 12), ('app.py:20', 30_000, 8), ('app.py:30', 900, 1)])
        out, _ = self.ouro('pins', self.file, '--arenas')
        self.assertRegex(out, r'(?m)^ 0x7f0000800000 +102\.4 kB +1\.3 kB +1\.3 % +90\.9 kB +66\.0 % app\.py:10  put$')

    def test_csv(self):
        out, _ = self.ouro('pins', self.file, '--format', 'csv')
        rows = list(csv.DictReader(io.StringIO(out)))
        names = ('kept', 'arenas', 'key', 'oldest_s')
        self.assertEqual([rows[0][name] for name in names], ['600000', '10', 'app.py:10', '5.009'])
        out, _ = self.ouro('pins', self.file, '--format', 'csv', '--arenas')
        self.assertEqual(len(list(csv.DictReader(io.StringIO(out)))), 10)

    def test_a_sample_says_that_it_is_one(self):
        area = pinned()
        area.page |= {'mode': make_area.SAMPLE, 'sample_bytes': 1000}
        self.assertIn('(not sampled)', [row['key'] for row in self.asked('pins', self.write(area, 's.area'))['rows']])
        out, _ = self.ouro('pins', 's.area')
        self.assertIn('--trace=exact', out)

    def test_nothing_to_say(self):
        self.refused('pins', self.write(Area(), 'b.area'), words=['b.area', 'ouro pins PID'])
