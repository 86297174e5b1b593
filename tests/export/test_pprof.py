"""pprof: `go tool pprof` shows the numbers that the area has, and what it is told of mappings, labels and comments."""

import collections
import re
import shutil
import subprocess
import unittest

import common
import make_area

GO = shutil.which('go')
LIVE, PEAK, TOTAL, TEMPORARY, END = range(5)


def sums(area, measure, name_of):
    """{name of the innermost frame: (blocks, bytes)} of what the sites of the area have, computed from its tables alone."""
    columns = {TOTAL: 6, LIVE: 8, TEMPORARY: 10, PEAK: 12, END: 14}
    found = collections.Counter(), collections.Counter()
    for site in area.entries[make_area.SITES]:
        frame = area.entries[make_area.NODES][site[0]][1]
        at = columns[LIVE] if measure == PEAK and site[5] != area.page['peak_mark'] else columns[measure]
        for counter, value in zip(found, site[at:at + 2]):
            counter[name_of(frame)] += value
    return [{name: value for name, value in counter.items() if value} for counter in found]


def text_of(area, offset):
    length = int.from_bytes(area.strings[offset:offset + 4], 'little')
    return area.strings[offset + 4:offset + 4 + length].decode(errors='replace')


def function_of(area, modules=()):
    """What pprof shall call a frame: its function; of a native one that nobody knows, its module and offset."""
    def name(number):
        kind, line, file, function, address = area.entries[make_area.FRAMES][number]
        if number == 0:
            return '(no stack)'
        if kind != make_area.NATIVE:
            return text_of(area, function)
        module, start, offset = modules[address]
        return f'{module}+{address - start + offset:#x}'
    return name


