/* preload/malloc.c - the C library's malloc family, for LD_PRELOAD. C++'s operators and everything else in the process reach the
 * heap through these.
 *
 * Nothing here needs to have been started: the dynamic linker's first call may come before any constructor. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heap/heap.h"
#include "os/os.h"
#include "preload/doors.h"

#define EXPORT __attribute__((visibility("default")))

/* Not in every C library's headers. */
void *reallocarray(void *block, size_t count, size_t size);
void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size);
void cfree(void *block);

EXPORT void *malloc(size_t size) { return door_malloc(size, OURO_DOMAIN_NATIVE); }

EXPORT void free(void *block) { door_free(block); }

EXPORT void *calloc(size_t count, size_t size) { return door_calloc(count, size, OURO_DOMAIN_NATIVE); }

/* As in the C library, a size of 0 frees a block. */
EXPORT void *realloc(void *block, size_t size) {
  if (block && size == 0) {
    door_free(block);
    return NULL;
  }
  return door_realloc(block, size, OURO_DOMAIN_NATIVE);
}

EXPORT void *reallocarray(void *block, size_t count, size_t size) {
  if (size && count > PTRDIFF_MAX / size) {
    errno = ENOMEM;
    return NULL;
  }
  return realloc(block, count * size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) { return door_aligned_alloc(alignment, size); }

/* The C library rounds an alignment up to a power of two here. */
EXPORT void *memalign(size_t alignment, size_t size) {
  size_t power = 1;
  while (power < alignment && power <= PTRDIFF_MAX / 2) power *= 2;
  return door_aligned_alloc(power, size);
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t size) {
  int saved = errno;
  if (alignment % sizeof(void *) != 0 || !ouro__is_power_of_two(alignment)) return EINVAL;
  void *block = door_aligned_alloc(alignment, size);
  errno = saved;
  if (!block) return ENOMEM;
  *out = block;
  return 0;
}

EXPORT void *valloc(size_t size) { return door_aligned_alloc(OURO_PAGE_BYTES, size); }

EXPORT void *pvalloc(size_t size) {
  if (size > PTRDIFF_MAX - OURO_PAGE_BYTES) {
    errno = ENOMEM;
    return NULL;
  }
  return door_aligned_alloc(OURO_PAGE_BYTES, size ? ouro__round_up(size, OURO_PAGE_BYTES) : OURO_PAGE_BYTES);
}

EXPORT void free_sized(void *block, size_t size) {
  door_forget(block);
  ouro_free_sized(block, size);
}

EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size) {
  door_forget(block);
  ouro_free_aligned_sized(block, alignment, size);
}

EXPORT void cfree(void *block) { door_free(block); }

EXPORT size_t malloc_usable_size(void *block) { return ouro_usable_size(block); }

/* ---------------------------------------------------------------- what programs ask of the C library's allocator */

EXPORT int malloc_trim(size_t pad) {
  (void)pad;
  return ouro_heap_trim() > 0;
}

/* Tunes the C library's allocator; there is nothing of that kind to tune. 1: done. */
EXPORT int mallopt(int parameter, int value) {
  (void)parameter;
  (void)value;
  return 1;
}

EXPORT struct mallinfo2 mallinfo2(void) {
  ouro_heap_stats stats = {.struct_size = sizeof stats};
  ouro_heap_stats_get(&stats);
  size_t held = stats.bytes_held, large = stats.bytes_large;
  struct mallinfo2 info = {0};
  info.arena = held > large ? held - large : 0;
  info.hblks = stats.blocks_large;
  info.hblkhd = large;
  info.uordblks = stats.bytes_live;
  info.fordblks = held > stats.bytes_live ? held - stats.bytes_live : 0;
  info.keepcost = stats.bytes_dirty;
  return info;
}

EXPORT struct mallinfo mallinfo(void) {
  struct mallinfo2 wide = mallinfo2();
  struct mallinfo info = {0};
  info.arena = (int)wide.arena;
  info.hblks = (int)wide.hblks;
  info.hblkhd = (int)wide.hblkhd;
  info.uordblks = (int)wide.uordblks;
  info.fordblks = (int)wide.fordblks;
  info.keepcost = (int)wide.keepcost;
  return info;
}

static int write_stderr(void *arg, const char *text, size_t length) {
  (void)arg;
  ouro__write_fd(STDERR_FILENO, text, length);
  return 0;
}

EXPORT void malloc_stats(void) { ouro_stats_write(OURO_FORMAT_TEXT, write_stderr, NULL); }
