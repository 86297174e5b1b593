/* tests/preload/family.c - every function of the malloc family does what the C library documents, and is ouro's.
 *
 * Plain program, see check.h. */
#include "check.h"

#include <malloc.h>

static int aligned(const void *block, size_t alignment) { return ((uintptr_t)block & (alignment - 1)) == 0; }

static void the_family_is_ouros(void) {
  static const char *const names[] = {
      "malloc",         "calloc",   "realloc",   "reallocarray", "free",    "aligned_alloc",
      "posix_memalign", "memalign", "valloc",    "pvalloc",      "mallopt", "malloc_usable_size",
      "malloc_trim",    "mallinfo", "mallinfo2", "malloc_stats",
  };
  for (size_t i = 0; on_ouro() && i < sizeof names / sizeof *names; i++) {
    if (!is_ouros(names[i])) {
      fprintf(stderr, "%s is not ouro's\n", names[i]);
    }
    CHECK(is_ouros(names[i]));
  }
  /* Not in the C library of Debian 12; ouro has them. */
  CHECK(!on_ouro() || (is_ouros("free_sized") && is_ouros("free_aligned_sized")));
}

static void check_block(void *block, size_t size, size_t alignment) {
  CHECK(block != NULL);
  CHECK(aligned(block, alignment));
  CHECK(malloc_usable_size(block) >= size);
  fill(block, size, 3);
  CHECK(holds(block, size, 3));
}

static void malloc_and_calloc_give_blocks(void) {
  for (size_t size = 0; size < 3000000; size += size / 3 + 1) {
    char *block = malloc(size);
    check_block(block, size, 16);
    free(block);
    block = calloc(size, 1);
    CHECK(block != NULL);
    for (size_t i = 0; i < size; i++) {
      CHECK(block[i] == 0);
    }
    check_block(block, size, 16);
    free(block);
  }
  void *one = malloc(0);
  void *two = malloc(0);
  CHECK(one != NULL && two != NULL && one != two);
  free(one);
  free(two);
  free(NULL);
}

static void realloc_resizes(void) {
  char *block = realloc(NULL, 10);
  check_block(block, 10, 16);
  size_t before = 10;
  static const size_t sizes[] = {100, 1000, 17, 100000, 5000000, 300, 1};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    block = realloc(block, sizes[i]);
    CHECK(block != NULL);
    CHECK(holds(block, before < sizes[i] ? before : sizes[i], 3));
    before = sizes[i];
    check_block(block, before, 16);
  }
  CHECK(realloc(block, hide_size(0)) == NULL); /* as the C library: freed */
  block = reallocarray(NULL, 30, 40);
  check_block(block, 1200, 16);
  block = reallocarray(block, 300, 40);
  CHECK(holds(block, 1200, 3));
  errno = 0;
  CHECK(reallocarray(block, hide_size(SIZE_MAX / 2), 3) == NULL && errno == ENOMEM);
  CHECK(holds(block, 1200, 3));
  free(block);
}

static void what_cannot_be_had_is_refused(void) {
  static const size_t sizes[] = {(size_t)PTRDIFF_MAX + 1, SIZE_MAX, SIZE_MAX - 4095, PTRDIFF_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    void *block = NULL;
    errno = 0;
    CHECK(malloc(hide_size(sizes[i])) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(calloc(1, hide_size(sizes[i])) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(memalign(64, hide_size(sizes[i])) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(valloc(hide_size(sizes[i])) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(pvalloc(hide_size(sizes[i])) == NULL && errno == ENOMEM);
    CHECK(posix_memalign(&block, 64, hide_size(sizes[i])) == ENOMEM);
  }
  errno = 0;
  CHECK(calloc(hide_size(SIZE_MAX / 2), 4) == NULL && errno == ENOMEM);
}

static void posix_memalign_says_what_is_wrong(void) {
  static const size_t wrong[] = {0, 1, 2, 4, 3, 7, 12, 24, 100, sizeof(void *) + 1};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    void *block = &block;
    errno = 77;
    CHECK(posix_memalign(&block, hide_size(wrong[i]), 100) == EINVAL);
    CHECK(block == (void *)&block);
    CHECK(errno == 77);
  }
  for (size_t alignment = sizeof(void *); alignment <= 1048576; alignment *= 2) {
    void *block = NULL;
    CHECK(posix_memalign(&block, alignment, 333) == 0);
    check_block(block, 333, alignment);
    block = realloc(block, 3333);
    CHECK(holds(block, 333, 3));
    free(block);
    CHECK(posix_memalign(&block, alignment, 0) == 0);
    free(block);
  }
}

static void aligned_blocks_are_aligned(void) {
  for (size_t alignment = 1; alignment <= 1048576; alignment *= 2) {
    for (size_t size = 1; size < 1000000; size *= 30) {
      void *block = aligned_alloc(alignment, size);
      check_block(block, size, alignment);
      free(block);
      block = memalign(alignment, size);
      check_block(block, size, alignment);
      free(block);
    }
  }
  void *block = memalign(48, 100); /* rounded up to a power of two, as in the C library */
  check_block(block, 100, 64);
  free(block);
  block = valloc(100);
  check_block(block, 100, 4096);
  free(block);
  block = pvalloc(4097);
  check_block(block, 8192, 4096);
  free(block);
  block = pvalloc(0);
  CHECK(block != NULL);
  free(block);
}

static void sized_frees_free(void) {
  void (*free_sized)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
  void (*free_aligned)(void *, size_t, size_t) =
      (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");
  if (free_sized == NULL || free_aligned == NULL) {
    return;
  }
  for (size_t size = 0; size < 1000000; size = size * 3 + 1) {
    free_sized(malloc(size), size);
    free_sized(calloc(1, size), size);
    free_aligned(aligned_alloc(256, size), 256, size);
  }
  free_sized(NULL, 7);
}

static void figures_follow_what_is_allocated(void) {
  struct mallinfo2 before = mallinfo2();
  void *small = hide(malloc(5000));
  void *large = hide(malloc(10000000));
  struct mallinfo2 after = mallinfo2();
  CHECK(after.uordblks + after.hblkhd >= before.uordblks + before.hblkhd + 10000000);
  if (on_ouro()) {
    CHECK(after.uordblks >= before.uordblks + 10005000);
    CHECK(after.hblks == before.hblks + 1);
  }
  free(small);
  free(large);
  CHECK(malloc_usable_size(NULL) == 0);
  malloc_trim(0);
  CHECK(mallopt(M_MMAP_THRESHOLD, 128 * 1024) == 1);
  struct mallinfo2 end = mallinfo2();
  CHECK(end.uordblks <= after.uordblks);
}

static void errno_survives_free(void) {
  for (size_t size = 1; size < 20000000; size *= 7) {
    void *block = malloc(size);
    errno = 4711;
    free(block);
    CHECK(errno == 4711);
  }
}

int main(void) {
  the_family_is_ouros();
  malloc_and_calloc_give_blocks();
  realloc_resizes();
  what_cannot_be_had_is_refused();
  posix_memalign_says_what_is_wrong();
  aligned_blocks_are_aligned();
  sized_frees_free();
  figures_follow_what_is_allocated();
  errno_survives_free();
  malloc_stats();
  puts("done");
  return 0;
}
