"""The format of recordings: what goes in comes out, and nothing that is in a file makes the reader stumble."""

import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

import make_area

TOOL = os.environ['OURO_TEST_TOOL']
HEAD, CHUNK = 16, struct.Struct('<IHHIII12x')
MARK, INDEX = 0x6B6E6863, 15

# What a recording says otherwise than the area that it was made of, or has in addition.
OWN = ('seconds', 'ended', 'points', 'snapshots', 'heap')


def run_tool(*arguments):
    return subprocess.run([TOOL, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)


def number(value):
    """A number as recordings have it."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def chunk(kind, data):
    header = [MARK, kind, 0, len(data), len(data), 0]
    header[5] = zlib.crc32(CHUNK.pack(*header) + data)
    return CHUNK.pack(*header) + data


def chunks_of(data):
    """(kind, raw bytes with the header) of each chunk."""
    found, at = [], HEAD
    while at < len(data):
        _, kind, _, stored, _, _ = CHUNK.unpack_from(data, at)
        found.append((kind, data[at:at + CHUNK.size + stored]))
        at += CHUNK.size + stored
    return found


def recording_of(head, chunks):
    """A closed recording of these chunks."""
    out, index = bytearray(head), b''
    for kind, data in chunks:
        index += number(kind) + number(len(out))
        out += data
    return bytes(out) + chunk(INDEX, number(len(chunks)) + index)


class Case(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='ouro-test-'))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, area):
        path = self.folder / name
        path.write_bytes(area if isinstance(area, bytes) else area.bytes())
        return path

    def record(self, *areas, name='made.ouro'):
        paths = [self.write(f'{name}.{i}.area', area) for i, area in enumerate(areas)]
        done = run_tool('record', self.folder / name, *paths)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.folder / name

    def dump(self, path):
        done = run_tool('dump', path)
        self.assertEqual(done.returncode, 0, done.stderr)
        profile = json.loads(done.stdout)
        self.assertTrue(profile['sums_fit'])
        return profile

    def assert_same(self, recording, area):
        """Equal, but for what only one of them can have."""
        self.assertTrue(recording['complete'])
        for key in sorted(set(recording) - set(OWN)):
            self.assertEqual(recording[key], area[key], key)

    def assert_refused(self, path, *words):
        done = run_tool('dump', path)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.decode(), r'\Aouro: [^\n]+\n\Z')
        for word in words:
            self.assertIn(word, done.stderr.decode())


class RoundTrip(Case):
    def test_the_example_writer_and_the_headers_agree(self):
        file, sizes, places = run_tool('layout').stdout.decode().splitlines()
        self.assertEqual([int(size) for size in file.split()], [make_area.PAGE, make_area.CHUNK, make_area.HEAD])
        self.assertEqual([int(size) for size in sizes.split()], make_area.ENTRY_BYTES[1:])
        names = ('count_0', 'live', 'pins_ns', 'wish_sample', 'command')
        self.assertEqual([int(place) for place in places.split()], [make_area.PLACE[name][0] for name in names])

    def test_an_area_says_what_was_put_into_it(self):
        area = self.dump(self.write('a.area', make_area.example()))
        self.assertEqual(area['command'], ['python3', 'app.py', '--fast'])
        self.assertEqual(area['python'], '3.11.2')
        self.assertEqual((area['ended'], area['seconds'], area['end_seconds'], area['peak_seconds']), (True, 2, 2, 1.5))
        self.assertEqual(area['live'], [5093, 1431417])
        self.assertEqual([frame['function'] for frame in area['frames'][1:4]], ['<module>', 'load', 'JSONDecoder.decode'])
        self.assertEqual(area['sites'][1]['of'], [[10, 640], [900, 57600], [1000, 64000], [800, 51200], [10, 640]])
        self.assertEqual(area['sites'][2]['of'][1], [5000, 400000], 'what is live was live at the peak')
        self.assertEqual(area['sites'][3]['type'], 'Session')
        self.assertEqual(area['threads'], [[4711, 'python3'], [4712, 'worker-thread-16']])

    def test_a_native_frame_is_found_in_the_module_of_its_time(self):
        frames = self.dump(self.write('a.area', make_area.example()))['frames']
        native = {frame['run_address']: frame for frame in frames if frame['kind'] == make_area.NATIVE}
        self.assertEqual((native[0x401234]['module'], native[0x401234]['address']), ('/usr/lib/libexample.so.1', 0x2234))
        self.assertEqual((native[0x402000]['module'], native[0x402000]['address']), ('/usr/lib/libother.so.2', 0x2000))

    def test_a_recording_says_what_its_area_says(self):
        for mode in (make_area.EXACT, make_area.SAMPLE):
            with self.subTest(mode=mode):
                area = make_area.example(mode)
                path = self.record(area, name=f'{mode}.ouro')
                self.assert_same(self.dump(path), self.dump(self.write('a.area', area)))

    def test_sampled_counts_are_in_blocks(self):
        area = self.dump(self.write('a.area', make_area.example(make_area.SAMPLE)))
        self.assertEqual(area['sites'][2]['of'][0], [5000, 400000])
        self.assertEqual(area['live'][0], 5093)

    def test_a_recording_follows_its_area(self):
        states = [make_area.grown(make_area.example(), count) for count in (0, 10, 700)]
        path = self.record(*states)
        recording = self.dump(path)
        self.assert_same(recording, self.dump(self.write('last.area', states[-1])))
        self.assertEqual([snapshot['label'] for snapshot in recording['snapshots']], ['interval', 'interval', 'end'])
        for i, state in enumerate(states):
            area = self.dump(self.write('a.area', state))
            live = {}
            for snapshot in recording['snapshots'][:i + 1]:
                live |= {site: tally for site, tally in snapshot['changes']}
            self.assertEqual({site: tally for site, tally in live.items() if tally != [0, 0]},
                             {i: site['of'][0] for i, site in enumerate(area['sites']) if site['of'][0] != [0, 0]})

    def test_a_table_larger_than_a_chunk(self):
        area = make_area.grown(make_area.Area(), 40000)
        path = self.record(area)
        self.assert_same(self.dump(path), self.dump(self.write('a.area', area)))
        self.assertLess(path.stat().st_size, 40000 * 30)

    def test_tracing_that_was_started_again_begins_anew(self):
        old, new = make_area.grown(make_area.example(), 50), make_area.example(started_ns=1_500_000_000)
        recording = self.dump(self.record(old, new))
        self.assert_same(recording, self.dump(self.write('a.area', new)))
        self.assertEqual(len(recording['snapshots']), 1)

    def test_a_cleared_trace_whose_sites_are_others_begins_anew(self):
        old, new = make_area.example(), make_area.example()
        rows = new.entries[make_area.SITES]
        rows[1:] = reversed(rows[1:])
        self.assert_same(self.dump(self.record(old, new)), self.dump(self.write('a.area', new)))

    def test_snapshots_are_thinned_out(self):
        path = self.record(*[make_area.grown(make_area.Area(), 1)] * 700)
        recording = self.dump(path)
        self.assertLessEqual(len(recording['snapshots']), 301)
        self.assertGreaterEqual(len(recording['snapshots']), 200)
        self.assertEqual(recording['snapshots'][-1]['label'], 'end')


class Damage(Case):
    def small(self):
        return self.record(make_area.example(), make_area.grown(make_area.example(), 3))

    def test_cut_at_every_byte_it_is_read_to_the_last_whole_chunk(self):
        self.assertEqual(run_tool('cuts', self.small(), self.folder / 'copy').returncode, 0)

    def test_a_recording_without_its_end_says_so(self):
        path = self.small()
        path.write_bytes(path.read_bytes()[:-1])
        done = run_tool('dump', path)
        self.assertFalse(json.loads(done.stdout)['complete'])
        self.assertRegex(done.stderr.decode(), r'\Aouro: [^\n]+ last whole chunk\n\Z')

    def test_changed_bytes_are_noticed_and_never_fatal(self):
        self.assertEqual(run_tool('flips', self.small(), self.folder / 'copy').returncode, 0)
        area = self.write('a.area', make_area.example())
        self.assertEqual(run_tool('flips', area, self.folder / 'copy').returncode, 0)

    def test_no_change_inside_a_chunk_goes_unnoticed(self):
        data = bytearray(self.small().read_bytes())
        for at in range(HEAD, len(data), 13):
            data[at] ^= 4
            self.assertFalse(self.dump(self.write('changed.ouro', bytes(data)))['complete'], at)
            data[at] ^= 4

    def test_unknown_chunks_are_passed_over(self):
        data = self.small().read_bytes()
        parts = [part for part in chunks_of(data) if part[0] != INDEX]
        parts[3:3] = [(99, chunk(99, b'of a newer writer'))]
        self.assertEqual(self.dump(self.write('new.ouro', recording_of(data[:HEAD], parts))),
                         self.dump(self.folder / 'made.ouro'))

    def test_an_index_that_does_not_fit_is_no_end(self):
        data = self.small().read_bytes()
        parts = chunks_of(data)
        short = data[:HEAD] + b''.join(part for _, part in parts[:3] + parts[4:])
        self.assertFalse(self.dump(self.write('short.ouro', short))['complete'])

    def test_a_newer_version_is_refused(self):
        data = bytearray(self.small().read_bytes())
        struct.pack_into('<I', data, 8, 2)
        self.assert_refused(self.write('new.ouro', bytes(data)), 'newer ouro')

    def test_what_is_no_recording_is_refused(self):
        self.assert_refused(self.write('text', b'not a recording at all'), 'is no recording')
        self.assert_refused(self.write('empty', b''), 'is no recording')
        self.assert_refused(self.folder, 'is no recording')
        self.assert_refused(self.folder / 'absent', 'No such file')
        self.assert_refused('999999999', 'no process')

    def test_areas_that_lie(self):
        def lie(area, **page):
            area.page |= page
            return self.dump(self.write('a.area', area))

        room = (make_area.CHUNK - make_area.HEAD) // make_area.ENTRY_BYTES[make_area.SITES]
        self.assertEqual(len(lie(make_area.example(), count_3=1 << 40)['sites']), room)
        self.assertEqual(lie(make_area.example(), count_0=0)['frames'][1]['function'], '')
        self.assertEqual(len(lie(make_area.example(), chunks=0)['sites']), 1)
        self.assertEqual(lie(make_area.example(), chunks=0xFFFFFFFF, count_1=0)['nodes'][1], [0, 0])
        looped = make_area.example()
        looped.entries[make_area.NODES][2] = (5, 1 << 30)
        self.assertEqual(lie(looped)['nodes'][2], [0, 0])
        written = make_area.example()
        self.assertEqual(lie(written, pins_writes=3)['pins'], [], 'pins that are being written are left out')
        data = make_area.example().bytes()
        self.dump(self.write('cut.area', data[:3 * make_area.CHUNK]))
        self.assert_refused(self.write('short.area', data[:1000]), 'damaged')
        self.assert_refused(self.write('old.area', data[:8] + b'\7' + data[9:]), 'damaged')


if __name__ == '__main__':
    unittest.main()
