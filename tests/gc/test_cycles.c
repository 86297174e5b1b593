/* tests/gc/test_cycles.c - what is garbage: cycles of every shape and type are found, counted exactly, and freed; what is
 * held from outside by anything at all is not.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "object/objects.h"

/* ---------------------------------------------------------------- small cycles, each counted exactly */

static void a_list_that_holds_itself_is_one(void **state) {
  (void)state;
  list *self = list_new(1);
  list_put(self, 0, self);
  drop(self);
  assert_true(test_is_live(self));
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_false(test_is_live(self));
  assert_int_equal(ouro_gc_collect(2), 0);
}

static void an_object_that_shows_itself_is_one(void **state) {
  (void)state;
  cell *self = cell_of(&visited_type, 1);
  ouro_setref(&self->b, self);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-1");
}

static void a_tuple_and_a_list_that_hold_each_other_are_two(void **state) {
  (void)state;
  list *items = list_new(1);
  list *tuple = tuple_of(items, NULL, NULL);
  list_put(items, 0, tuple);
  drop(tuple);
  drop(items);
  assert_int_equal(ouro_gc_collect(2), 2);
}

static void an_instance_that_refers_to_itself_is_one(void **state) {
  (void)state;
  static ouro_type *const types[] = {&cell_type, &final_type, &visited_type};
  for (size_t i = 0; i < 3; i++) {
    cell *self = cell_of(types[i], 1);
    ouro_setref(&self->c, self);
    drop(self);
    assert_int_equal(ouro_gc_collect(2), 1);
    assert_int_equal(ouro_gc_collect(2), 0);
  }
  assert_string_equal(test_log(), "-1 ~1 -1 -1");
}

/* A bound method, a function with its globals: an object that holds another which is there for its sake. */
static void an_object_with_a_helper_that_refers_back_are_two(void **state) {
  (void)state;
  cell *self = cell_new(1);
  cell *helper = cell_of(&visited_type, 2);
  ouro_setref(&helper->a, self);
  ouro_movref(&self->a, ouro_adopt(helper));
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_string_equal(test_log_sorted(), "-1 -2");
}

static void every_slot_of_an_object_may_lead_back(void **state) {
  (void)state;
  for (unsigned mask = 1; mask < 8; mask++) {
    cell *self = cell_new(1);
    if (mask & 1) ouro_setref(&self->a, self);
    if (mask & 2) ouro_setref(&self->b, self);
    if (mask & 4) ouro_setref(&self->c, self);
    drop(self);
    assert_int_equal(ouro_gc_collect(0), 1);
    assert_string_equal(test_log(), "-1");
  }
}

/* ---------------------------------------------------------------- rings and tangles */

static void rings_of_every_length_are_found(void **state) {
  (void)state;
  static const size_t lengths[] = {1,   2,   3,   4,   5,   7,   10,  63,   64,   65,
                                   100, 245, 246, 247, 255, 256, 257, 1000, 4096, 20000};
  static ouro_type *const types[] = {&cell_type, &final_type, &visited_type};
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    for (size_t t = 0; t < 3; t++) {
      drop(cell_ring(types[t], lengths[i], 0));
      assert_int_equal(ouro_gc_collect((int)((i + t) % 3)), lengths[i]);
    }
  }
}

static void many_rings_at_once_are_found(void **state) {
  (void)state;
  size_t expected = 0;
  cell *held = cell_ring(&cell_type, 30, 0);
  for (size_t length = 1; length <= 100; length++) {
    cell *ring = cell_ring(&cell_type, length, 0);
    ouro_setref(&ring->b, held); /* refers to what lives, and so is no less dead */
    drop(ring);
    expected += length;
  }
  assert_int_equal(ouro_gc_collect(0), expected);
  assert_int_equal(ouro_refcount(held), 2);
  drop(held);
  assert_int_equal(ouro_gc_collect(2), 30);
}

/* More references than a byte can count, from within and from without. */
static void an_object_that_very_many_refer_to_is_found(void **state) {
  (void)state;
  static const size_t counts[] = {200, 244, 245, 246, 247, 248, 255, 256, 300, 1000, 70000};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    cell *hub = cell_new(1);
    list *spokes = list_new(counts[i]);
    for (size_t j = 0; j < counts[i]; j++) {
      cell *each = cell_new(0);
      ouro_setref(&each->a, hub);
      list_put(spokes, j, each);
      drop(each);
    }
    ouro_setref(&hub->a, spokes);
    drop(spokes);
    OBJECTS_ARE_SOUND();
    assert_int_equal(ouro_refcount(hub), counts[i] + 1);
    assert_int_equal(ouro_gc_collect(0), 0); /* the case holds the hub */
    assert_int_equal(ouro_gc_collect(2), 0);
    drop(hub);
    assert_int_equal(ouro_gc_collect(2), counts[i] + 2);
    assert_string_equal(test_log(), "-1");
  }
}

