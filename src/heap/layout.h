/* heap/layout.h - how the heap lies in memory, and what describes it.
 *
 *   the region: one range of addresses, claimed arena by arena, upwards
 *
 *   base                                                                          base + units * 64 KiB
 *   |  arena 0 (4 MiB)                    |  arena 1                            |  ...
 *   |u0|u1|u2|u3|   ...             |u63 |u64|   ...                            |
 *    |  |  +--+-- a LARGE BLOCK: a run of units of its own
 *    |  +-- a SMALL POOL: one unit, blocks of 16 bytes to 8 KiB, from its beginning on, side by side
 *    +-- a free unit: DIRTY (it may hold memory) or clean (the system has it)
 *   (a MEDIUM POOL: two, four or eight units, aligned to as many, blocks of 9 to 128 KiB)
 *
 *   beside it, never in it, flat tables with an entry for each unit or arena, so that one subtraction and one shift find them:
 *
 *   bins[unit]    2 bytes   what ouro_free needs first: where in a thread's cache blocks of this unit go; 0: the slow path
 *   pools[unit]  64 bytes   the rest; only the entry of a pool's or large block's first unit means something
 *   arenas[n]               which units are free, dirty, and the first of something
 *   sides[unit]  32 bytes   where objects with references live: a byte of state for each, which belongs to the collector
 *   a bitmap for each pool, from the table allocator (meta.h): which blocks are free, freed by others, and which system pages
 *   have been given back
 *
 * No word of the region itself belongs to the heap: an overflow cannot reach its tables, free system pages in a pool in use can
 * go back at any time, and every byte of a block is the program's.
 *
 * Invariants, by name:
 *   I-ARENA-1  dirty is a subset of free; head and free are disjoint
 *   I-ARENA-2  an arena is in the list of its number of free units, and in no other; full arenas are in none
 *   I-POOL-1   free bits set == nfree, and bits of blocks that do not exist are 0
 *   I-POOL-2   a block's bit is in at most one of free and remote
 *   I-POOL-3   0 < nfree: the pool is in its heap's list of its class and bucket; nfree == 0: in none
 *   I-POOL-4   a granule whose returned bit is set holds no byte of a block that is handed out
 *   I-HEAP-1   pools with a remote bit set are in the heap's remote queue, or about to be put there by who set the bit */
#ifndef OURO_HEAP_LAYOUT_H
#define OURO_HEAP_LAYOUT_H

#include "base/base.h"
#include "os/os.h"

#include "heap/heap.h"

#define OURO_UNIT_SHIFT OURO__UNIT_SHIFT
#define OURO_UNIT_BYTES ((size_t)1 << OURO_UNIT_SHIFT)
#define OURO_ARENA_UNITS 64u
#define OURO_ARENA_BYTES (OURO_UNIT_BYTES * OURO_ARENA_UNITS)

#define OURO_CLASSES OURO__CLASSES
#define OURO_RAW_CLASSES OURO__RAW_CLASSES   /* blocks of the program's own; see class.h for the others */
#define OURO_SMALL_CLASSES 65u               /* of the raw ones, those below this live in small pools */
#define OURO_SMALL_MAX ((size_t)8192)
#define OURO_BLOCK_MAX ((size_t)128 * 1024) /* above: large blocks */

#define OURO_NONE UINT32_MAX /* no unit, no arena */

#define OURO_BUCKETS 4u /* a class's pools that have free blocks, by how full they are; 0: fullest */

/* How long a free unit or page waits before it goes back is counted in ticks; OURO_TICKS of them are the decay time. */
#define OURO_TICKS 4u

enum { OURO_KIND_NONE = 0, OURO_KIND_SMALL, OURO_KIND_MEDIUM, OURO_KIND_MEDIUM_PART, OURO_KIND_LARGE };

