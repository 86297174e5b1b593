/* ouro/inline.h - the fast paths of ouro_malloc and ouro_free, inlined where they are called.
 *
 * For programs that link libouro.a: define OURO_STATIC before including <ouro/ouro.h>, and ouro_malloc and ouro_free become the
 * functions below. What this file declares is private to the library of the same version, and no shared library exports it.
 *
 * A thread keeps, for each size class, a stack of pointers to free blocks:
 *
 *   a bin:   NULL | p0 | p1 | p2 |  .  |  .  |       slots of the class; the word before the first is NULL
 *                                ^top        ^limit
 *
 * malloc takes the pointer below top, and finds the bin empty when that is NULL; free puts one at top, and finds the bin full when
 * top == limit. Neither touches the block, nor a lock, nor does anything atomic.
 *
 * free finds the 64 KiB unit that an address lies in by one subtraction and one shift, the unit's bin by one load from a dense
 * table, and whether a block begins at the address by one multiplication (D. Lemire, O. Kaser, N. Kurz, "Faster Remainder by
 * Direct Computation", 2019, section 3.2): offset * ceil(2^32 / size), modulo 2^32, is small just for multiples of the size.
 *
 * The first bin belongs to no class. It is always empty and full, and its divisor refuses every address: whatever should take the
 * slow path is led there. */
#ifndef OURO_INLINE_H
#define OURO_INLINE_H

#include "base.h"

OURO_BEGIN_DECLS

#define OURO__UNIT_SHIFT 16
#define OURO__RAW_CLASSES 97u   /* 0 is none; 1 to 32 are 16 to 512 bytes; then eight to each doubling up to 128 KiB */
#if defined(OURO_BINS_IN_TLS)
#define OURO__CLASSES 97u       /* the preloaded library has no objects */
#else
#define OURO__CLASSES 255u      /* 97 to 192: the same sizes for objects with references; from 193 on, up to 7 KiB, for acyclic ones */
#endif
#define OURO__BIN_BYTES 32u

typedef struct ouro__bin {
  void **top;         /* written by the thread alone; statistics of others read it */
  void **limit;       /* written by the thread alone */
  uint32_t magic;     /* ceil(2^32 / size) */
  uint32_t threshold; /* offset * magic is below it just where a block begins. 0: nowhere */
  uint16_t capacity;  /* slots */
  uint16_t fill;      /* blocks to fetch when it is next empty; grows with use */
  uint16_t flushes;   /* how often it was emptied since it was last filled */
  uint16_t unused;
} ouro__bin;

typedef struct ouro__bins {
  ouro__bin of[OURO__CLASSES];
} ouro__bins;

#if defined(__GNUC__)
#define OURO__HIDDEN __attribute__((visibility("hidden")))
#else
#define OURO__HIDDEN
#endif

/* Where the heap is. Set once, before a block exists. */
extern uintptr_t ouro__hot_base OURO__HIDDEN; /* address of unit 0 */
extern size_t ouro__hot_units OURO__HIDDEN;   /* units that the table has entries for; 0 before the first block */
extern uint16_t *ouro__hot_bins OURO__HIDDEN; /* for each unit, the distance of its bin from the first one; 0: the slow path */

/* The thread's bins. The preloaded library has them in static thread-local storage; the others, which may be loaded while a program
 * runs and then find little room there, a pointer to them. */
#if defined(OURO_BINS_IN_TLS)
extern __thread ouro__bins ouro__my_bins OURO__HIDDEN __attribute__((tls_model("initial-exec")));
#define OURO__MY_BINS (&ouro__my_bins)
#elif defined(__GNUC__)
extern __thread ouro__bins *ouro__my_bins OURO__HIDDEN __attribute__((tls_model("initial-exec")));
#define OURO__MY_BINS OURO__SET_ONCE(ouro__my_bins)
#else
extern _Thread_local ouro__bins *ouro__my_bins;
#define OURO__MY_BINS ouro__my_bins
#endif

void *ouro__malloc_slow(size_t size) OURO__HIDDEN;
void ouro__free_slow(void *block) OURO__HIDDEN;

#if defined(__GNUC__)
#define OURO__ALWAYS_INLINE static inline __attribute__((always_inline))
#define OURO__EXPECT(x, value) __builtin_expect((x), (value))
#define OURO__PEEK(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define OURO__POKE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#else
#define OURO__ALWAYS_INLINE static inline
#define OURO__EXPECT(x, value) (x)
#define OURO__PEEK(p) (*(p))
#define OURO__POKE(p, v) (*(p) = (v))
#endif

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OURO__TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define OURO__TSAN 1
#endif

#if defined(__GNUC__) && defined(__x86_64__) && !defined(OURO__TSAN) && !defined(OURO_NO_ASM)
#define OURO__X86_64 1
#else
#define OURO__X86_64 0
#endif

