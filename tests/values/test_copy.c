/* tests/values/test_copy.c - copies, shallow and deep: of any shape, of any depth on a small stack, by every way that a type may say how;
 * every allocation failing in turn; while other threads change what is copied.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "object/objects.h"

#include <errno.h>
#include <pthread.h>

#include "heap/heap.h"

/* ---------------------------------------------------------------- types: all in the block */

typedef struct node {
  ouro_object base;
  ouro_ref left, right;
  size_t number;
} node;

static ouro_type node_type = {
    .name = "node", .size = sizeof(node), .references = OURO_REFERENCES(offsetof(node, left), offsetof(node, right))};

static void note_end(void *self) { test_note("~%zu", ((node *)self)->number); }
static ouro_type noting_type = {.name = "noting node", .size = sizeof(node), .base = &node_type, .finalize = note_end};

static node *node_of(ouro_type *type, size_t number) {
  node *made = ouro_borrow(ouro_new(type));
  TEST_CHECK(made != NULL);
  made->number = number;
  return made;
}
static node *node_new(size_t number) { return node_of(&node_type, number); }
static node *left_of(const node *self) { return ouro_borrow(self->left); }
static node *right_of(const node *self) { return ouro_borrow(self->right); }

static void *deep(void *object) {
  void *copy = ouro_borrow(ouro_deepcopy(object));
  TEST_CHECK(copy != NULL);
  return copy;
}

static void fails(const void *made, int number) {
  assert_null(made);
  assert_int_equal(errno, number);
}

/* ---------------------------------------------------------------- types: a block beside, and places that rest on the items */

typedef struct bag {
  ouro_object base;
  ouro_object **items;
  size_t count, sum; /* sum: of the items' numbers, as `copied` found them, each `left` of them included */
  int calls;
  struct bag *parent; /* not owned */
} bag;

static int bag_result; /* what `copy` and `copied` say */
static int bag_second_result;

static void bag_visit(void *self, ouro_visitor *visitor) {
  bag *it = self;
  for (size_t i = 0; i < it->count; i++) ouro_visit(visitor, &it->items[i]);
}
static void bag_goes(void *self) { ouro_free(((bag *)self)->items); }

static int bag_copy(void *self, ouro_copier *copier, ouro_slot copy);

static int bag_copied(void *self) {
  bag *it = self;
  it->calls++;
  it->sum = 0;
  for (size_t i = 0; i < it->count; i++) {
    const node *item = (node *)(void *)it->items[i];
    it->sum += item->number + (left_of(item) ? left_of(item)->number : 0);
  }
  return bag_second_result;
}

static size_t bag_extent(const void *self) { return ((const bag *)self)->count * sizeof(void *); }

static const ouro_protocols bag_protocols = {.copy = bag_copy, .copied = bag_copied, .extent = bag_extent};
static ouro_type bag_type = {
    .name = "bag", .size = sizeof(bag), .visit = bag_visit, .release = bag_goes, .protocols = &bag_protocols};

static bag *bag_new(size_t count) {
  bag *made = ouro_borrow(ouro_new(&bag_type));
  if (!made) return NULL;
  made->items = ouro_calloc(count + 1, sizeof(ouro_object *));
  if (!made->items) {
    drop(made);
    return NULL;
  }
  made->count = count;
  return made;
}

/* In a section, as others may put items in at any time. */
static int bag_copy(void *self, ouro_copier *copier, ouro_slot copy) {
  bag *it = self, *made = bag_new(it->count);
  ouro_section section;
  (void)copier;
  if (!made) return OURO_ENOMEM;
  ouro_section_begin(&section, it);
  for (size_t i = 0; i < it->count; i++) made->items[i] = ouro_borrow(ouro_xnewref(it->items[i]));
  made->sum = it->sum;
  ouro_section_end(&section);
  if (bag_result) {
    drop(made);
    return bag_result;
  }
  *(void **)copy = made;
  return OURO_OK;
}

static void bag_put(bag *self, size_t index, void *item) { ouro_setref(&self->items[index], item); }

/* ---------------------------------------------------------------- types: names, tags, and what cannot be copied */

static int copy_is_itself(void *self, ouro_copier *copier, ouro_slot copy) {
  (void)copier;
  *(void **)copy = ouro_borrow(ouro_newref(self));
  return OURO_OK;
}
static const ouro_protocols name_protocols = {.copy = copy_is_itself};
static ouro_type name_type = {.name = "name", .size = sizeof(node), .base = &node_type, .protocols = &name_protocols};

