/* tests/trace/counter.c - counts what the tracer should have counted: a malloc family in front of libouro-trace.so's, for LD_PRELOAD=counter.so:libouro-trace.so.
 *
 * From the moment at which exact tracing is on, it keeps the live blocks with their sizes in a hash table of its own. At the end it writes one
 * line to the file that COUNTER_OUT names: its own counts, and the tracer's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ouro/heap.h>
#include <ouro/trace.h>

#include "trace/table.h"

#define EXPORT __attribute__((visibility("default")))

static void *(*real_malloc)(size_t), *(*real_calloc)(size_t, size_t), *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);
static void *(*real_aligned)(size_t, size_t), *(*real_memalign)(size_t, size_t);
static int (*real_posix)(void **, size_t, size_t);
static const ouro__trace_table *table;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool on;
static uint64_t allocs, live, live_bytes;

enum { SLOTS = 1 << 23 };
static struct slot {
  void *block;
  size_t size;
} *slots;

static void find(void *to, const char *name) {
  void *address = dlsym(RTLD_NEXT, name);
  memcpy(to, &address, sizeof address);
}

static void look_up(void) {
  find(&real_malloc, "malloc");
  find(&real_calloc, "calloc");
  find(&real_realloc, "realloc");
  find(&real_free, "free");
  find(&real_aligned, "aligned_alloc");
  find(&real_memalign, "memalign");
  find(&real_posix, "posix_memalign");
  ouro__preload_trace_fn get;
  find(&get, OURO_PRELOAD_TRACE);
  if (get) table = get();
  slots = mmap(NULL, SLOTS * sizeof *slots, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static size_t slot_of(const void *block) { return (uint64_t)(uintptr_t)block * UINT64_C(0x9e3779b97f4a7c15) >> 41; }

static struct slot *find_slot(const void *block) {
  size_t i = slot_of(block);
  while (slots[i].block && slots[i].block != block) i = (i + 1) % SLOTS;
  return &slots[i];
}

/* Before the call: is what it gives counted? */
static bool begin(void) {
  if (!real_malloc) look_up();
  if (!on && table) {
    ouro_trace_totals totals = {.struct_size = sizeof totals};
    table->get_totals(&totals);
    on = totals.mode == OURO_TRACE_EXACT;
  }
  return on;
}

static void given(void *block, size_t size) {
  if (!block) return;
  pthread_mutex_lock(&mutex);
  *find_slot(block) = (struct slot){block, size};
  allocs++;
  live++;
  live_bytes += size;
  pthread_mutex_unlock(&mutex);
}

static void freed(void *block) {
  if (!on || !block) return;
  pthread_mutex_lock(&mutex);
  struct slot *slot = find_slot(block);
  if (slot->block) {
    live--;
    live_bytes -= slot->size;
    size_t hole = (size_t)(slot - slots);
    for (size_t next = (hole + 1) % SLOTS; slots[next].block; next = (next + 1) % SLOTS) {
      size_t home = slot_of(slots[next].block);
      if (((next - home) & (SLOTS - 1)) < ((next - hole) & (SLOTS - 1))) continue;
      slots[hole] = slots[next];
      hole = next;
    }
    slots[hole].block = NULL;
  }
  pthread_mutex_unlock(&mutex);
}

EXPORT void *malloc(size_t size) {
  bool counts = begin();
  void *block = real_malloc(size);
  if (counts) given(block, size);
  return block;
}
EXPORT void *calloc(size_t count, size_t size) {
  bool counts = begin();
  void *block = real_calloc(count, size);
  if (counts) given(block, count * size);
  return block;
}
EXPORT void free(void *block) {
  if (!real_malloc) look_up();
  int saved = errno;
  freed(block);
  errno = saved;
  real_free(block);
}
EXPORT void *realloc(void *block, size_t size) {
  bool counts = begin();
  pthread_mutex_lock(&mutex);
  struct slot was = on && block ? *find_slot(block) : (struct slot){0};
  pthread_mutex_unlock(&mutex);
  freed(block); /* before another thread can get the address */
  void *fresh = real_realloc(block, size);
  if (counts && fresh) given(fresh, size);
  if (counts && !fresh && was.block && size) { /* it failed */
    given(block, was.size);
    allocs--;
  }
  return fresh;
}
EXPORT void *reallocarray(void *block, size_t count, size_t size) { return realloc(block, count * size); }
EXPORT void *aligned_alloc(size_t alignment, size_t size) {
  bool counts = begin();
  void *block = real_aligned(alignment, size);
  if (counts) given(block, size);
  return block;
}
EXPORT void *memalign(size_t alignment, size_t size) {
  bool counts = begin();
  void *block = real_memalign(alignment, size);
  if (counts) given(block, size);
  return block;
}
EXPORT int posix_memalign(void **out, size_t alignment, size_t size) {
  bool counts = begin();
  int result = real_posix(out, alignment, size);
  if (counts && !result) given(*out, size);
  return result;
}

__attribute__((destructor)) static void at_exit(void) {
  const char *path = getenv("COUNTER_OUT");
  char line[256];
  ouro_trace_totals totals = {.struct_size = sizeof totals};
  if (!path || !table) return;
  table->get_totals(&totals);
  int length = snprintf(line, sizeof line, "%llu %llu %llu  %llu %llu %llu  %llu\n", (unsigned long long)allocs, (unsigned long long)live,
                        (unsigned long long)live_bytes, (unsigned long long)totals.allocated_blocks, (unsigned long long)totals.live_blocks,
                        (unsigned long long)totals.live_bytes, (unsigned long long)totals.lost);
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd >= 0 && write(fd, line, (size_t)length) != length) abort();
  if (fd >= 0) close(fd);
}
