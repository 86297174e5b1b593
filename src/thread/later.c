/* thread/later.c - what is freed later: when no thread can still be reading it (QSBR).
 *
 * Blocks wait in batches. A batch that is full is closed: the EPOCH is raised, the batch keeps its number, and every thread that is IN is
 * poked. At its next safepoint a thread writes down the epoch that it sees. From then on it reads nothing that was unlinked before the
 * epoch was raised, and neither does a thread that is OUT: it comes in later than that.
 *
 *   open:   being filled       closed: oldest -> ... -> newest       freed: all that closed before an epoch which every record is past
 *
 * I-LATER-1  a batch is freed when each record, after the batch was closed, was OUT or HELD at some moment, or has `seen` its epoch
 * I-LATER-2  closed batches are listed in the order of their epochs
 * I-LATER-3  what waits is more than the bound only where a thread did not come by in time
 *
 * Why the reader is done before the block is free: what it read comes before its release of `seen`, or of its state, and who frees reads
 * these with acquire. Why it cannot come in and find the block: the state of a record that is not IN is read by an atomic
 * operation that writes it as well, so a thread that comes in later does so on top of that, and sees all that was unlinked before.
 *
 * Blocks are freed with no lock held. Functions here poke threads, so they are called with no lock of the rank of records, or above. */
#include "base/base.h"
#include "heap/heap.h"
#include "os/os.h"
#include "thread/thread.h"

enum { BATCH_BLOCKS = 60 };
enum { BATCH_BYTES = 65536 };        /* a batch is closed that holds as much */
enum { BOUND_DEFAULT = 1048576 };    /* OURO_CONF=later */
static const uint64_t patience_ns = 1000000000;
static const uint64_t nap_least_ns = 10000, nap_most_ns = 1000000;

typedef struct batch {
  struct batch *next;
  uint64_t epoch; /* when it was closed */
  size_t bytes;
  size_t count;
  void *blocks[BATCH_BLOCKS];
} batch;

static ouro__lock lock = OURO_LOCK_INIT(OURO_RANK_LATER);
static _Atomic uint64_t epoch = 1;     /* raised under the lock */
static batch *open_batch;              /* the lock, as the next three */
static batch *oldest, *newest;         /* closed ones */
static batch spare;                    /* where there is no memory for one */
static bool spare_used;
static _Atomic size_t asks_from;       /* more bytes than that wait: all threads are waited for. The bound, or more; 0: not known yet */
static _Atomic uint64_t oldest_epoch;  /* of the closed ones; 0: none. Written under the lock */
static _Atomic size_t waiting_bytes;   /* with those that are being freed */
static _Atomic uint32_t freeing;       /* threads that are just freeing some; raised under the lock */

/* ---------------------------------------------------------------- the bound */

/* Digits, then k, m or g for powers of 1,024. Anything else: the default. */
static size_t parse_bound(const char *text, size_t length) {
  size_t value = 0, at = 0, shift = 0;
  for (; text && at < length && text[at] >= '0' && text[at] <= '9'; at++) {
    if (value > SIZE_MAX / 10 - 1) return BOUND_DEFAULT;
    value = value * 10 + (size_t)(text[at] - '0');
  }
  if (at == 0) return BOUND_DEFAULT;
  if (at < length) {
    char suffix = text[at++] | 0x20;
    shift = suffix == 'k' ? 10 : suffix == 'm' ? 20 : suffix == 'g' ? 30 : 0;
    if (!shift || at != length) return BOUND_DEFAULT;
  }
  return value > SIZE_MAX >> shift ? BOUND_DEFAULT : value << shift;
}

static size_t bound(void) {
  static _Atomic size_t known; /* plus one; 0: not known */
  size_t length = 0, value = ouro__load_relaxed(&known);
  if (value) return value - 1;
  const char *text = ouro__conf_find("later", &length);
  value = parse_bound(text, length);
  ouro__store_relaxed(&known, value + 1);
  return value;
}

/* ---------------------------------------------------------------- where the threads are */

static uint64_t epoch_now(void) { return atomic_load(&epoch); }

/* Is nobody there who could still be reading what was unlinked before the epoch? See the head of this file. */
static bool is_past(ouro__thread *thread, uint64_t wanted) {
  if (ouro__load_acquire(&thread->seen) >= wanted) return true;
  if (ouro__load_relaxed(&thread->state) == OURO_THREAD_IN) return false;
  return atomic_fetch_or(&thread->state, 0) != OURO_THREAD_IN;
}