/* `right` is a parent, which stays shared. */
static int copy_below(void *self, ouro_copier *copier, ouro_slot copy) {
  node *it = self;
  int code = copier && right_of(it) ? ouro_copier_keep(copier, right_of(it)) : OURO_OK;
  node *made = code ? NULL : ouro_borrow(ouro_new(ouro_type_of(self)));
  if (!made) return code ? code : ouro_code_of_errno(errno);
  ouro_setref(&made->left, left_of(it));
  ouro_setref(&made->right, right_of(it));
  made->number = it->number;
  *(void **)copy = made;
  return OURO_OK;
}
static const ouro_protocols child_protocols = {.copy = copy_below};
static ouro_type child_type = {.name = "child", .size = sizeof(node), .base = &node_type, .protocols = &child_protocols};

/* A word with tag bits. */
typedef struct tagged {
  ouro_object base;
  uintptr_t word;
} tagged;
static void tagged_visit(void *self, ouro_visitor *visitor) {
  tagged *it = self;
  ouro_visit_tagged(visitor, &it->word, (void *)(it->word & ~(uintptr_t)7), 0);
}
static ouro_type tagged_type = {.name = "tagged", .size = sizeof(tagged), .visit = tagged_visit};

/* One whose word is no address with a tag. */
static void odd_visit(void *self, ouro_visitor *visitor) {
  tagged *it = self;
  ouro_visit_tagged(visitor, &it->word, (void *)(it->word >> 1 << 2), 0);
}
static void note_odd_end(void *self) {
  (void)self;
  test_note("~odd");
}
static ouro_type odd_type = {.name = "odd", .size = sizeof(tagged), .visit = odd_visit, .finalize = note_odd_end};

/* A slot that is not in the block, and that nobody would free. */
typedef struct outside {
  ouro_object base;
  ouro_ref *slot;
} outside;
static void outside_visit(void *self, ouro_visitor *visitor) {
  outside *it = self;
  if (it->slot) ouro_visit(visitor, it->slot);
}
static ouro_type outside_type = {.name = "outside", .size = sizeof(outside), .visit = outside_visit};

/* ---------------------------------------------------------------- shallow */

static void a_shallow_copy_holds_the_same(void **state) {
  (void)state;
  node *original = node_new(1), *held = node_new(2);
  ouro_setref(&original->left, held);
  ouro_setref(&original->right, original);
  node *copy = ouro_borrow(ouro_copy(original));
  assert_ptr_not_equal(copy, original);
  assert_ptr_equal(ouro_type_of(copy), &node_type);
  assert_ptr_equal(left_of(copy), held);
  assert_ptr_equal(right_of(copy), original);
  assert_int_equal(copy->number, 1);
  assert_int_equal(ouro_refcount(held), 3);
  drop(copy);
  assert_int_equal(ouro_refcount(held), 2);
  ouro_clear(&original->right);
  drop(original);
  drop(held);
}

static void items_are_copied_with_their_object(void **state) {
  (void)state;
  list *original = list_new(100);
  for (size_t i = 0; i < 100; i++) {
    node *item = node_new(i);
    list_put(original, i, item);
    drop(item);
  }
  list *copy = ouro_borrow(ouro_copy(original));
  assert_int_equal(copy->base.count, 100);
  for (size_t i = 0; i < 100; i++) assert_ptr_equal(list_at(copy, i), list_at(original, i));
  drop(copy);
  copy = deep(original);
  for (size_t i = 0; i < 100; i++) {
    assert_ptr_not_equal(list_at(copy, i), list_at(original, i));
    assert_int_equal(((node *)list_at(copy, i))->number, i);
  }
  drop(original);
  drop(copy);
}

static void what_cannot_change_is_its_own_copy(void **state) {
  (void)state;
  node *held = node_new(1);
  void *all[] = {tuple_of(held, NULL, NULL), ouro_borrow(ouro_weak_new(held)), ouro_borrow(ouro_float_new(2.5)),
                 ouro_borrow(ouro_int_new(1 << 20)), ouro_borrow(ouro_str_from("text")), ouro_none, ouro_true};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    void *copy = ouro_borrow(ouro_copy(all[i]));
    assert_ptr_equal(copy, all[i]);
    drop(copy);
    if (i > 0) { /* the tuple holds what can change */
      copy = deep(all[i]);
      assert_ptr_equal(copy, all[i]);
      drop(copy);
    }
    drop(all[i]);
  }
  drop(held);
  fails(ouro_borrow(ouro_copy(NULL)), EINVAL);
  fails(ouro_borrow(ouro_deepcopy(NULL)), EINVAL);
}

