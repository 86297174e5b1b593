"""`ouro report`: what rows there are, and what is in them."""

import csv
import io
import os
import xml.dom.minidom

from common import Area, Case, area_of, live, make_area

MAIN, LOAD, PARSE = ('main.py', 'main', 1), ('app.py', 'load', 10), ('app.py', 'parse', 20)


def program():
    """Two threads, types, domains, sizes; main calls load, which calls parse, which once calls itself."""
    area = Area(peak_mark=7)
    area.add(make_area.THREADS, 100, b'main')
    area.add(make_area.THREADS, 101, b'worker')
    main, load, parse, other = (area.python(*frame) for frame in (MAIN, LOAD, PARSE, ('app.py', 'other', 20)))
    area.site(area.stack(main, load), allocs=(50, 5000), live=(10, 1000), temporary=(30, 3000), peak=(40, 4000), end=(4, 400))
    area.site(area.stack(main, load, parse), allocs=(7, 700), live=(7, 700), size_class=3, thread=1, type_='Node', domain=3)
    area.site(area.stack(main, load, parse, parse), allocs=(1, 300), live=(1, 300), size_class=0, thread=1, domain=5,
              type_='Tree')
    area.site(area.stack(main, other), allocs=(2, 20), live=(2, 20), size_class=3, domain=3)
    area.site(area.stack(main), allocs=(9, 90), live=(0, 0), temporary=(9, 90))
    return area


