#!/usr/bin/env python3
"""Writes the recordings with which fuzzing begins: small ones of each kind of content, their chunks not compressed (zstd's command
unpacks them).

usage: seeds.py RECORDING_TOOL DIRECTORY"""

import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'tests' / 'recording'))
import make_area

CHUNK = struct.Struct('<IHHIII12x')


def plain(data):
    """A recording with every chunk stored as it is."""
    out, at = bytearray(data[:16]), 16
    while at < len(data):
        mark, kind, codec, stored, _, _ = CHUNK.unpack_from(data, at)
        content = data[at + CHUNK.size:at + CHUNK.size + stored]
        at += CHUNK.size + stored
        if codec:
            content = subprocess.run(['zstd', '-dcq'], input=content, stdout=subprocess.PIPE, check=True).stdout
        header = [mark, kind, 0, len(content), len(content), 0]
        header[5] = zlib.crc32(CHUNK.pack(*header) + content)
        out += CHUNK.pack(*header) + content
    return bytes(out)


def main():
    tool, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    example, sampled = make_area.example(), make_area.example(make_area.SAMPLE)
    seeds = {'exact': [example], 'sampled': [sampled], 'growing': [example, make_area.grown(make_area.example(), 20)],
             'again': [make_area.grown(make_area.example(), 5), make_area.example(started_ns=1_500_000_000)],
             'empty': [make_area.Area()]}
    with tempfile.TemporaryDirectory() as temporary:
        for name, areas in seeds.items():
            paths = []
            for i, area in enumerate(areas):
                paths.append(pathlib.Path(temporary, f'{name}.{i}'))
                paths[-1].write_bytes(area.bytes())
            made = pathlib.Path(temporary, f'{name}.ouro')
            subprocess.run([tool, 'record', made, *paths], check=True)
            (folder / name).write_bytes(plain(made.read_bytes()))
            (folder / f'{name}-packed').write_bytes(made.read_bytes())


if __name__ == '__main__':
    main()
