/* ouro/heap.h - the heap: blocks, private heaps, limits, memory given back, statistics, the walk.
 *
 * Words. An ARENA is 4 MiB of address space, aligned to its size. A POOL is a slice of an arena that serves one SIZE CLASS.
 * A BLOCK is what a pool hands out. A LARGE BLOCK is too big for a pool and has its own run of an arena, or of several.
 *
 * Every block may be freed by every thread. Blocks are aligned to 16 bytes, or as was asked. A request of 0 bytes gives a
 * unique block. Requests above PTRDIFF_MAX fail. */
#ifndef OURO_HEAP_H
#define OURO_HEAP_H

#include <stdbool.h>

#include "base.h"

OURO_BEGIN_DECLS

/* ---------------------------------------------------------------- blocks */

/* Allocate `size` bytes, uninitialised.
 * Ownership: new; release with ouro_free.
 * Errors:    NULL, errno ENOMEM.
 * Cost:      about 14 instructions when the thread's cache has a block of the class; O(1) amortised otherwise. */
OURO_API void *ouro_malloc(size_t size) OURO_ATTR_MALLOC OURO_ATTR_SIZE(1);

/* Allocate `count * size` bytes of zeros.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, also where the product overflows.
 * Cost:      as ouro_malloc, and the zeroing; a large block fresh from the system is not zeroed twice. */
OURO_API void *ouro_calloc(size_t count, size_t size) OURO_ATTR_MALLOC OURO_ATTR_SIZE2(1, 2);

/* Change the size of `block`, moving it where needed; NULL allocates. A size of 0 resizes to a unique block of 0 bytes; it
 * does not free.
 * Ownership: `block` is consumed on success, and stays the caller's on failure.
 * Errors:    NULL, errno ENOMEM; the block is unchanged.
 * Cost:      O(1) where the size class stays; otherwise a copy, or, from 1 MiB on, a move of the system's page tables. */
OURO_API void *ouro_realloc(void *block, size_t size) OURO_ATTR_REALLOC OURO_ATTR_SIZE(2);

/* As ouro_realloc with `count * size` bytes; ENOMEM where the product overflows. */
OURO_API void *ouro_reallocarray(void *block, size_t count, size_t size) OURO_ATTR_REALLOC OURO_ATTR_SIZE2(2, 3);

/* Allocate `size` bytes at an address that `alignment` divides, a power of two of any size.
 * Ownership: new; release with ouro_free.
 * Errors:    NULL, errno ENOMEM; errno EINVAL where `alignment` is not a power of two.
 * Cost:      as ouro_malloc up to 4096; above, as a large block of size + alignment in address space, not in memory. */
OURO_API void *ouro_aligned_alloc(size_t alignment, size_t size) OURO_ATTR_MALLOC OURO_ATTR_ALIGN(1) OURO_ATTR_SIZE(2);

/* Release `block`; NULL is allowed. `errno` is kept.
 * Ownership: `block` is consumed.
 * Fatal:     OURO_FATAL_BAD_POINTER, OURO_FATAL_INTERIOR_POINTER at once; OURO_FATAL_DOUBLE_FREE at once under
 *            OURO_CONF=check, and otherwise when the thread's cache is next emptied.
 * Cost:      about 20 instructions when the thread's cache has room. */
OURO_API void ouro_free(void *block);

/* As ouro_free, with the size that was requested (C23 free_sized).
 * Fatal:     also OURO_FATAL_WRONG_SIZE, where that size cannot have given this block. */
OURO_API void ouro_free_sized(void *block, size_t size);

/* As ouro_free_sized for blocks of ouro_aligned_alloc (C23 free_aligned_sized). */
OURO_API void ouro_free_aligned_sized(void *block, size_t alignment, size_t size);

/* How many bytes of `block` may be used, at least what was requested; 0 for NULL.
 * Fatal: OURO_FATAL_BAD_POINTER, OURO_FATAL_INTERIOR_POINTER.
 * Cost:  O(1). */
OURO_API size_t ouro_usable_size(const void *block);

/* The usable size that a request of `size` bytes would get. Useful to growing buffers.
 * Cost: O(1). */
OURO_API size_t ouro_good_size(size_t size);

/* Is `address` the beginning of a block that this library's heap handed out? A block that was freed a moment ago, and still
 * lies in a thread's cache, counts as handed out.
 * Cost: O(1). */
OURO_API bool ouro_owns(const void *address);

/* ---------------------------------------------------------------- private heaps */

/* A heap of its own: its blocks share pools with no other heap's, and go all at once when it is destroyed. */
typedef struct ouro_heap ouro_heap;