/* `wanted` is an epoch that was raised before. */
static bool all_are_past(uint64_t wanted) {
  uint32_t top = atomic_load(&ouro__threads_top); /* not before the epoch was raised: a record that is not there yet comes in later */
  for (uint32_t i = 1; i <= top; i++) {
    if (!is_past(ouro__load_relaxed(&ouro__threads[i]), wanted)) return false;
  }
  return true;
}

static void poke_those_behind(uint64_t wanted) {
  for (uint32_t i = 1; i <= ouro__load_acquire(&ouro__threads_top); i++) {
    ouro__thread *thread = ouro__load_relaxed(&ouro__threads[i]);
    if (thread != ouro__me && !is_past(thread, wanted)) ouro__thread_poke(thread);
  }
}

void ouro__later_come_by(ouro__thread *thread) { ouro__store_release(&thread->seen, epoch_now()); }

/* May the calling thread go OUT? Between ouro_blocking_begin and its end it is; while it has stopped the world, all others are HELD. */
static bool is_free_to_go(void) { return ouro__me && !ouro__me->blocking && !ouro__world_is_mine(); }

static void come_by_myself(void) {
  if (ouro__me) ouro__later_come_by(ouro__me);
}

/* ---------------------------------------------------------------- batches */

/* The lock is held, here and in what follows, up to take_off. */
static void close_batch(void) {
  if (!open_batch) return;
  open_batch->epoch = atomic_fetch_add(&epoch, 1) + 1;
  open_batch->next = NULL;
  if (newest) newest->next = open_batch;
  if (!oldest) {
    oldest = open_batch;
    ouro__store_relaxed(&oldest_epoch, oldest->epoch);
  }
  newest = open_batch;
  open_batch = NULL;
}

static batch *new_batch(void) {
  batch *made = ouro_malloc(sizeof *made);
  if (!made && !spare_used) {
    made = &spare;
    spare_used = true;
  }
  if (made) *made = (batch){.bytes = 0};
  return made;
}

/* false: no memory for the list. */
static bool append(void *block, size_t bytes) {
  if (!open_batch) open_batch = new_batch();
  if (!open_batch) return false;
  open_batch->blocks[open_batch->count++] = block;
  open_batch->bytes += bytes;
  ouro__add_relaxed(&waiting_bytes, bytes);
  return true;
}

static bool is_full(const batch *it) {
  return it->count == BATCH_BLOCKS || it->bytes >= BATCH_BYTES || it->bytes > bound() / 4;
}

/* Take those off whose epoch is not above `past`; the caller frees them. */
static batch *take_off(uint64_t past) {
  batch *first = oldest, *last = NULL;
  while (oldest && oldest->epoch <= past) {
    last = oldest;
    oldest = oldest->next;
  }
  if (!last) return NULL;
  last->next = NULL;
  if (!oldest) newest = NULL;
  ouro__store_relaxed(&oldest_epoch, oldest ? oldest->epoch : 0);
  ouro__add_relaxed(&freeing, 1);
  return first;
}

static void free_batch(batch *it) {
  for (size_t i = 0; i < it->count; i++) ouro_free(it->blocks[i]);
  ouro__sub_relaxed(&waiting_bytes, it->bytes);
  if (it != &spare) {
    ouro_free(it);
    return;
  }
  ouro__acquire(&lock);
  spare_used = false;
  ouro__release(&lock);
}

static void free_batches(batch *it) {
  while (it) {
    batch *next = it->next;
    free_batch(it);
    it = next;
  }
  atomic_fetch_sub_explicit(&freeing, 1, memory_order_release);
}

/* All threads are past the epoch. */
static void free_until(uint64_t past) {
  ouro__acquire(&lock);
  batch *first = take_off(past);
  ouro__release(&lock);
  if (first) free_batches(first);
  if (ouro_later_bytes() <= bound()) ouro__store_relaxed(&asks_from, bound());
}

/* Its caller comes by. The oldest batch goes first: one look at the records tells in most cases that it has to wait. */
void ouro__later_run(void) {
  come_by_myself();
  for (uint64_t wanted; (wanted = ouro__load_relaxed(&oldest_epoch)) != 0;) {
    uint64_t newest_epoch = epoch_now();
    if (!all_are_past(wanted)) return;
    free_until(all_are_past(newest_epoch) ? newest_epoch : wanted);
  }
}

/* ---------------------------------------------------------------- waiting for all threads */

static _Atomic uint32_t nap_word; /* nobody wakes who sleeps here */

