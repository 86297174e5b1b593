/* graph.c - a heap of a real program: made again as objects of the system, then collected, then dropped.
 *
 * Arguments: file (graphfile.h says what is in it), times that a tenth of the objects is replaced, collections. What is
 * replaced: at random, the same in every system; a new object takes over the references in and out, and the old one goes.
 * Afterwards objects no longer lie where their neighbours do.
 *
 * Prints objects, tracked; live_ns: a full collection in which nothing is garbage, the median, for each tracked object;
 * first_ns: the first of them; drop_ns: releasing all that is held, and the collection behind it, for each object; found,
 * what that collection found; dead_ns: its time for each of those; resident_mib after the making. */
#include "graphfile.h"
#include "measure.h"

static graph_file graph;
static thing **things; /* borrowed, but for those that `held` marks */
static uint8_t *held;

static void make_things(void) {
  for (size_t i = 0; i < graph.objects; i++) {
    things[i] = thing_new(graph.tracked[i], graph.bytes[i], graph.first[i + 1] - graph.first[i]);
  }
  for (size_t i = 0; i < graph.objects; i++) {
    for (size_t edge = graph.first[i]; edge < graph.first[i + 1]; edge++) {
      thing_set(things[i], edge - graph.first[i], things[graph.target[edge]]);
    }
  }
}

/* From here on the table knows those alone that hold all: to a collector that looks for references, it is a root. */
static void forget_others(void) {
  for (size_t i = 0; i < graph.objects; i++) {
    if (!held[i]) things[i] = NULL;
  }
}

/* The reference that an object was made with is given up, unless it is one of those that hold all. */
static void let_go(size_t i, thing *t) {
  if (!held[i]) thing_release(t);
}

static void replace(const graph_sources *sources, size_t i) {
  thing *old = things[i];
  size_t references = graph.first[i + 1] - graph.first[i];
  thing *new = thing_new(graph.tracked[i], graph.bytes[i], references);
  things[i] = new;
  for (size_t slot = 0; slot < references; slot++) thing_move(new, old, slot);
  for (size_t k = sources->first[i]; k < sources->first[i + 1]; k++) {
    thing_set(things[sources->object[k]], sources->slot[k], new);
  }
  if (held[i]) thing_release(old);
  let_go(i, new);
}

static void age(size_t times) {
  graph_sources sources;
  uint64_t state = 42;
  if (times == 0) return;
  graph_sources_make(&graph, &sources);
  for (size_t i = 0; i < times * (graph.objects / 10); i++) replace(&sources, work_below(&state, graph.objects));
  graph_sources_free(&graph, &sources);
}

static double collection(size_t *found) {
  double from = measure_now();
  *found = system_collect();
  return measure_now() - from;
}

static void measure_live(size_t collections) {
  double took[64];
  size_t found;
  if (collections == 0 || collections > 64) work_fail("arguments");
  for (size_t i = 0; i < collections; i++) {
    took[i] = collection(&found);
    if (found != 0) work_fail("a live object was found to be garbage");
  }
  measure_report("first_ns", took[0] / (double)graph.tracked_objects);
  measure_report("live_ns", measure_median(took, collections) / (double)graph.tracked_objects);
}

#ifdef SYSTEM_COUNTS
static void measure_drop(void) {
  size_t found;
  double from = measure_now();
  for (size_t i = 0; i < graph.objects; i++) {
    if (held[i]) thing_release(things[i]);
  }
  double counted = measure_now() - from;
  double collected = collection(&found);
  measure_report("drop_ns", (counted + collected) / (double)graph.objects);
  measure_report("found", (double)found);
  if (found > 0) measure_report("dead_ns", collected / (double)found);
}
#endif

int main(int argc, char **argv) {
  if (argc < 2) work_fail("arguments");
  size_t times = work_number(argc, argv, 2, 0), collections = work_number(argc, argv, 3, 5);
  graph_file_open(&graph, argv[1]);
  things = work_table(graph.objects * sizeof *things);
  held = graph_holders(&graph);
  system_start();
  system_roots(things, graph.objects * sizeof *things, true);
  measure_baseline();
  size_t before = measure_resident();
  make_things();
  for (size_t i = 0; i < graph.objects; i++) let_go(i, things[i]);
  age(times);
  forget_others();
  measure_report("resident_mib", ((double)measure_resident() - (double)before) / 1048576);
  measure_report("objects", (double)graph.objects);
  measure_report("tracked", (double)graph.tracked_objects);
  measure_live(collections);
#ifdef SYSTEM_COUNTS
  measure_drop();
#endif
  return 0;
}