class Rows(Case):

    def setUp(self):
        super().setUp()
        self.file = self.write(program())

    def by(self, key, *more):
        measure = () if '--measure' in more else ('--measure', 'live')
        return self.rows('report', self.file, '--by', key, *measure, *more)

    def test_lines_are_summed_whatever_calls_them(self):
        self.assertEqual(self.by('line'), {'app.py:10': (1000, 10), 'app.py:20': (1020, 10)})

    def test_functions_of_one_line_are_apart(self):
        self.assertEqual(self.by('function'),
                         {'load  app.py': (1000, 10), 'parse  app.py': (1000, 8), 'other  app.py': (20, 2)})

    def test_files(self):
        self.assertEqual(self.by('file'), {'app.py': (2020, 20)})

    def test_types(self):
        self.assertEqual(self.by('type'), {'(no type)': (1020, 12), 'Node': (700, 7), 'Tree': (300, 1)})

    def test_threads(self):
        self.assertEqual(self.by('thread'), {'main (100)': (1020, 12), 'worker (101)': (1000, 8)})

    def test_size_classes_are_called_by_the_bytes_of_a_block(self):
        self.assertEqual(self.by('class'), {'16': (1000, 10), '48': (720, 9), 'large': (300, 1)})

    def test_domains(self):
        self.assertEqual(self.by('domain'), {'malloc': (1000, 10), 'obj': (720, 9), 'object': (300, 1)})

    def test_stacks_are_apart_and_shown_most_recent_first(self):
        rows = self.asked('report', self.file, '--by', 'stack', '--measure', 'live')['rows']
        found = {tuple(frame['key'] for frame in row['stack']): (row['bytes'], row['blocks']) for row in rows}
        self.assertEqual(found, {('app.py:10', 'main.py:1'): (1000, 10), ('app.py:20', 'app.py:10', 'main.py:1'): (700, 7),
                                 ('app.py:20', 'app.py:20', 'app.py:10', 'main.py:1'): (300, 1),
                                 ('app.py:20', 'main.py:1'): (20, 2)})

    def test_the_peak(self):
        self.assertEqual(self.by('line', '--measure', 'peak'), {'app.py:10': (4000, 40), 'app.py:20': (1020, 10)})

    def test_the_total(self):
        self.assertEqual(self.by('line', '--measure', 'total'),
                         {'app.py:10': (5000, 50), 'app.py:20': (1020, 10), 'main.py:1': (90, 9)})

    def test_what_was_freed_at_once(self):
        self.assertEqual(self.by('line', '--measure', 'temporary'), {'app.py:10': (3000, 30), 'main.py:1': (90, 9)})

    def test_the_end(self):
        self.assertEqual(self.by('line', '--measure', 'end'), {'app.py:10': (400, 4), 'app.py:20': (1020, 10)})

    def test_the_end_is_what_is_meant_where_there_was_one(self):
        self.assertEqual(self.rows('report', self.file), self.by('line', '--measure', 'end'))
        running = program()
        running.page |= {'end_ns': 0, 'state': 1}
        self.assertEqual(self.rows('report', self.write(running, 'running.area')), self.by('line'))

    def test_a_killed_program_has_no_end_but_what_was_live(self):
        area = program()
        area.page['end_ns'] = 0
        self.write(area, 'killed.area')
        self.assertEqual(self.rows('report', 'killed.area', '--measure', 'end'), self.by('line'))

    def test_cumulative_counts_a_block_once_for_every_line_on_its_stack(self):
        self.assertEqual(self.by('line', '--cumulative'),
                         {'main.py:1': (2020, 20), 'app.py:10': (2000, 18), 'app.py:20': (1020, 10)})

    def test_cumulative_by_function_and_file(self):
        self.assertEqual(self.by('function', '--cumulative'), {'main  main.py': (2020, 20), 'load  app.py': (2000, 18),
                                                               'parse  app.py': (1000, 8), 'other  app.py': (20, 2)})
        self.assertEqual(self.by('file', '--cumulative'), {'main.py': (2020, 20), 'app.py': (2020, 20)})

    def test_cumulative_goes_with_places_alone(self):
        self.refused('report', self.file, '--by', 'type', '--cumulative', words=['--cumulative', 'line'])

    def test_rows_are_sorted_by_bytes_then_blocks_then_name(self):
        area = area_of({('b.py', 1): live(1, 10), ('a.py', 9): live(1, 10), ('a.py', 10): live(1, 10), ('c.py', 1): live(2, 10),
                        ('d.py', 1): live(1, 11)})
        rows = self.asked('report', self.write(area, 'order.area'))['rows']
        self.assertEqual([row['key'] for row in rows], ['d.py:1', 'c.py:1', 'a.py:9', 'a.py:10', 'b.py:1'])

    def test_limit_and_least_bytes(self):
        self.assertEqual(list(self.by('line', '--limit', '1')), ['app.py:20'])
        self.assertEqual(self.by('type', '--min-bytes', '700'), {'(no type)': (1020, 12), 'Node': (700, 7)})

    def test_a_site_of_which_the_stack_was_not_recorded_is_shown(self):
        area = Area()
        area.site(0, **live(3, 30))
        self.assertEqual(self.rows('report', self.write(area, 'b.area')), {'(no stack)': (30, 3)})
        self.assertEqual(self.rows('report', 'b.area', '--cumulative'), {'(no stack)': (30, 3)})

    def test_what_was_not_recorded_is_shown_as_that(self):
        area = Area()
        area.entries[make_area.SITES].clear()
        area.site(0, **live(3, 30))
        area.site(0, **live(1, 10))
        self.assertEqual(self.rows('report', self.write(area, 'b.area')), {'(not recorded)': (30, 3), '(no stack)': (10, 1)})

    def test_several_files_are_one_report(self):
        self.write(area_of({('app.py', 10): live(1, 7), ('z.py', 1): live(2, 8)}, pid=9), 'b.area')
        answer = self.asked('report', self.file, 'b.area', '--measure', 'live')
        self.assertEqual({row['key']: row['bytes'] for row in answer['rows']},
                         {'app.py:20': 1020, 'app.py:10': 1007, 'z.py:1': 8})
        self.assertEqual([process['pid'] for process in answer['processes']], [4711, 9])
        self.assertEqual(answer['all'], {'bytes': 2035, 'blocks': 23})
        out, _ = self.ouro('report', self.file, 'b.area')
        self.assertRegex(out, r'(?m)^ +9 +15 B +15 B +15 B +python3 app.py --fast$')
        self.assertRegex(out, r'(?m)^ +sum +1\.4 kB +5\.0 kB +6\.1 kB$')

    def test_sampling_gives_rows_their_standard_error(self):
        area = Area(mode=make_area.SAMPLE, sample_bytes=1000)
        for line, variance in ((1, 90_000), (1, 70_000), (2, 2_500)):
            node = area.stack(area.python('a.py', 'f', line), area.python('b.py', 'g', line))
            area.site(node, allocs=(1, 1000), live=(1, 1000), variance=4 * variance, live_variance=variance, samples=3)
        self.write(area, 's.area')
        errors = {row['key']: row['error'] for row in self.asked('report', 's.area', '--measure', 'live')['rows']}
        self.assertEqual(errors, {'b.py:1': 400, 'b.py:2': 50})
        errors = {row['key']: row['error'] for row in self.asked('report', 's.area', '--measure', 'total')['rows']}
        self.assertEqual(errors, {'b.py:1': 800, 'b.py:2': 100})
        out, _ = self.ouro('report', 's.area', '--measure', 'live')
        self.assertRegex(out, r'(?m)^ +2\.0 kB +400 B +66\.7 % +2  b\.py:1  g$')

    def test_csv_has_what_json_has(self):
        out, _ = self.ouro('report', self.file, '--format', 'csv', '--measure', 'live')
        rows = list(csv.DictReader(io.StringIO(out)))
        self.assertEqual([(row['key'], row['file'], row['line'], row['bytes'], row['blocks']) for row in rows],
                         [('app.py:20', 'app.py', '20', '1020', '10'), ('app.py:10', 'app.py', '10', '1000', '10')])

    def test_names_of_any_bytes(self):
        area = Area()
        area.site(area.stack(area.python(b'a"b,\xff\n.py', 'f', 1)), **live(1, 10))
        self.write(area, 'odd.area')
        self.assertEqual(self.rows('report', 'odd.area'), {'a"b,\ufffd\n.py:1': (10, 1)})
        out, _ = self.ouro('report', 'odd.area')
        self.assertIn('  a"b,??.py:1  f\n', out)
        out, _ = self.ouro('report', 'odd.area', '--format', 'csv')
        self.assertIn('"a""b,', out)


