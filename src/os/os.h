/* os/os.h - the contract with the operating system: virtual memory, clock, one background thread, random bits.
 *
 * All that ouro asks of a system passes through these functions, so that a port is one file and a test can make each call
 * fail (os_fault.h). They never allocate through the heap (but for the start of a thread), take no lock of the heap, and keep `errno` as it was. Sizes and
 * addresses are multiples of OURO_PAGE_BYTES unless said otherwise. */
#ifndef OURO_OS_H
#define OURO_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The granularity of giving memory back: the system's on x86-64 and on most 64-bit Arm machines. The heap does not start where
 * ouro__os_pages_fit says that the system's is another. */
#define OURO_PAGE_BYTES ((size_t)4096)
bool ouro__os_pages_fit(void);

/* Map `size` bytes of zeroed, private, readable and writable memory at exactly `address`, never over another mapping. */
typedef enum ouro__os_result {
  OURO_OS_DONE,
  OURO_OS_OCCUPIED, /* something else is mapped there, or the address cannot be mapped in this process */
  OURO_OS_REFUSED   /* the system gives no more memory or address space */
} ouro__os_result;
ouro__os_result ouro__os_map_at(void *address, size_t size);

/* Map `size` bytes of zeroed memory anywhere. NULL where the system refuses. */
void *ouro__os_map(size_t size);

/* Reserve `size` bytes of address space, without access, aligned to `alignment` (a power of two). NULL where refused. */
void *ouro__os_reserve(size_t size, size_t alignment);

/* Make reserved memory usable: zeroed, readable and writable. */
bool ouro__os_commit(void *address, size_t size);

/* Unmap. Cannot fail in a way that a caller could mend; false is for statistics. */
bool ouro__os_unmap(void *address, size_t size);

/* Give the pages back; the range stays mapped and reads as zeros when touched next. */
bool ouro__os_return(void *address, size_t size);

/* Move the pages of [from, from + size) to `to`, which must be mapped; what was at `to` is gone, `from` reads as zeros and stays
 * mapped. OURO_OS_OCCUPIED: nothing was moved, and all is as before. OURO_OS_REFUSED: nothing was moved, and `to` is not mapped any
 * more. */
ouro__os_result ouro__os_move(void *from, void *to, size_t size);

/* May memory become huge pages without being asked, as the administrator has it? Cost: reads a file. */
bool ouro__os_huge_always(void);

/* Ask for huge pages in the range, or ask that there be none. A hint: the result may be ignored. */
bool ouro__os_huge(void *address, size_t size, bool wanted);

/* Nanoseconds of a clock that never goes back. Cost: about 25 ns. */
uint64_t ouro__os_now_ns(void);

/* Processors that this process may use, at least 1. */
unsigned ouro__os_cpus(void);

/* Bytes that one request may reasonably ask for: memory and swap of the machine, or SIZE_MAX where the administrator lets
 * programs overcommit without limit. As Linux's own heuristic refuses single requests that are larger. */
size_t ouro__os_memory(void);

/* How many bytes of memory or address space this process could have at most: the machine's memory, or RLIMIT_AS if that is less. */
size_t ouro__os_address_limit(void);

/* 64 bits that differ from run to run; for placing the heap, not for secrets. */
uint64_t ouro__os_random(void);

/* Start a thread with a small stack and every signal blocked; ouro__os_thread_join waits for its end.
 * Returns: false where the system refuses. Cost: tens of microseconds. */
typedef struct ouro__os_thread {
  uint64_t handle;
} ouro__os_thread;
/* One at a time: callers hold a lock of their own. */
bool ouro__os_thread_start(ouro__os_thread *thread, void (*body)(void *), void *arg);
void ouro__os_thread_join(ouro__os_thread thread);

/* The process id; changes over fork, and differs in a child of vfork. */
int ouro__os_pid(void);

/* The environment's value of `name`, or NULL; always NULL where the process runs with more rights than its user (setuid). */
const char *ouro__os_env(const char *name);

/* Is the environment there yet? Before the C library has started it is not. */
bool ouro__os_env_known(void);

#endif
