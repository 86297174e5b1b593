/* tests/misuse/double_free_later.c - a block is freed, others come and go, and it is freed again.
 *
 * DEFAULT: double free: {address} is free already (block of 128 bytes at {block}, pool {pool})
 * CHECK:   double free: {address} is free already (block of 144 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  void *others[50];
  char *block = ouro_malloc(128);
  tell_address(block);
  for (size_t i = 0; i < 50; i++) {
    others[i] = ouro_malloc(128);
  }
  ouro_free(block);
  for (size_t i = 0; i < 50; i++) {
    ouro_free(others[i]);
  }
  ouro_free(hide(block));
  return settle();
}