def output_of_all(case, file):
    """What each command says of the file, in each format."""
    for command in ('report', 'leaks'):
        for more in ([], ['--stacks', '9'], ['--format', 'json'], ['--format', 'csv']):
            yield case.ouro(command, file, *more)[0]
    for by in ('function', 'type', 'thread', 'stack'):
        yield case.ouro('report', file, '--by', by)[0]
    yield case.ouro('tree', file)[0]
    yield case.ouro('tree', file, '--share', '0', '--inverted')[0]
    yield case.ouro('flame', file)[0]
    for form in ('speedscope', 'collapsed', 'json', 'csv'):
        yield case.ouro('export', file, '--to', form)[0]
    yield case.ouro('top', '--once', file)[0]


class Hostile(Case):
    """Names and numbers that somebody made up."""

    def test_no_name_steers_the_terminal(self):
        evil = b'\x1b[2J\x07\x7f\xc2\x9b31m\x9b\xff'
        area = Area(command=b'python3\0' + evil + b'\0', python=evil)
        area.add(make_area.THREADS, 1, evil)
        area.site(area.stack(area.python(evil + b'.py', evil, 1), area.source(evil + b'.c', evil, 2)), type_=evil, **live(1, 10))
        for out in output_of_all(self, self.write(area)):
            self.assertNotRegex(out, '[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\udc80-\udcff]')

    def test_a_graph_is_xml_whatever_the_names(self):
        area = area_of({(b'<&">\x1b\xef\xbf\xbf.py', 1): live(1, 10)})
        out, _ = self.ouro('flame', self.write(area))
        self.assertIn('&lt;&amp;', ''.join(out.splitlines()))
        xml.dom.minidom.parseString(out)

    def test_absurd_numbers(self):
        most = {'allocs': (2**64 - 1, 2**63 - 1), 'live': (2**63, 2**63 - 1), 'temporary': (2**64 - 1, 2**64 - 1)}
        area = Area(mode=make_area.EXACT)
        area.add(make_area.PINS, 2**64 - 1, 1, *[2**32 - 1], *3 * [2**64 - 1], *4 * [2**32 - 1])
        for line in range(1, 4):
            area.site(area.stack(area.python('a.py', 'f', line)), variance=1e308, live_variance=float('inf'), **most)
        area.page |= dict.fromkeys(('live', 'live_bytes', 'peak', 'peak_bytes', 'allocs', 'bytes', 'peak_ns', 'end_ns'), 2**64 - 1)
        self.assertTrue(all(output_of_all(self, self.write(area))))

    def test_a_stack_without_an_end(self):
        area, node = Area(), 0
        frames = [area.python('a.py', 'f', line) for line in (1, 2)]
        for step in range(100_000):
            node = area.add(make_area.NODES, node, frames[step % 2])
            if step % 1000 == 0:
                area.site(node, **live(1, 10))
        self.assertTrue(all(output_of_all(self, self.write(area))))

    def test_a_pipe_for_a_line_of_source(self):
        os.mkfifo(self.folder / 'a.py')
        out, _ = self.ouro('report', self.write(area_of({('a.py', 1): live(1, 10)})), '--stacks', '1')
        self.assertIn('a.py:1  f\n', out)


