/* tests/preload/processes.c - fork, vfork, posix_spawn, system and exec from a process whose threads allocate all the time.
 *
 * Plain program, see check.h. */
#include "check.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static int stop;

static void use(unsigned seed) {
  char *blocks[40];
  for (unsigned i = 0; i < 40; i++) {
    blocks[i] = malloc((size_t)i * i * 30 + 1);
    CHECK(blocks[i] != NULL);
    fill(blocks[i], (size_t)i * i * 30 + 1, seed + i);
  }
  for (unsigned i = 0; i < 40; i++) {
    CHECK(holds(blocks[i], (size_t)i * i * 30 + 1, seed + i));
    free(blocks[i]);
  }
}

static void *use_until_stopped(void *arg) {
  for (unsigned i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
    use(i);
  }
  return arg;
}

static void expect(pid_t child, int wanted) {
  int status = -1;
  CHECK(child > 0);
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == wanted);
}

static void fork_and_use(int depth) {
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    use(1);
    if (depth > 0) {
      fork_and_use(depth - 1);
    }
    _exit(33);
  }
  expect(child, 33);
}

static void vfork_and_exec(void) {
  char *const arguments[] = {(char *)"sh", (char *)"-c", (char *)"exit 5", NULL};
  pid_t child = vfork();
  if (child == 0) {
    execv("/bin/sh", arguments);
    _exit(1);
  }
  expect(child, 5);
}

static void spawn(void) {
  char *const arguments[] = {(char *)"sh", (char *)"-c", (char *)"exit 6", NULL};
  pid_t child = 0;
  CHECK(posix_spawnp(&child, "sh", NULL, NULL, arguments, environ) == 0);
  expect(child, 6);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    use(3);
    return 9;
  }
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) {
    CHECK(pthread_create(&threads[i], NULL, use_until_stopped, NULL) == 0);
  }
  for (int i = 0; i < 30; i++) {
    fork_and_use(i % 3);
    vfork_and_exec();
    spawn();
    CHECK(system("exit 4") == 4 << 8);
  }
  pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", argv[0], "again", NULL);
    _exit(1);
  }
  expect(child, 9);
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (int i = 0; i < 3; i++) {
    pthread_join(threads[i], NULL);
  }
  puts("done");
  return 0;
}
