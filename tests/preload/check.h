/* tests/preload/check.h - what the programs of this folder share. They know nothing of ouro: they are compiled as any program is,
 * and run.py runs them with and without the library in LD_PRELOAD. A program that fails says where, and ends with status 1. */
#ifndef OURO_TEST_PRELOAD_CHECK_H
#define OURO_TEST_PRELOAD_CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

static inline void check_failed(const char *condition, const char *file, int line) {
  char text[300];
  int length = snprintf(text, sizeof text, "%s:%d: check failed: %s (errno %d)\n", file, line, condition, errno);
  ssize_t written = write(2, text, (size_t)length);
  (void)written;
  _exit(1);
}

/* Keeps the compiler from knowing, and so from removing or warning. */
static inline void *hide(void *pointer) {
  void *volatile hidden = pointer;
  return hidden;
}

static inline size_t hide_size(size_t size) {
  volatile size_t hidden = size;
  return hidden;
}

/* Whether a function of the C library comes from ouro in this process. */
static inline int is_ouros(const char *name) {
  Dl_info info;
  void *function = dlsym(RTLD_DEFAULT, name);
  return function != NULL && dladdr(function, &info) != 0 && strstr(info.dli_fname, "libouro-preload") != NULL;
}

/* Whether run.py runs us on ouro's heap. */
static inline int on_ouro(void) {
  const char *preload = getenv("LD_PRELOAD");
  return preload != NULL && strstr(preload, "libouro-preload") != NULL;
}

static inline void fill(void *block, size_t size, unsigned seed) {
  for (size_t i = 0; i < size; i++) {
    ((unsigned char *)block)[i] = (unsigned char)(i * 7 + seed);
  }
}

static inline int holds(const void *block, size_t size, unsigned seed) {
  for (size_t i = 0; i < size; i++) {
    if (((const unsigned char *)block)[i] != (unsigned char)(i * 7 + seed)) {
      return 0;
    }
  }
  return 1;
}

#endif
