/* tests/support/support.h - what the tests share: how much to do, random numbers, patterns in memory, resident memory,
 * children, and checks that also work in threads and children.
 *
 * It calls nothing of ouro but ouro_heap_verify, and allocates from libc only, so that it never disturbs what is tested.
 * Linked with: the test that includes it; no library of its own. */
#ifndef OURO_TEST_SUPPORT_H
#define OURO_TEST_SUPPORT_H

/* Tests ask Linux for all it has; so this header comes first in each of them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

/* Which sanitizer the test was built with: they change what memory and time can be asked about. */
#if defined(__SANITIZE_THREAD__)
#define TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_ASAN 1
#endif
#endif
#if !defined(TEST_TSAN)
#define TEST_TSAN 0
#endif
#if !defined(TEST_ASAN)
#define TEST_ASAN 0
#endif

/* ---------------------------------------------------------------- how much to do */

/* The share of the full work to do: 1 by default, less under a sanitizer; OURO_TEST_SCALE=0.1 (or 10) overrides both. */
double test_scale(void);

/* `full` times the scale, at least `least`. */
size_t test_count(size_t full, size_t least);

/* Whether the heap's check mode is on (OURO_CONF holds the word `check`): some promises about sizes and laziness differ. */
bool test_check_mode(void);

/* ---------------------------------------------------------------- checks outside of cmocka's own thread */

/* As assert_true, but also in a thread, in a child and in a signal handler's neighbourhood: says where, and aborts. */
#define TEST_CHECK(condition) ((condition) ? (void)0 : test_failed(#condition, __FILE__, __LINE__))
_Noreturn void test_failed(const char *condition, const char *file, int line);

/* The heap's own checker finds nothing wrong; says what it found, and aborts, otherwise. */
#define TEST_HEAP_IS_SOUND() test_heap_is_sound(__FILE__, __LINE__)
void test_heap_is_sound(const char *file, int line);

/* ---------------------------------------------------------------- random numbers */

typedef struct test_rng {
  uint64_t state;
} test_rng;

uint64_t test_next(test_rng *rng);

/* A number below `limit`, which must not be 0. */
size_t test_below(test_rng *rng, size_t limit);

/* A size as programs ask for them: most small, some of kilobytes, a few up to `largest`. */
size_t test_mixed_size(test_rng *rng, size_t largest);

/* ---------------------------------------------------------------- patterns */

/* Fill `size` bytes with a pattern that depends on `seed` and on the offset, and check it. A check of a prefix works too. */
void test_fill(void *memory, size_t size, uint64_t seed);
bool test_holds(const void *memory, size_t size, uint64_t seed);

/* The same for memory too large to touch whole: the two ends, and one word in each 4096 bytes of what lies between. */
void test_fill_sparse(void *memory, size_t size, uint64_t seed);
bool test_holds_sparse(const void *memory, size_t size, uint64_t seed);

/* Of a sparse pattern of `size` bytes, what lies in the first `kept`: for blocks that were made smaller, or larger. */
bool test_holds_sparse_prefix(const void *memory, size_t size, size_t kept, uint64_t seed);

/* Every one of `size` bytes is `byte`. */
bool test_all_bytes(const void *memory, int byte, size_t size);

/* Keeps the compiler from knowing what a pointer or a size is, and so from warning of, or removing, what a test does wrong on
 * purpose. */
void *test_opaque(const void *pointer);
size_t test_opaque_size(size_t size);

/* ---------------------------------------------------------------- memory of this process */

/* Bytes of resident memory, and of address space, from /proc/self/statm; no allocation. */
size_t test_resident_bytes(void);
size_t test_virtual_bytes(void);

/* Bytes of [from, from + size) that are resident; unmapped pages are not. */
size_t test_resident_in(const void *from, size_t size);

/* ---------------------------------------------------------------- time */

double test_seconds(void);
void test_sleep_ms(unsigned ms);

/* Poll `condition(arg)` every 10 ms, `seconds` at most; whether it came true. */
bool test_wait_until(bool (*condition)(void *arg), void *arg, double seconds);

/* ---------------------------------------------------------------- children */

typedef struct test_result {
  int status;        /* as waitpid gives it */
  size_t length;     /* of what it wrote to stdout and stderr together */
  char output[8192]; /* that, cut, and ended by a 0 */
} test_result;

/* Run body(arg) in a child and wait for it, `seconds` at most; it is killed (SIGKILL) after that. The child ends with status 0
 * when `body` returns. */
test_result test_in_child(void (*body)(void *arg), void *arg, double seconds);

/* Run this very program again with one argument, and OURO_CONF set to `conf` (NULL: unset). */
test_result test_run_self(const char *argument, const char *conf, double seconds);

/* The child ended by itself with status 0; prints what it wrote otherwise. */
#define TEST_CHILD_PASSED(result) test_child_passed((result), __FILE__, __LINE__)
void test_child_passed(const test_result *result, const char *file, int line);

/* Leave a child: no atexit functions, which belong to the parent, but what a coverage build has counted is kept. */
_Noreturn void test_exit(int status);

#endif
