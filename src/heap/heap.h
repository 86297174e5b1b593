/* heap/heap.h - the heap, to the layers above: what they may use beside the public interface. */
#ifndef OURO_HEAP_HEAP_H
#define OURO_HEAP_HEAP_H

#include <ouro/heap.h>
#include <ouro/inline.h> /* ouro__malloc_fast, ouro__free_fast */

#include "base/base.h"

/* The malloc family without a macro or a wrapper in between; see <ouro/heap.h> for what each promises. */
void *ouro__calloc(size_t count, size_t size);
void *ouro__realloc(void *block, size_t size);
void *ouro__aligned_alloc(size_t alignment, size_t size); /* EINVAL as in the public one */

/* (Also in purge.h and conf.h, for the heap itself.) Read OURO_CONF and register for fork now, rather than at the first allocation. */
void ouro__heap_start(void);

/* The value of `key` in OURO_CONF, of length *length, or NULL; not terminated. */
const char *ouro__conf_find(const char *key, size_t *length);

/* ---------------------------------------------------------------- blocks for objects
 *
 * They come from pools of their own, and are found by walking these. The layer above keeps the header of a block that is no object
 * zero in the last 16 of its first 128 bits: so who walks tells the two apart. */

/* The class for objects of `size` bytes; 0: larger than any. */
unsigned ouro__object_class(size_t size, bool acyclic);

/* A block of the class, not zeroed, or, of class 0, a zeroed large one of `size` bytes; NULL, errno ENOMEM. The fast path is inlined
 * below: the slow one fills the thread's cache. */
void *ouro__object_alloc_slow(unsigned class_, size_t size);

/* Take the block back; where the class is known and the cache has room, the fast path below does. */
void ouro__object_free_slow(void *block);

static inline void *ouro__object_alloc(unsigned distance, unsigned class_, size_t size) {
  void *block = ouro__bin_pop(ouro__bin_at(distance));
  return OURO_LIKELY(block != NULL) ? block : ouro__object_alloc_slow(class_, size);
}

static inline void ouro__object_free(unsigned distance, void *block) {
  ouro__bin OURO__SEG *bin = ouro__bin_at(distance);
  void **top = bin->top;
  if (OURO_LIKELY(top != bin->limit)) {
    *top = block;
    OURO__TOP_UP(bin, top);
  } else {
    ouro__object_free_slow(block);
  }
}

/* Take many blocks of one unit back at once, past the cache: those whose bits are set, by number. false, and nothing done, where the
 * unit is part of a larger pool or of a large block. */
bool ouro__object_free_many(size_t unit, const uint64_t *bits);

/* Bytes of an object's block. */
size_t ouro__object_bytes(const void *object);

/* Does a block for objects begin at the address, one that is out of its pool? Any address will do. */
bool ouro__is_object_block(const void *address);

/* Bytes of a block of the class; 0: of class 0. */
size_t ouro__class_bytes(unsigned class_);

/* What is beside a unit (see layout.h): where objects with references live, a byte of state for each. All but `next` and `listed` is written when a
 * pool or large block is made there or deleted, by a thread that may touch objects; a byte of state by who may touch its object. */
typedef struct ouro__side {
  uint8_t *state;      /* a byte for each number; NULL: no such objects here, but acyclic ones perhaps */
  uint32_t magic;      /* offset in the unit * magic >> 32 is the number of the object at that offset */
  uint32_t size;       /* bytes from one number to the next */
  uint32_t next[2];    /* links of the collector's lists of units; they outlive the pool, as `listed` does */
  uint16_t numbers;    /* how many, with states a multiple of eight: the last few may be of no object. 0: no objects here */
  uint16_t distance;   /* of the bin that blocks of this unit go to; 0: none */
  _Atomic uint8_t listed; /* in which of the lists; and OURO_SIDE_PINNED: no pool here is deleted. Any thread's that makes objects */
} ouro__side;

