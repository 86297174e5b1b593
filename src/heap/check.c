/* heap/check.c - what OURO_CONF=check adds to each block, and the queue of freed blocks.
 *
 *   | the program's bytes: size | 0xFD ... | word |      handed out: word = size ^ mix(address)
 *   | 0xDD ...                             | word |      in the queue: word = FREED ^ mix(address)
 */
#include "heap/check.h"

#include <string.h>

#include "heap/find.h"

enum { AFTER = 0xFD, FREED_FILL = 0xDD, QUEUE = 4096 };

#define FREED UINT64_C(0xf4eed0f4eed0f4ee)
#define QUEUE_BYTES ((size_t)64 << 20)

typedef struct waiting {
  char *block;
  size_t capacity;
} waiting;

ouro__lock ouro__check_lock = OURO_LOCK_INIT(OURO_RANK_META);
static waiting queue[QUEUE];
static size_t queue_first, queue_count, queue_bytes; /* ouro__check_lock */

/* Pools that exist already, from before the environment could be read, are led to the slow path as well. */
void ouro__check_start(void) {
  size_t units = ouro__load_relaxed(&ouro__the_region.units);
  ouro__store_relaxed(&ouro__conf.check, true);
  for (size_t unit = 0; unit < units; unit++) OURO__POKE(&ouro__hot_bins[unit], 0);
}

static uint64_t mix(const char *block) { return ((uint64_t)(uintptr_t)block + 1) * UINT64_C(0x9e3779b97f4a7c15); }

static uint64_t word_of(const char *block, size_t capacity) {
  uint64_t word;
  memcpy(&word, block + capacity - sizeof word, sizeof word);
  return word ^ mix(block);
}

static void set_word(char *block, size_t capacity, uint64_t value) {
  value ^= mix(block);
  memcpy(block + capacity - sizeof value, &value, sizeof value);
}

/* A stretch of one value is the same as itself, one byte further on. */
static bool all_are(const char *from, const char *to, unsigned char value) {
  if (from >= to) return true;
  return (unsigned char)*from == value && memcmp(from, from + 1, (size_t)(to - from) - 1) == 0;
}

void ouro__check_given(char *block, size_t capacity, size_t size) {
  memset(block + size, AFTER, capacity - sizeof(uint64_t) - size);
  set_word(block, capacity, size);
}

size_t ouro__check_size(const char *block, size_t capacity) {
  uint64_t size = word_of(block, capacity);
  if (size == FREED) ouro__fatal_block(OURO_FATAL_DOUBLE_FREE, block);
  if (size > capacity - OURO_CHECK_EXTRA || !all_are(block + size, block + capacity - sizeof size, AFTER)) {
    ouro__fatal_block(OURO_FATAL_OVERRUN, block);
  }
  return (size_t)size;
}

static waiting dequeue_locked(void) {
  waiting leaving = queue[queue_first];
  queue_first = (queue_first + 1) % QUEUE;
  queue_count--;
  queue_bytes -= leaving.capacity;
  return leaving;
}

/* The block that leaves the queue must be as it was when it came. */
static void *checked(waiting leaving) {
  if (!leaving.block) return NULL;
  const char *end = leaving.block + leaving.capacity - sizeof(uint64_t);
  if (word_of(leaving.block, leaving.capacity) != FREED || !all_are(leaving.block, end, FREED_FILL)) {
    ouro__fatal_block(OURO_FATAL_WRITE_AFTER_FREE, leaving.block);
  }
  return leaving.block;
}

void *ouro__check_next(bool only_too_much) {
  waiting leaving = {NULL, 0};
  ouro__acquire(&ouro__check_lock);
  bool too_much = queue_count == QUEUE || queue_bytes > QUEUE_BYTES;
  if (queue_count > 0 && (too_much || !only_too_much)) leaving = dequeue_locked();
  ouro__release(&ouro__check_lock);
  return checked(leaving);
}

void ouro__check_freed(char *block, size_t capacity) {
  ouro__check_size(block, capacity);
  memset(block, FREED_FILL, capacity - sizeof(uint64_t));
  set_word(block, capacity, FREED);
}

bool ouro__check_wait(char *block, size_t capacity) {
  ouro__acquire(&ouro__check_lock);
  bool room = queue_count < QUEUE;
  if (room) {
    queue[(queue_first + queue_count++) % QUEUE] = (waiting){block, capacity};
    queue_bytes += capacity;
  }
  ouro__release(&ouro__check_lock);
  return room;
}
