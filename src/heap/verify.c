/* heap/verify.c - the checker of the whole heap: every invariant of layout.h, of every arena and pool. */
#include <string.h>

#include "heap/arena.h"
#include "heap/class.h"
#include "heap/pool.h"
#include "heap/walk.h"

typedef struct findings {
  size_t count;
  char *text;
  size_t text_size;
} findings;

static void report(findings *found, const char *why, const void *where) {
  if (found->count++ > 0 || !found->text || !found->text_size) return;
  ouro__text text = {found->text, found->text_size - 1};
  ouro__text_str(&text, why);
  ouro__text_str(&text, " at ");
  ouro__text_hex(&text, (uintptr_t)where);
}

static int verify_pool(const ouro__pool_view *view, void *arg) {
  const char *why = NULL;
  if (view->kind == OURO_KIND_LARGE) {
    if (view->block_bytes > view->bytes) report(arg, "a large block is larger than its run", ouro__pool_address(view->pool));
    return 0;
  }
  if (!ouro__pool_valid(view->pool, &why)) report(arg, why, ouro__pool_address(view->pool));
  if (view->block_bytes != ouro__class_size(view->class_)) {
    report(arg, "a pool's block size is not its class's", ouro__pool_address(view->pool));
  }
  return 0;
}

static int verify_arena(const ouro__arena_view *arena, void *arg) { return ouro__each_pool(arena, true, verify_pool, arg); }

size_t ouro_heap_verify(char *text, size_t text_size) {
  findings found = {0, text, text_size};
  const char *why = NULL;
  if (text && text_size) *text = 0;
  ouro__acquire(&ouro__arenas_lock);
  bool good = ouro__arenas_valid(&why);
  ouro__release(&ouro__arenas_lock);
  if (!good) report(&found, why, (const void *)ouro__hot_base);
  ouro__each_arena(true, verify_arena, &found);
  return found.count;
}