class Text(Case):

    def test_a_peak_that_is_not_over_is_what_is_live(self):
        area = area_of({('a.py', 1): live(5, 500) | {'peak': (1, 100)}}, end_ns=0)
        file = self.write(area)
        self.assertIn(' at the peak            500 B in 5 blocks', self.ouro('report', file)[0])
        self.assertEqual(self.rows('report', file, '--measure', 'peak'), {'a.py:1': (500, 5)})

    def test_a_sample_says_nothing_of_blocks_freed_at_once(self):
        area = Area(mode=make_area.SAMPLE, sample_bytes=1000)
        area.site(area.stack(area.python('a.py', 'f', 1)), **live(1, 1000))
        self.assertNotIn('freed at once', self.ouro('report', self.write(area))[0])
        self.assertNotIn('temporary', self.asked('report', 'a.area')['processes'][0])

    def test_a_line_for_each_total(self):
        area = program()
        area.page |= {'lost': 3, 'broken': 28}
        out, _ = self.ouro('report', self.write(area))
        for line in (' python3 app.py --fast', ' process 4711, Python 3.11.2, exact, 25 frames; ',
                     ' live at the end       1.4 kB in 14 blocks, after 2.00 s',
                     ' never freed           2.0 kB in 20 blocks', ' at the peak           5.0 kB in 50 blocks, after 1.50 s',
                     ' allocated             6.1 kB in 69 blocks', ' freed at once         3.1 kB in 39 blocks (56.5 %)',
                     ' not recorded               3 allocations', ' the recording stopped growing: No space left on device'):
            self.assertIn('\n' + line, out)

    def test_stacks_have_their_source_lines_where_they_can_be_read(self):
        (self.folder / 'main.py').write_text('    load()\n')
        out, _ = self.ouro('report', self.write(program()), '--stacks', '1', '--by', 'function', '--include', 'app.py:10')
        self.assertIn('load  app.py\n        main.py:1  main\n            load()\n        app.py:10  load\n', out)

    def test_no_line_is_wider_than_100_columns(self):
        area = area_of({('/very' * 60 + '/long.py', 12345): live(12345678, 10**14), ('ä' * 200 + '.py', 1): live(1, 1)},
                       command=b'python3\0' + 300 * b'x' + b'\0')
        file = self.write(area)
        for command in ('report', 'tree', 'leaks'):
            for locale in ('C.UTF-8', 'C'):
                out, _ = self.ouro(command, file, '--stacks' if command != 'tree' else '--share', '1', env={'LC_ALL': locale})
                self.assertLessEqual(max(map(len, out.splitlines())), 100, out)
                self.assertIn('/long.py:12345  f\n', out)

    def test_paths_below_the_working_directory_are_short(self):
        area = area_of({(str(self.folder / 'lib' / 'a.py'), 3): live(1, 1)})
        out, _ = self.ouro('report', self.write(area))
        self.assertRegex(out, r'(?m)  lib/a\.py:3  f$')

    def test_memory_over_time_is_drawn(self):
        states = [area_of({('a.py', 1): live(1, size)}, end_ns=0) for size in (1000, 8000, 4000)]
        out, _ = self.ouro('report', self.record(states))
        self.assertIn(' live blocks', out)
        self.assertRegex(out, r'(?m)^ resident memory +24\.0 kB +▁+█+▄$')
        self.assertIn(' snapshots', out)


