"""speedscope, collapsed stacks, JSON, CSV: read by what reads them, or by rules taken from the format's description."""

import csv
import io
import json
import re

import common
import make_area

LIVE = {'live': 1431417, 'peak': 2582473, 'total': 2588873, 'temporary': 51200, 'end': 1429417}


class Speedscope(common.Case):
    def export(self, area, *options):
        out, _ = self.ouro('export', self.write(area), '--to', 'speedscope', *options)
        return json.loads(out)

    def check_rules(self, file):
        """What the schema of the format asks of a sampled profile."""
        self.assertEqual(file['$schema'], 'https://www.speedscope.app/file-format-schema.json')
        self.assertRegex(file['exporter'], r'^ouro@\d')
        for frame in file['shared']['frames']:
            self.assertIsInstance(frame['name'], str)
            self.assertLessEqual(frame.keys(), {'name', 'file', 'line', 'col'})
        for profile in file['profiles']:
            self.assertEqual(profile.keys(), {'type', 'name', 'unit', 'startValue', 'endValue', 'samples', 'weights'})
            self.assertEqual((profile['type'], profile['unit'], profile['startValue']), ('sampled', 'bytes', 0))
            self.assertEqual(len(profile['samples']), len(profile['weights']))
            self.assertEqual(sum(profile['weights']), profile['endValue'])
            for stack in profile['samples']:
                self.assertTrue(stack)
                self.assertTrue(all(0 <= frame < len(file['shared']['frames']) for frame in stack))

    def test_every_measure_keeps_the_rules_and_the_sums(self):
        for measure, total in LIVE.items():
            file = self.export(make_area.example(), '--measure', measure)
            self.check_rules(file)
            self.assertEqual(file['profiles'][0]['endValue'], total, measure)
            self.assertEqual(file['profiles'][0]['name'], measure)

    def test_stacks_begin_with_the_outermost_frame(self):
        file = self.export(make_area.example())
        names = [frame['name'] for frame in file['shared']['frames']]
        stacks = {tuple(names[i] for i in stack): weight
                  for stack, weight in zip(file['profiles'][0]['samples'], file['profiles'][0]['weights'])}
        self.assertEqual(stacks['<module>', 'load', 'JSONDecoder.decode'], 400000)
        self.assertEqual(stacks['<module>', 'load', 'libother.so.2+0x2000', 'libexample.so.1+0x2234'], 1000000)

    def test_sites_of_one_stack_are_one_sample(self):
        area = make_area.Area()
        node = area.stack(area.python('a.py', 'f', 1))
        area.site(node, allocs=(1, 10), live=(1, 10))
        area.site(node, allocs=(2, 40), live=(2, 40), size_class=2)
        self.assertEqual(self.export(area)['profiles'][0]['weights'], [50])

    def test_a_profile_of_nothing(self):
        self.check_rules(self.export(make_area.Area()))


class Collapsed(common.Case):
    def export(self, area, *options):
        out, _ = self.ouro('export', self.write(area), '--to', 'collapsed', *options)
        return [line.rpartition(' ')[::2] for line in out.decode().splitlines()]

    def test_every_measure_adds_up(self):
        for measure, total in LIVE.items():
            self.assertEqual(sum(int(size) for _, size in self.export(make_area.example(), '--measure', measure)), total, measure)

    def test_stacks_begin_with_the_outermost_frame(self):
        lines = dict(self.export(make_area.example()))
        self.assertEqual(lines['<module> (app.py:3);load (app.py:10)'], '640')

    def test_what_would_break_a_line_is_escaped(self):
        area = make_area.Area()
        frames = area.python('a;b.py', 'x\ny', 1), area.python('c.py', 'back\\slash', 2), area.python(b'\xffd.py', 'f', 3)
        area.site(area.stack(*frames), allocs=(1, 10), live=(1, 10))
        area.site(0, allocs=(1, 7), live=(1, 7))
        self.assertEqual(self.export(area),
                         [(r'x\x0ay (a\x3bb.py:1);back\\slash (c.py:2);f (' + '\ufffdd.py:3)', '10'), ('(no stack)', '7')])


