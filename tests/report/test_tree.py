"""`ouro tree` and `ouro flame`."""

import re
import xml.etree.ElementTree

from common import Area, Case, area_of, live, make_area


def calls():
    """main calls load (which calls parse) and save; both allocate by themselves as well; tiny is below one per cent."""
    area = Area()
    main, load, parse, save, tiny = (area.python('a.py', name, line) for line, name in
                                     enumerate(('main', 'load', 'parse', 'save', 'tiny'), 1))
    area.site(area.stack(main, load), **live(1, 100))
    area.site(area.stack(main, load, parse), **live(6, 600))
    area.site(area.stack(main, save), **live(2, 200))
    area.site(area.stack(main, save, parse), **live(1, 95))
    area.site(area.stack(main, tiny), **live(1, 5))
    return area


def lines_of(out):
    """(total, share, own, drawing) of each line below the heads."""
    found = []
    for line in out.splitlines()[2:]:
        found.append((line[:11].strip(), line[11:19].strip(), line[19:30].strip(), line[32:]))
    return found


class Tree(Case):

    def test_callers_have_what_their_calls_have(self):
        out, _ = self.ouro('tree', self.write(calls()))
        self.assertEqual(lines_of(out), [
            ('1.0 kB', '100.0 %', '', 'a.py:1  main'),
            ('700 B', '70.0 %', '100 B', '├─ a.py:2  load'),
            ('600 B', '60.0 %', '600 B', '│  a.py:3  parse'),
            ('295 B', '29.5 %', '200 B', '└─ a.py:4  save'),
            ('95 B', '9.5 %', '95 B', '   a.py:3  parse')])

    def test_the_share_below_which_it_is_cut(self):
        out, _ = self.ouro('tree', self.write(calls()), '--share', '0.1')
        self.assertIn(('5 B', '0.5 %', '5 B', '└─ a.py:5  tiny'), lines_of(out))
        out, _ = self.ouro('tree', 'a.area', '--share', '65')
        self.assertEqual([line[3] for line in lines_of(out)], ['a.py:1  main', 'a.py:2  load'])

    def test_inverted_it_goes_from_those_who_allocate_to_their_callers(self):
        out, _ = self.ouro('tree', self.write(calls()), '--inverted')
        self.assertEqual(lines_of(out), [
            ('695 B', '69.5 %', '', '├─ a.py:3  parse'),
            ('600 B', '60.0 %', '', '│  ├─ a.py:2  load'),
            ('600 B', '60.0 %', '600 B', '│  │  a.py:1  main'),
            ('95 B', '9.5 %', '', '│  └─ a.py:4  save'),
            ('95 B', '9.5 %', '95 B', '│     a.py:1  main'),
            ('200 B', '20.0 %', '', '├─ a.py:4  save'),
            ('200 B', '20.0 %', '200 B', '│  a.py:1  main'),
            ('100 B', '10.0 %', '', '└─ a.py:2  load'),
            ('100 B', '10.0 %', '100 B', '   a.py:1  main')])

    def test_plain_lines_where_the_locale_is_plain(self):
        out, _ = self.ouro('tree', self.write(calls()), env={'LC_ALL': 'C'})
        self.assertIn('|- a.py:2  load', out)
        self.assertTrue(out.isascii())

    def test_by_function_lines_of_one_are_together(self):
        area = Area()
        for line in (1, 2):
            area.site(area.stack(area.python('a.py', 'main', line), area.python('a.py', 'f', 7)), **live(1, 10))
        out, _ = self.ouro('tree', self.write(area), '--by', 'function')
        self.assertEqual([line[3] for line in lines_of(out)], ['main  a.py', 'f  a.py'])

    def test_filters(self):
        out, _ = self.ouro('tree', self.write(calls()), '--include', 'a.py:3')
        self.assertEqual(lines_of(out)[0], ('695 B', '100.0 %', '', 'a.py:1  main'))

    def test_what_has_no_stack_is_there(self):
        area = calls()
        area.site(0, **live(1, 1000))
        out, _ = self.ouro('tree', self.write(area))
        self.assertEqual(lines_of(out)[-1], ('1.0 kB', '50.0 %', '1.0 kB', '└─ (no stack)'))

    def test_nothing(self):
        out, _ = self.ouro('tree', self.write(Area()))
        self.assertIn(' nothing\n', out)
        out, _ = self.ouro('tree', self.write(area_of({(f'{i}.py', 1): live(1, 1) for i in range(10)})), '--share', '20')
        self.assertIn(' nothing has a share of 20 % or more', out)