static void what_has_a_release_is_refused(void **state) {
  (void)state;
  cell *original = cell_new(0);
  node *holder = node_new(1);
  ouro_setref(&holder->left, original);
  fails(ouro_borrow(ouro_copy(original)), ENOTSUP);
  fails(ouro_borrow(ouro_deepcopy(original)), ENOTSUP);
  fails(ouro_borrow(ouro_deepcopy(holder)), ENOTSUP);
  list *tuple = tuple_of(original, NULL, NULL);
  ouro_setref(&holder->left, tuple);
  fails(ouro_borrow(ouro_deepcopy(holder)), ENOTSUP);
  drop(tuple);
  node *copy = ouro_borrow(ouro_copy(holder));
  assert_ptr_equal(left_of(copy), left_of(holder));
  drop(copy);
  drop(holder);
  assert_int_equal(ouro_refcount(original), 1);
  drop(original);
}

static void slots_that_are_not_in_the_block_are_refused(void **state) {
  (void)state;
  node *held = node_new(1);
  ouro_ref slot = ouro_newref(held);
  outside *original = ouro_borrow(ouro_new(&outside_type));
  original->slot = &slot;
  fails(ouro_borrow(ouro_copy(original)), ENOTSUP);
  fails(ouro_borrow(ouro_deepcopy(original)), ENOTSUP);
  assert_int_equal(ouro_refcount(held), 2);
  drop(original);
  assert_null(ouro_borrow(slot));
  drop(held);
}

static void tags_stay(void **state) {
  (void)state;
  tagged *original = ouro_borrow(ouro_new(&tagged_type));
  node *held = node_new(5);
  original->word = (uintptr_t)held | 5;
  tagged *shallow = ouro_borrow(ouro_copy(original)), *copy = deep(original);
  assert_int_equal(shallow->word, original->word);
  assert_int_equal(ouro_refcount(held), 2);
  assert_int_equal(copy->word & 7, 5);
  assert_int_equal(((node *)(copy->word & ~(uintptr_t)7))->number, 5);
  drop(shallow);
  drop(copy);
  drop(original);
}

static void what_is_no_address_is_refused(void **state) {
  (void)state;
  tagged *original = ouro_borrow(ouro_new(&odd_type));
  node *held = node_new(5);
  original->word = (uintptr_t)held >> 1;
  fails(ouro_borrow(ouro_copy(original)), ENOTSUP);
  assert_string_equal(test_log(), ""); /* what was begun is not finalized */
  ouro_decref(ouro_adopt(held));
  original->word = 0;
  drop(original);
  test_log();
}

/* ---------------------------------------------------------------- deep */

static void what_is_shared_and_goes_in_circles_does_so_among_the_copies(void **state) {
  (void)state;
  node *a = node_new(1), *b = node_new(2), *c = node_new(3);
  ouro_setref(&a->left, b);
  ouro_setref(&a->right, c);
  ouro_setref(&b->left, c);
  ouro_setref(&c->right, a);
  ouro_setref(&c->left, c);
  node *copy = deep(a), *b2 = left_of(copy), *c2 = right_of(copy);
  assert_true(copy != a && b2 != b && c2 != c);
  assert_true(left_of(b2) == c2 && right_of(c2) == copy && left_of(c2) == c2 && right_of(b2) == NULL);
  assert_true(copy->number == 1 && b2->number == 2 && c2->number == 3);
  assert_int_equal(ouro_refcount(copy), 2);
  assert_int_equal(ouro_refcount(c2), 3);
  drop(a);
  drop(b);
  drop(c);
  assert_int_equal(ouro_gc_collect(2), 3);
  drop(copy);
  assert_int_equal(ouro_gc_collect(2), 3);
}

static void what_is_immutable_is_copied_only_where_it_must_be(void **state) {
  (void)state;
  list *atoms = tuple_of(ouro_none, ouro_true, NULL), *nested = tuple_of(atoms, atoms, ouro_false);
  node *held = node_new(1);
  list *mixed = tuple_of(nested, held, NULL), *around = tuple_of(mixed, nested, mixed);
  list *same = deep(nested);
  assert_ptr_equal(same, nested);
  drop(same);
  list *copy = deep(around);
  assert_true(copy != around && list_at(copy, 0) != mixed && list_at(copy, 1) == nested && list_at(copy, 2) == list_at(copy, 0));
  list *inner = list_at(copy, 0);
  assert_true(list_at(inner, 0) == nested && list_at(inner, 1) != held);
  drop(copy);
  drop(around);
  drop(mixed);
  drop(held);
  drop(nested);
  drop(atoms);
}