static void one_reference_from_outside_is_enough_among_many(void **state) {
  (void)state;
  static const size_t counts[] = {244, 245, 246, 247, 5000};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    list *self = list_new(counts[i]);
    for (size_t j = 0; j < counts[i]; j++) {
      list_put(self, j, self);
    }
    for (int generation = 0; generation < 3; generation++) {
      assert_int_equal(ouro_gc_collect(generation), 0);
    }
    assert_int_equal(ouro_refcount(self), counts[i] + 1);
    drop(self);
    assert_int_equal(ouro_gc_collect(2), 1);
  }
}

static void a_clique_is_found(void **state) {
  (void)state;
  enum { MEMBERS = 60 };
  list *members[MEMBERS];
  for (size_t i = 0; i < MEMBERS; i++) {
    members[i] = list_new(MEMBERS);
  }
  for (size_t i = 0; i < MEMBERS; i++) {
    for (size_t j = 0; j < MEMBERS; j++) {
      list_put(members[i], j, members[j]);
    }
  }
  for (size_t i = 0; i < MEMBERS; i++) {
    assert_int_equal(ouro_gc_collect(2), 0);
    drop(members[i]);
  }
  assert_int_equal(ouro_gc_collect(2), MEMBERS);
}

static void two_way_links_are_found(void **state) {
  (void)state;
  cell *first = cell_new(0);
  cell *last = first;
  for (int i = 0; i < 5000; i++) {
    cell *next = cell_new(0);
    ouro_setref(&next->b, last);
    ouro_movref(&last->a, ouro_adopt(next));
    last = next;
  }
  assert_int_equal(ouro_gc_collect(0), 0);
  drop(first);
  assert_int_equal(ouro_gc_collect(2), 5001);
}

/* ---------------------------------------------------------------- what only hangs on garbage, and what garbage hangs on */

static void what_garbage_reaches_goes_with_it(void **state) {
  (void)state;
  cell *ring = cell_ring(&cell_type, 2, 1);
  cell *tail = cell_new(3);
  ouro_movref(&tail->a, ouro_adopt(leaf_new(4)));
  ouro_movref(&ring->b, ouro_adopt(tail));
  ouro_movref(&ring->c, ouro_adopt(cell_of(&acyclic_type, 5)));
  drop(ring);
  assert_int_equal(ouro_gc_collect(2),
                   3); /* the leaf and the acyclic object are not the collector's, and go by their counts */
  assert_string_equal(test_log_sorted(), "-1 -2 -3 -4 -5");
}

static void what_is_held_from_outside_keeps_what_it_reaches(void **state) {
  (void)state;
  cell *ring = cell_ring(&cell_type, 4, 1);
  cell *third = in_a(in_a(ring));
  ouro_incref(third);
  drop(ring);
  for (int generation = 0; generation < 3; generation++) {
    assert_int_equal(ouro_gc_collect(generation), 0);
  }
  assert_string_equal(test_log(), "");
  assert_ptr_equal(in_a(in_a(in_a(in_a(third)))), third);
  drop(third);
  assert_int_equal(ouro_gc_collect(2), 4);
}

static void an_untracked_holder_is_outside(void **state) {
  (void)state;
  cell *ring = cell_ring(&cell_type, 3, 1);
  cell *holder = cell_of(&acyclic_type, 9);
  ouro_movref(&holder->a, ouro_adopt(ring));
  assert_int_equal(ouro_gc_collect(2), 0);
  drop(holder);
  assert_string_equal(test_log(), "-9");
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_string_equal(test_log_sorted(), "-1 -2 -3");
}

/* As every collector by counts: a promise that is broken hides the cycle for ever, and frees nothing that lives. */
static void a_cycle_through_an_acyclic_object_is_never_found(void **state) {
  (void)state;
  cell *first = cell_new(1);
  cell *liar = cell_of(&acyclic_type, 2);
  ouro_setref(&first->a, liar);
  ouro_setref(&liar->a, first);
  drop(first);
  drop(liar);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_string_equal(test_log(), "");
  OBJECTS_ARE_SOUND();
  ouro_clear(&liar->a);
  assert_string_equal(test_log(), "-2 -1");
}

