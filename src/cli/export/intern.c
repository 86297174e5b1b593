/* cli/export/intern.c - numbers for strings of bytes: a list, and a table of its numbers that is searched from a hash onwards.
 *
 * I-INTERN: slot_count is 0 or a power of two, and at least twice `count` */
#include <stdlib.h>
#include <string.h>

#include "cli/export/export.h"

static uint64_t hash_of(const uint8_t *bytes, size_t length) {
  uint64_t hash = length;
  for (size_t i = 0; i < length; i++) {
    hash = (hash ^ bytes[i]) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
  }
  return hash;
}

/* The slot that has the bytes, or the free one where they belong. */
static size_t slot_of(const ouro__intern *intern, const void *bytes, size_t length) {
  size_t slot = hash_of(bytes, length) & (intern->slot_count - 1);
  for (;; slot = (slot + 1) & (intern->slot_count - 1)) {
    if (!intern->slots[slot]) return slot;
    const struct ouro__interned *other = &intern->list[intern->slots[slot] - 1];
    if (other->length == length && memcmp(other->bytes, bytes, length) == 0) return slot;
  }
}

/* Twice as many numbers. A failure leaves the table as it was, but for a longer list. */
static bool grow(ouro__intern *intern) {
  size_t room = intern->room ? 2 * intern->room : 64;
  struct ouro__interned *list = realloc(intern->list, room * sizeof *list);
  if (!list) return false;
  intern->list = list;
  uint32_t *slots = calloc(2 * room, sizeof *slots);
  if (!slots) return false;
  free(intern->slots);
  intern->slots = slots;
  intern->slot_count = 2 * room;
  intern->room = room;
  for (size_t i = 0; i < intern->count; i++) slots[slot_of(intern, list[i].bytes, list[i].length)] = (uint32_t)i + 1;
  return true;
}

uint32_t ouro__intern_add(ouro__intern *intern, const void *bytes, size_t length) {
  if (intern->count == intern->room && !grow(intern)) return UINT32_MAX;
  size_t slot = slot_of(intern, bytes, length);
  if (intern->slots[slot]) return intern->slots[slot] - 1;
  char *copy = malloc(length + 1);
  if (!copy) return UINT32_MAX;
  memcpy(copy, bytes, length);
  copy[length] = 0;
  intern->list[intern->count++] = (struct ouro__interned){copy, length};
  intern->slots[slot] = (uint32_t)intern->count;
  return intern->slots[slot] - 1;
}

void ouro__intern_free(ouro__intern *intern) {
  for (size_t i = 0; i < intern->count; i++) free(intern->list[i].bytes);
  free(intern->list);
  free(intern->slots);
  *intern = (ouro__intern){0};
}