static void a_tuple_in_a_circle_is_copied_once(void **state) {
  (void)state;
  node *held = node_new(1);
  list *tuple = tuple_of(held, ouro_none, held);
  ouro_setref(&held->left, tuple);
  list *copy = deep(tuple);
  node *inner = list_at(copy, 0);
  assert_true(copy != tuple && inner != held && list_at(copy, 2) == inner && (void *)left_of(inner) == copy);
  node *other = deep(held); /* the same from the other side */
  list *around = (list *)(void *)left_of(other);
  assert_true(other != held && around != tuple && list_at(around, 0) == other && list_at(around, 2) == other);
  drop(other);
  drop(copy);
  drop(tuple);
  drop(held);
  assert_int_equal(ouro_gc_collect(2), 6);
}

/* Tuples alone in a circle: nobody can tell in advance that all of them could stay. */
static void tuples_in_a_circle(void **state) {
  (void)state;
  list *a = list_of(&tuple_type, 1), *b = list_of(&tuple_type, 1);
  list_put(a, 0, b);
  list_put(b, 0, a);
  list *copy = deep(a);
  assert_true(copy != a && list_at(copy, 0) != b && list_at(list_at(copy, 0), 0) == copy);
  drop(a);
  drop(b);
  drop(copy);
  assert_int_equal(ouro_gc_collect(2), 4);
}

static void a_name_is_its_own_copy_with_all_that_it_holds(void **state) {
  (void)state;
  node *name = node_of(&name_type, 1), *held = node_new(2), *holder = node_new(3);
  ouro_setref(&name->left, held);
  ouro_setref(&holder->left, name);
  ouro_setref(&holder->right, held);
  node *copy = deep(holder);
  assert_ptr_equal(left_of(copy), name);
  assert_ptr_not_equal(right_of(copy), held);
  assert_ptr_equal(left_of(name), held);
  drop(copy);
  drop(holder);
  drop(held);
  drop(name);
}

static void what_is_kept_stays_shared(void **state) {
  (void)state;
  node *parent = node_new(1), *child = node_of(&child_type, 2), *grandchild = node_of(&child_type, 3);
  ouro_setref(&child->left, grandchild);
  ouro_setref(&child->right, parent);
  ouro_setref(&grandchild->right, parent);
  node *copy = deep(child);
  assert_true(copy != child && left_of(copy) != grandchild && right_of(copy) == parent && right_of(left_of(copy)) == parent);
  drop(copy);
  ouro_setref(&parent->left, child); /* too late: it has been copied */
  fails(ouro_borrow(ouro_deepcopy(parent)), EBUSY);
  drop(parent);
  drop(child);
  drop(grandchild);
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_int_equal(ouro_copier_keep(NULL, ouro_none), OURO_EINVAL);
}

static void copied_is_told_when_all_below_is_complete(void **state) {
  (void)state;
  bag *original = bag_new(2);
  node *first = node_new(10), *second = node_new(20), *below = node_new(1);
  ouro_setref(&first->left, below);
  ouro_setref(&second->left, below);
  bag_put(original, 0, first);
  bag_put(original, 1, second);
  bag *copy = deep(original);
  assert_int_equal(copy->calls, 1);
  assert_int_equal(copy->sum, 32);
  assert_int_equal(original->calls, 0);
  assert_ptr_not_equal(copy->items[0], original->items[0]);
  assert_ptr_equal(left_of((node *)(void *)copy->items[0]), left_of((node *)(void *)copy->items[1]));
  drop(copy);
  copy = ouro_borrow(ouro_copy(original)); /* a shallow one is not told */
  assert_int_equal(copy->calls, 0);
  drop(copy);
  bag_put(original, 0, ouro_none);
  bag_put(original, 1, ouro_true);
  copy = deep(original); /* nothing that it holds has changed */
  assert_int_equal(copy->calls, 0);
  drop(copy);
  drop(original);
  drop(first);
  drop(second);
  drop(below);
}