class Json(common.Case):
    def export(self, area):
        out, _ = self.ouro('export', self.write(area), '--to', 'json')
        return json.loads(out)

    def test_what_the_area_has_is_there(self):
        area = make_area.example()
        file = self.export(area)
        self.assertEqual((file['format'], file['version'], file['pid'], file['parent']), ('ouro profile', 1, 4711, 4710))
        self.assertEqual(file['command'], ['python3', 'app.py', '--fast'])
        self.assertEqual(file['python'], '3.11.2')
        self.assertEqual(file['tracing'] | {'errno': 0}, {'mode': 'exact', 'frames': 25, 'native': True, 'sample_bytes': None,
                                                         'lost': 0, 'errno': 0})
        self.assertEqual(file['totals']['live'], [5093, LIVE['live']])
        self.assertEqual(len(file['sites']), len(area.entries[make_area.SITES]))
        self.assertEqual(len(file['stacks']), len(area.entries[make_area.NODES]))
        self.assertEqual(len(file['threads']), 2)

    def test_sites_have_all_measures(self):
        site = self.export(make_area.example())['sites'][3]
        self.assertEqual(site, {'stack': 4, 'thread': 1, 'domain': 'obj', 'class_bytes': 16, 'type': 'Session',
                                'live': [75, 30000],
                                'peak': [300, 120000], 'total': [300, 120000], 'temporary': [0, 0], 'end': [70, 28000]})

    def test_the_measures_of_all_sites_add_up(self):
        sites = self.export(make_area.example())['sites']
        self.assertEqual({name: sum(site[name][1] for site in sites) for name in LIVE}, LIVE)

    def test_pins(self):
        file = self.export(make_area.example())
        self.assertEqual(file['pins'][0], {'arena': '0x7f0000000000', 'blocks': 85, 'bytes': 30640, 'pools': 3, 'held_pages': 40,
                                           'kept_bytes': 100000, 'sole_bytes': 0, 'oldest_s': 1.5, 'youngest_s': 0.01})
        self.assertEqual([pin.get('site') for pin in file['pins']], [None, 3, 1, 4])

    def test_a_sampled_profile_has_its_variance(self):
        site = self.export(make_area.example(make_area.SAMPLE))['sites'][2]
        self.assertEqual((site['samples'], site['total_variance'], site['live_variance'], site['live']),
                         (10, 1e12, 5e11, [5000, 400000]))


class Csv(common.Case):
    def export(self, area):
        out, _ = self.ouro('export', self.write(area), '--to', 'csv')
        self.assertEqual(out.count(b'\r\n'), len(re.findall(rb'\n', out)), 'every line ends as RFC 4180 has it')
        return list(csv.DictReader(io.StringIO(out.decode(), newline=''), strict=True))

    def test_the_measures_add_up(self):
        rows = self.export(make_area.example())
        self.assertEqual({name: sum(int(row[name + '_bytes']) for row in rows) for name in LIVE}, LIVE)

    def test_a_row(self):
        row = next(row for row in self.export(make_area.example()) if row['type'])
        self.assertEqual(row, row | {'function': 'Session.__init__', 'file': 'app.py', 'line': '22', 'thread': 'worker-thread-16',
                                     'domain': 'obj', 'class_bytes': '16', 'type': 'Session', 'live_blocks': '75',
                                     'stack': '<module> (app.py:3);Session.__init__ (app.py:22)'})

    def test_fields_are_quoted(self):
        area = make_area.Area()
        area.site(area.stack(area.python('a,"b".py', 'f', 1)), allocs=(1, 10), live=(1, 10), type_=' blank')
        row, = self.export(area)
        self.assertEqual((row['file'], row['type'], row['stack']), ('a,"b".py', ' blank', 'f (a,"b".py:1)'))
