/* tests/misuse/wrong_size_too_large.c - a block of 100 bytes is freed as one of 1,000.
 *
 * DEFAULT: wrong size: {address} was freed with a size that cannot be its own
 *          (block of 112 bytes at {block}, pool {pool})
 * CHECK:   wrong size: {address} was freed with a size that cannot be its own
 *          (block of 128 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_malloc(100);
  tell_address(block);
  ouro_free_sized(block, 1000);
  return settle();
}
