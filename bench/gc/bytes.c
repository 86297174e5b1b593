/* bytes.c - resident memory of many objects of two references, by the object.
 *
 * Arguments: objects. Prints resident_bytes, block_bytes (what one object takes by the system's own word) and header_bytes. */
#include "measure.h"

int main(int argc, char **argv) {
  size_t objects = work_number(argc, argv, 1, 1000000);
  node **held = work_table(objects * sizeof *held);
  system_start();
  system_automatic(false);
  measure_baseline();
  size_t before = measure_resident();
  for (size_t i = 0; i < objects; i++) held[i] = node_new();
  measure_report("resident_bytes", (double)(measure_resident() - before) / (double)objects);
  measure_report("block_bytes", (double)node_bytes(held[0]));
#ifdef SYSTEM_HEADER_BYTES
  measure_report("header_bytes", (double)SYSTEM_HEADER_BYTES);
#endif
  for (size_t i = 0; i < objects; i++) node_release(held[i]);
  return 0;
}