static bool poll(bool (*done)(uint64_t wanted), uint64_t wanted) {
  uint64_t deadline = ouro__os_now_ns() + patience_ns;
  for (uint64_t nap = nap_least_ns; !done(wanted); nap = nap < nap_most_ns ? 2 * nap : nap) {
    if (ouro__os_now_ns() > deadline) return false;
    ouro__wait(&nap_word, 0, nap);
  }
  return true;
}

/* Those that have come in since they were poked first are poked as well. */
static bool have_come_by(uint64_t wanted) {
  if (all_are_past(wanted)) return true;
  poke_those_behind(wanted);
  return false;
}

static bool nobody_frees(uint64_t wanted) {
  (void)wanted;
  return ouro__load_acquire(&freeing) == 0;
}

static bool wait_until_past(uint64_t wanted, const void *caller) {
  come_by_myself();
  if (all_are_past(wanted)) return true;
  bool leave = is_free_to_go();
  if (leave) ouro__go_out(caller);
  bool past = poll(have_come_by, wanted);
  if (leave) ouro__come_in();
  return past;
}

/* All that waits now is freed, or false: a thread did not come by. The caller has unlinked what it is about before. */
static bool wait_for_all(const void *caller) {
  ouro__acquire(&lock);
  close_batch();
  uint64_t wanted = atomic_fetch_add(&epoch, 1) + 1; /* also where nothing was open: what the caller has unlinked is covered */
  ouro__release(&lock);
  if (!wait_until_past(wanted, caller)) return false;
  free_until(wanted);
  return true;
}

/* ---------------------------------------------------------------- the public functions */

/* With one thread attached, nobody else is reading. Within a stretch of that kind already: the same. */
static bool free_at_once(void *block) {
  if (OURO__SEE(ouro__at.alone)) {
    ouro_free(block);
    return true;
  }
  if (!ouro__enter_alone()) return false;
  ouro_free(block);
  ouro__leave_alone();
  return true;
}

/* There is no memory to remember it with, not even the spare batch. A thread that never comes by, and no memory: it is kept for ever,
 * and ouro_later_bytes goes on counting it. */
static void free_without_list(void *block, size_t bytes, const void *caller) {
  if (wait_for_all(caller)) {
    ouro_free(block);
  } else {
    ouro__add_relaxed(&waiting_bytes, bytes);
  }
}

/* So much waits that all threads are waited for. Where one does not come by, that is not tried again until as much as the bound has
 * been added, or a batch: it would take the whole patience each time. */
static void keep_bound(const void *caller) {
  size_t more = bound() > BATCH_BYTES ? bound() : BATCH_BYTES;
  if (!wait_for_all(caller)) ouro__store_relaxed(&asks_from, ouro_later_bytes() + more);
}

static void came_closed(uint64_t wanted) {
  poke_those_behind(wanted);
  ouro__later_run();
}

void ouro_free_later(void *block) {
  if (!block || free_at_once(block)) return;
  size_t bytes = ouro_usable_size(block);
  ouro__acquire(&lock);
  if (!ouro__load_relaxed(&asks_from)) ouro__store_relaxed(&asks_from, bound());
  bool listed = append(block, bytes);
  bool closed = listed && is_full(open_batch);
  if (closed) close_batch();
  uint64_t wanted = epoch_now();
  bool too_much = listed && ouro_later_bytes() > ouro__load_relaxed(&asks_from);
  ouro__release(&lock);
  if (closed) came_closed(wanted);
  if (!listed) free_without_list(block, bytes, OURO_CALLER);
  if (too_much && ouro_later_bytes() > bound()) keep_bound(OURO_CALLER);
}

size_t ouro_later_bytes(void) { return ouro__load_relaxed(&waiting_bytes); }

bool ouro_later_flush(void) { return ouro_later_bytes() == 0 || (wait_for_all(OURO_CALLER) && poll(nobody_frees, 0)); }

/* ---------------------------------------------------------------- fork */

/* What another thread was just freeing is not in the lists: the rest of that batch stays in the child for ever. */
static void child_of_fork(void) {
  size_t bytes = open_batch ? open_batch->bytes : 0;
  spare_used = open_batch == &spare;
  for (const batch *each = oldest; each; each = each->next) {
    bytes += each->bytes;
    spare_used = spare_used || each == &spare;
  }
  ouro__store_relaxed(&waiting_bytes, bytes);
  ouro__store_relaxed(&freeing, 0);
}

void ouro__later_fork(int moment) {
  if (moment == OURO_FORK_BEFORE_ALL) ouro__acquire(&lock);
  if (moment == OURO_FORK_IN_PARENT) ouro__release(&lock);
  if (moment == OURO_FORK_IN_CHILD) {
    child_of_fork();
    ouro__lock_reset(&lock);
  }
}