static void what_a_types_function_says_is_told(void **state) {
  (void)state;
  bag *original = bag_new(1);
  node *item = node_new(1), *holder = node_new(2);
  bag_put(original, 0, item);
  ouro_setref(&holder->left, original);
  bag_result = OURO_ESYNTAX;
  fails(ouro_borrow(ouro_copy(original)), EBADMSG);
  fails(ouro_borrow(ouro_deepcopy(holder)), EBADMSG);
  bag_result = OURO_OK;
  bag_second_result = OURO_EHASH;
  fails(ouro_borrow(ouro_deepcopy(holder)), EPROTOTYPE);
  bag_second_result = OURO_OK;
  drop(holder);
  drop(item);
  drop(original);
}

/* A `copy` that copies deeply by itself all the way down is stopped, not the program. */
static int copy_by_itself(void *self, ouro_copier *copier, ouro_slot copy) {
  node *it = self, *made = ouro_borrow(ouro_new(ouro_type_of(self)));
  (void)copier;
  if (!made) return ouro_code_of_errno(errno);
  *(void **)copy = made;
  if (!left_of(it)) return OURO_OK;
  made->left = ouro_deepcopy(left_of(it));
  int code = left_of(made) ? OURO_OK : ouro_code_of_errno(errno);
  if (code) drop(made);
  return code;
}
static const ouro_protocols by_itself_protocols = {.copy = copy_by_itself};
static ouro_type by_itself_type = {.name = "by itself", .size = sizeof(node), .base = &node_type, .protocols = &by_itself_protocols};

static void copies_within_copies_end(void **state) {
  (void)state;
  node *top = NULL;
  for (int depth = 0; depth < 5000; depth++) {
    node *next = node_of(&by_itself_type, 0);
    next->left = ouro_adopt(top);
    top = next;
    if (depth == 3) drop(deep(top));
  }
  fails(ouro_borrow(ouro_deepcopy(top)), ELOOP);
  drop(top);
}

/* A hash that takes all out of the lists that it can reach, the original and what is copied so far. */
static ouro_list *emptied;
static int hash_that_empties(void *self, uint64_t *hash) {
  void *held = left_of(self);
  *hash = 1;
  if (!emptied || !held || held == emptied) return OURO_OK;
  ouro_list_clear(held);
  ouro_list_clear(emptied);
  return OURO_OK;
}
static const ouro_protocols emptying_protocols = {.hash = hash_that_empties};
static ouro_type emptying_type = {.name = "emptying", .size = sizeof(node), .base = &node_type, .protocols = &emptying_protocols};

static void what_waits_to_be_copied_is_held(void **state) {
  (void)state;
  ouro_list *original = ouro_borrow(ouro_list_new());
  node *key = node_of(&emptying_type, 0);
  ouro_setref(&key->left, original);
  void *dict = ouro_borrow(ouro_dict_new());
  assert_int_equal(ouro_dict_set(dict, key, ouro_none), OURO_OK);
  assert_int_equal(ouro_list_append_move(original, ouro_adopt(dict)), OURO_OK);
  for (size_t i = 0; i < 50; i++) assert_int_equal(ouro_list_append_move(original, ouro_adopt(node_new(i))), OURO_OK);
  emptied = original;
  ouro_list *copy = deep(original);
  emptied = NULL;
  assert_int_equal(ouro_list_count(copy), 0);
  assert_int_equal(ouro_list_count(original), 0);
  drop(copy);
  drop(key);
  drop(original);
  ouro_gc_collect(2);
}

static void copies_are_finalized_like_any(void **state) {
  (void)state;
  node *original = node_of(&noting_type, 1);
  node *copy = deep(original);
  drop(original);
  copy->number = 2;
  drop(copy);
  assert_string_equal(test_log(), "~1 ~2");
}

/* ---------------------------------------------------------------- depth */

enum { SMALL_STACK = 64 * 1024 };

/* Every other one is a tuple, if `tuples`; the last one is a node, or none. */
static void *chain_of(size_t length, bool tuples, bool node_below) {
  void *top = node_below ? (void *)node_new(0) : ouro_none;
  for (size_t i = 0; i < length; i++) {
    void *below = top;
    if (tuples) {
      top = tuple_of(below, NULL, NULL);
    } else {
      top = node_new(i);
      ouro_setref(&((node *)top)->left, below);
    }
    drop(below);
  }
  return top;
}