typedef struct ouro__pool {
  _Atomic(uint64_t) *bits;      /* free[words], then remote[words]; see pool.h. LARGE: NULL. Constant while in use */
  _Atomic(ouro_heap *) heap;    /* who allocates from it; changes when a heap without threads is emptied by others */
  uint64_t returned;            /* a bit for each granule (4 KiB; 8 KiB in pools of 8 units) that the system has. Heap's lock */
  uint32_t next, prev;          /* units, in the list of the class and bucket; OURO_NONE ends it. Heap's lock */
  uint32_t size;                /* bytes of a block; LARGE: pages asked for; MEDIUM_PART: the first unit. Constant while in use */
  uint32_t magic;               /* ceil(2^32 / size), for dividing by it; LARGE: units of the run */
  uint16_t blocks;              /* constant while in use */
  uint16_t nfree;               /* blocks free here, not counting remote bits and caches. Heap's lock */
  uint8_t class_;               /* constant while in use */
  uint8_t bucket;               /* the list that it is in. Heap's lock */
  uint8_t words;                /* of 64 bits for `blocks`. Constant while in use */
  uint8_t taken_tick;           /* tick at which a block was last taken from here. Heap's lock */
  _Atomic uint8_t kind;         /* OURO_KIND_... */
  _Atomic uint8_t queued;       /* it is in a heap's remote queue; who sets it puts it there. Outlives the pool */
  uint8_t was_returned : 1;     /* pages of it went back while it was in use. Heap's lock */
  uint8_t scan_listed : 7;      /* it waits in a list to have free pages returned; which, plus 1. Heap's lock */
  uint8_t units;                /* of the pool. Constant while in use */
  _Atomic uint32_t remote_next; /* link of the remote queue; belongs to who set `queued`. Outlives the pool */
  uint32_t all_next, all_prev;  /* private heaps: all pools and large blocks. Others: all_next links the list to scan */
} ouro__pool;

_Static_assert(sizeof(ouro__pool) == 64, "a pool's description is one cache line");

enum { OURO_ARENA_ABSENT = 0, OURO_ARENA_LIVE, OURO_ARENA_HOLE /* somebody else's mapping lies there */ };

typedef struct ouro__arena {
  uint64_t free, dirty, head; /* a bit for each unit. Arenas' lock */
  uint64_t leaving;           /* units that somebody is returning to the system just now, neither free nor in use */
  uint32_t next, prev;        /* arenas with as many free units */
  uint8_t state;              /* OURO_ARENA_... */
  _Atomic uint8_t huge;       /* huge pages were asked for here */
  uint8_t nfree;              /* free units: popcount(free) */
} ouro__arena;

/* What is beside a unit in which objects with references begin is an ouro__side (heap.h): object number i lies at the unit's address +
 * i * size. Of pools of several units and of large blocks each unit has its own, with a number for each KiB, and only some of them are
 * beginnings of objects. The state is OURO_STATE_NONE when the pool is made, and the collector's from then on. Numbers of such units: */
#define OURO_SIDE_MAGIC (UINT32_C(1) << 22)
#define OURO_SIDE_NUMBERS 64u

/* What finds everything, beside ouro__hot_base and its like (see <ouro/inline.h>). Addresses are set once, before a block exists. */
typedef struct ouro__region {
  _Atomic size_t units;  /* units that `pools` and `arenas` have entries for; grows under the arenas' lock */
  ouro__pool *pools;
  ouro__arena *arenas;
} ouro__region;

extern ouro__region ouro__the_region;

static inline uint32_t ouro__unit_of(const void *address) {
  size_t unit = ((uintptr_t)address - ouro__hot_base) >> OURO_UNIT_SHIFT;
  return unit < ouro__load_relaxed(&ouro__the_region.units) ? (uint32_t)unit : OURO_NONE;
}

static inline char *ouro__unit_address(uint32_t unit) {
  return (char *)ouro__hot_base + ((size_t)unit << OURO_UNIT_SHIFT);
}

static inline uint32_t ouro__pool_unit(const ouro__pool *pool) { return (uint32_t)(pool - ouro__the_region.pools); }

static inline char *ouro__pool_address(const ouro__pool *pool) { return ouro__unit_address(ouro__pool_unit(pool)); }

/* Does the entry describe a pool? Otherwise: a large block, a part of something, or nothing. */
static inline bool ouro__is_pool(uint8_t kind) { return kind == OURO_KIND_SMALL || kind == OURO_KIND_MEDIUM; }

static inline size_t ouro__pool_bytes(const ouro__pool *pool) {
  switch (ouro__load_relaxed(&pool->kind)) {
    case OURO_KIND_SMALL:
    case OURO_KIND_MEDIUM: return (size_t)pool->units << OURO_UNIT_SHIFT;
    case OURO_KIND_LARGE: return (size_t)pool->magic << OURO_UNIT_SHIFT;
    default: return 0;
  }
}

static inline size_t ouro__block_bytes(const ouro__pool *pool) {
  return ouro__load_relaxed(&pool->kind) == OURO_KIND_LARGE ? (size_t)pool->size * OURO_PAGE_BYTES : pool->size;
}

#endif
