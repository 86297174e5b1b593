/* tests/misuse/wrong_size_too_small.c - a block of 1,000 bytes is freed as one of 10.
 *
 * DEFAULT: wrong size: {address} was freed with a size that cannot be its own
 *          (block of 1024 bytes at {block}, pool {pool})
 * CHECK:   wrong size: {address} was freed with a size that cannot be its own
 *          (block of 1024 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(1000);
  tell_address(block);
  ouro_free_sized(block, 10);
  return settle();
}
