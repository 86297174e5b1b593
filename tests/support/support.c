/* tests/support/support.c - the helpers of support.h. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ouro/heap.h>

#define PAGE ((size_t)4096)

/* ---------------------------------------------------------------- how much to do */

double test_scale(void) {
  const char *text = getenv("OURO_TEST_SCALE");
  double scale = text != NULL ? atof(text) : 0;
  if (scale > 0) {
    return scale;
  }
  return TEST_TSAN ? 0.05 : TEST_ASAN ? 0.15 : 1;
}

size_t test_count(size_t full, size_t least) {
  size_t count = (size_t)((double)full * test_scale());
  return count < least ? least : count;
}

bool test_check_mode(void) {
  const char *conf = getenv("OURO_CONF");
  return conf != NULL && strstr(conf, "check") != NULL;
}

/* ---------------------------------------------------------------- checks */

_Noreturn void test_failed(const char *condition, const char *file, int line) {
  char text[512];
  int length = snprintf(text, sizeof text, "%s:%d: check failed: %s (process %d, errno %d)\n", file, line, condition,
                        (int)getpid(), errno);
  ssize_t written = write(2, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
  (void)written;
  abort();
}

void test_heap_is_sound(const char *file, int line) {
  char text[256] = "";
  if (ouro_heap_verify(text, sizeof text) != 0) {
    test_failed(text, file, line);
  }
}

/* ---------------------------------------------------------------- random numbers */

/* Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014). */
static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint64_t test_next(test_rng *rng) {
  rng->state += 0x9e3779b97f4a7c15u;
  return mix(rng->state);
}

size_t test_below(test_rng *rng, size_t limit) { return (size_t)(test_next(rng) % limit); }

size_t test_mixed_size(test_rng *rng, size_t largest) {
  static const size_t top[16] = {64,  64,  64,   64,   128,  128,   128,    512,
                                 512, 512, 1024, 4096, 4096, 32768, 131072, SIZE_MAX};
  size_t limit = top[test_next(rng) % 16];
  if (limit == SIZE_MAX && test_next(rng) % 8 != 0) {
    limit = 16384;
  }
  return test_below(rng, (limit < largest ? limit : largest) + 1);
}

/* ---------------------------------------------------------------- patterns */

static uint64_t pattern_word(uint64_t seed, size_t offset) { return (seed + offset) * 0x9e3779b97f4a7c15u ^ seed; }

void test_fill(void *memory, size_t size, uint64_t seed) {
  unsigned char *bytes = memory;
  size_t offset = 0;
  for (; offset + 8 <= size; offset += 8) {
    uint64_t word = pattern_word(seed, offset);
    memcpy(bytes + offset, &word, 8);
  }
  uint64_t word = pattern_word(seed, offset);
  memcpy(bytes + offset, &word, size - offset);
}

bool test_holds(const void *memory, size_t size, uint64_t seed) {
  const unsigned char *bytes = memory;
  size_t offset = 0;
  for (; offset + 8 <= size; offset += 8) {
    uint64_t word = pattern_word(seed, offset);
    if (memcmp(bytes + offset, &word, 8) != 0) {
      return false;
    }
  }
  uint64_t word = pattern_word(seed, offset);
  return memcmp(bytes + offset, &word, size - offset) == 0;
}

/* Blocks up to here are filled whole. */
#define SPARSE_LIMIT ((size_t)8192)

void test_fill_sparse(void *memory, size_t size, uint64_t seed) {
  if (size <= SPARSE_LIMIT) {
    test_fill(memory, size, seed);
    return;
  }
  unsigned char *bytes = memory;
  for (size_t offset = 0; offset < size; offset += PAGE) {
    size_t room = size - offset;
    test_fill(bytes + offset, room < 16 ? room : 16, seed + offset);
  }
  test_fill(bytes + size - 16, 16, seed ^ size);
}

bool test_holds_sparse_prefix(const void *memory, size_t size, size_t kept, uint64_t seed) {
  if (size <= SPARSE_LIMIT) {
    return test_holds(memory, kept < size ? kept : size, seed);
  }
  const unsigned char *bytes = memory;
  size_t end = kept < size - 16 ? kept : size - 16;
  for (size_t offset = 0; offset < end; offset += PAGE) {
    /* The last 16 bytes may lie over a part of this word. */
    size_t room = end - offset;
    if (!test_holds(bytes + offset, room < 16 ? room : 16, seed + offset)) {
      return false;
    }
  }
  return kept < size || test_holds(bytes + size - 16, 16, seed ^ size);
}

bool test_holds_sparse(const void *memory, size_t size, uint64_t seed) {
  return test_holds_sparse_prefix(memory, size, size, seed);
}

bool test_all_bytes(const void *memory, int byte, size_t size) {
  const unsigned char *bytes = memory;
  return size == 0 || (bytes[0] == byte && memcmp(bytes, bytes + 1, size - 1) == 0);
}

void *test_opaque(const void *pointer) {
  void *volatile hidden = (void *)(uintptr_t)pointer;
  return hidden;
}

size_t test_opaque_size(size_t size) {
  volatile size_t hidden = size;
  return hidden;
}

/* ---------------------------------------------------------------- memory of this process */

static size_t statm_field(int index) {
  char text[256];
  int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  TEST_CHECK(fd >= 0);
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  TEST_CHECK(length > 0);
  text[length] = 0;
  char *at = text;
  size_t value = 0;
  for (int i = 0; i <= index; i++) {
    value = strtoul(at, &at, 10);
  }
  return value * PAGE;
}

size_t test_virtual_bytes(void) { return statm_field(0); }

size_t test_resident_bytes(void) { return statm_field(1); }

size_t test_resident_in(const void *from, size_t size) {
  uintptr_t begin = (uintptr_t)from & ~(PAGE - 1);
  uintptr_t end = ((uintptr_t)from + size + PAGE - 1) & ~(PAGE - 1);
  size_t resident = 0;
  for (uintptr_t page = begin; page < end; page += PAGE) {
    unsigned char bit = 0;
    if (mincore((void *)page, PAGE, &bit) == 0 && (bit & 1) != 0) {
      resident += PAGE;
    }
  }
  return resident;
}

/* ---------------------------------------------------------------- time */

double test_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void test_sleep_ms(unsigned ms) {
  struct timespec left = {ms / 1000, (long)(ms % 1000) * 1000000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

bool test_wait_until(bool (*condition)(void *arg), void *arg, double seconds) {
  double end = test_seconds() + seconds;
  while (!condition(arg)) {
    if (test_seconds() > end) {
      return false;
    }
    test_sleep_ms(10);
  }
  return true;
}

/* ---------------------------------------------------------------- children */

/* Present only in coverage builds, which link it in through their own objects. */
extern void __gcov_dump(void) __attribute__((weak));

_Noreturn void test_exit(int status) {
  fflush(NULL);
  if (__gcov_dump != NULL) {
    __gcov_dump();
  }
  _exit(status);
}

/* Read until the writer's end is closed or time is up; the child is killed then, so that a test cannot hang. */
static void collect(test_result *result, int fd, pid_t child, double seconds) {
  double end = test_seconds() + seconds;
  bool killed = false;
  for (;;) {
    double left = end - test_seconds();
    if (left <= 0 && !killed) {
      kill(child, SIGKILL);
      killed = true;
      end += 5; /* A grandchild may hold the pipe open: give up on it then. */
      continue;
    }
    if (left <= 0) {
      break;
    }
    char chunk[1024];
    struct pollfd poller = {.fd = fd, .events = POLLIN, .revents = 0};
    int ready = poll(&poller, 1, (int)(left * 1000) + 1);
    if (ready == 0 || (ready < 0 && errno == EINTR)) {
      continue;
    }
    ssize_t length = read(fd, chunk, sizeof chunk);
    if (length <= 0) {
      break;
    }
    size_t room = sizeof result->output - 1 - result->length;
    size_t kept = (size_t)length < room ? (size_t)length : room;
    memcpy(result->output + result->length, chunk, kept);
    result->length += kept;
  }
  result->output[result->length] = 0;
}

static pid_t start_child(int *from_child) {
  int ends[2];
  TEST_CHECK(pipe(ends) == 0);
  fflush(NULL);
  pid_t child = fork();
  TEST_CHECK(child >= 0);
  if (child == 0) {
    close(ends[0]);
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    close(ends[1]);
    return 0;
  }
  close(ends[1]);
  *from_child = ends[0];
  return child;
}

static test_result finish_child(pid_t child, int from_child, double seconds) {
  test_result result = {0};
  collect(&result, from_child, child, seconds);
  close(from_child);
  while (waitpid(child, &result.status, 0) < 0) {
    TEST_CHECK(errno == EINTR);
  }
  return result;
}

test_result test_in_child(void (*body)(void *arg), void *arg, double seconds) {
  int from_child = -1;
  pid_t child = start_child(&from_child);
  if (child == 0) {
    body(arg);
    test_exit(0);
  }
  return finish_child(child, from_child, seconds);
}

test_result test_run_self(const char *argument, const char *conf, double seconds) {
  int from_child = -1;
  pid_t child = start_child(&from_child);
  if (child == 0) {
    char name[] = "self";
    char *arguments[] = {name, (char *)(uintptr_t)argument, NULL};
    if (conf != NULL) {
      setenv("OURO_CONF", conf, 1);
    } else {
      unsetenv("OURO_CONF");
    }
    execv("/proc/self/exe", arguments);
    _exit(127);
  }
  return finish_child(child, from_child, seconds);
}

void test_child_passed(const test_result *result, const char *file, int line) {
  if (WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0) {
    return;
  }
  fprintf(stderr, "%s:%d: the child ended with status %#x; it wrote:\n%s\n", file, line, (unsigned)result->status,
          result->output);
  test_failed("a child fails", file, line);
}
