/* mapped.c - a buffer that grows, in memory straight from the system. */
#define _GNU_SOURCE
#include "mapped.h"

#include <string.h>
#include <sys/mman.h>

#define FIRST_BYTES ((size_t)64 * 1024)

void *ouro__mapped_new(size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

void ouro__mapped_delete(void *memory, size_t bytes) {
  if (memory) munmap(memory, bytes);
}

static bool grow(ouro__mapped *buffer, size_t room) {
  void *memory = buffer->bytes ? mremap(buffer->bytes, buffer->room, room, MREMAP_MAYMOVE) : ouro__mapped_new(room);
  if (!memory || memory == MAP_FAILED) return false;
  buffer->bytes = memory;
  buffer->room = room;
  return true;
}

bool ouro__mapped_append(ouro__mapped *buffer, const void *bytes, size_t length) {
  size_t room = buffer->room ? buffer->room : FIRST_BYTES;
  while (room - buffer->used < length) room *= 2;
  if (room != buffer->room && !grow(buffer, room)) return false;
  memcpy(buffer->bytes + buffer->used, bytes, length);
  buffer->used += length;
  return true;
}

void ouro__mapped_clear(ouro__mapped *buffer) {
  ouro__mapped_delete(buffer->bytes, buffer->room);
  *buffer = (ouro__mapped){0};
}
