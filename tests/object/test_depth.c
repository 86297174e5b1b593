/* tests/object/test_depth.c - deallocation does not recurse: structures of ten million objects, of every shape and mixture,
 * go on a main stack of 256 KiB, and in a thread with 64 KiB, by counts and by the collector.
 *
 * Each case runs this program again, so that the small stack is there from the beginning. Linked with: libouro (static),
 * support/support.c, object/objects.c, cmocka, threads. */
#include "object/objects.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#define KIB ((size_t)1024)
#define MAIN_STACK ((TEST_ASAN || TEST_TSAN ? 2048 : 256) * KIB)
#define THREAD_STACK ((TEST_ASAN || TEST_TSAN ? 1024 : 64) * KIB)

/* ---------------------------------------------------------------- nodes of several types, all of them counted when they go */

typedef struct node node;
struct node {
  ouro_object base;
  OURO_OWNED(node) next;
  OURO_OWNED(node) other;
};

static size_t made, released, finalized, called;

static void count_release(void *self) {
  (void)self;
  released++;
}

static void count_finalize(void *self) {
  (void)self;
  finalized++;
}

static void show_node(void *object, ouro_visitor *visitor) {
  node *self = object;
  ouro_visit(visitor, &self->next);
  ouro_visit_tagged(visitor, (uintptr_t *)(void *)&self->other, ouro_borrow(self->other), 0);
}

#define NODE_SLOTS OURO_REFERENCES(offsetof(node, next), offsetof(node, other))

static ouro_type node_type = {.name = "node", .size = sizeof(node), .references = NODE_SLOTS};
static ouro_type counted_type = {
    .name = "counted", .size = sizeof(node), .references = NODE_SLOTS, .release = count_release};
static ouro_type shown_type = {.name = "shown", .size = sizeof(node), .visit = show_node, .release = count_release};
static ouro_type line_type = {.name = "line",
                              .size = sizeof(node),
                              .references = NODE_SLOTS,
                              .release = count_release,
                              .flags = OURO_TYPE_ACYCLIC};
static ouro_type dying_type = {
    .name = "dying", .size = sizeof(node), .base = &counted_type, .finalize = count_finalize};
static ouro_type items_type = {.name = "items",
                               .size = sizeof(list),
                               .item_size = sizeof(void *),
                               .release = count_release,
                               .flags = OURO_TYPE_ITEMS};
static ouro_type fixed_items_type = {.name = "fixed-items",
                                     .size = sizeof(list),
                                     .item_size = sizeof(void *),
                                     .release = count_release,
                                     .flags = OURO_TYPE_ITEMS | OURO_TYPE_IMMUTABLE};

/* One more object, of any of the types, that holds `next` (stolen) in the slot that is its own way of holding. */
static void *link_node(ouro_type *type, void *next) {
  node *self = ouro_borrow(ouro_new(type));
  TEST_CHECK(self != NULL);
  made++;
  ouro_movref(made % 2 != 0 ? &self->next : &self->other, ouro_adopt(next));
  return self;
}

static void *link_items(ouro_type *type, void *next) {
  list *self = ouro_borrow(ouro_new_var(type, 2));
  TEST_CHECK(self != NULL);
  made++;
  ouro_movref(&self->items[made % 2], ouro_adopt(next));
  return self;
}

static size_t depth(void) { return test_count(10000000, 200000); }

static void *chain_of(ouro_type *type, size_t length) {
  void *head = NULL;
  for (size_t i = 0; i < length; i++) {
    head = link_node(type, head);
  }
  return head;
}

static void *chain_of_items(ouro_type *type, size_t length) {
  void *head = NULL;
  for (size_t i = 0; i < length; i++) {
    head = link_items(type, head);
  }
  return head;
}