static void *copy_deep_chains(void *arg) {
  size_t length = *(size_t *)arg;
  for (int kind = 0; kind < 3; kind++) {
    void *chain = chain_of(length, kind != 0, kind != 2);
    void *copy = deep(chain);
    TEST_CHECK((copy == chain) == (kind == 2));
    size_t found = 0;
    for (void *at = copy; at != ouro_none && at; found++) {
      at = kind == 0 || ouro_type_of(at) == &node_type ? ouro_borrow(((node *)at)->left) : list_at(at, 0);
    }
    TEST_CHECK(found == length + (kind != 2));
    drop(chain);
    drop(copy);
  }
  return NULL;
}

static void a_chain_of_any_length_is_copied_on_a_small_stack(void **state) {
  (void)state;
  size_t length = test_count(1000000, 20000);
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  if (!TEST_ASAN && !TEST_TSAN) pthread_attr_setstacksize(&attributes, SMALL_STACK);
  TEST_CHECK(pthread_create(&thread, &attributes, copy_deep_chains, &length) == 0);
  ouro_blocking_begin();
  pthread_join(thread, NULL);
  ouro_blocking_end();
  pthread_attr_destroy(&attributes);
}

/* ---------------------------------------------------------------- random graphs */

enum { GRAPH = 40 };

typedef struct pairs {
  const void *original[GRAPH * 2], *copy[GRAPH * 2];
  size_t count;
} pairs;

/* The copy has just the original's shape, and shares nothing with it that can change. */
static void same_shape(pairs *all, void *original, void *copy) {
  if (!original || ouro_is_none(original)) {
    TEST_CHECK(copy == original);
    return;
  }
  for (size_t i = 0; i < all->count; i++) {
    if (all->original[i] != original && all->copy[i] != copy) continue;
    TEST_CHECK(all->original[i] == original && all->copy[i] == copy);
    return;
  }
  all->original[all->count] = original;
  all->copy[all->count++] = copy;
  TEST_CHECK(ouro_type_of(original) == ouro_type_of(copy));
  if (ouro_type_of(original) == &node_type) {
    TEST_CHECK(original != copy && ((node *)original)->number == ((node *)copy)->number);
    same_shape(all, left_of(original), left_of(copy));
    same_shape(all, right_of(original), right_of(copy));
  } else if (original != copy) {
    for (size_t i = 0; i < 2; i++) same_shape(all, list_at(original, i), list_at(copy, i));
  }
}

static void random_graphs_keep_their_shape(void **state) {
  (void)state;
  test_rng rng = {11};
  for (size_t round = 0; round < test_count(3000, 100); round++) {
    void *objects[GRAPH] = {NULL};
    size_t count = 2 + test_below(&rng, GRAPH - 2);
    for (size_t i = 0; i < count; i++) {
      void *before = i > 0 ? objects[test_below(&rng, i)] : NULL;
      objects[i] = before && test_below(&rng, 3) == 0 ? (void *)tuple_of(before, ouro_none, NULL) : (void *)node_new(i);
    }
    for (size_t i = 0; i < count; i++) {
      if (ouro_type_of(objects[i]) != &node_type) continue;
      node *it = objects[i];
      if (test_below(&rng, 4)) ouro_setref(&it->left, objects[test_below(&rng, count)]);
      if (test_below(&rng, 2)) ouro_setref(&it->right, objects[test_below(&rng, count)]);
    }
    void *root = objects[test_below(&rng, count)], *copy = deep(root);
    pairs all = {.count = 0};
    same_shape(&all, root, copy);
    drop(copy);
    for (size_t i = 0; i < count; i++) drop(objects[i]);
    if (round % 100 == 0) ouro_gc_collect(2);
  }
  ouro_gc_collect(2);
}

/* ---------------------------------------------------------------- the library's containers */

static void *text(const char *c_string) { return ouro_borrow(ouro_str_from(c_string)); }

static void a_list_that_contains_itself(void **state) {
  (void)state;
  ouro_list *original = ouro_borrow(ouro_list_new()), *inner = ouro_borrow(ouro_list_new());
  ouro_str *word = text("word");
  void *item = NULL, *again = NULL;
  assert_int_equal(ouro_list_append(original, inner) | ouro_list_append(original, original) | ouro_list_append(original, inner) |
                       ouro_list_append(inner, word),
                   OURO_OK);
  ouro_list *shallow = ouro_borrow(ouro_copy(original)), *copy = deep(original);
  assert_int_equal(ouro_list_get(shallow, 0, &item), OURO_OK);
  assert_ptr_equal(item, inner);
  drop(item);
  assert_int_equal(ouro_list_get(copy, 1, &item), OURO_OK);
  assert_ptr_equal(item, copy);
  drop(item);
  assert_int_equal(ouro_list_get(copy, 0, &item) | ouro_list_get(copy, 2, &again), OURO_OK);
  assert_true(item == again && item != inner && ouro_equal(item, inner) == 1);
  drop(item);
  drop(again);
  ouro_list_clear(original);
  ouro_list_clear(copy);
  drop(shallow);
  drop(copy);
  drop(original);
  drop(inner);
  drop(word);
}