_Static_assert(sizeof(ouro__side) == 32, "two of them are one cache line");

#define OURO_SIDE_PINNED 4u /* in `listed`, beside a bit for each list */

#define OURO_STATE_NONE 252u
#define OURO_SIDE_MOST 4096u /* numbers of a unit */
#define OURO_SIDE_STEP 1024u /* of units in pools of several, and of large blocks: sizes there are multiples of it */

extern ouro__side *ouro__hot_sides OURO__HIDDEN; /* set with ouro__hot_base */

static inline size_t ouro__unit_number(const void *address) { return ((uintptr_t)address - ouro__hot_base) >> OURO__UNIT_SHIFT; }

/* Set in a thread as long as it may touch objects (thread/thread.h): it alone may delete pools of them. So while all such threads but one
 * stand still, that one walks over objects without a lock, and no pool of theirs goes but by its own doing. */
extern _Thread_local bool ouro__walks_objects;

/* As ouro__object_free, where the class is not known. */
static inline void ouro__object_free_any(void *block) {
  unsigned distance = ouro__hot_sides[ouro__unit_number(block)].distance;
  if (OURO_LIKELY(distance != 0)) {
    ouro__object_free(distance, block);
  } else {
    ouro__object_free_slow(block);
  }
}

/* Units that may hold objects: those from 0 to one less. */
size_t ouro__units_end(void);

/* Where unit `unit` begins. */
static inline char *ouro__unit_start(size_t unit) { return (char *)ouro__hot_base + (unit << OURO__UNIT_SHIFT); }

/* Every block for acyclic objects of a unit that is out of its pool: live objects, and blocks in caches. Non-zero from `fn` stops the walk
 * and is returned. No lock is held while `fn` runs. */
int ouro__each_acyclic_block(size_t unit, int (*fn)(void *block, void *arg), void *arg);

/* ---------------------------------------------------------------- a word for each block, for the layer that traces
 *
 * A pool's COLUMN holds a word for each of its blocks, beside it like its other tables. It is made when a word is first asked for, zeroed,
 * and goes with the pool. A word belongs to who has the block; walkers read it. A large block has two words: its own, and one more that
 * the layer above may use. */

typedef _Atomic(uint64_t) ouro__word;

/* Make the table of columns. Again: nothing. false: no memory. */
bool ouro__columns_start(void);

/* Bytes of all columns. */
size_t ouro__columns_bytes(void);

extern _Atomic(ouro__word *) *ouro__hot_columns OURO__HIDDEN;   /* for each unit; NULL until ouro__columns_start */
extern uint32_t ouro__class_magic[OURO__CLASSES] OURO__HIDDEN;  /* ceil(2^32 / size) */

/* The word of the block that begins at the address; NULL where there is no block, no column and none is to be made, or no memory. */
ouro__word *ouro__block_word_slow(const void *block, bool make);

/* The same, fast: of a block of a class, in the column of its unit, which is there. */
static inline ouro__word *ouro__column_word(ouro__word *column, unsigned class_, const void *block) {
  uint32_t offset = (uint32_t)((uintptr_t)block & (((uintptr_t)1 << OURO__UNIT_SHIFT) - 1));
  return &column[(offset * (uint64_t)ouro__class_magic[class_]) >> 32];
}

typedef struct ouro__seen_block {
  char *block;
  size_t bytes;      /* of its class, or its pages */
  unsigned class_;   /* 0: large */
  uint32_t unit;     /* that its pool, or it, begins at */
  ouro__word *word;  /* NULL: none */
} ouro__seen_block;

/* Let the frees of blocks of this block's pool take the slow path, which tells hooks of words, as long as the pool lives. */
void ouro__free_slowly(const void *block);

/* Leave of every word, also of free blocks, what is in `mask`. */
void ouro__columns_clear(uint64_t mask);

/* What begins at the address; all zero where that is no block, or a free one. Any address will do. */
ouro__seen_block ouro__block_seen(const void *block);

