/* tests/misuse/double_free_by_another_thread.c - one thread frees a block, another frees it again.
 *
 * DEFAULT: double free: {address} is free already (block of 256 bytes at {block}, pool {pool})
 * CHECK:   double free: {address} is free already (block of 272 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

static void *free_it(void *block) {
  ouro_free(block);
  return NULL;
}

int main(void) {
  pthread_t thread;
  char *block = ouro_malloc(256);
  tell_address(block);
  pthread_create(&thread, NULL, free_it, block);
  pthread_join(thread, NULL);
  ouro_free(hide(block));
  ouro_heap_trim();
  return 0;
}
