/* tests/preload/threads.c - threads pass blocks to each other through plain malloc, realloc and free; many come and go.
 *
 * Plain program, see check.h. */
#include "check.h"

#include <pthread.h>

#define PLACES 256

static char *shelf[PLACES];

static void *exchange(void *arg) {
  unsigned state = (unsigned)(uintptr_t)arg * 2654435761u + 1;
  for (int i = 0; i < 30000; i++) {
    state = state * 1103515245u + 12345u;
    size_t size = 8 + (state >> 8) % ((state >> 20) % 16 == 0 ? 100000 : 600);
    char *mine = malloc(size);
    CHECK(mine != NULL);
    if (i % 5 == 0) {
      mine = realloc(mine, size += 100);
    }
    memcpy(mine, &size, sizeof size);
    memset(mine + sizeof size, (int)(size & 255), size - sizeof size);
    char *other = __atomic_exchange_n(&shelf[(state >> 4) % PLACES], mine, __ATOMIC_ACQ_REL);
    if (other != NULL) {
      memcpy(&size, other, sizeof size);
      for (size_t at = sizeof size; at < size; at += 61) {
        CHECK((unsigned char)other[at] == (size & 255));
      }
      free(other);
    }
  }
  return NULL;
}

static void *come_and_go(void *arg) {
  free(malloc(1000));
  return malloc((size_t)(uintptr_t)arg);
}

int main(void) {
  pthread_t threads[8];
  for (uintptr_t i = 0; i < 8; i++) {
    CHECK(pthread_create(&threads[i], NULL, exchange, (void *)i) == 0);
  }
  for (int i = 0; i < 8; i++) {
    pthread_join(threads[i], NULL);
  }
  for (uintptr_t i = 0; i < 3000; i++) {
    void *left = NULL;
    CHECK(pthread_create(&threads[0], NULL, come_and_go, (void *)i) == 0);
    pthread_join(threads[0], &left);
    free(left);
  }
  puts("done");
  return 0;
}
