/* ouro/adapt/git2.h - libgit2's memory on ouro's heap.
 *
 *     git_allocator allocator = ouro_git_allocator();
 *     git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &allocator);
 *     git_libgit2_init();
 *
 * in this order. libgit2 passes the file and line of each request, which ouro does not use yet. */
#ifndef OURO_ADAPT_GIT2_H
#define OURO_ADAPT_GIT2_H

#include <git2.h>
#include <git2/sys/alloc.h>
#include <string.h>

#include "../heap.h"

/* From libgit2 1.7 on the struct has three functions, and libgit2 derives the others. */
#if LIBGIT2_VER_MAJOR > 1 || (LIBGIT2_VER_MAJOR == 1 && LIBGIT2_VER_MINOR >= 7)
#define OURO__GIT_ALLOCATOR_OF_THREE 1
#else
#define OURO__GIT_ALLOCATOR_OF_THREE 0
#endif

OURO_BEGIN_DECLS

static inline void *ouro__git_malloc(size_t size, const char *file, int line) {
  (void)file;
  (void)line;
  return ouro_malloc(size);
}

static inline void *ouro__git_realloc(void *block, size_t size, const char *file, int line) {
  (void)file;
  (void)line;
  return ouro_realloc(block, size);
}

static inline void ouro__git_free(void *block) { ouro_free(block); }

#if !OURO__GIT_ALLOCATOR_OF_THREE
static inline void *ouro__git_calloc(size_t count, size_t size, const char *file, int line) {
  (void)file;
  (void)line;
  return ouro_calloc(count, size);
}

static inline void *ouro__git_reallocarray(void *block, size_t count, size_t size, const char *file, int line) {
  (void)file;
  (void)line;
  return ouro_reallocarray(block, count, size);
}

static inline void *ouro__git_mallocarray(size_t count, size_t size, const char *file, int line) {
  return ouro__git_reallocarray(NULL, count, size, file, line);
}

/* Exactly `length` bytes and a terminator; `text` may have none. */
static inline char *ouro__git_substrdup(const char *text, size_t length, const char *file, int line) {
  char *copy = length < (size_t)-1 ? (char *)ouro__git_malloc(length + 1, file, line) : NULL;
  if (copy) {
    memcpy(copy, text, length);
    copy[length] = '\0';
  }
  return copy;
}

static inline char *ouro__git_strdup(const char *text, const char *file, int line) {
  return ouro__git_substrdup(text, strlen(text), file, line);
}

static inline char *ouro__git_strndup(const char *text, size_t length, const char *file, int line) {
  const char *end = (const char *)memchr(text, '\0', length);
  return ouro__git_substrdup(text, end ? (size_t)(end - text) : length, file, line);
}
#endif

/* The allocator for GIT_OPT_SET_ALLOCATOR; libgit2 copies it.
 * Cost: O(1). */
static inline git_allocator ouro_git_allocator(void) {
#if OURO__GIT_ALLOCATOR_OF_THREE
  git_allocator allocator = {ouro__git_malloc, ouro__git_realloc, ouro__git_free};
#else
  git_allocator allocator = {ouro__git_malloc,       ouro__git_calloc,      ouro__git_strdup,
                             ouro__git_strndup,      ouro__git_substrdup,   ouro__git_realloc,
                             ouro__git_reallocarray, ouro__git_mallocarray, ouro__git_free};
#endif
  return allocator;
}

OURO_END_DECLS

#endif
