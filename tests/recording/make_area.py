#!/usr/bin/env python3
"""Writes an area (src/trace/area.h) with known content: what the tests of readers and reports work on.

usage: make_area.py FILE [--sampled] [--grow N]

`Area` builds one table by table; `example` is a small one with Python frames, native ones, threads, pins and objects. --grow N adds N
sites of one line each, for tests of size."""

import argparse
import pathlib
import struct
import time

MAGIC = 0x616572616F72756F
PAGE, CHUNK, HEAD = 4096, 64 * 1024, 64
STRINGS, FRAMES, NODES, SITES, MODULES, THREADS, PINS = range(7)
FORMATS = ['<s', '<IIIIQ', '<II', '<IHBBII13Q8x', '<QQQII', '<Q16s', '<QIIQQQIIII']
ENTRY_BYTES = [1, 24, 8, 128, 32, 24, 56]
PYTHON, NATIVE, SOURCE = 1, 2, 3
EXACT, SAMPLE = 1, 2
WHOLE_ARENA = 0xFFFFFFFF

# The fields of the page behind its magic, in order: (name, format).
FIELDS = [('version', 'I'), *((f'entry_{i}', 'I') for i in range(7)), ('pid', 'i'), ('parent', 'i'), ('state', 'I'), ('mode', 'I'),
          ('frames', 'I'), ('native', 'I'), ('sample_bytes', 'Q'), ('temporary_within', 'I'),
          ('generation', 'I'), ('broken', 'I'), ('chunks', 'I'), *((f'count_{i}', 'Q') for i in range(7)), ('live', 'Q'),
          ('live_bytes', 'Q'), ('peak', 'Q'), ('peak_bytes', 'Q'), ('allocs', 'Q'), ('bytes', 'Q'), ('peak_mark', 'I'), ('lost', 'Q'),
          ('own_bytes', 'Q'), ('started_ns', 'Q'), ('start_realtime_ns', 'Q'), ('peak_ns', 'Q'), ('end_ns', 'Q'),
          ('pins_ns', 'Q'), ('pins_writes', 'I'), ('asked', 'I'), ('answered', 'I'), ('wish', 'I'), ('wish_mode', 'I'),
          ('wish_frames', 'I'), ('wish_native', 'I'), ('wish_sample', 'Q'),
          ('python', '32s'), ('command', '1024s')]


