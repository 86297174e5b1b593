/* graphfile.h - reads an object graph as bench/graphs/README.md describes it, and answers what the replay asks of it. Nothing
 * here allocates from the heap that is measured. */
#ifndef GRAPHFILE_H
#define GRAPHFILE_H

#include <stddef.h>
#include <stdint.h>

/* The file, as it is mapped. Object i refers to target[first[i]] up to target[first[i + 1] - 1]. */
typedef struct graph_file {
  size_t objects, references, tracked_objects;
  const uint8_t *tracked;
  const uint32_t *bytes, *first, *target;
} graph_file;

/* Reads the file at `path`, or ends the process with a message. */
void graph_file_open(graph_file *graph, const char *path);

/* One byte for each object: 1 for those that must be held from outside so that all is reachable: whatever nobody refers to,
 * and one object of each part that cannot be reached from those. */
uint8_t *graph_holders(const graph_file *graph);

/* Who refers to an object: object[k] in its slot[k], for k from first[i] to first[i + 1] - 1. */
typedef struct graph_sources {
  uint32_t *first, *object, *slot;
} graph_sources;

void graph_sources_make(const graph_file *graph, graph_sources *sources);
void graph_sources_free(const graph_file *graph, graph_sources *sources);

#endif
