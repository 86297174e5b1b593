/* cli/profile/recording.h - the format of a recording, PROGRAM.PID.ouro.
 *
 *     head       16 bytes: magic, version
 *     chunk      header of 32 bytes, then `stored` bytes, which unpack to `raw`
 *     chunk
 *     ...
 *     INDEX      the last chunk of a recording that was closed
 *
 * It is only ever appended to, chunk by chunk, each in one write. A chunk can be checked and unpacked without the others; what
 * it says builds on those before it. So a file that ends anywhere, because the program, ouro or the machine died, or because the
 * disk was full, is read up to its last whole chunk. All numbers in headers are little-endian.
 *
 * A recording follows the tables of an area (trace/area.h) and says what was added to them and what changed. A reader passes
 * over kinds of chunks, and facts, that it does not know, and takes fields that are missing as 0: so a newer writer may add
 * both. What cannot be understood without knowing something new gets a new version, which older readers refuse.
 *
 * What is in a chunk: numbers are of variable length, differences signed (bytes.h); N(x) is a number, D(x) the difference of x
 * from the same field of the entry before it in the chunk, at first 0. Entries go on to the end of the chunk.
 *
 *     FACTS      N(bytes) python, N(bytes) command, then of each fact N(ouro__fact), N(value): the last one holds
 *     STRINGS    N(offset), then bytes: the area's table from there on
 *     MODULES    N(first), then N(start) N(end) N(offset) N(path) N(generation) of each
 *     FRAMES     N(first), then N(kind) N(line) D(file) D(function) D(address)
 *     NODES      N(first), then N(node - parent) D(frame)
 *     THREADS    N(first), then N(id), name in 16 bytes
 *     SITES      N(first), then D(node) N(thread) N(class) N(domain) N(type)
 *     COUNTS     D(site), N(mask); for each counter in the mask, lowest first, the signed difference from what it was before,
 *                or, of variances, the 8 bytes. A counter that was never mentioned is 0
 *     SNAPSHOT   N(ns since tracing began), N(bytes) label: what sites have now is a snapshot
 *     POINTS     D(ns) D(live bytes) D(heap held) D(resident)
 *     PINS       N(ns), then D(arena) D(site) N(blocks) D(bytes) D(kept) D(sole) N(pools) N(oldest) N(youngest) N(held pages):
 *                the whole table, which replaces the one before; a table that needs several chunks has the same ns in all
 *     HEAP       JSON of the heap as the process wrote it last: the last one holds
 *     SYMBOLS    N(frames in all tables), then of each native frame, and of those that were inlined into them and have numbers
 *                from there on, D(frame) N(kind) N(line) D(address) D(run address) N(generation) N(caller), and N(bytes) of
 *                function, file, module
 *     RESET      nothing: tracing began anew, all tables are empty
 *     INDEX      N(chunks before it), then of each N(kind) N(offset) */
#ifndef OURO_CLI_PROFILE_RECORDING_H
#define OURO_CLI_PROFILE_RECORDING_H

#include <stdint.h>

#include "cli/profile/profile.h"

#define OURO_RECORDING_MAGIC UINT64_C(0x4345526f72756f7f) /* DEL "ouroREC" */
#define OURO_RECORDING_VERSION 1
#define OURO_CHUNK_MARK UINT32_C(0x6b6e6863) /* "chnk" */
#define OURO_CHUNK_MOST (64u * 1024 * 1024) /* raw bytes */

typedef struct ouro__recording_head {
  uint64_t magic;
  uint32_t version, reserved;
} ouro__recording_head;

enum ouro__chunk_kind {
  OURO_CHUNK_FACTS = 1,
  OURO_CHUNK_STRINGS,
  OURO_CHUNK_MODULES,
  OURO_CHUNK_FRAMES,
  OURO_CHUNK_NODES,
  OURO_CHUNK_THREADS,
  OURO_CHUNK_SITES,
  OURO_CHUNK_COUNTS,
  OURO_CHUNK_SNAPSHOT,
  OURO_CHUNK_POINTS,
  OURO_CHUNK_PINS,
  OURO_CHUNK_HEAP,
  OURO_CHUNK_SYMBOLS,
  OURO_CHUNK_RESET,
  OURO_CHUNK_INDEX,
};

enum ouro__chunk_codec { OURO_CODEC_NONE = 0, OURO_CODEC_ZSTD = 1 };

typedef struct ouro__chunk {
  uint32_t mark;
  uint16_t kind;  /* ouro__chunk_kind */
  uint16_t codec; /* ouro__chunk_codec */
  uint32_t stored, raw; /* bytes */
  uint32_t check; /* CRC-32 of the header with 0 here, then of the stored bytes */
  uint32_t reserved[3];
} ouro__chunk;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "headers and doubles are written as they are in memory");
_Static_assert(sizeof(ouro__recording_head) == 16, "part of the format");
_Static_assert(sizeof(ouro__chunk) == 32, "part of the format");

/* The check of a chunk. */
uint32_t ouro__chunk_check(const ouro__chunk *chunk, const void *stored);

#define OURO_SNAPSHOTS_MOST 300 /* of those taken at intervals are shown; beyond, as many evenly spaced ones */

/* A profile of the recording `path`; `fd` is taken over. NULL: the user was told why. Native frames have their symbols where the
 * recording was closed. A recording that ends early is read as far as it goes, and the user told. */
ouro__profile *ouro__recording_profile(int fd, const char *path);

#endif