class Wrappers(Case):
    """Frames that only hand out memory. Without symbols, they are known by their library."""

    def setUp(self):
        super().setUp()
        area = Area(native=1)
        area.add(make_area.MODULES, 0x400000, 0x500000, 0, area.string('/opt/app/bin/server'), 0)
        area.add(make_area.MODULES, 0x700000, 0x800000, 0, area.string('/nowhere/libc.so.6'), 0)
        area.add(make_area.MODULES, 0x900000, 0xA00000, 0, area.string('/nowhere/libstdc++.so.6'), 0)
        app, libc, cxx, python = area.native(0x401000), area.native(0x701000), area.native(0x901000), area.python('a.py', 'f', 1)
        area.site(area.stack(python, app, libc, cxx, libc), **live(1, 10))
        area.site(area.stack(libc, app), **live(1, 20))
        area.site(area.stack(libc), **live(1, 40))
        area.site(area.stack(python), **live(1, 80))
        self.file = self.write(area)

    def test_a_stack_begins_with_the_line_that_asked(self):
        self.assertEqual(self.rows('report', self.file),
                         {'[server+0x1000]': (30, 2), '[libc.so.6+0x1000]': (40, 1), 'a.py:1': (80, 1)})

    def test_raw_it_begins_where_it_does(self):
        self.assertEqual(self.rows('report', self.file, '--raw-frames'),
                         {'[server+0x1000]': (20, 1), '[libc.so.6+0x1000]': (50, 2), 'a.py:1': (80, 1)})

    def test_without_native_frames(self):
        self.assertEqual(self.rows('report', self.file, '--python-only'), {'a.py:1': (90, 2), '(no Python frame)': (60, 2)})

    def test_patterns_go_by_the_library_where_there_is_no_source(self):
        self.assertEqual(self.rows('report', self.file, '--include', '*/server'), {'[server+0x1000]': (30, 2)})


class Flame(Case):

    def graph(self, *arguments):
        out, _ = self.ouro('flame', *arguments)
        return xml.etree.ElementTree.fromstring(out)

    def boxes(self, root):
        """{name: (x, width, y)} of the rectangles, as shares of the whole."""
        found = {}
        for group in root.iter('{http://www.w3.org/2000/svg}g'):
            name = group.find('{http://www.w3.org/2000/svg}title').text.split('\n')[0]
            y = float(group.find('{http://www.w3.org/2000/svg}rect').get('y'))
            found.setdefault(name, []).append((float(group.get('data-x')), float(group.get('data-w')), y))
        return found

    def test_rectangles_are_as_wide_as_what_they_stand_for(self):
        boxes = self.boxes(self.graph(self.write(calls())))
        self.assertEqual({name: [box[:2] for box in of] for name, of in boxes.items()}, {
            'all': [(0, 1)], 'main (a.py:1)': [(0, 1)], 'load (a.py:2)': [(0, 0.7)], 'save (a.py:4)': [(0.7, 0.295)],
            'tiny (a.py:5)': [(0.995, 0.005)], 'parse (a.py:3)': [(0, 0.6), (0.7, 0.095)]})
        self.assertLess(boxes['main (a.py:1)'][0][2], boxes['load (a.py:2)'][0][2])

    def test_inverted(self):
        boxes = self.boxes(self.graph(self.write(calls()), '--inverted'))
        self.assertEqual(boxes['parse (a.py:3)'][0][:2], (0, 0.695))

    def test_titles_say_how_much(self):
        out, _ = self.ouro('flame', self.write(calls()))
        self.assertIn('<title>load (a.py:2)\n700 B, 70.0 %, 7 blocks</title>', out)

    def test_it_needs_nothing_else(self):
        out, _ = self.ouro('flame', self.write(calls()))
        self.assertEqual(set(re.findall(r'https?://[^"]+', out)), {'http://www.w3.org/2000/svg'})

    def test_names_of_any_bytes(self):
        area = Area(command=b'a<b>\0&"\xff\0')
        area.site(area.stack(area.python(b'<x>&\xfe\x01.py', '<module>', 1)), **live(1, 10))
        self.assertIn('<module> (<x>&??.py:1)', self.boxes(self.graph(self.write(area))))

    def test_files_stay_small(self):
        area = Area()
        for line in range(1000):
            node = 0
            for depth in range(6):
                node = area.add(make_area.NODES, node, area.python(f'folder/module_{line}.py', f'function_{line}', depth + 1))
            area.site(node, **live(1, 100))
        out, _ = self.ouro('flame', self.write(area))
        self.assertLess(len(out), 2_000_000)
        self.assertEqual(len(re.findall('<g ', out)), 4001)

    def test_a_file_is_overwritten_only_when_told(self):
        file = self.write(calls())
        self.ouro('flame', file, '-o', 'x.svg')
        self.assertTrue((self.folder / 'x.svg').read_text().startswith('<?xml'))
        (self.folder / 'x.svg').write_text('mine')
        self.refused('flame', file, '-o', 'x.svg', words=['x.svg', '--force'])
        self.assertEqual((self.folder / 'x.svg').read_text(), 'mine')
        self.ouro('flame', file, '--output', 'x.svg', '--force')
        self.assertTrue((self.folder / 'x.svg').read_text().startswith('<?xml'))
        self.refused('flame', file, '-o', 'absent/x.svg', words=['cannot write'])
        self.refused('flame', file, '--force', words=['--output'])
