/* tests/preload/plugin.c - a library that dlopen.c loads and unloads: it allocates in its constructor, frees in its
 * destructor, and has a function that gives a block away. With -DSTATIC_TLS=n it also has n bytes of
 * initial-exec thread-local storage, which the dynamic linker must find room for in what it reserved at start. */
#include "check.h"

static char *held;

__attribute__((constructor)) static void loaded(void) {
  held = malloc(12345);
  CHECK(held != NULL);
  fill(held, 12345, 5);
}

__attribute__((destructor)) static void unloaded(void) {
  CHECK(holds(held, 12345, 5));
  free(held);
}

void *plugin_give(size_t size);
void *plugin_give(size_t size) { return malloc(size); }

void plugin_take(void *block);
void plugin_take(void *block) { free(block); }

#ifdef STATIC_TLS
static __thread char storage[STATIC_TLS] __attribute__((tls_model("initial-exec")));

char *plugin_storage(void);
char *plugin_storage(void) { return storage; }
#endif
