/* object/deferred.c - deferred objects: each thread counts them for itself, and the collector adds up.
 *
 * The header of a deferred object has the owner OURO__DEFERRED, and in `count` its NUMBER:
 *
 *   number            0      1      2      3    ...
 *   entries:       | base | base | none | base |      in chunks that never move: they are found without the lock
 *   a thread's:    |  +3  |   0  |   0  |  -1  |      ouro__thread.deferred, which only that thread writes to
 *   another's:     |  -2  |                            as long as the numbers that it has counted ask for
 *
 * I-DEFER-1  references to a deferred object = its base and what every thread has counted, modulo 2^32, read as a signed number
 * I-DEFER-2  an entry with an object: that is alive, its owner is OURO__DEFERRED, and its `count` is the entry's number
 * I-DEFER-3  of a number without an object, base and all that threads have counted is 0
 * I-DEFER-4  entries with an object + entries in the list of unused ones = numbers ever given
 *
 * A thread may take reference after reference that others release: by I-DEFER-1 no thread's own count can grow too large. What is bounded
 * is how many references there are at a time: 2^31 - 1, or 16 GiB of slots.
 *
 * The lock is for the table, and for where the threads' counts lie. With the world stopped, sums need no lock. */
#include <errno.h>
#include <string.h>

#include "object/object.h"

typedef struct entry {
  _Atomic uint32_t base;
  uint32_t next;       /* unused ones: the next, and one more; 0: none */
  ouro_object *object; /* NULL: unused */
} entry;

enum { FIRST_CHUNK = 64, CHUNKS = 25, ROOM_LEAST = 64 };

static ouro__lock lock = OURO_LOCK_INIT(OURO_RANK_DEFERRED);
static struct {
  entry *_Atomic chunks[CHUNKS]; /* each twice as long as the one before */
  uint32_t given;                /* numbers ever given: those below */
  uint32_t used;                 /* entries with an object */
  uint32_t unused;               /* the first unused number, and one more; 0: none */
  uint32_t threads;              /* the highest number of a thread that has counts */
} table;

/* ---------------------------------------------------------------- numbers */

static unsigned chunk_of(uint32_t number) { return ouro__log2(number / FIRST_CHUNK + 1u); }
static uint32_t chunk_start(unsigned chunk) { return FIRST_CHUNK * ((1u << chunk) - 1); }

static entry *entry_of(uint32_t number) {
  unsigned chunk = chunk_of(number);
  return ouro__load_acquire(&table.chunks[chunk]) + (number - chunk_start(chunk)); /* pairs with add_chunk */
}

static bool add_chunk(unsigned chunk) {
  entry *entries = chunk < CHUNKS ? ouro_calloc((size_t)FIRST_CHUNK << chunk, sizeof *entries) : NULL;
  if (!entries) return false;
  ouro__store_release(&table.chunks[chunk], entries);
  return true;
}

/* An entry for the object; false: no memory. */
static bool take_number_locked(ouro_object *object, uint32_t *number) {
  if (table.unused) {
    *number = table.unused - 1;
    table.unused = entry_of(*number)->next;
  } else {
    *number = table.given;
    unsigned chunk = chunk_of(*number);
    if (chunk >= CHUNKS || (!ouro__load_relaxed(&table.chunks[chunk]) && !add_chunk(chunk))) return false;
    table.given++;
  }
  table.used++;
  entry_of(*number)->object = object;
  return true;
}

static void give_number_locked(uint32_t number) {
  entry *it = entry_of(number);
  it->object = NULL;
  it->next = table.unused;
  table.unused = number + 1;
  table.used--;
}

/* Has the object the number that its header tells? */
static bool has_number_locked(const ouro_object *object) {
  uint32_t number = OURO__SEE(object->ouro__count);
  return ouro__owner(object) == OURO__DEFERRED && number < table.given && entry_of(number)->object == object;
}

/* ---------------------------------------------------------------- adding up */

/* What the thread has counted of that number; NULL: nothing yet. With the lock, or the world stopped. */
static int32_t *counted_by(uint32_t thread, uint32_t number) {
  ouro__thread *it = ouro__load_acquire(&ouro__threads[thread]);
  return it && number < it->deferred_room ? &it->deferred[number] : NULL;
}

static int32_t sum_of(uint32_t number) {
  uint32_t sum = ouro__load_relaxed(&entry_of(number)->base);
  for (uint32_t thread = 1; thread <= table.threads; thread++) {
    int32_t *counted = counted_by(thread, number);
    if (counted) sum += (uint32_t)OURO__SEE(*counted);
  }
  return (int32_t)sum;
}

int64_t ouro__deferred_count(const ouro_object *object) { return sum_of(OURO__SEE(object->ouro__count)); }

size_t ouro__deferred_refcount(const ouro_object *object) {
  ouro__acquire(&lock);
  int32_t sum = has_number_locked(object) ? sum_of(OURO__SEE(object->ouro__count)) : 0;
  ouro__release(&lock);
  return sum > 0 ? (size_t)sum : 0;
}

/* ---------------------------------------------------------------- counting */

static uint32_t room_for(uint32_t number) {
  uint32_t room = ouro__me->deferred_room ? ouro__me->deferred_room * 2 : ROOM_LEAST;
  while (room <= number) room *= 2;
  return room;
}

/* Let the thread's counts lie there from now on. */
static void set_counts(int32_t *counts, uint32_t room) {
  ouro__at.deferred = ouro__me->deferred = counts;
  ouro__at.deferred_room = ouro__me->deferred_room = room;
}

