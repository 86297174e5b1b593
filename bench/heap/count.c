/* count.c - the loop whose instructions `bench/run instructions` counts: allocate one block, free it, again.
 *
 * Arguments: loops, size. Built twice, with ALLOCATE and RELEASE as malloc and free, and as the two functions of empty.c. The
 * block is not touched, since the empty function returns none. */
#include <stdio.h>
#include <stdlib.h>

void *ALLOCATE(size_t size);
void RELEASE(void *block);

int main(int argc, char **argv) {
  long loops = argc > 1 ? atol(argv[1]) : 1000;
  size_t size = argc > 2 ? (size_t)atol(argv[2]) : 64;
  for (long i = 0; i < loops; i++) {
    void *block = ALLOCATE(size);
    __asm__ volatile("" : "+r"(block) : : "memory");
    RELEASE(block);
  }
  printf("loops %ld\n", loops);
  return 0;
}
