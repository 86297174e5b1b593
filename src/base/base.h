/* base/base.h - what every layer stands on: assertions, atomics by order, ranked locks, bits, text without allocation, and
 * the one fatal door. It knows nothing of memory. */
#ifndef OURO_BASE_BASE_H
#define OURO_BASE_BASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ouro/base.h>

/* ---------------------------------------------------------------- the compiler */

#if defined(__GNUC__)
#define OURO_LIKELY(x) __builtin_expect(!!(x), 1)
#define OURO_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define OURO_NOINLINE __attribute__((noinline))
#define OURO_INLINE static inline __attribute__((always_inline))
#define OURO_COLD __attribute__((cold, noinline))
#define OURO_PREFETCH_WRITE(p) __builtin_prefetch((p), 1)
#else
#define OURO_LIKELY(x) (x)
#define OURO_UNLIKELY(x) (x)
#define OURO_NOINLINE
#define OURO_INLINE static inline
#define OURO_COLD
#define OURO_PREFETCH_WRITE(p) ((void)(p))
#endif

#if defined(__SANITIZE_ADDRESS__)
#define OURO_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OURO_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define OURO_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OURO_TSAN 1
#endif
#endif
#ifndef OURO_ASAN
#define OURO_ASAN 0
#endif
#ifndef OURO_TSAN
#define OURO_TSAN 0
#endif

/* ---------------------------------------------------------------- assertions
 *
 * OURO_ASSERT stays in debug builds alone (-DOURO_DEBUG): it may be slow and sit on a fast path. OURO_INVARIANT stays in every
 * build: it guards what would corrupt memory silently, and sits on slow paths. Both end in the fatal handler. */

#define OURO_INVARIANT(condition)                                                                                      \
  (OURO_LIKELY(condition) ? (void)0 : ouro__invariant_failed(#condition " does not hold, " __FILE__))

#ifdef OURO_DEBUG
#define OURO_ASSERT(condition) OURO_INVARIANT(condition)
#else
#define OURO_ASSERT(condition) ((void)0)
#endif

void ouro__invariant_failed(const char *text) OURO_COLD;

/* ---------------------------------------------------------------- atomics: the order is in the name */

#define ouro__load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define ouro__load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define ouro__store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define ouro__store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define ouro__add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define ouro__sub_relaxed(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)
#define ouro__or_release(p, v) atomic_fetch_or_explicit((p), (v), memory_order_release)
#define ouro__exchange_acquire(p, v) atomic_exchange_explicit((p), (v), memory_order_acquire)
#define ouro__exchange_acq_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define ouro__cas_acquire(p, expected, v)                                                                              \
  atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_acquire, memory_order_relaxed)
#define ouro__cas_release(p, expected, v)                                                                              \
  atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_release, memory_order_relaxed)

/* Raise `*peak` to at least `value`. */
static inline void ouro__max_relaxed(_Atomic size_t *peak, size_t value) {
  size_t seen = ouro__load_relaxed(peak);
  while (seen < value &&
         !atomic_compare_exchange_weak_explicit(peak, &seen, value, memory_order_relaxed, memory_order_relaxed)) {
  }
}

/* ---------------------------------------------------------------- waiting */

/* A moment between two looks at a word that another thread is about to write. */
static inline void ouro__pause(void) {
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
  __builtin_ia32_pause();
#elif defined(__GNUC__) && defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Sleep until *word != expected, or a wake, or `timeout_ns` passed (0: no limit). May return early. Keeps errno. */
void ouro__wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);
void ouro__wake(_Atomic uint32_t *word, int threads);

/* ---------------------------------------------------------------- locks
 *
 * A lock is one word: 0 free, 1 held, 2 held and somebody may sleep. Locks have ranks, and a thread takes them in rising order; debug
 * builds check it. Ranks of one kind (the heaps) are taken in the order of their addresses. */

typedef enum ouro__rank {
  OURO_RANK_WORLD = 1,      /* who has stopped all threads */
  OURO_RANK_REGISTRY,       /* which threads there are */
  OURO_RANK_TYPES,          /* looking at a type for the first time */
  OURO_RANK_LISTS,          /* callbacks, the garbage list, finalizers of others */
  OURO_RANK_WEAK,           /* weak references, by address of the referent */
  OURO_RANK_DEFERRED,       /* counts of deferred objects */
  OURO_RANK_RECORD,         /* one thread's queue */
  OURO_RANK_SECTIONS,       /* who waits for an object's lock */
  OURO_RANK_LATER,          /* what is freed later */
  OURO_RANK_BACKGROUND,     /* starting and stopping the background thread */
  OURO_RANK_HEAPS,          /* the list of heaps and who uses them */
  OURO_RANK_HEAP,           /* one heap's pools */
  OURO_RANK_ARENAS,         /* arenas and their units */
  OURO_RANK_META,           /* the heap's own tables */
  OURO_RANK_TRACE,          /* the tracer's tables */
  OURO_RANK_COUNT
} ouro__rank;

