/* tests/misuse/double_free_among_neighbours.c - of many neighbours that are freed together one is freed twice: that one is named.
 *
 * DEFAULT: double free: {address} is free already (block of 64 bytes at {block}, pool {pool})
 * CHECK:   double free: {address} is free already (block of 80 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *blocks[20];
  for (size_t i = 0; i < 20; i++) {
    blocks[i] = ouro_malloc(64);
  }
  tell_address(blocks[13]);
  for (size_t i = 0; i < 20; i++) {
    ouro_free(blocks[i]);
  }
  ouro_free(hide(blocks[13]));
  return settle();
}
