/* graphfile.c - the object graphs of bench/graphs, uncompressed: mapped, checked, and turned round; graphfile.h says what for. */
#define _GNU_SOURCE
#include "graphfile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "work.h"

/* What is left to read of the file. */
typedef struct reader {
  const uint8_t *at, *end;
} reader;

static const void *take(reader *in, size_t bytes) {
  if ((size_t)(in->end - in->at) < bytes) work_fail("the graph ends too early");
  const void *found = in->at;
  in->at += bytes;
  return found;
}

static uint64_t take_number(reader *in, size_t bytes) {
  uint64_t value = 0;
  const uint8_t *digits = take(in, bytes);
  for (size_t i = bytes; i > 0; i--) value = value << 8 | digits[i - 1];
  return value;
}

static reader map(const char *path) {
  struct stat about;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &about) != 0) work_fail("the graph cannot be opened");
  size_t bytes = (size_t)about.st_size;
  const uint8_t *from = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  if (from == MAP_FAILED) work_fail("the graph cannot be mapped");
  close(fd);
  return (reader){from, from + bytes};
}

/* An array of the file, at an address that its elements may have: what stands before it is of any length. */
static const uint32_t *take_numbers(reader *in, size_t count) {
  const void *found = take(in, count * sizeof(uint32_t));
  uint32_t *copy = work_table(count * sizeof *copy + 1);
  memcpy(copy, found, count * sizeof *copy);
  return copy;
}

static void check(const graph_file *graph) {
  if (graph->first[0] != 0 || graph->first[graph->objects] != graph->references) work_fail("the graph is damaged");
  for (size_t i = 0; i < graph->objects; i++) {
    if (graph->first[i] > graph->first[i + 1]) work_fail("the graph is damaged");
  }
  for (size_t i = 0; i < graph->references; i++) {
    if (graph->target[i] >= graph->objects) work_fail("the graph is damaged");
  }
}

void graph_file_open(graph_file *graph, const char *path) {
  reader in = map(path);
  if (memcmp(take(&in, 8), "OGRAPH01", 8) != 0) work_fail("this is no graph");
  size_t types = (size_t)take_number(&in, 4);
  graph->objects = (size_t)take_number(&in, 4);
  graph->references = (size_t)take_number(&in, 8);
  for (size_t i = 0; i < types; i++) take(&in, (size_t)take_number(&in, 2));
  take(&in, graph->objects * sizeof(uint16_t));
  graph->tracked = take(&in, graph->objects);
  graph->bytes = take_numbers(&in, graph->objects);
  graph->first = take_numbers(&in, graph->objects + 1);
  graph->target = take_numbers(&in, graph->references);
  graph->tracked_objects = 0;
  for (size_t i = 0; i < graph->objects; i++) graph->tracked_objects += graph->tracked[i];
  if (graph->tracked_objects == 0) work_fail("the graph has no tracked objects");
  check(graph);
}

/* Marks all that can be reached from `from`, which is not marked yet. `stack` has room for every object. */
static void reach(const graph_file *graph, uint8_t *seen, uint32_t *stack, uint32_t from) {
  size_t depth = 0;
  seen[from] = 1;
  stack[depth++] = from;
  while (depth > 0) {
    uint32_t i = stack[--depth];
    for (size_t edge = graph->first[i]; edge < graph->first[i + 1]; edge++) {
      uint32_t other = graph->target[edge];
      if (seen[other]) continue;
      seen[other] = 1;
      stack[depth++] = other;
    }
  }
}

uint8_t *graph_holders(const graph_file *graph) {
  uint8_t *holders = work_table(graph->objects), *referred = work_table(graph->objects);
  uint8_t *seen = work_table(graph->objects);
  uint32_t *stack = work_table(graph->objects * sizeof *stack);
  for (size_t i = 0; i < graph->references; i++) referred[graph->target[i]] = 1;
  for (int part = 0; part < 2; part++) { /* what nobody refers to; then what cannot be reached from there */
    for (uint32_t i = 0; i < graph->objects; i++) {
      if (seen[i] || (part == 0 && referred[i])) continue;
      holders[i] = 1;
      reach(graph, seen, stack, i);
    }
  }
  work_table_free(referred, graph->objects);
  work_table_free(seen, graph->objects);
  work_table_free(stack, graph->objects * sizeof *stack);
  return holders;
}

void graph_sources_make(const graph_file *graph, graph_sources *sources) {
  sources->first = work_table((graph->objects + 1) * sizeof(uint32_t));
  sources->object = work_table(graph->references * sizeof(uint32_t) + 1);
  sources->slot = work_table(graph->references * sizeof(uint32_t) + 1);
  uint32_t *next = work_table(graph->objects * sizeof *next);
  for (size_t i = 0; i < graph->references; i++) sources->first[graph->target[i] + 1]++;
  for (size_t i = 0; i < graph->objects; i++) sources->first[i + 1] += sources->first[i];
  memcpy(next, sources->first, graph->objects * sizeof *next);
  for (uint32_t i = 0; i < graph->objects; i++) {
    for (uint32_t edge = graph->first[i]; edge < graph->first[i + 1]; edge++) {
      uint32_t place = next[graph->target[edge]]++;
      sources->object[place] = i;
      sources->slot[place] = edge - graph->first[i];
    }
  }
  work_table_free(next, graph->objects * sizeof *next);
}

void graph_sources_free(const graph_file *graph, graph_sources *sources) {
  work_table_free(sources->first, (graph->objects + 1) * sizeof(uint32_t));
  work_table_free(sources->object, graph->references * sizeof(uint32_t) + 1);
  work_table_free(sources->slot, graph->references * sizeof(uint32_t) + 1);
}