/* Keys that hash by their address, and tuples of them, are found in the copy under their copies. */
static void keys_are_found_under_their_copies(void **state) {
  (void)state;
  ouro_dict *original = ouro_borrow(ouro_dict_new());
  enum { KEYS = 50 };
  node *keys[KEYS];
  for (size_t i = 0; i < KEYS; i++) {
    keys[i] = node_new(i);
    void *number = ouro_borrow(ouro_int_new((int64_t)i)), *pair = ouro_borrow(ouro_tuple_of(2, (void *)keys[i], number));
    assert_int_equal(ouro_dict_set(original, keys[i], number) | ouro_dict_set(original, pair, keys[i]), OURO_OK);
    drop(pair);
    drop(number);
  }
  ouro_dict *copy = deep(original);
  assert_int_equal(ouro_dict_count(copy), 2 * KEYS);
  size_t cursor = 0, seen = 0;
  void *key = NULL, *value = NULL, *found = NULL;
  while (ouro_dict_next(copy, &cursor, &key, &value) == 1) {
    assert_int_equal(ouro_dict_get(copy, key, &found), 1);
    assert_ptr_equal(found, value);
    assert_int_equal(ouro_dict_contains(original, key), 0);
    if (ouro_type_of(key) == &node_type) assert_int_equal(((node *)key)->number, seen / 2);
    drop(found);
    drop(key);
    drop(value);
    seen++;
  }
  assert_int_equal(seen, 2 * KEYS);
  drop(copy);
  drop(original);
  for (size_t i = 0; i < KEYS; i++) drop(keys[i]);
}

static void sets_are_copied_with_their_members(void **state) {
  (void)state;
  ouro_set *original = ouro_borrow(ouro_set_new());
  node *member = node_new(1);
  ouro_str *word = text("word");
  assert_int_equal(ouro_set_add(original, member) >= 0 && ouro_set_add(original, word) >= 0, 1);
  void *frozen = ouro_borrow(ouro_frozenset_new(original));
  void *both[] = {original, frozen};
  for (int i = 0; i < 2; i++) {
    void *copy = deep(both[i]);
    assert_ptr_not_equal(copy, both[i]);
    assert_int_equal(ouro_contains(copy, word), 1);
    assert_int_equal(ouro_contains(copy, member), 0);
    void *iterator = NULL, *each = NULL;
    assert_int_equal(ouro_iterate(copy, &iterator), OURO_OK);
    while (ouro_next(iterator, &each) == 1) {
      assert_int_equal(ouro_contains(copy, each), 1);
      drop(each);
    }
    drop(iterator);
    drop(copy);
  }
  drop(frozen);
  ouro_set_clear(original);
  assert_true(ouro_set_add(original, word) >= 0);
  frozen = ouro_borrow(ouro_frozenset_new(original));
  void *same = deep(frozen);
  assert_ptr_equal(same, frozen);
  drop(same);
  drop(frozen);
  drop(original);
  drop(member);
  drop(word);
}

/* ---------------------------------------------------------------- other threads */

typedef struct changer {
  bag *bag;
  _Atomic bool stop;
} changer;

enum { SHARED = 32 };

/* Both halves of the bag always hold the same. */
static void *change(void *arg) {
  changer *it = arg;
  for (size_t number = 1; !it->stop; number++) {
    node *item = node_new(number);
    size_t at = number % (SHARED / 2);
    ouro_section section;
    ouro_section_begin(&section, it->bag);
    void *before[2] = {it->bag->items[at], it->bag->items[at + SHARED / 2]};
    it->bag->items[at] = ouro_borrow(ouro_newref(item));
    it->bag->items[at + SHARED / 2] = ouro_borrow(ouro_newref(item));
    ouro_section_end(&section);
    drop(before[0]);
    drop(before[1]);
    drop(item);
  }
  return NULL;
}