static void *mixed_chain(size_t length) {
  void *head = NULL;
  for (size_t i = 0; i < length; i++) {
    switch (i % 7) {
    case 0:
      head = link_node(&counted_type, head);
      break;
    case 1:
      head = link_node(&shown_type, head);
      break;
    case 2:
      head = link_items(&items_type, head);
      break;
    case 3:
      head = link_node(&line_type, head);
      break;
    case 4:
      head = link_node(&dying_type, head);
      break;
    case 5:
      head = link_items(&fixed_items_type, head);
      break;
    default:
      head = link_node(&shown_type, head);
      break;
    }
  }
  return head;
}

/* ---------------------------------------------------------------- shapes, by counts alone */

static void chain(void) {
  drop(chain_of(&node_type, depth()));
  released = made;
}

static void chain_with_release(void) { drop(chain_of(&counted_type, depth())); }
static void chain_by_visit(void) { drop(chain_of(&shown_type, depth())); }
static void chain_of_acyclic(void) { drop(chain_of(&line_type, depth())); }
static void chain_by_items(void) { drop(chain_of_items(&items_type, depth())); }
static void chain_by_immutable_items(void) { drop(chain_of_items(&fixed_items_type, depth())); }
static void chain_of_all(void) { drop(mixed_chain(depth())); }

static void chain_that_is_old(void) {
  void *head = chain_of(&counted_type, depth());
  ouro_gc_collect(2);
  drop(head);
}

/* 2^n - 1 nodes, all levels full. */
static void *tree(ouro_type *type, unsigned levels) {
  if (levels == 0) {
    return NULL;
  }
  node *self = ouro_borrow(ouro_new(type));
  TEST_CHECK(self != NULL);
  made++;
  ouro_movref(&self->next, ouro_adopt(tree(type, levels - 1)));
  ouro_movref(&self->other, ouro_adopt(tree(type, levels - 1)));
  return self;
}

static unsigned levels(void) {
  unsigned count = 10;
  while (((size_t)1 << (count + 1)) < depth()) {
    count++;
  }
  return count;
}

static void full_tree(void) { drop(tree(&counted_type, levels())); }

/* A chain of which each node has a small tree on its other side, and trees lean both ways. */
static void deep_tree(void) {
  void *head = NULL;
  for (size_t i = 0; i < depth() / 8; i++) {
    node *self = link_node(i % 2 != 0 ? &counted_type : &shown_type, head);
    ouro_slot side = ouro_borrow(self->next) == NULL ? &self->next : &self->other;
    ouro_movref(side, ouro_adopt(tree(&counted_type, 3)));
    head = self;
  }
  drop(head);
}

/* Wide: very many children, each the head of a chain. */
static void wide_tree(void) {
  size_t width = depth() / 20;
  list *root = ouro_borrow(ouro_new_var(&items_type, width));
  TEST_CHECK(root != NULL);
  made++;
  for (size_t i = 0; i < width; i++) {
    ouro_movref(&root->items[i], ouro_adopt(i % 2 != 0 ? mixed_chain(19) : chain_of(&counted_type, 19)));
  }
  drop(root);
}

/* Every node is held by two: a ladder. */
static void ladder(void) {
  void *head = NULL;
  void *second = NULL;
  for (size_t i = 0; i < depth() / 2; i++) {
    node *self = ouro_borrow(ouro_new(&counted_type));
    TEST_CHECK(self != NULL);
    made++;
    ouro_setref(&self->other, second);
    ouro_movref(&self->next, ouro_adopt(head));
    second = ouro_borrow(self->next);
    head = self;
  }
  drop(head);
}

/* ---------------------------------------------------------------- with finalizers and weak references */

static void chain_with_finalizers(void) {
  drop(chain_of(&dying_type, depth() / 4));
  TEST_CHECK(finalized == made);
}

static void count_call(ouro_weak *weak, void *data, void *held) {
  (void)data;
  (void)held;
  TEST_CHECK(ouro_weak_is_dead(weak));
  called++;
}

