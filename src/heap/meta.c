/* heap/meta.c - powers of two from 64 bytes up, carved from chunks; a free list for each. */
#include "heap/meta.h"

#include <string.h>

ouro__lock ouro__meta_lock = OURO_LOCK_INIT(OURO_RANK_META);
_Atomic size_t ouro__meta_bytes;

enum { SMALLEST_LOG2 = 6, SIZES = 16, CHUNK = 256 * 1024 };

typedef struct link {
  struct link *next;
} link;

static link *lists[SIZES];
static char *chunk, *chunk_end;

static unsigned slot_of(size_t size) {
  return size <= (1u << SMALLEST_LOG2) ? 0 : ouro__log2(size - 1) + 1 - SMALLEST_LOG2;
}

static void *map_counted(size_t size) {
  void *memory = ouro__os_map(size);
  if (memory) ouro__add_relaxed(&ouro__meta_bytes, size);
  return memory;
}

/* What is left of the old chunk, less than half of it, is lost: it was never touched. */
static void *carve(size_t bytes) {
  if (bytes > CHUNK / 2) return map_counted(ouro__round_up(bytes, OURO_PAGE_BYTES));
  size_t skip = bytes < OURO_PAGE_BYTES ? (size_t)(-(uintptr_t)chunk & (bytes - 1)) : 0;
  if (!chunk || (size_t)(chunk_end - chunk) < skip + bytes) {
    char *fresh = map_counted(CHUNK);
    if (!fresh) return NULL;
    chunk = fresh;
    chunk_end = fresh + CHUNK;
    skip = 0;
  }
  void *memory = chunk + skip;
  chunk += skip + bytes;
  return memory;
}

void *ouro__meta_alloc(size_t size) {
  unsigned slot = slot_of(size);
  OURO_INVARIANT(slot < SIZES);
  size_t bytes = (size_t)1 << (slot + SMALLEST_LOG2);
  ouro__acquire(&ouro__meta_lock);
  link *memory = lists[slot];
  if (memory) {
    lists[slot] = memory->next;
  } else {
    memory = carve(bytes);
  }
  ouro__release(&ouro__meta_lock);
  if (memory) memset(memory, 0, size);
  return memory;
}

void ouro__meta_free(void *memory, size_t size) {
  unsigned slot = slot_of(size);
  link *freed = memory;
  ouro__acquire(&ouro__meta_lock);
  freed->next = lists[slot];
  lists[slot] = freed;
  ouro__release(&ouro__meta_lock);
}