@unittest.skipUnless(GO, 'go is not installed')
class Pprof(common.Case):
    NATIVE = {0x401234: ('libexample.so.1', 0x400000, 0x1000), 0x402000: ('libother.so.2', 0x400000, 0)}

    def export(self, area, *options):
        path = self.folder / 'profile.pb.gz'
        self.ouro('export', self.write(area), '--to', 'pprof', '-o', path, '--force', *options)
        return path

    def pprof(self, path, *options):
        env = common.environment(HOME=str(self.folder), PPROF_TMPDIR=str(self.folder))
        done = subprocess.run([GO, 'tool', 'pprof', *options, str(path)], env=env, cwd=self.folder, timeout=common.PATIENCE,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, '')
        return done.stdout

    def top(self, path, index, *options):
        """{name: value} as `pprof -top` prints it."""
        units = [] if index.endswith('objects') else ['-unit=B']
        out = self.pprof(path, '-top', f'-sample_index={index}', '-nodefraction=0', '-nodecount=0', *units, *options)
        rows = out[out.index('sum%'):].splitlines()[1:]
        found = {}
        for row in rows:
            flat, _, _, _, _, name = row.split(None, 5)
            found[name.removesuffix(' (inline)')] = int(flat.removesuffix('B'))
        return {name: value for name, value in found.items() if value}

    def check(self, area, path, of):
        for index, (measure, which) in of.items():
            self.assertEqual(self.top(path, index), sums(area, measure, function_of(area, self.NATIVE))[which], index)

    def test_the_numbers_are_those_of_the_area(self):
        area = make_area.grown(make_area.example(end_ns=0), 500)
        self.check(area, self.export(area), {'inuse_space': (LIVE, 1), 'inuse_objects': (LIVE, 0), 'alloc_space': (TOTAL, 1),
                                             'alloc_objects': (TOTAL, 0)})

    def test_at_the_peak_and_at_the_end(self):
        area = make_area.example()
        for measure, number in ('peak', PEAK), ('end', END):
            path = self.export(area, '--measure', measure)
            self.check(area, path, {'inuse_space': (number, 1), 'inuse_objects': (number, 0), 'alloc_space': (TOTAL, 1)})

    def test_without_a_measure_it_is_the_end_of_a_program_that_has_ended(self):
        area = make_area.example()
        self.check(area, self.export(area), {'inuse_space': (END, 1)})
        self.check(area, self.export(area, '--measure', 'live'), {'inuse_space': (LIVE, 1)})
        killed = make_area.example(end_ns=0)
        self.check(killed, self.export(killed, '--measure', 'end'), {'inuse_space': (LIVE, 1)})

    def test_temporary_ones_alone(self):
        area = make_area.example()
        self.check(area, self.export(area, '--measure', 'temporary'), {'alloc_space': (TEMPORARY, 1), 'inuse_space': (LIVE, 1)})

    def test_by_line(self):
        path = self.export(make_area.example(end_ns=0))
        self.assertEqual(self.top(path, 'inuse_space', '-lines')['Session.__init__ app.py:22'], 30000)

    def test_callers_have_what_they_called_for(self):
        out = self.pprof(self.export(make_area.example(end_ns=0)), '-top', '-cum', '-unit=B', '-nodefraction=0')
        self.assertRegex(out, r'\n +0 +0% +\S+ +1430640B +\S+ +<module>\n')

    def test_what_was_not_recorded_is_shown(self):
        area = make_area.example(end_ns=0)
        area.entries[make_area.SITES][0] = (0, 0, 1, 0, 0, 0, 3, 300, 2, 200, *[0] * 9)
        area.totals['live_bytes'] += 200
        area.site(0, allocs=(5, 50), live=(5, 50))
        top = self.top(self.export(area), 'inuse_space')
        self.assertEqual((top['(not recorded)'], top['(no stack)']), (200, 50))

    def test_types_labels_and_comments(self):
        area = make_area.example(end_ns=0)
        raw = self.pprof(self.export(area), '-raw')
        self.assertIn('alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes[dflt]', raw)
        self.assertIn('PeriodType: space bytes\nPeriod: 1\n', raw)
        self.assertRegex(raw, r'300 +120000 +75 +30000: \d+ \d+ *\n'
                              r' +domain:\[obj\] thread:\[worker-thread-16\] type:\[Session\]\n +bytes:\[16')
        self.assertIn('Comment: ouro ', raw)
        self.assertRegex(raw, r'2 +2000000 +1 +1000000: .*\n +domain:\[malloc\] thread:\[python3\]\n +\d+ ',
                         'a large block has no size class')

    def test_a_sampled_profile_says_so(self):
        raw = self.pprof(self.export(make_area.example(make_area.SAMPLE)), '-raw')
        self.assertIn('\nPeriod: 524288\n', raw)
        self.assertIn('one byte in 524288', raw)
        self.assertEqual(self.top(self.folder / 'profile.pb.gz', 'inuse_objects')['JSONDecoder.decode'], 5000)

    def test_the_default_follows_the_measure(self):
        for measure, default in (('live', 'inuse_space'), ('total', 'alloc_space'), ('temporary', 'alloc_space'),
                                 ('peak', 'inuse_space')):
            raw = self.pprof(self.export(make_area.example(), '--measure', measure), '-raw')
            self.assertRegex(raw, default + r'/bytes\[dflt\]', measure)

    def test_mappings_have_build_ids(self):
        source = self.folder / 'a.c'
        source.write_text('int main(void) { return 0; }\n')
        program = self.folder / 'program'
        subprocess.run(['cc', '-Wl,--build-id=0x0123456789abcdef', '-o', program, source], check=True)
        area = make_area.Area(native=1)
        area.add(make_area.MODULES, 0x10000, 0x20000, 0x1000, area.string(str(program)), 0)
        area.add(make_area.MODULES, 0x30000, 0x40000, 0x2000, area.string('/gone/lib.so'), 0)
        area.add(make_area.MODULES, 0x50000, 0x60000, 0, area.string('/unused.so'), 0)
        area.site(area.stack(area.native(0x18000), area.native(0x30010)), allocs=(1, 100), live=(1, 100))
        raw = self.pprof(self.export(area), '-raw')
        self.assertRegex(raw, rf'1: 0x10000/0x20000/0x1000 {re.escape(str(program))} 0123456789abcdef \[FN\]')
        self.assertRegex(raw, r'2: 0x30000/0x40000/0x2000 /gone/lib.so +\[FN\]')
        self.assertNotIn('/unused.so', raw)
        self.assertRegex(raw, r'\d: 0x30010 M=2 lib.so\+0x2010 ')

    def test_names_of_any_bytes(self):
        area = make_area.Area()
        names = ['<module>', 'a;b', 'two\nlines', 'operator<(a, b)', '\u00fc\u4e2d', b'\xff\xfe']
        for size, name in enumerate(names, 1):
            area.site(area.stack(area.python('f.py', name, size)), allocs=(1, size), live=(1, size))
        raw = self.pprof(self.export(area), '-raw')
        for name in names[:2] + names[3:5] + ['two\ufffdlines', '\ufffd\ufffd']:
            self.assertIn(f': 0x0 {name} f.py:', raw)
        self.assertEqual(sum(self.top(self.folder / 'profile.pb.gz', 'inuse_objects').values()), len(names))