static void an_object_is_copied_as_it_is_at_one_moment(void **state) {
  (void)state;
  changer it = {.bag = bag_new(SHARED)};
  node *first = node_new(0);
  for (size_t i = 0; i < SHARED; i++) bag_put(it.bag, i, first);
  drop(first);
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, change, &it) == 0);
  for (size_t round = 0; round < test_count(5000, 200); round++) {
    bag *copy = ouro_borrow(round % 2 ? ouro_copy(it.bag) : ouro_deepcopy(it.bag));
    for (size_t i = 0; i < SHARED / 2; i++) TEST_CHECK(copy->items[i] && copy->items[i] == copy->items[i + SHARED / 2]);
    drop(copy);
    ouro_safepoint();
  }
  it.stop = true;
  ouro_blocking_begin();
  pthread_join(thread, NULL);
  ouro_blocking_end();
  drop(it.bag);
}

/* ---------------------------------------------------------------- without memory */

#ifdef OURO_FAULTS

static void *shapes(int which) {
  if (which == 0) return chain_of(200, false, true);
  if (which == 1) return chain_of(100, true, true);
  if (which == 2) {
    bag *made = bag_new(40);
    node *item = node_new(1);
    list *tuple = tuple_of(item, made, NULL);
    for (size_t i = 0; i < 40; i++) {
      node *each = node_new(i);
      ouro_setref(&each->right, i % 2 ? (void *)tuple : (void *)made);
      bag_put(made, i, each);
      drop(each);
    }
    drop(tuple);
    drop(item);
    return made;
  }
  node *child = node_of(&child_type, 1), *parent = node_new(2);
  ouro_setref(&child->right, parent);
  drop(parent);
  return child;
}

static void every_allocation_fails_in_turn(void **state) {
  (void)state;
  for (int which = 0; which < 4; which++) {
    void *original = shapes(which);
    drop(deep(original));
    ouro_gc_collect(2);
    size_t live = test_live();
    for (long nth = 1;; nth++) {
      ouro__fault_set(nth, true);
      errno = 0;
      void *copy = ouro_borrow(ouro_deepcopy(original));
      bool hit = ouro__fault_hit();
      ouro__fault_set(0, false);
      assert_int_equal(hit, copy == NULL);
      if (copy) drop(copy);
      else assert_int_equal(errno, ENOMEM);
      if (!hit || nth % 16 == 0) {
        ouro_gc_collect(2);
        assert_int_equal(test_live(), live);
      }
      if (!hit) break;
    }
    drop(original);
    ouro_gc_collect(2);
  }
}

#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(a_shallow_copy_holds_the_same),
      OBJECT_TEST(items_are_copied_with_their_object),
      OBJECT_TEST(what_cannot_change_is_its_own_copy),
      OBJECT_TEST(what_has_a_release_is_refused),
      OBJECT_TEST(slots_that_are_not_in_the_block_are_refused),
      OBJECT_TEST(tags_stay),
      OBJECT_TEST(what_is_no_address_is_refused),
      OBJECT_TEST(what_is_shared_and_goes_in_circles_does_so_among_the_copies),
      OBJECT_TEST(what_is_immutable_is_copied_only_where_it_must_be),
      OBJECT_TEST(a_tuple_in_a_circle_is_copied_once),
      OBJECT_TEST(tuples_in_a_circle),
      OBJECT_TEST(a_name_is_its_own_copy_with_all_that_it_holds),
      OBJECT_TEST(what_is_kept_stays_shared),
      OBJECT_TEST(copied_is_told_when_all_below_is_complete),
      OBJECT_TEST(what_a_types_function_says_is_told),
      OBJECT_TEST(copies_within_copies_end),
      OBJECT_TEST(what_waits_to_be_copied_is_held),
      OBJECT_TEST(copies_are_finalized_like_any),
      OBJECT_TEST(a_chain_of_any_length_is_copied_on_a_small_stack),
      OBJECT_TEST(random_graphs_keep_their_shape),
      OBJECT_TEST(a_list_that_contains_itself),
      OBJECT_TEST(keys_are_found_under_their_copies),
      OBJECT_TEST(sets_are_copied_with_their_members),
      OBJECT_TEST(an_object_is_copied_as_it_is_at_one_moment),
#ifdef OURO_FAULTS
      OBJECT_TEST(every_allocation_fails_in_turn),
#endif
  };
  return cmocka_run_group_tests_name("values copy", tests, NULL, NULL);
}