def offsets():
    """{field: (offset, format)}, each field aligned to its size as a C compiler does it."""
    place, at = {}, 8
    for name, code in FIELDS:
        size = struct.calcsize('<' + code)
        align = 1 if code.endswith('s') else 64 if name == 'live' else size
        at = -(-at // align) * align
        place[name] = (at, code)
        at += size
    return place


PLACE = offsets()


class Area:
    """An area under construction. Entries are called by their numbers, as in the file."""

    def __init__(self, **page):
        self.strings = bytearray()
        self.names = {}
        self.entries = {table: [] for table in range(FRAMES, PINS + 1)}
        self.page = {'version': 1, 'pid': 4711, 'parent': 4710, 'state': 2, 'mode': EXACT, 'frames': 25, 'peak_mark': 7,
                     'temporary_within': 1, 'started_ns': 1_000_000_000, 'start_realtime_ns': 1_700_000_000_000_000_000,
                     'peak_ns': 2_500_000_000, 'end_ns': 3_000_000_000, 'python': b'3.11.2',
                     'command': b'python3\0app.py\0--fast\0'} | page
        self.page |= {f'entry_{i}': size for i, size in enumerate(ENTRY_BYTES)}
        self.totals = dict.fromkeys(('live', 'live_bytes', 'peak', 'peak_bytes', 'allocs', 'bytes'), 0)
        self.string('')
        self.add(FRAMES, 0, 0, 0, 0, 0)
        self.add(NODES, 0, 0)
        self.site(0, allocs=(0, 0))

    def string(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        if data not in self.names:
            self.names[data] = len(self.strings)
            self.strings += struct.pack('<I', len(data)) + data + b'\0'
            self.strings += bytes(-len(self.strings) % 4)
        return self.names[data]

    def add(self, table, *values):
        self.entries[table].append(values)
        return len(self.entries[table]) - 1

    def python(self, file, function, line):
        return self.add(FRAMES, PYTHON, line, self.string(file), self.string(function), 0)

    def source(self, file, function, line):
        return self.add(FRAMES, SOURCE, line, self.string(file), self.string(function), 0)

    def native(self, address, generation=0):
        return self.add(FRAMES, NATIVE, generation, 0, 0, address)

    def stack(self, *frames):
        """The node of a stack of frames, outermost first."""
        node = 0
        for frame in frames:
            found = [i for i, entry in enumerate(self.entries[NODES]) if i and entry == (node, frame)]
            node = found[0] if found else self.add(NODES, node, frame)
        return node

    def site(self, node, allocs=(0, 0), live=(0, 0), temporary=(0, 0), peak=None, end=None, samples=0, variance=0.0,
             live_variance=0.0, thread=0, size_class=1, domain=0, type_=''):
        """Tallies are (count, bytes). peak None: what is live was the peak, and the mark is an old one."""
        unit = 256 if self.page['mode'] == SAMPLE else 1
        at_peak = live if peak is None else peak
        for name, value in (('live', live), ('peak', at_peak), ('allocs', allocs)):
            self.totals[name] += value[0] * unit
            self.totals['bytes' if name == 'allocs' else name + '_bytes'] += value[1]
        counts = []
        for count, size in (allocs, live, temporary, peak or (0, 0), end or live):
            counts += [count * unit, size]
        bits = [struct.unpack('<Q', struct.pack('<d', value))[0] for value in (variance, live_variance)]
        mark = self.page['peak_mark'] if peak is not None else 0
        return self.add(SITES, node, thread, size_class, domain, self.string(type_), mark, *counts, samples, *bits)

    def bytes(self):
        tables = {STRINGS: bytes(self.strings)}
        for table, rows in self.entries.items():
            tables[table] = b''.join(struct.pack(FORMATS[table], *row) for row in rows)
        chunks = b''
        for table, data in tables.items():
            room = (CHUNK - HEAD) // ENTRY_BYTES[table] * ENTRY_BYTES[table]
            for index, at in enumerate(range(0, len(data), room)):
                chunk = struct.pack('<II', table, index).ljust(HEAD, b'\0') + data[at:at + room]
                chunks += chunk.ljust(CHUNK, b'\0')
        page = bytearray(PAGE)
        struct.pack_into('<Q', page, 0, MAGIC)
        values = self.totals | {f'count_{table}': len(data) // ENTRY_BYTES[table] for table, data in tables.items()}
        for name, value in (values | {'chunks': len(chunks) // CHUNK} | self.page).items():
            at, code = PLACE[name]
            struct.pack_into('<' + code, page, at, value)
        return bytes(page) + chunks


def example(mode=EXACT, **page):
    """Python code with native frames below it, two threads, a type, pins."""
    area = Area(mode=mode, native=1, sample_bytes=512 * 1024, pins_ns=2_900_000_000, pins_writes=2, **page)
    area.add(THREADS, 4711, b'python3')
    area.add(THREADS, 4712, b'worker-thread-16')
    area.add(MODULES, 0x400000, 0x500000, 0x1000, area.string('/usr/lib/libexample.so.1'), 0)
    area.add(MODULES, 0x400000, 0x480000, 0x0, area.string('/usr/lib/libother.so.2'), 3)
    main = area.python('app.py', '<module>', 3)
    load = area.python('app.py', 'load', 10)
    parse = area.python('/usr/lib/python3.11/json/decoder.py', 'JSONDecoder.decode', 337)
    session = area.python('app.py', 'Session.__init__', 22)
    bad = area.python(b'na\xefve.py', 'caf\u00e9', 5)
    inner, outer = area.native(0x401234), area.native(0x402000, 3)
    extra = {'samples': 10, 'variance': 1e12, 'live_variance': 5e11} if mode == SAMPLE else {}
    area.site(area.stack(main, load), allocs=(1000, 64000), live=(10, 640), peak=(900, 57600), temporary=(800, 51200), **extra)
    area.site(area.stack(main, load, parse), allocs=(5000, 400000), live=(5000, 400000), domain=3, **extra)
    area.site(area.stack(main, session), allocs=(300, 120000), live=(75, 30000), peak=(300, 120000), end=(70, 28000), thread=1,
              domain=3, type_='Session', **extra)
    area.site(area.stack(main, load, outer, inner), allocs=(2, 2_000_000), live=(1, 1_000_000), peak=(2, 2_000_000),
              size_class=0, **extra)
    area.site(area.stack(bad), allocs=(7, 777), live=(7, 777), domain=1, **extra)
    area.site(area.stack(area.source('server.c', 'accept_client', 88)), allocs=(4, 4096), live=(0, 0), peak=(4, 4096), domain=4, **extra)
    area.add(PINS, 0x7F0000000000, WHOLE_ARENA, 85, 30640, 100000, 0, 3, 1500, 10, 40)
    area.add(PINS, 0x7F0000000000, 3, 75, 30000, 90000, 81920, 2, 1500, 100, 0)
    area.add(PINS, 0x7F0000000000, 1, 10, 640, 10000, 8192, 1, 900, 10, 0)
    area.add(PINS, 0, 4, 1, 1_000_000, 3456, 1_003_520, 0, 700, 700, 0)
    return area


def grown(area, count):
    """Add `count` lines, each with a site."""
    for i in range(count):
        node = area.add(NODES, 0, area.python(f'module_{i % 100}.py', f'function_{i}', i))
        area.site(node, allocs=(i + 2, 64 * (i + 2)), live=(i, 64 * i), size_class=1 + i % 40)
    return area


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('file', type=pathlib.Path)
    parser.add_argument('--sampled', action='store_true')
    parser.add_argument('--grow', type=int, default=0)
    options = parser.parse_args()
    area = example(SAMPLE if options.sampled else EXACT, start_realtime_ns=time.time_ns() - 5_000_000_000)
    options.file.write_bytes(grown(area, options.grow).bytes())


if __name__ == '__main__':
    main()