/* Each node has a finalizer, a shared weak reference, and one with a callback; the weak references outlive the nodes. */
static void chain_with_weak_references(void) {
  size_t length = depth() / 20;
  list *shared = ouro_borrow(ouro_new_var(&items_type, length));
  list *own = ouro_borrow(ouro_new_var(&items_type, length));
  TEST_CHECK(shared != NULL && own != NULL);
  made += 2;
  void *head = NULL;
  for (size_t i = 0; i < length; i++) {
    head = link_node(&dying_type, head);
    ouro_movref(&shared->items[i], ouro_weak_new(head));
    ouro_movref(&own->items[i], ouro_weak_new_callback(head, count_call, NULL, NULL));
    TEST_CHECK(list_at(shared, i) != NULL && list_at(own, i) != NULL);
  }
  drop(head);
  TEST_CHECK(finalized == length && called == length);
  for (size_t i = 0; i < length; i++) {
    TEST_CHECK(ouro_weak_is_dead(list_at(shared, i)) && ouro_weak_is_dead(list_at(own, i)));
  }
  drop(shared);
  drop(own);
}

/* Each node holds the next one and weak references to it, now before and now behind the strong one. */
static void chain_that_holds_its_weak_references(void) {
  size_t length = depth() / 20;
  void *head = NULL;
  for (size_t i = 0; i < length; i++) {
    list *self = link_items(&items_type, head);
    if (head != NULL) {
      ouro_slot unused = ouro_borrow(self->items[0]) == NULL ? &self->items[0] : &self->items[1];
      ouro_movref(unused, i % 3 == 0 ? ouro_weak_new(head) : ouro_weak_new_callback(head, count_call, NULL, NULL));
      TEST_CHECK(list_at(self, 0) != NULL && list_at(self, 1) != NULL);
    }
    head = self;
  }
  drop(head);
}

/* What a weak reference holds, which holds a weak reference, ... */
static void chain_of_held_objects(void) {
  size_t length = depth() / 20;
  void *target = ouro_borrow(ouro_new(&counted_type));
  made++;
  void *head = ouro_borrow(ouro_newref(target));
  for (size_t i = 0; i < length; i++) {
    void *weak = ouro_borrow(ouro_weak_new_callback(target, count_call, NULL, head));
    TEST_CHECK(weak != NULL);
    drop(head);
    head = weak;
  }
  drop(head);
  TEST_CHECK(called == 0);
  drop(target);
}

/* Each node's death makes a weak map let go of the next node, which nobody else holds. */
static void chain_through_a_weak_map(void) {
  size_t length = depth() / 40;
  ouro_weak_keys *map = ouro_borrow(ouro_weak_keys_new());
  TEST_CHECK(map != NULL);
  void *head = chain_of(&counted_type, 1);
  for (size_t i = 1; i < length; i++) {
    void *next = chain_of(&counted_type, 1);
    TEST_CHECK(ouro_weak_keys_set(map, next, head) == OURO_OK);
    drop(head);
    head = next;
  }
  TEST_CHECK(ouro_weak_keys_count(map) == length - 1);
  drop(head);
  TEST_CHECK(ouro_weak_keys_count(map) == 0);
  drop(map);
}

static void run_in_order(void *data, void *held) {
  (void)data;
  (void)held;
  called++;
}

static void chain_through_finalizers_of_others(void) {
  size_t length = depth() / 100;
  void *head = chain_of(&counted_type, 1);
  for (size_t i = 1; i < length; i++) {
    void *next = chain_of(&counted_type, 1);
    ouro_ref finalizer = ouro_finalize(next, run_in_order, NULL, head);
    TEST_CHECK(ouro_borrow(finalizer) != NULL);
    ouro_decref(finalizer);
    drop(head);
    head = next;
  }
  drop(head);
  TEST_CHECK(called == length - 1);
}

/* ---------------------------------------------------------------- finalizers that do more */

static node *rest;

static void free_the_rest(void *self) {
  (void)self;
  finalized++;
  if (finalized == 1000) {
    drop(rest); /* as deep as the outer one, and within it */
  }
}

