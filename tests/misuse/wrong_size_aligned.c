/* tests/misuse/wrong_size_aligned.c - an aligned block of 100 bytes is freed as one of 5,000.
 *
 * DEFAULT: wrong size: {address} was freed with a size that cannot be its own
 *          (block of 128 bytes at {block}, pool {pool})
 * CHECK:   wrong size: {address} was freed with a size that cannot be its own
 *          (block of 128 bytes at {block}, pool {pool})
 *
 * Linked with: the core static library (ouro_core). Run by run.py. */
#include "misuse.h"

int main(void) {
  char *block = ouro_aligned_alloc(64, 100);
  tell_address(block);
  ouro_free_aligned_sized(block, 64, 5000);
  return settle();
}