typedef struct ouro__lock {
  _Atomic uint32_t word;
  uint32_t rank;
} ouro__lock;

#define OURO_LOCK_INIT(r) {0, (r)}

void ouro__lock_slow(ouro__lock *lock);
void ouro__lock_ranked(ouro__lock *lock);  /* held, and in its place in the order */
void ouro__lock_counted(ouro__lock *lock); /* held: who only tries may do so in any order, since it never waits */
void ouro__unlock_ranked(ouro__lock *lock);

static inline bool ouro__trylock(ouro__lock *lock) {
  uint32_t expected = 0;
  bool got = ouro__cas_acquire(&lock->word, &expected, 1);
#ifdef OURO_DEBUG
  if (got) ouro__lock_counted(lock);
#endif
  return got;
}

static inline void ouro__acquire(ouro__lock *lock) {
  uint32_t expected = 0;
  if (OURO_UNLIKELY(!ouro__cas_acquire(&lock->word, &expected, 1))) ouro__lock_slow(lock);
#ifdef OURO_DEBUG
  ouro__lock_ranked(lock);
#endif
}

/* Pairs with the acquire of the next holder. */
static inline void ouro__release(ouro__lock *lock) {
#ifdef OURO_DEBUG
  ouro__unlock_ranked(lock);
#endif
  if (OURO_UNLIKELY(atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)) ouro__wake(&lock->word, 1);
}

/* In a child after fork, where the parent's holders do not exist: the lock is held by the caller and becomes free. */
void ouro__lock_reset(ouro__lock *lock);

/* ---------------------------------------------------------------- bits */

#if defined(__GNUC__)
static inline unsigned ouro__ctz64(uint64_t x) { return (unsigned)__builtin_ctzll(x); }
static inline unsigned ouro__log2(uint64_t x) { return 63u - (unsigned)__builtin_clzll(x); }
static inline unsigned ouro__popcount64(uint64_t x) { return (unsigned)__builtin_popcountll(x); }
#else
static inline unsigned ouro__ctz64(uint64_t x) {
  unsigned n = 0;
  while (!(x & 1)) x >>= 1, n++;
  return n;
}
static inline unsigned ouro__log2(uint64_t x) {
  unsigned n = 0;
  while (x >>= 1) n++;
  return n;
}
static inline unsigned ouro__popcount64(uint64_t x) {
  unsigned n = 0;
  for (; x; x &= x - 1) n++;
  return n;
}
#endif

/* `count` ones beginning at bit `first`; count 1 to 64, first + count <= 64. */
static inline uint64_t ouro__mask64(unsigned first, unsigned count) { return (~UINT64_C(0) >> (64 - count)) << first; }

/* A bit for each place where `count` (1 to 64) ones begin in `bits`. */
static inline uint64_t ouro__runs64(uint64_t bits, unsigned count) {
  for (unsigned have = 1; have < count && bits;) {
    unsigned step = have < count - have ? have : count - have;
    bits &= bits >> step;
    have += step;
  }
  return bits;
}

static inline size_t ouro__round_up(size_t n, size_t power_of_two) { return (n + power_of_two - 1) & ~(power_of_two - 1); }
static inline bool ouro__is_power_of_two(size_t n) { return n && !(n & (n - 1)); }

/* ---------------------------------------------------------------- text in a fixed buffer, for places that cannot allocate */

typedef struct ouro__text {
  char *at;
  size_t room; /* bytes left, the final NUL's not counted */
} ouro__text;

void ouro__text_str(ouro__text *text, const char *string);
void ouro__text_num(ouro__text *text, uint64_t number);
void ouro__text_hex(ouro__text *text, uint64_t number);

/* ---------------------------------------------------------------- fatal */

/* Report proven corruption; does not return. No lock may be held. The caller sets everything but struct_size and text. */
_Noreturn void ouro__fatal(ouro_fatal_info info) OURO_COLD;

/* Write all of `text` to a file descriptor. Safe in a signal handler; keeps errno. */
void ouro__write_fd(int fd, const char *text, size_t length);

#endif