static ouro_type nesting_type = {
    .name = "nesting", .size = sizeof(node), .base = &counted_type, .finalize = free_the_rest};

static void chain_within_a_chain(void) {
  rest = mixed_chain(depth() / 4);
  drop(chain_of(&nesting_type, depth() / 4));
}

static node *resurrected;

static void live_on_once(void *object) {
  finalized++;
  if (finalized == 5000) {
    resurrected = ouro_borrow(ouro_newref(object));
  }
}

static ouro_type lazarus_type = {
    .name = "lazarus", .size = sizeof(node), .base = &counted_type, .finalize = live_on_once};

static void chain_with_a_survivor(void) {
  drop(chain_of(&lazarus_type, depth() / 4));
  TEST_CHECK(finalized == 5000 && released == 4999);
  OBJECTS_ARE_SOUND();
  drop(resurrected);
  TEST_CHECK(finalized == made);
}

static void collect_now_and_then(void *self) {
  (void)self;
  if (++finalized % 1009 == 0) {
    ouro_gc_collect(2);
  }
}

static ouro_type ouch_type = {
    .name = "ouch", .size = sizeof(node), .base = &counted_type, .finalize = collect_now_and_then};

/* What is nested deep, beside objects whose finalizers collect while the rest is being freed. */
static void chain_that_collects(void) {
  size_t length = depth() / 500;
  void *head = NULL;
  for (size_t i = 0; i < length; i++) {
    list *self = link_items(i % 3 != 0 ? &items_type : &fixed_items_type, head);
    ouro_slot unused = ouro_borrow(self->items[0]) == NULL ? &self->items[0] : &self->items[1];
    ouro_movref(unused, ouro_adopt(link_node(&ouch_type, NULL)));
    head = self;
  }
  drop(head);
  TEST_CHECK(finalized == length);
}

/* ---------------------------------------------------------------- by the collector */

static void close_ring(void *head, void *last) { ouro_setref(&((node *)last)->next, head); }

static void ring(void) {
  node *last = ouro_borrow(ouro_new(&counted_type));
  made++;
  void *head = last;
  for (size_t i = 1; i < depth(); i++) {
    head = link_node(i % 2 != 0 ? &counted_type : &shown_type, head);
  }
  close_ring(head, last);
  drop(head);
  TEST_CHECK(released == 0);
  TEST_CHECK((size_t)ouro_gc_collect(2) == made);
}

static void ring_of_all(void) {
  node *last = ouro_borrow(ouro_new(&counted_type));
  made++;
  void *head = last;
  for (size_t i = 1; i < depth() / 4; i++) {
    head = i % 3 == 0   ? link_items(&items_type, head)
           : i % 3 == 1 ? link_node(&dying_type, head)
                        : link_items(&fixed_items_type, head);
  }
  close_ring(head, last);
  drop(head);
  TEST_CHECK((size_t)ouro_gc_collect(2) == made);
}

/* A chain that is no garbage by itself hangs on a small dead cycle. */
static void chain_behind_a_ring(void) {
  node *small = ouro_borrow(ouro_new(&counted_type));
  made++;
  ouro_setref(&small->next, small);
  ouro_movref(&small->other, ouro_adopt(mixed_chain(depth() / 2)));
  drop(small);
  TEST_CHECK(ouro_gc_collect(2) > 0);
}

static void collections_of_what_lives(void) {
  void *head = mixed_chain(depth() / 4);
  for (int generation = 0; generation < 3; generation++) {
    TEST_CHECK(ouro_gc_collect(generation) == 0);
  }
  OBJECTS_ARE_SOUND();
  drop(head);
}

/* ---------------------------------------------------------------- running a shape */

typedef struct shape {
  const char *name;
  void (*build_and_drop)(void);
} shape;