/* A word that is set once, from zero, perhaps while another thread frees NULL, or a thread's pointer to its bins, which another replaces when
 * tracing begins or ends: a plain load does, and becomes part of the comparison or subtraction that follows. The thread sanitizer would rather
 * be told. */
#if defined(OURO__TSAN)
#define OURO__SET_ONCE(word) OURO__PEEK(&(word))
#else
#define OURO__SET_ONCE(word) (word)
#endif

/* The thread's bin that lies `distance` bytes behind the first one. On x86-64, thread-local storage is a segment, and a pointer into
 * it spares the two instructions that would make a plain one. (gcc knows such pointers only in its own dialect of C.) */
#if OURO__X86_64 && defined(OURO_BINS_IN_TLS) && defined(__SEG_FS) && (!defined(__STRICT_ANSI__) || defined(__clang__))
#define OURO__SEG __seg_fs
OURO__ALWAYS_INLINE ouro__bin OURO__SEG *ouro__bin_at(size_t distance) {
  __asm__("addq ouro__my_bins@gottpoff(%%rip), %0" : "+r"(distance));
  return (ouro__bin OURO__SEG *)distance;
}
#else
#define OURO__SEG
OURO__ALWAYS_INLINE ouro__bin *ouro__bin_at(size_t distance) { return (ouro__bin *)(void *)((char *)OURO__MY_BINS + distance); }
#endif

/* Move a bin's top by one slot. On x86-64 one instruction does it in memory, where compilers spend two. (clang forgets the segment of
 * an operand in memory.) */
#if OURO__X86_64 && !defined(__clang__)
#define OURO__TOP_UP(bin, top_now) __asm__("addq $8, %0" : "+m"((bin)->top))
#define OURO__TOP_DOWN(bin, top_now) __asm__("subq $8, %0" : "+m"((bin)->top))
#elif defined(OURO__TSAN)
#define OURO__TOP_UP(bin, top_now) OURO__POKE(&(bin)->top, (top_now) + 1)
#define OURO__TOP_DOWN(bin, top_now) OURO__POKE(&(bin)->top, (top_now)-1)
#else
#define OURO__TOP_UP(bin, top_now) ((bin)->top = (top_now) + 1)
#define OURO__TOP_DOWN(bin, top_now) ((bin)->top = (top_now)-1)
#endif

OURO__ALWAYS_INLINE void *ouro__bin_pop(ouro__bin OURO__SEG *bin) {
  void **top = bin->top;
  void *block = top[-1];
  if (OURO__EXPECT(block != NULL, 1)) OURO__TOP_DOWN(bin, top);
  return block;
}

/* The class of a request; 1 <= size <= 128 KiB. Eight classes to each doubling: three bits behind the leading one. */
OURO__ALWAYS_INLINE unsigned ouro__class_of(size_t size) {
  unsigned log2 = 9;
  if (size <= 512) return (unsigned)((size + 15) >> 4);
#if defined(__GNUC__)
  log2 = 63u - (unsigned)__builtin_clzll(size - 1);
#else
  while ((size - 1) >> (log2 + 1)) log2++;
#endif
  return 33 + (log2 - 9) * 8 + (unsigned)(((size - 1) >> (log2 - 3)) & 7);
}

OURO__ALWAYS_INLINE void *ouro__malloc_fast(size_t size) {
  void *block;
  if (OURO__EXPECT(size <= 512, 1)) { /* classes are 16 bytes apart, and bins 32 */
    block = ouro__bin_pop(ouro__bin_at(((size + 15) & ~(size_t)15) * (OURO__BIN_BYTES / 16)));
    if (OURO__EXPECT(block != NULL, 1)) return block;
  } else if (size <= 131072) {
    block = ouro__bin_pop(ouro__bin_at(ouro__class_of(size) * OURO__BIN_BYTES));
    if (OURO__EXPECT(block != NULL, 1)) return block;
  }
  return ouro__malloc_slow(size);
}

OURO__ALWAYS_INLINE void ouro__free_fast(void *block) {
  size_t unit = ((uintptr_t)block - OURO__SET_ONCE(ouro__hot_base)) >> OURO__UNIT_SHIFT;
  if (OURO__EXPECT(unit < OURO__SET_ONCE(ouro__hot_units), 1)) {
    ouro__bin OURO__SEG *bin = ouro__bin_at(OURO__PEEK(&ouro__hot_bins[unit]));
    uint32_t offset = (uint32_t)((uintptr_t)block & (((uintptr_t)1 << OURO__UNIT_SHIFT) - 1));
    if (OURO__EXPECT(offset * bin->magic < bin->threshold, 1)) {
      void **top = bin->top;
      if (OURO__EXPECT(top != bin->limit, 1)) {
        *top = block;
        OURO__TOP_UP(bin, top);
        return;
      }
    }
  }
  ouro__free_slow(block);
}

OURO_END_DECLS

#endif