static void a_variable_of_c_holds_its_object(void **state) {
  (void)state;
  cell *first = cell_ring(&cell_type, 2, 0);
  cell *second = in_a(first);
  ouro_incref(second);
  drop(first);
  assert_int_equal(ouro_gc_collect(2), 0);
  ouro_clear(&second->a);
  drop(second);
  assert_int_equal(ouro_gc_collect(2), 0);
}

static void old_garbage_waits_for_its_generation(void **state) {
  (void)state;
  cell *old = cell_ring(&cell_type, 2, 1);
  ouro_gc_collect(1);
  cell *middle = cell_ring(&cell_type, 2, 11);
  ouro_gc_collect(0);
  cell *young = cell_ring(&cell_type, 2, 21);
  drop(old);
  drop(middle);
  drop(young);
  assert_int_equal(ouro_gc_collect(0), 2);
  assert_string_equal(test_log_sorted(), "-21 -22");
  assert_int_equal(ouro_gc_collect(1), 2);
  assert_string_equal(test_log_sorted(), "-11 -12");
  assert_int_equal(ouro_gc_collect(2), 2);
  assert_string_equal(test_log_sorted(), "-1 -2");
}

static void young_garbage_that_an_old_dead_object_holds_waits_with_it(void **state) {
  (void)state;
  cell *old = cell_ring(&cell_type, 1, 1);
  ouro_gc_collect(2);
  ouro_movref(&old->b, ouro_adopt(cell_ring(&cell_type, 2, 11)));
  drop(old);
  assert_int_equal(ouro_gc_collect(0), 0);
  assert_int_equal(ouro_gc_collect(1), 0);
  assert_int_equal(ouro_gc_collect(2), 3);
  assert_string_equal(test_log_sorted(), "-1 -11 -12");
}

/* Objects of many sizes lie in many places; large ones in runs of their own. */
static void a_ring_across_all_sizes_is_found(void **state) {
  (void)state;
  enum { LENGTH = 200 };
  list *first = list_new(1);
  list *last = first;
  for (size_t i = 1; i < LENGTH; i++) {
    list *next = list_new(1 + i * i);
    ouro_movref(&last->items[i > 1 ? (i - 1) * (i - 1) : 0], ouro_adopt(next));
    last = next;
  }
  list_put(last, (LENGTH - 1) * (LENGTH - 1), first);
  assert_int_equal(ouro_gc_collect(2), 0);
  drop(first);
  assert_int_equal(ouro_gc_collect(2), LENGTH);
}

static void rings_with_extra_bytes_are_found(void **state) {
  (void)state;
  for (size_t extra = 16; extra < 100000; extra *= 3) {
    cell *first = ouro_borrow(ouro_new_extra(&cell_type, 0, extra));
    cell *second = ouro_borrow(ouro_new_extra(&cell_type, 0, extra));
    memset(ouro_extra(first), 0xff, extra);
    memset(ouro_extra(second), 0xff, extra);
    ouro_setref(&first->a, second);
    ouro_movref(&second->a, ouro_adopt(first));
    drop(second);
    assert_int_equal(ouro_gc_collect(0), 2);
  }
}

/* ---------------------------------------------------------------- wide objects
 *
 * Whatever the collector keeps of what it has still to look at. */

/* Wide objects behind each other, all held by one; each collection finds nothing, and then everything. */
static void check_widths(size_t width, size_t at, size_t filler) {
  cell *root = cell_new(0);
  ouro_movref(&root->a, ouro_adopt(wide_chain(width, at)));
  ouro_movref(&root->b, ouro_adopt(list_of_cells(filler, filler, NULL)));
  for (int generation = 0; generation < 3; generation++) {
    assert_int_equal(ouro_gc_collect(generation), 0);
  }
  OBJECTS_ARE_SOUND();
  ouro_setref(&root->c, root);
  drop(root);
  assert_int_equal(ouro_gc_collect(2), 3 * width + 7 + filler + 2);
}

static void objects_of_every_width_are_looked_through(void **state) {
  (void)state;
  for (size_t power = 16; power <= 8192; power *= 2) {
    for (size_t width = power - 2; width <= power + 18; width++) {
      check_widths(width, width - 1, 0);
      check_widths(width, 0, 0);
      check_widths(width, width / 2, 0);
    }
  }
}

/* The same among so many objects that the collector goes about it in another way. */
static void wide_objects_among_very_many_are_looked_through(void **state) {
  (void)state;
  static const size_t widths[] = {15, 16, 17, 500, 511, 512, 513, 514, 520, 528, 529, 1024, 1025, 4096};
  for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
    check_widths(widths[i], widths[i] - 1, 110000);
    check_widths(widths[i], 0, 110000);
  }
}

