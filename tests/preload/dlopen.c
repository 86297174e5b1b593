/* tests/preload/dlopen.c - libraries are loaded and unloaded, also one that needs static thread-local storage, and blocks pass
 * between them and the program.
 *
 * usage: dlopen PLUGIN PLUGIN-WITH-STATIC-TLS        Plain program, see check.h. */
#include "check.h"

#include <pthread.h>

static void *symbol(void *library, const char *name) {
  void *found = dlsym(library, name);
  CHECK(found != NULL);
  return found;
}

static void load_and_unload(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
  }
  CHECK(library != NULL);
  void *(*give)(size_t) = (void *(*)(size_t))symbol(library, "plugin_give");
  void (*take)(void *) = (void (*)(void *))symbol(library, "plugin_take");
  char *given = give(1000);
  char *own = malloc(1000);
  fill(given, 1000, 6);
  take(own);
  CHECK(dlclose(library) == 0);
  CHECK(holds(given, 1000, 6)); /* the block outlives the library that asked for it */
  free(given);
}

static void *load_in_a_thread(void *path) {
  for (int i = 0; i < 20; i++) {
    load_and_unload(path);
  }
  return NULL;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  for (int i = 0; i < 200; i++) {
    load_and_unload(argv[1]);
  }
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    CHECK(pthread_create(&threads[i], NULL, load_in_a_thread, argv[1]) == 0);
  }
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
  }
  load_and_unload(argv[2]);
  CHECK(dlopen("/nonexistent/library.so", RTLD_NOW) == NULL);
  CHECK(dlerror() != NULL);
  puts("done");
  return 0;
}