/* Every block that is out of its pool: live ones, and those in threads' caches, whose words are 0. Non-zero from `fn` stops the walk and
 * is returned. `fn` runs under the lock of the pool's heap. */
int ouro__each_seen_block(int (*fn)(const ouro__seen_block *block, void *arg), void *arg);

/* What the layer above wants to be told. `given` NULL: nothing of allocations; otherwise all of them take the slow path, which calls it
 * (the preloaded library calls the tracer itself). `freed`: a block whose word is not 0 is about to be free, and the word must become 0; it is
 * not called from the fast path, which takes no block of a private heap, and none at all while `given` is set. No lock is held. */
typedef struct ouro__heap_hooks {
  void (*given)(void *block, size_t size, unsigned object_class); /* object_class 0: a block */
  void (*freed)(void *block, ouro__word *word);
} ouro__heap_hooks;
void ouro__heap_set_hooks(const ouro__heap_hooks *hooks);
extern _Atomic(const ouro__heap_hooks *) ouro__the_hooks OURO__HIDDEN;

#ifdef OURO_FAULTS
/* For tests: let the nth allocation from now on fail, or from the nth on all; 0: none. Counted are those of objects, of ouro_malloc and
 * its like. */
void ouro__fault_set(long nth, bool for_ever);
bool ouro__fault_hit(void); /* whether one has failed since the last ouro__fault_set */
bool ouro__fault_now(void); /* is it this one's turn? */
#else
#define ouro__fault_now() false
#endif

/* A few global counters, read without a lock. */
typedef struct ouro__counters {
  uint64_t bytes_held, bytes_held_peak, bytes_taken, bytes_returned, bytes_dirty, arenas;
  uint64_t pools; /* units of 64 KiB that pools and large blocks use */
  uint64_t threads;
} ouro__counters;
void ouro__heap_counters(ouro__counters *out);

/* A function that is called after each tick of the decay clock, from whichever thread ticks, with no lock held; NULL: none. */
void ouro__heap_set_tick(void (*hook)(void));

/* A function that is called before fork, when the heap's locks are held and its thread is stopped, and after it in both processes, before
 * they are released. It must not allocate. Set once. */
enum { OURO_FORKING, OURO_FORKED_PARENT, OURO_FORKED_CHILD };
void ouro__heap_set_fork(void (*hook)(int moment));

/* As ouro_stats_write, but skips what another holder has locked instead of waiting for it: for signal handlers. And the same for
 * a caller who is in no signal handler, but may be in the middle of anything else. */
int ouro__stats_write_signal(enum ouro_format format, ouro_write_fn write, void *arg);
int ouro__stats_write_nowait(enum ouro_format format, ouro_write_fn write, void *arg);

/* What a layer above adds to the statistics. */
typedef struct ouro__stats_part {
  /* Write the part with `put`, or nothing: as text, lines; as JSON, a comma and a member of the outermost object. In `handler`, the
   * caller may be a signal handler. No lock is held. */
  void (*write)(enum ouro_format format, bool handler, void (*put)(void *out, const char *text), void *out);
  /* The counters of the heap that the layer lies on; safe at any time. */
  void (*counters)(ouro__counters *out);
} ouro__stats_part;

/* Have it written from now on. It stays as it is for ever. */
void ouro__stats_add(const ouro__stats_part *part);

/* The preloaded library exports a function of this name and type, and a libouro in the program calls it where it has a part: the two
 * are copies of this code that know nothing else of each other. `part` is written along with the reports of the preloaded library,
 * and what the function returns is called at each tick of the program's libouro. NULL: another was before it. The number in the name
 * changes with this interface. */
#define OURO_JOIN_NAME "ouro_preload_join_1"
typedef void (*ouro__tick_fn)(void);
typedef ouro__tick_fn (*ouro__join_fn)(const ouro__stats_part *part);

#endif