/* ---------------------------------------------------------------- random graphs against a simple model */

enum { NODES = 300, EDGES = 3 };

/* Mark from the roots; what is not marked must go, and nothing else. */
static size_t count_reached(const int (*edges)[EDGES], const bool *rooted, bool *reached) {
  static int pending[NODES * EDGES + NODES];
  size_t count = 0, waiting = 0;
  for (int i = 0; i < NODES; i++) {
    reached[i] = rooted[i];
    if (rooted[i]) {
      pending[waiting++] = i;
    }
  }
  while (waiting > 0) {
    int at = pending[--waiting];
    count++;
    for (int e = 0; e < EDGES; e++) {
      if (edges[at][e] >= 0 && !reached[edges[at][e]]) {
        reached[edges[at][e]] = true;
        pending[waiting++] = edges[at][e];
      }
    }
  }
  return count;
}

static void build_graph(test_rng *rng, cell **nodes, int (*edges)[EDGES]) {
  static ouro_type *const types[] = {&cell_type, &visited_type};
  size_t density = 1 + test_below(rng, 10);
  for (int i = 0; i < NODES; i++) {
    nodes[i] = cell_of(types[test_below(rng, 2)], 0);
  }
  for (int i = 0; i < NODES; i++) {
    ouro_slot slots[EDGES] = {&nodes[i]->a, &nodes[i]->b, &nodes[i]->c};
    for (int e = 0; e < EDGES; e++) {
      edges[i][e] = test_below(rng, 10) < density ? (int)test_below(rng, NODES) : -1;
      ouro_setref(slots[e], edges[i][e] >= 0 ? nodes[edges[i][e]] : NULL);
    }
  }
}

static void random_graphs_agree_with_marking(void **state) {
  (void)state;
  static cell *nodes[NODES];
  static int edges[NODES][EDGES];
  static bool rooted[NODES], reached[NODES];
  test_rng rng = {42};
  for (size_t round = 0; round < test_count(400, 40); round++) {
    size_t before = test_live();
    build_graph(&rng, nodes, edges);
    if (test_below(&rng, 2) == 0) {
      ouro_gc_collect((int)test_below(&rng, 3));
    }
    for (int i = 0; i < NODES; i++) {
      rooted[i] = test_below(&rng, 20) == 0;
      if (!rooted[i]) {
        drop(nodes[i]);
      }
    }
    size_t kept = count_reached((const int(*)[EDGES])edges, rooted, reached);
    OBJECTS_ARE_SOUND();
    size_t gone_by_count = before + NODES - test_live();
    assert_int_equal((size_t)ouro_gc_collect(2) + gone_by_count, NODES - kept);
    assert_int_equal(test_live() - before, kept);
    for (int i = 0; i < NODES; i++) {
      if (rooted[i]) {
        assert_true(test_is_live(nodes[i]));
        drop(nodes[i]);
      }
    }
    ouro_gc_collect(2);
    assert_int_equal(test_live(), before);
  }
}

/* A graph that changes between collections of everything, one after the other: roots come and go, move into slots and out of
 * them. Where a collection begins with what it learned in the one before, this is what it must not be deceived by. */
static void set_edge(cell **nodes, int (*edges)[EDGES], int from, int slot, int to) {
  ouro_slot slots[EDGES] = {&nodes[from]->a, &nodes[from]->b, &nodes[from]->c};
  edges[from][slot] = to;
  ouro_setref(slots[slot], to >= 0 ? nodes[to] : NULL);
}

static void change_graph(test_rng *rng, cell **nodes, int (*edges)[EDGES], bool *rooted, const bool *there) {
  int at = (int)test_below(rng, NODES);
  int other = (int)test_below(rng, NODES);
  if (!there[at] || !there[other]) {
    return;
  }
  switch (test_below(rng, 4)) {
  case 0:
    set_edge(nodes, edges, at, (int)test_below(rng, EDGES), other);
    break;
  case 1:
    set_edge(nodes, edges, at, (int)test_below(rng, EDGES), -1);
    break;
  case 2: /* a root moves into a slot */
    if (rooted[other]) {
      set_edge(nodes, edges, at, (int)test_below(rng, EDGES), other);
      rooted[other] = false;
      drop(nodes[other]);
    }
    break;
  default:
    if (!rooted[other]) {
      ouro_incref(nodes[other]);
      rooted[other] = true;
    }
    break;
  }
}