typedef struct ouro_heap_options {
  size_t struct_size; /* sizeof(ouro_heap_options) */
  const char *name;   /* for reports; copied, cut at 31 bytes; may be NULL */
  size_t limit_bytes; /* of pools and large blocks; 0: no limit of its own */
} ouro_heap_options;

/* Make a private heap; `options` may be NULL.
 * Ownership: new; release with ouro_heap_destroy.
 * Errors:    NULL, errno ENOMEM; EINVAL for a struct_size that is not known.
 * Cost:      O(1), one page of memory. */
OURO_API ouro_heap *ouro_heap_new(const ouro_heap_options *options) OURO_ATTR_REALLOC;

/* Destroy `heap` and release every block that lives in it; NULL is allowed. No other thread may use the heap or its blocks.
 * Cost: O(pools). */
OURO_API void ouro_heap_destroy(ouro_heap *heap);

/* As the functions without `heap_`, from `heap`; ouro_free, ouro_realloc and ouro_usable_size take such blocks as well, and
 * ouro_realloc keeps a block in its heap. These take the heap's lock: any thread may call them. */
OURO_API void *ouro_heap_malloc(ouro_heap *heap, size_t size) OURO_ATTR_MALLOC OURO_ATTR_SIZE(2);
OURO_API void *ouro_heap_calloc(ouro_heap *heap, size_t count, size_t size) OURO_ATTR_MALLOC OURO_ATTR_SIZE2(2, 3);
OURO_API void *ouro_heap_aligned_alloc(ouro_heap *heap, size_t alignment, size_t size) OURO_ATTR_MALLOC OURO_ATTR_ALIGN(2);
OURO_API void *ouro_heap_realloc(ouro_heap *heap, void *block, size_t size) OURO_ATTR_REALLOC;

/* Bytes in pools and large blocks of `heap`, and blocks handed out.
 * Cost: O(pools). */
OURO_API size_t ouro_heap_bytes(ouro_heap *heap, size_t *blocks_live);

/* ---------------------------------------------------------------- options, limit, giving back */

typedef struct ouro_options {
  size_t struct_size;    /* sizeof(ouro_options) */
  size_t limit_bytes;    /* most bytes that the heap may hold from the system; 0: no limit. OURO_CONF=limit:512m */
  unsigned decay_ms;     /* how long free memory stays before it goes back; 0: at once. Default 500. OURO_CONF=decay:500 */
  bool check;            /* find every double free, overrun and write after free (the last not in private heaps); slow. OURO_CONF=check.
                            Only before first use. */
  bool background;       /* a thread gives memory back while the program idles. Default true. OURO_CONF=background:no */
  bool huge_pages;       /* ask for huge pages once the heap is large. Default false. OURO_CONF=huge_pages */
} ouro_options;

/* Read the options in force.
 * Errors: OURO_EINVAL for a struct_size that is not known.
 * Cost:   O(1). */
OURO_API int ouro_options_get(ouro_options *options);

/* Change the options. The environment's OURO_CONF was read before, so this has the last word.
 * Errors: OURO_EINVAL for a struct_size that is not known; OURO_EBUSY to change `check` after the first allocation.
 * Cost:   O(1). */
OURO_API int ouro_options_set(const ouro_options *options);

/* Return to the system all memory that can be returned now: free pools, free large blocks, and free system pages inside
 * pools in use; the calling thread's cache is emptied first. Returns the bytes given back.
 * Cost: O(pools); a system call for each stretch given back. */
OURO_API size_t ouro_heap_trim(void);

/* Empty the calling thread's cache into the pools, so that its free blocks serve others; under OURO_CONF=check, also the queue of
 * freed blocks. A thread that will sleep long may call it.
 * Cost: O(blocks in the cache), at most a few thousand. */
OURO_API void ouro_thread_flush(void);

/* ---------------------------------------------------------------- statistics and the walk */

typedef struct ouro_heap_stats {
  size_t struct_size;     /* set by the caller: sizeof(ouro_heap_stats) */
  size_t blocks_live;     /* blocks handed out, large ones included; what threads cache is not counted */
  size_t bytes_live;      /* usable bytes of those blocks */
  size_t bytes_cached;    /* usable bytes of blocks that wait in threads' caches */
  size_t bytes_pools;     /* bytes of pools in use */
  size_t bytes_large;     /* bytes of large blocks in use */
  size_t blocks_large;    /* large blocks in use */
  size_t bytes_held;      /* bytes that the heap holds from the system now, free pools that wait included */
  size_t bytes_held_peak; /* the most that it ever held */
  size_t bytes_dirty;     /* of bytes_held: free pools and runs that wait for decay */
  size_t bytes_metadata;  /* bytes of the heap's own tables */
  size_t bytes_taken;     /* bytes ever taken from the system, in total */
  size_t bytes_returned;  /* bytes ever given back, in total */
  size_t arenas;          /* arenas in use */
  size_t pools;           /* pools in use */
  size_t heaps;           /* thread heaps and private heaps */
  size_t threads;         /* threads that have a cache */
} ouro_heap_stats;

