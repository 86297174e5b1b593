/* tests/misuse/free_of_a_block_never_handed_out.c - the last block of a pool, which nobody was given, is freed.
 *
 * DEFAULT: double free: {address} is free already (block of 64 bytes at {block}, pool {pool})
 * CHECK:   double free: {address} is free already (block of 64 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(40); /* of 64 bytes under check, of 48 otherwise */
  block = ouro_usable_size(block) == 48 ? ouro_malloc(64) : block;
  char *last = (char *)(((uintptr_t)block | 65535) - 63);
  tell_address(last);
  ouro_free(hide(last));
  return settle();
}
