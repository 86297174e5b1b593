/* tests/misuse/double_free_of_another_threads_block.c - a thread frees a block of the main thread twice, and ends.
 *
 * DEFAULT: double free: {address} is free already (block of 256 bytes at {block}, pool {pool})
 * CHECK:   double free: {address} is free already (block of 272 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

static void *free_it_twice(void *block) {
  ouro_free(block);
  ouro_free(hide(block));
  return NULL;
}

int main(void) {
  pthread_t thread;
  char *block = ouro_malloc(256);
  tell_address(block);
  pthread_create(&thread, NULL, free_it_twice, block);
  pthread_join(thread, NULL);
  ouro_heap_trim();
  return 0;
}