/* The model: who is not reached from a root goes, at once or with the collection. */
static void forget_unreached(int (*edges)[EDGES], const bool *rooted, bool *there) {
  static bool reached[NODES];
  count_reached((const int(*)[EDGES])edges, rooted, reached);
  for (int i = 0; i < NODES; i++) {
    there[i] = there[i] && reached[i];
  }
}

static void collections_in_a_row_agree_with_marking(void **state) {
  (void)state;
  static cell *nodes[NODES];
  static int edges[NODES][EDGES];
  static bool rooted[NODES], there[NODES];
  test_rng rng = {4711};
  for (size_t round = 0; round < test_count(60, 10); round++) {
    size_t before = test_live();
    build_graph(&rng, nodes, edges);
    for (int i = 0; i < NODES; i++) {
      rooted[i] = there[i] = true;
    }
    for (size_t step = 0; step < 60; step++) {
      size_t changes = test_below(&rng, 8);
      for (size_t i = 0; i < changes; i++) {
        change_graph(&rng, nodes, edges, rooted, there);
        forget_unreached(edges, rooted, there);
      }
      int lost = (int)test_below(&rng, NODES);
      if (rooted[lost]) {
        rooted[lost] = false;
        drop(nodes[lost]);
      }
      forget_unreached(edges, rooted, there);
      ouro_gc_collect(test_below(&rng, 8) > 0 ? 2 : (int)test_below(&rng, 2));
      if (test_below(&rng, 4) > 0) {
        ouro_gc_collect(2);
        size_t left = 0;
        for (int i = 0; i < NODES; i++) {
          left += there[i];
        }
        assert_int_equal(test_live() - before, left);
      }
    }
    OBJECTS_ARE_SOUND();
    for (int i = 0; i < NODES; i++) {
      if (rooted[i]) {
        drop(nodes[i]);
      }
    }
    ouro_gc_collect(2);
    assert_int_equal(test_live(), before);
  }
}

/* ---------------------------------------------------------------- wrong counts */

static cell *victim;

static void count_too_little(void *arg) {
  (void)arg;
  victim->base.ouro__count--;
  ouro_gc_collect(2);
}

static void a_count_below_the_references_found_is_fatal(void **state) {
  (void)state;
  char name[TEST_TYPE_NAME];
  cell *holder = cell_new(0);
  victim = cell_of(&visited_type, 0);
  ouro_setref(&holder->a, victim);
  ouro_setref(&holder->b, victim);
  drop(victim);
  assert_int_equal(test_fatal_code(count_too_little, NULL, name), OURO_FATAL_COUNT_TOO_SMALL);
  assert_string_equal(name, "visited");
  drop(holder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(a_list_that_holds_itself_is_one),
      OBJECT_TEST(an_object_that_shows_itself_is_one),
      OBJECT_TEST(a_tuple_and_a_list_that_hold_each_other_are_two),
      OBJECT_TEST(an_instance_that_refers_to_itself_is_one),
      OBJECT_TEST(an_object_with_a_helper_that_refers_back_are_two),
      OBJECT_TEST(every_slot_of_an_object_may_lead_back),
      OBJECT_TEST(rings_of_every_length_are_found),
      OBJECT_TEST(many_rings_at_once_are_found),
      OBJECT_TEST(an_object_that_very_many_refer_to_is_found),
      OBJECT_TEST(one_reference_from_outside_is_enough_among_many),
      OBJECT_TEST(a_clique_is_found),
      OBJECT_TEST(two_way_links_are_found),
      OBJECT_TEST(what_garbage_reaches_goes_with_it),
      OBJECT_TEST(what_is_held_from_outside_keeps_what_it_reaches),
      OBJECT_TEST(an_untracked_holder_is_outside),
      OBJECT_TEST(a_cycle_through_an_acyclic_object_is_never_found),
      OBJECT_TEST(a_variable_of_c_holds_its_object),
      OBJECT_TEST(old_garbage_waits_for_its_generation),
      OBJECT_TEST(young_garbage_that_an_old_dead_object_holds_waits_with_it),
      OBJECT_TEST(a_ring_across_all_sizes_is_found),
      OBJECT_TEST(rings_with_extra_bytes_are_found),
      OBJECT_TEST(objects_of_every_width_are_looked_through),
      OBJECT_TEST(wide_objects_among_very_many_are_looked_through),
      OBJECT_TEST(random_graphs_agree_with_marking),
      OBJECT_TEST(collections_in_a_row_agree_with_marking),
      OBJECT_TEST(a_count_below_the_references_found_is_fatal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