typedef struct ouro_class_stats {
  size_t struct_size;  /* set by the caller: sizeof(ouro_class_stats) */
  size_t block_size;   /* bytes of a block of this class */
  size_t pools;        /* pools of the class */
  size_t blocks_live;  /* blocks handed out */
  size_t blocks_free;  /* blocks free in the pools */
  size_t blocks_cached; /* blocks free in threads' caches */
  size_t bytes_returned; /* bytes of system pages that these pools have given back and not touched since */
} ouro_class_stats;

/* Fill `stats` from a consistent look at each heap in turn.
 * Errors: OURO_EINVAL for a struct_size that is not known.
 * Cost:   O(pools). */
OURO_API int ouro_heap_stats_get(ouro_heap_stats *stats);

/* How many size classes there are; their numbers are 0 to one less. */
OURO_API unsigned ouro_class_count(void);

/* Fill `stats` for size class `index`.
 * Errors: OURO_EINVAL for an index out of range or a struct_size that is not known.
 * Cost:   O(pools). */
OURO_API int ouro_class_stats_get(unsigned index, ouro_class_stats *stats);

enum ouro_walk_kind { OURO_WALK_ARENA = 1, OURO_WALK_POOL = 2, OURO_WALK_LARGE = 4, OURO_WALK_BLOCK = 8 };

typedef struct ouro_walk_item {
  enum ouro_walk_kind kind;
  const void *address;   /* beginning of the arena, pool or block */
  size_t size;           /* its bytes; for a block, its usable bytes */
  size_t block_size;     /* of the pool, or of the block; 0 for an arena */
  size_t blocks_total;   /* in the pool, or in all pools of the arena */
  size_t blocks_live;    /* handed out, or cached by a thread */
  size_t bytes_live;     /* of those blocks, usable */
  size_t bytes_resident; /* bytes that have not been given back; for an arena, of all its pools and large blocks */
  const ouro_heap *heap; /* the private heap of a pool or block; NULL for the common one and for an arena */
} ouro_walk_item;

/* Returns 0 to go on, anything else to stop. It may not allocate from or free into ouro's heap. */
typedef int (*ouro_walk_fn)(const ouro_walk_item *item, void *arg);

/* Visit arenas, pools, large blocks and blocks, as the bits of `kinds` say, in address order; an arena before what is in it,
 * a pool before its blocks. A block that waits in a thread's cache is visited as if handed out.
 * Errors:  OURO_ESTOP where the visitor stopped.
 * Threads: others may go on; each pool is seen at one moment, under its heap's lock.
 * Calls:   `visit`, with a lock held.
 * Cost:    O(pools), with OURO_WALK_BLOCK O(blocks). */
OURO_API int ouro_heap_walk(unsigned kinds, ouro_walk_fn visit, void *arg);

/* Check every invariant of the heap; returns the number of violations (0 is what one hopes for) and, where `text` is not
 * NULL, describes the first in it.
 * Cost: O(pools and free blocks); other threads wait meanwhile when they need more than their cache. */
OURO_API size_t ouro_heap_verify(char *text, size_t text_size);

/* Write the statistics as text or JSON through `write`, without allocating. `write` returns 0 to go on.
 * Errors:  OURO_EINVAL for an unknown format; OURO_ESTOP where `write` asked to stop.
 * Cost:    O(pools). */
enum ouro_format { OURO_FORMAT_TEXT = 0, OURO_FORMAT_JSON = 1 };
typedef int (*ouro_write_fn)(void *arg, const char *text, size_t length);
OURO_API int ouro_stats_write(enum ouro_format format, ouro_write_fn write, void *arg);

OURO_END_DECLS

/* With libouro.a, the fast paths may be part of the caller. */
#if defined(OURO_STATIC) && !defined(OURO_BUILDING)
#include "inline.h"
#define ouro_malloc(size) ouro__malloc_fast(size)
#define ouro_free(block) ouro__free_fast(block)
#endif

#endif
