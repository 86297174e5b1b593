/* tests/thread/test_unload.c - a library that uses objects is unloaded while its threads are attached, and they end afterwards; then it is
 * loaded again.
 *
 * libouro.so stays where it is, as it says when it is linked (nodelete): the threads' ends are still to come. So what they left is there
 * when it is loaded again.
 *
 * usage: test_unload LIBRARY      see unloaded.c. Not linked with any of ouro. TAP. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, ROUNDS = 20 };

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __LINE__))

static _Noreturn void check_failed(const char *condition, int line) {
  printf("not ok 1 - line %d: %s does not hold\n1..1\n", line, condition);
  exit(1);
}

static pthread_barrier_t barrier;
static int (*work)(void);

static void *work_and_wait(void *unused) {
  (void)unused;
  CHECK(work() == 0);
  pthread_barrier_wait(&barrier); /* the library is unloaded in between */
  pthread_barrier_wait(&barrier);
  return NULL;
}

static int (*function(void *library, const char *name))(void) {
  int (*found)(void) = (int (*)(void))dlsym(library, name);
  CHECK(found);
  return found;
}

static void *load(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) printf("# %s\n", dlerror());
  CHECK(library);
  return library;
}

static void unload_under_threads(const char *path) {
  pthread_t threads[THREADS];
  void *library = load(path);
  work = function(library, "library_work");
  for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, work_and_wait, NULL) == 0);
  pthread_barrier_wait(&barrier);
  CHECK(dlclose(library) == 0);
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  library = load(path);
  int wrong = function(library, "library_check")();
  if (wrong) printf("# library_check gives %d\n", wrong);
  CHECK(wrong == 0);
  CHECK(dlclose(library) == 0);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  CHECK(pthread_barrier_init(&barrier, NULL, THREADS + 1) == 0);
  for (int round = 0; round < ROUNDS; round++) unload_under_threads(argv[1]);
  printf("ok 1 - threads end after the library that they used was unloaded\n1..1\n");
  return 0;
}