#define SHAPE(name)                                                                                                    \
  { #name, name }

static const shape shapes[] = {
    SHAPE(chain),
    SHAPE(chain_with_release),
    SHAPE(chain_by_visit),
    SHAPE(chain_of_acyclic),
    SHAPE(chain_by_items),
    SHAPE(chain_by_immutable_items),
    SHAPE(chain_of_all),
    SHAPE(chain_that_is_old),
    SHAPE(full_tree),
    SHAPE(deep_tree),
    SHAPE(wide_tree),
    SHAPE(ladder),
    SHAPE(chain_with_finalizers),
    SHAPE(chain_with_weak_references),
    SHAPE(chain_that_holds_its_weak_references),
    SHAPE(chain_of_held_objects),
    SHAPE(chain_through_a_weak_map),
    SHAPE(chain_through_finalizers_of_others),
    SHAPE(chain_within_a_chain),
    SHAPE(chain_with_a_survivor),
    SHAPE(chain_that_collects),
    SHAPE(ring),
    SHAPE(ring_of_all),
    SHAPE(chain_behind_a_ring),
    SHAPE(collections_of_what_lives),
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void *run_shape(void *arg) {
  const shape *self = arg;
  size_t live = test_live();
  self->build_and_drop();
  TEST_CHECK(made > 0 && released == made);
  TEST_CHECK(test_live() == live);
  OBJECTS_ARE_SOUND();
  TEST_HEAP_IS_SOUND();
  return NULL;
}

/* argv: a shape, and "thread" where a thread with a still smaller stack is to do it. */
static int run_named(const char *name, bool in_thread) {
  for (size_t i = 0; i < SHAPES; i++) {
    if (strcmp(shapes[i].name, name) != 0) {
      continue;
    }
    struct rlimit limit;
    TEST_CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur == MAIN_STACK);
    if (!in_thread) {
      run_shape((void *)(uintptr_t)&shapes[i]);
      return 0;
    }
    pthread_t thread;
    pthread_attr_t attributes;
    TEST_CHECK(pthread_attr_init(&attributes) == 0);
    TEST_CHECK(pthread_attr_setstacksize(&attributes, THREAD_STACK) == 0);
    TEST_CHECK(pthread_create(&thread, &attributes, run_shape, (void *)(uintptr_t)&shapes[i]) == 0);
    TEST_CHECK(pthread_join(thread, NULL) == 0);
    return 0;
  }
  return 2;
}

typedef struct start {
  const char *name;
  bool in_thread;
} start;

static void run_again(void *arg) {
  start *what = arg;
  struct rlimit limit = {MAIN_STACK, MAIN_STACK};
  TEST_CHECK(setrlimit(RLIMIT_STACK, &limit) == 0);
  char program[] = "test_object_depth";
  char thread[] = "thread";
  char *arguments[] = {program, (char *)(uintptr_t)what->name, what->in_thread ? thread : NULL, NULL};
  execv("/proc/self/exe", arguments);
  test_exit(127);
}

static void on_a_small_stack(void **state) {
  start what = {*state, false};
  test_result result = test_in_child(run_again, &what, 300);
  TEST_CHILD_PASSED(&result);
}

static void in_a_thread_with_a_small_stack(void **state) {
  start what = {*state, true};
  test_result result = test_in_child(run_again, &what, 300);
  TEST_CHILD_PASSED(&result);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    return run_named(argv[1], argc > 2 && strcmp(argv[2], "thread") == 0);
  }
  static char names[2 * SHAPES][64];
  static struct CMUnitTest tests[2 * SHAPES];
  for (size_t i = 0; i < SHAPES; i++) {
    snprintf(names[2 * i], sizeof names[0], "%s", shapes[i].name);
    snprintf(names[2 * i + 1], sizeof names[0], "%s_in_a_thread", shapes[i].name);
    tests[2 * i] = (struct CMUnitTest){names[2 * i], on_a_small_stack, NULL, NULL, (void *)(uintptr_t)shapes[i].name};
    tests[2 * i + 1] = (struct CMUnitTest){names[2 * i + 1], in_a_thread_with_a_small_stack, NULL, NULL,
                                           (void *)(uintptr_t)shapes[i].name};
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
