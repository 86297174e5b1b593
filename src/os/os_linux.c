/* os/os_linux.c - os.h on Linux. */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "os/os_fault.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define ACCESS (PROT_READ | PROT_WRITE)
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

/* ENOMEM may also mean that this process has no such address. */
static bool could_map_elsewhere(size_t size) {
  void *got = mmap(NULL, size, ACCESS, PRIVATE, -1, 0);
  if (got == MAP_FAILED) return false;
  munmap(got, size);
  return true;
}

ouro__os_result ouro__os_map_at(void *address, size_t size) {
  if (OURO__OS_FAULT()) return OURO_OS_REFUSED;
  int saved = errno;
  ouro__os_result result = OURO_OS_DONE;
  void *got = mmap(address, size, ACCESS, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0);
  if (got == MAP_FAILED) {
    result = (errno == ENOMEM || errno == EAGAIN) && !could_map_elsewhere(size) ? OURO_OS_REFUSED : OURO_OS_OCCUPIED;
  } else if (got != address) { /* a kernel before 4.17 takes the address for a hint */
    munmap(got, size);
    result = OURO_OS_OCCUPIED;
  }
  errno = saved;
  return result;
}

void *ouro__os_map(size_t size) {
  if (OURO__OS_FAULT()) return NULL;
  int saved = errno;
  void *got = mmap(NULL, size, ACCESS, PRIVATE, -1, 0);
  errno = saved;
  return got == MAP_FAILED ? NULL : got;
}

void *ouro__os_reserve(size_t size, size_t alignment) {
  if (OURO__OS_FAULT()) return NULL;
  int saved = errno;
  char *got = mmap(NULL, size + alignment, PROT_NONE, PRIVATE, -1, 0);
  errno = saved;
  if (got == MAP_FAILED) return NULL;
  size_t skip = (size_t)(-(uintptr_t)got & (alignment - 1));
  if (skip) munmap(got, skip);
  if (alignment - skip) munmap(got + skip + size, alignment - skip);
  errno = saved;
  return got + skip;
}

bool ouro__os_commit(void *address, size_t size) {
  if (OURO__OS_FAULT()) return false;
  int saved = errno;
  bool done = mprotect(address, size, ACCESS) == 0;
  errno = saved;
  return done;
}

bool ouro__os_unmap(void *address, size_t size) {
  if (OURO__OS_FAULT()) return false;
  int saved = errno;
  bool done = munmap(address, size) == 0;
  errno = saved;
  return done;
}

bool ouro__os_return(void *address, size_t size) {
  if (OURO__OS_FAULT()) return false;
  int saved = errno;
  bool done = madvise(address, size, MADV_DONTNEED) == 0;
  errno = saved;
  return done;
}

/* By way of an address of the system's choice: a move to a given one unmaps what is there before it looks whether it can move at all,
 * and kernels before 6.17 cannot when `from` consists of several mappings. Without the address nothing changes where it fails. */
ouro__os_result ouro__os_move(void *from, void *to, size_t size) {
  if (OURO__OS_FAULT()) return OURO_OS_OCCUPIED;
  int saved = errno;
  ouro__os_result result = OURO_OS_OCCUPIED;
  void *between = mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
  if (between == MAP_FAILED) {
    /* a kernel before 5.7, several mappings, or no memory */
  } else if (!OURO__OS_FAULT() && mremap(between, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to) {
    result = OURO_OS_DONE;
  } else {
    memcpy(from, between, size);
    munmap(between, size);
    void *again = mmap(to, size, ACCESS, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0);
    if (again == MAP_FAILED && errno != EEXIST) result = OURO_OS_REFUSED;
  }
  errno = saved;
  return result;
}

bool ouro__os_huge(void *address, size_t size, bool wanted) {
  if (OURO__OS_FAULT()) return false;
  int saved = errno;
  bool done = madvise(address, size, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0;
  errno = saved;
  return done;
}

bool ouro__os_pages_fit(void) { return sysconf(_SC_PAGESIZE) == (long)OURO_PAGE_BYTES; }

bool ouro__os_huge_always(void) {
  int saved = errno;
  char text[16] = "";
  int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    if (read(fd, text, sizeof text - 1) < 0) text[0] = 0;
    close(fd);
  }
  errno = saved;
  return text[0] == '['; /* "[always] madvise never" */
}

uint64_t ouro__os_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

unsigned ouro__os_cpus(void) {
  int saved = errno;
  cpu_set_t set;
  int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
  errno = saved;
  return count > 0 ? (unsigned)count : 1;
}

static bool overcommits_always(void) {
  char mode = '0';
  int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool known = read(fd, &mode, 1) == 1;
  close(fd);
  return known && mode == '1';
}

size_t ouro__os_memory(void) {
  int saved = errno;
  struct sysinfo info;
  size_t bytes = SIZE_MAX;
  if (sysinfo(&info) == 0 && !overcommits_always()) bytes = ((size_t)info.totalram + info.totalswap) * info.mem_unit;
  errno = saved;
  return bytes;
}

size_t ouro__os_address_limit(void) {
  int saved = errno;
  struct sysinfo info;
  struct rlimit limit;
  size_t bytes = SIZE_MAX;
  if (sysinfo(&info) == 0) bytes = ((size_t)info.totalram + info.totalswap) * info.mem_unit;
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur < bytes) bytes = (size_t)limit.rlim_cur;
  errno = saved;
  return bytes;
}

uint64_t ouro__os_random(void) {
  int saved = errno;
  uint64_t bits;
  if (syscall(SYS_getrandom, &bits, sizeof bits, GRND_NONBLOCK) != (long)sizeof bits) {
    bits = (ouro__os_now_ns() ^ (uint64_t)getpid() << 32) * UINT64_C(0x9e3779b97f4a7c15);
    bits ^= bits >> 29;
  }
  errno = saved;
  return bits;
}

/* What a background thread runs. */
typedef struct start {
  void (*body)(void *);
  void *arg;
} start;

static start pending; /* one background thread is started at a time, under its caller's lock */

static void *thread_main(void *unused) {
  (void)unused;
  start job = pending;
  job.body(job.arg);
  return NULL;
}

bool ouro__os_thread_start(ouro__os_thread *thread, void (*body)(void *), void *arg) {
  if (OURO__OS_FAULT()) return false;
  int saved = errno;
  pthread_attr_t attr;
  sigset_t all, before;
  pthread_t handle;
  pending = (start){body, arg};
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 128 * 1024);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool done = pthread_create(&handle, &attr, thread_main, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
  if (done) thread->handle = (uint64_t)handle;
  errno = saved;
  return done;
}

void ouro__os_thread_join(ouro__os_thread thread) {
  int saved = errno;
  pthread_join((pthread_t)thread.handle, NULL);
  errno = saved;
}

int ouro__os_pid(void) { return (int)getpid(); }

const char *ouro__os_env(const char *name) { return environ ? secure_getenv(name) : NULL; }

bool ouro__os_env_known(void) { return environ != NULL; }