class Snapshots(Case):

    def setUp(self):
        super().setUp()
        states = [area_of({('a.py', 1): live(number, 10 * number), ('b.py', 1): live(1, 5)}, end_ns=0) for number in (1, 4, 2)]
        self.file = self.record(states)

    def test_by_number(self):
        self.assertEqual(self.rows('report', self.file, '--snapshot', '2'), {'a.py:1': (40, 4), 'b.py:1': (5, 1)})
        self.assertEqual(self.rows('report', f'{self.file}@1'), {'a.py:1': (10, 1), 'b.py:1': (5, 1)})

    def test_by_time_the_last_that_was_taken_by_then(self):
        self.assertEqual(self.rows('report', f'{self.file}@2.9s'), {'a.py:1': (40, 4), 'b.py:1': (5, 1)})
        self.assertEqual(self.rows('report', f'{self.file}@100s'), {'a.py:1': (20, 2), 'b.py:1': (5, 1)})

    def test_what_there_is_not(self):
        self.refused('report', f'{self.file}@0.5s', words=['no snapshot', '0.5s'])
        self.refused('report', f'{self.file}@4', words=['no snapshot 4', 'has 3'])
        self.refused('report', f'{self.file}@soon', words=['12.5s', 'soon'])
        self.refused('report', self.file, '--snapshot', '1', '--measure', 'peak', words=['--measure peak'])
        self.refused('report', f'{self.file}@1', '--snapshot', '1', words=['--snapshot'])

    def test_the_list(self):
        answer = self.asked('report', self.file)
        self.assertEqual([(one['number'], one['seconds'], one['live']['bytes']) for one in answer['processes'][0]['snapshots']],
                         [(1, 1, 15), (2, 2, 45), (3, 3, 25)])


class Usage(Case):

    def test_each_wrong_use_says_what_is_right(self):
        file = self.write(program())
        self.refused('report', words=['recording or process'])
        self.refused('report', 'absent.ouro', words=['absent.ouro'])
        self.refused('report', file, '--by', 'colour', words=['--by', 'line', 'stack', 'colour'])
        self.refused('report', file, '--measure', 'all', words=['live', 'end', 'all'])
        self.refused('report', file, '--limit', '-1', words=['--limit', 'number'])
        self.refused('report', file, '--min-bytes', 'much', words=['--min-bytes', 'size'])
        self.refused('report', file, '--domain', 'heap', words=['malloc', 'object', 'heap'])
        self.refused('report', file, '--colour', words=['--colour', '--help'])
        self.refused('report', file, '--by', words=['--by', 'value'])
        self.refused('tree', file, '--by', 'type', words=['line or function'])
        self.refused('tree', file, '--share', 'x', words=['percentage'])
        self.refused('tree', file, file, words=['one recording'])
        self.refused('leaks', file, '--measure', 'live', words=['--measure'])

    def test_help_lists_the_options_of_the_command(self):
        out, _ = self.ouro('report', '--help')
        self.assertIn('--cumulative', out)
        self.assertNotIn('--inverted', out)
        for command in ('report', 'diff', 'tree', 'flame', 'pins', 'leaks', 'check'):
            out, _ = self.ouro(command, '--help')
            self.assertTrue(out.startswith(f'usage: ouro {command} '), out)
            self.assertLessEqual(max(map(len, out.splitlines())), 130)