/* Room in the calling thread for that number. Others may be adding up. */
static bool make_room(uint32_t number) {
  uint32_t room = room_for(number), before = ouro__me->deferred_room;
  int32_t *counts = ouro_calloc(room, sizeof *counts), *old = ouro__me->deferred;
  if (!counts) return false;
  if (before) memcpy(counts, old, before * sizeof *counts);
  ouro__acquire(&lock);
  set_counts(counts, room);
  if (table.threads < ouro__me->number) table.threads = ouro__me->number;
  ouro__release(&lock);
  ouro_free(old);
  return true;
}

/* Without memory, the base is counted, which all share. */
void ouro__count_deferred_slow(ouro_object *object, int32_t change) {
  OURO_ASSERT(ouro__thread_is_in());
  uint32_t number = OURO__SEE(object->ouro__count);
  int saved = errno;
  if (number < ouro__at.deferred_room || make_room(number)) {
    ouro__count_deferred(object, change);
  } else {
    ouro__add_relaxed(&entry_of(number)->base, (uint32_t)change);
  }
  errno = saved;
}

void ouro__deferred_ends(void) {
  int32_t *counts = ouro__me->deferred;
  if (!counts) return;
  ouro__acquire(&lock);
  for (uint32_t number = 0; number < ouro__me->deferred_room; number++) {
    if (counts[number]) ouro__add_relaxed(&entry_of(number)->base, (uint32_t)counts[number]);
  }
  set_counts(NULL, 0);
  ouro__release(&lock);
  ouro_free(counts);
}

/* ---------------------------------------------------------------- becoming deferred, and no longer being so */

static bool may_be_deferred(const ouro_object *object) {
  unsigned owner = ouro__owner(object);
  return ouro__has(object, OURO_TRACKED) && (ouro__is_owned(object) || owner == OURO__MERGED);
}

/* Nobody else is counting it: the other threads stand still, or there are none. The flags of `shared` stay, but for that which says that it
 * is merged. */
static int defer_now(ouro_object *object) {
  uint32_t number;
  int64_t held = may_be_deferred(object) ? ouro__held(object) : 0;
  if (held <= 0 || held > INT32_MAX) return OURO_EINVAL;
  ouro__disown(object);
  ouro__acquire(&lock);
  bool taken = take_number_locked(object, &number);
  if (taken) {
    ouro__store_relaxed(&entry_of(number)->base, (uint32_t)held);
    OURO__SET(object->ouro__count, number);
    OURO__SET(object->ouro__shared, OURO__SEE(object->ouro__shared) & (OURO_S_ONE - 1) & ~(uint32_t)OURO_S_MERGED);
    ouro__set_owner(object, OURO__DEFERRED);
  }
  ouro__release(&lock);
  return taken ? OURO_OK : OURO_ENOMEM;
}

static int defer_among_many(ouro_object *object) {
  if (!ouro__world_stop(0)) return OURO_EBUSY;
  int code = defer_now(object);
  ouro__world_start();
  return code;
}

int ouro_defer(void *object) {
  if (!ouro__attached()) return errno == ENOMEM ? OURO_ENOMEM : OURO_EPERM;
  if (!may_be_deferred(object)) return OURO_EINVAL;
  if (!ouro__enter_alone()) return defer_among_many(object);
  int code = defer_now(object);
  ouro__leave_alone();
  return code;
}

bool ouro_is_deferred(const void *object) { return ouro__owner(object) == OURO__DEFERRED; }

int64_t ouro__deferred_leave(ouro_object *object) {
  uint32_t number = OURO__SEE(object->ouro__count);
  int64_t held = sum_of(number);
  ouro__acquire(&lock);
  for (uint32_t thread = 1; thread <= table.threads; thread++) {
    int32_t *counted = counted_by(thread, number);
    if (counted) OURO__SET(*counted, 0);
  }
  ouro__store_relaxed(&entry_of(number)->base, 0);
  give_number_locked(number);
  ouro__release(&lock);
  return held;
}

/* ---------------------------------------------------------------- fork, and the checker */

void ouro__deferred_fork(int moment) {
  switch (moment) {
    case OURO_FORK_BEFORE_ALL: ouro__acquire(&lock); break;
    case OURO_FORK_IN_PARENT: ouro__release(&lock); break;
    default: ouro__lock_reset(&lock); /* what other threads have counted stays in their records */
  }
}

bool ouro__deferred_known(const ouro_object *object) {
  ouro__acquire(&lock);
  bool known = has_number_locked(object);
  ouro__release(&lock);
  return known;
}

static const char *check_number_locked(uint32_t number) {
  const entry *it = entry_of(number);
  if (!it->object) return sum_of(number) == 0 ? NULL : "I-DEFER-3: a number that nobody has was counted";
  if (!has_number_locked(it->object) || OURO__SEE(it->object->ouro__count) != number) {
    return "I-DEFER-2: a deferred object with another number than its entry's";
  }
  return NULL;
}

static bool unused_are_all_locked(void) {
  uint32_t count = 0;
  for (uint32_t next = table.unused; next && count <= table.given; count++) next = entry_of(next - 1)->next;
  return count + table.used == table.given;
}

bool ouro__deferred_valid(const char **why, const void **where) {
  *why = NULL;
  ouro__acquire(&lock);
  for (uint32_t number = 0; number < table.given && !*why; number++) {
    *why = check_number_locked(number);
    *where = entry_of(number)->object;
  }
  if (!*why && !unused_are_all_locked()) *why = "I-DEFER-4: the number of entries is wrong";
  ouro__release(&lock);
  return !*why;
}
