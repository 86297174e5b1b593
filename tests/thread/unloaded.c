/* tests/thread/unloaded.c - a library that test_unload.c loads and unloads: it is linked with libouro.so, which so comes and goes with it,
 * and threads call it.
 *
 * What it leaves are objects of a type made at run time: one of its own static memory would go with it. */
#include <ouro/ouro.h>

typedef struct node {
  ouro_object base;
  void *left, *right;
} node;

int library_work(void);
int library_check(void);

static ouro_type *make_type(void) {
  ouro_type description = {
      .name = "left",
      .size = sizeof(node),
      .references = (const uint32_t[]){offsetof(node, left), offsetof(node, right), UINT32_MAX},
  };
  return ouro_type_new(&description);
}

/* By a thread that will end when the library has gone: live objects, garbage, weak references are left behind. 0: well. */
int library_work(void) {
  ouro_type *type = make_type();
  node *ring = type ? ouro_new(type) : NULL, *young = type ? ouro_new(type) : NULL;
  if (!ring || !young) return 1;
  ouro_weak *weak = ouro_weak_new(young);
  ouro_setref(&ring->left, ring);
  ouro_setref(&ring->right, weak);
  ouro_decref(ring);
  ouro_decref(weak);
  ouro_setref(&young->left, young);
  ouro_type_release(type);
  return 0;
}

static int count_one(void *object, void *count) {
  (void)object;
  ++*(size_t *)count;
  return 0;
}

/* When those threads have ended: only the caller is attached, what they left is there and whole, and their garbage goes. 0: well. */
int library_check(void) {
  size_t live = 0;
  if (ouro_thread_attach() != OURO_OK) return 1;
  if (ouro_gc_verify(NULL, 0) != 0) return 2;
  if (ouro_thread_count() != 1) return 3;
  if (ouro_gc_collect(2) < 0 || ouro_gc_verify(NULL, 0) != 0) return 4;
  if (ouro_each_object(count_one, &live) != 0) return 5;
  if (live < 4 || live % 4 != 0) return 6; /* one of each thread, whose reference went with the library */
  return ouro_thread_detach() != OURO_OK ? 7 : 0;
}
