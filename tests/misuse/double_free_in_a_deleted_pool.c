/* tests/misuse/double_free_in_a_deleted_pool.c - a block is freed twice, and the first time took its pool with it.
 *
 * DEFAULT: double free: {address} is free already
 * CHECK:   double free: {address} is free already (block of 65536 bytes at {block}, pool {medium})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

#include <pthread.h>

/* Another thread: what this one caches stays where it is. */
static void *trim(void *arg) {
  ouro_heap_trim();
  return arg;
}

int main(void) {
  pthread_t other;
  char *blocks[17]; /* two pools of eight, and one that holds the last alone */
  for (int i = 0; i < 17; i++) blocks[i] = ouro_malloc(65520);
  tell_address(blocks[16]);
  ouro_free(blocks[0]);
  ouro_thread_flush(); /* a pool with room: the third is not needed when it is empty */
  ouro_free(blocks[16]);
  ouro_free(hide(blocks[16])); /* the cache has room for one: the pool is empty */
  if (pthread_create(&other, NULL, trim, NULL) == 0) pthread_join(other, NULL);
  return settle();
}
