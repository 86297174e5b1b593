/* tests/gc/test_confined.c - confined types: their thread collects the young ones by itself, and nobody is stopped for it; what it leaves
 * to others, and how objects leave its list. At the end, random programs beside a model of what must be alive.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "object/objects.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* ---------------------------------------------------------------- types */

/* Slots in two runs, where a type lists all three. */
typedef struct node {
  ouro_object base;
  OURO_OWNED(void) a;
  OURO_OWNED(void) b;
  int number; /* not 0: noted by release and finalizer */
  OURO_OWNED(void) c;
} node;

#define ONE_RUN OURO_REFERENCES(offsetof(node, a), offsetof(node, b))
#define TWO_RUNS OURO_REFERENCES(offsetof(node, a), offsetof(node, b), offsetof(node, c))

static void (*_Atomic releasing)(node *self), (*_Atomic finalizing)(node *self);

static void release(void *object) {
  node *self = object;
  if (self->number) test_note("-%d", self->number);
  void (*fn)(node *) = atomic_load(&releasing);
  if (fn) fn(self);
}

static void finalize(void *object) {
  node *self = object;
  if (self->number) test_note("~%d", self->number);
  void (*fn)(node *) = atomic_load(&finalizing);
  if (fn) fn(self);
}

static void show(void *object, ouro_visitor *visitor) {
  node *self = object;
  ouro_visit(visitor, &self->a);
  ouro_visit(visitor, &self->c);
}

#define CONFINED(name_, size_, ...) {.name = name_, .size = size_, .flags = OURO_TYPE_CONFINED, __VA_ARGS__}
static ouro_type plain_type = CONFINED("confined", sizeof(node), .references = ONE_RUN);
static ouro_type runs_type = CONFINED("confined runs", sizeof(node), .references = TWO_RUNS);
static ouro_type shown_type = CONFINED("confined shown", sizeof(node), .visit = show);
static ouro_type released_type = CONFINED("confined released", sizeof(node), .references = TWO_RUNS, .release = release);
static ouro_type final_node_type =
    CONFINED("confined final", sizeof(node), .references = ONE_RUN, .release = release, .finalize = finalize);
static ouro_type immortal_type = CONFINED("confined immortal", sizeof(node), .references = ONE_RUN);
static ouro_type small_type = CONFINED("confined small", 256, .references = ONE_RUN);
static ouro_type middling_type = CONFINED("confined middling", 264, .references = ONE_RUN);
static ouro_type medium_type = CONFINED("confined medium", 3000, .references = TWO_RUNS);
static ouro_type eight_type = CONFINED("confined, 8 KiB with its links", 8192 - 16, .references = ONE_RUN);
static ouro_type huge_type = CONFINED("confined huge", 9000, .references = ONE_RUN);
static ouro_type large_type = CONFINED("confined large", 300000, .references = TWO_RUNS, .release = release);
static ouro_type derived_type = {.name = "derived from a confined one", .size = sizeof(node), .base = &plain_type, .release = release};
static ouro_type stubborn_type = {
    .name = "confined stuck", .size = sizeof(node), .base = &plain_type, .flags = OURO_TYPE_UNCOLLECTABLE};
static ouro_type items_type = {.name = "confined items",
                               .size = sizeof(list),
                               .item_size = sizeof(void *),
                               .flags = OURO_TYPE_ITEMS | OURO_TYPE_CONFINED};
static ouro_type ordinary_type = {.name = "ordinary", .size = sizeof(node), .references = TWO_RUNS, .release = release};

static ouro_type *const kinds[] = {&plain_type,  &runs_type, &shown_type, &released_type, &small_type,  &middling_type,
                                   &medium_type, &eight_type, &huge_type,  &large_type,    &derived_type};
enum { KINDS = sizeof kinds / sizeof *kinds };

static node *make(ouro_type *type, int number) {
  node *made = ouro_borrow(ouro_new(type));
  TEST_CHECK(made);
  made->number = number;
  return made;
}

/* A ring of `count`; the caller owns a reference to the first. */
static node *ring(ouro_type *type, size_t count) {
  node *first = make(type, 0), *last = first;
  for (size_t i = 1; i < count; i++) {
    node *next = make(type, 0);
    ouro_movref(&last->a, ouro_adopt(next));
    last = next;
  }
  ouro_setref(&last->a, first);
  return first;
}

static void drop_rings(ouro_type *type, size_t count, size_t length) {
  for (size_t i = 0; i < count; i++) drop(ring(type, length));
}

static node *in(ouro_ref slot) { return (node *)ouro_borrow(slot); }

/* ---------------------------------------------------------------- a thread that cannot be stopped */

/* It is IN, and asleep: whoever tries to stop the world while it is there gives up. */
typedef struct sleeper {
  pthread_t thread;
  atomic_bool sleeps, enough;
} sleeper;

static void *sleep_in(void *arg) {
  sleeper *it = arg;
  TEST_CHECK(ouro_thread_attach() == OURO_OK);
  atomic_store(&it->sleeps, true);
  while (!atomic_load(&it->enough)) sched_yield();
  return NULL;
}

static void join(pthread_t thread) {
  ouro_blocking_begin();
  TEST_CHECK(pthread_join(thread, NULL) == 0);
  ouro_blocking_end();
}

static void sleeper_begin(sleeper *it) {
  TEST_CHECK(pthread_create(&it->thread, NULL, sleep_in, it) == 0);
  while (!atomic_load(&it->sleeps)) sched_yield();
}

static void sleeper_end(sleeper *it) {
  atomic_store(&it->enough, true);
  join(it->thread);
}

static void in_a_thread(void *(*body)(void *arg), void *arg) {
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, body, arg) == 0);
  join(thread);
}

/* ---------------------------------------------------------------- collecting without a stop */

static uint64_t stops(void) {
  ouro_stop_stats stats;
  ouro_stop_stats_get(&stats);
  return stats.stops + stats.given_up;
}

static void set_thresholds(int first, int second) {
  int threshold[OURO_GENERATIONS] = {first, second, 1000000};
  TEST_CHECK(ouro_gc_set_threshold(threshold) == OURO_OK);
}

enum { FILLERS = 300, FEW = 200 };

/* A safepoint at which a collection is due, since there are so many objects more: returns how many were collected there, by a collection
 * that nobody was stopped for, nor asked to stop. */
static size_t collect_here(void) {
  node *fillers[FILLERS];
  sleeper other = {0};
  for (size_t i = 0; i < FILLERS; i++) fillers[i] = make(&plain_type, 0);
  sleeper_begin(&other);
  set_thresholds(FEW, 1000000);
  uint64_t before = stops();
  ouro_gc_stats stats = gc_stats_of(0);
  ouro_safepoint();
  TEST_CHECK(stops() == before);
  TEST_CHECK(gc_stats_of(0).collections == stats.collections + 1);
  TEST_CHECK(gc_stats_of(0).candidates >= stats.candidates + FILLERS);
  size_t found = gc_stats_of(0).collected - stats.collected;
  set_thresholds(100000, 1000000);
  sleeper_end(&other);
  for (size_t i = 0; i < FILLERS; i++) drop(fillers[i]);
  return found;
}

/* The same where others may be stopped: what is found by any collection. */
static void come_by(void) {
  node *fillers[FILLERS];
  for (size_t i = 0; i < FILLERS; i++) fillers[i] = make(&plain_type, 0);
  set_thresholds(FEW, 1000000);
  ouro_safepoint();
  set_thresholds(100000, 1000000);
  for (size_t i = 0; i < FILLERS; i++) drop(fillers[i]);
}

/* ---------------------------------------------------------------- what is collected */

static void rings_of_every_kind_are_collected_without_a_stop(void **state) {
  (void)state;
  for (size_t kind = 0; kind < KINDS; kind++) {
    for (size_t length = 1; length < 6; length += 2) {
      drop_rings(kinds[kind], 3, length);
      assert_int_equal(collect_here(), 3 * length);
      assert_int_equal(test_live_of(kinds[kind]), 0);
    }
  }
}

static void rings_of_all_kinds_together_are_collected_in_one(void **state) {
  (void)state;
  node *first = make(kinds[0], 0), *last = first;
  for (size_t i = 1; i < KINDS * 7; i++) {
    node *next = make(kinds[i % KINDS], 0);
    ouro_movref(i % 3 && kinds[(i - 1) % KINDS] != &shown_type ? &last->b : &last->a, ouro_adopt(next));
    last = next;
  }
  ouro_setref(&last->a, first);
  assert_int_equal(collect_here(), 0);
  drop(first);
  /* They have become middle-aged. */
  assert_int_equal(ouro_gc_collect(1), KINDS * 7);
}

static void items_are_followed(void **state) {
  (void)state;
  for (size_t count = 1; count < 3000; count = count * 5 + 1) {
    list *items = list_of(&items_type, count);
    for (size_t i = 0; i < count; i++) {
      ouro_movref(&items->items[i], ouro_adopt(make(kinds[i % KINDS], 0)));
      ouro_setref(&((node *)list_at(items, i))->a, items);
    }
    drop(items);
    assert_int_equal(collect_here(), count + 1);
    assert_int_equal(test_live_of(&items_type), 0);
  }
}

static void types_made_at_run_time_live_as_long_as_their_instances(void **state) {
  (void)state;
  ouro_type description = {.name = "made", .size = sizeof(node), .base = &released_type};
  ouro_type *made = ouro_type_new(&description);
  assert_non_null(made);
  drop_rings(made, 2, 3);
  ouro_type_release(made);
  assert_int_equal(collect_here(), 6);
}

static void what_is_referred_to_more_often_than_a_byte_tells_is_collected(void **state) {
  (void)state;
  node *hub = make(&plain_type, 0), *last = hub;
  for (int i = 0; i < 1000; i++) {
    node *next = make(&plain_type, 0);
    ouro_setref(&next->b, hub);
    ouro_movref(&last->a, ouro_adopt(next));
    last = next;
  }
  drop(hub);
  assert_int_equal(collect_here(), 1001);
}

static void what_somebody_holds_lives_with_all_that_it_reaches(void **state) {
  (void)state;
  node *held = ring(&runs_type, 50), *garbage = ring(&released_type, 50);
  node *far = in(in(in(held->a)->a)->a);
  far->number = 7;
  ouro_setref(&garbage->b, held); /* garbage that refers to what lives */
  drop(garbage);
  assert_int_equal(collect_here(), 50);
  assert_int_equal(ouro_refcount(held), 2);
  assert_int_equal(in(in(in(held->a)->a)->a)->number, 7);
  assert_int_equal(ouro_gc_collect(2), 0);
  drop(held);
  assert_int_equal(ouro_gc_collect(2), 50);
}

static void deep_structures_are_collected(void **state) {
  (void)state;
  size_t length = test_count(100000, 10000);
  drop(ring(&plain_type, length));
  drop(ring(&released_type, length));
  assert_int_equal(collect_here(), 2 * length);
  node *chain = ring(&released_type, length);
  ouro_ref rest = ouro_steal(&chain->a); /* no ring any more: it goes by its counts */
  drop(chain);
  ouro_decref(rest);
  assert_int_equal(test_live_of(&released_type), 0);
  assert_int_equal(collect_here(), 0);
}

/* ---------------------------------------------------------------- beside ordinary objects */

static void ordinary_objects_that_garbage_holds_are_released(void **state) {
  (void)state;
  node *first = ring(&plain_type, 3);
  node *second = ring(&plain_type, 3);
  ouro_movref(&first->b, ouro_adopt(make(&ordinary_type, 1)));
  ouro_setref(&second->b, ouro_borrow(first->b));
  drop(first);
  drop(second);
  assert_int_equal(collect_here(), 6);
  assert_string_equal(test_log(), "-1");
}

/* Whatever bytes an ordinary object ends with, they are no links. */
static void what_looks_like_links_is_none(void **state) {
  (void)state;
  struct {
    ouro_object base;
    OURO_OWNED(void) slot;
    uintptr_t words[3];
  } *held[8];
  static ouro_type type = {.name = "words", .size = sizeof *held[0], .flags = OURO_TYPE_TRACKED};
  node *garbage = ring(&plain_type, 1), *last = garbage;
  for (uintptr_t i = 0; i < 8; i++) {
    held[i] = ouro_borrow(ouro_new(&type));
    assert_non_null(held[i]);
    held[i]->words[0] = held[i]->words[1] = held[i]->words[2] = i;
    ouro_movref(&last->b, ouro_adopt(make(&plain_type, 0)));
    last = in(last->b);
    ouro_setref(&last->a, held[i]);
  }
  drop(garbage);
  assert_int_equal(collect_here(), 9);
  for (uintptr_t i = 0; i < 8; i++) {
    assert_int_equal(ouro_refcount(held[i]), 1);
    assert_int_equal(held[i]->words[1], i);
    assert_int_equal(held[i]->words[2], i);
    drop(held[i]);
  }
}

static void what_an_ordinary_object_holds_lives(void **state) {
  (void)state;
  node *holder = make(&ordinary_type, 0);
  ouro_movref(&holder->a, ouro_adopt(ring(&plain_type, 3)));
  assert_int_equal(collect_here(), 0);
  drop(holder);
  assert_int_equal(test_live_of(&plain_type), 3);
  assert_int_equal(ouro_gc_collect(0), 0);
  assert_int_equal(ouro_gc_collect(1), 3);
}

static void cycles_through_ordinary_objects_are_left_to_ordinary_collections(void **state) {
  (void)state;
  node *first = ring(&plain_type, 3), *through = make(&ordinary_type, 0);
  ouro_setref(&through->b, first);
  ouro_movref(&first->b, ouro_adopt(through));
  drop(first);
  assert_int_equal(collect_here(), 0);
  assert_int_equal(ouro_gc_collect(2), 4);
  first = ring(&plain_type, 3); /* and also where no collection of their thread's own comes first */
  ouro_setref(&first->b, first);
  drop(first);
  assert_int_equal(ouro_gc_collect(0), 3);
}

/* ---------------------------------------------------------------- what is left to the next generation */

static void what_has_a_finalizer_is_left_to_the_next_generation(void **state) {
  (void)state;
  node *first = ring(&final_node_type, 1);
  first->number = 1;
  ouro_movref(&first->b, ouro_adopt(ring(&plain_type, 3))); /* and what it reaches */
  drop(first);
  assert_int_equal(collect_here(), 0);
  assert_string_equal(test_log(), "");
  assert_int_equal(ouro_gc_collect(0), 0);
  assert_int_equal(ouro_gc_collect(1), 4);
  assert_string_equal(test_log(), "~1 -1");
}

static ouro_ref saved;
static void save(node *self) { ouro_setref(&saved, self); }

static void what_a_finalizer_has_brought_back_goes_without_another(void **state) {
  (void)state;
  atomic_store(&finalizing, save);
  drop(make(&final_node_type, 1)); /* in the list, by its count */
  assert_string_equal(test_log(), "~1");
  ouro_setref(&in(saved)->a, in(saved));
  ouro_clear(&saved);
  assert_int_equal(collect_here(), 1);
  assert_string_equal(test_log(), "-1");
  node *second = ring(&final_node_type, 1);
  second->number = 2;
  drop(second); /* as garbage */
  assert_int_equal(collect_here(), 0);
  assert_int_equal(ouro_gc_collect(1), 0);
  assert_string_equal(test_log(), "~2");
  ouro_clear(&saved);
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_string_equal(test_log(), "-2");
  atomic_store(&finalizing, NULL);
}

static void collect_while_finalizing(node *self) {
  (void)self;
  TEST_CHECK(collect_here() == 3);
  OBJECTS_ARE_SOUND();
}

static void a_dying_object_may_collect_in_its_finalizer(void **state) {
  (void)state;
  drop_rings(&plain_type, 1, 3);
  node *dying = make(&final_node_type, 1);
  atomic_store(&finalizing, collect_while_finalizing);
  drop(dying);
  atomic_store(&finalizing, NULL);
  assert_string_equal(test_log(), "~1 -1");
  assert_int_equal(collect_here(), 0);
}

static void what_is_referred_to_weakly_is_left_to_the_next_generation(void **state) {
  (void)state;
  node *first = ring(&plain_type, 3);
  ouro_weak *weak = weak_to(in(first->a)), *noting = weak_noting(first, "gone");
  drop(first);
  assert_int_equal(collect_here(), 0);
  assert_false(ouro_weak_is_dead(weak));
  assert_int_equal(ouro_gc_collect(1), 3);
  assert_true(ouro_weak_is_dead(weak));
  assert_string_equal(test_log(), "gone");
  drop(weak);
  drop(noting);
}

static void what_dies_in_the_list_is_dead_to_its_weak_references(void **state) {
  (void)state;
  node *first = make(&plain_type, 0), *second = make(&released_type, 1), *third = make(&plain_type, 0);
  ouro_weak *weak = weak_to(second);
  drop(second);
  assert_true(ouro_weak_is_dead(weak));
  assert_string_equal(test_log(), "-1");
  assert_int_equal(collect_here(), 0);
  drop(first);
  drop(third);
  drop(weak);
}

static void what_is_uncollectable_is_left_to_the_next_generation(void **state) {
  (void)state;
  drop(ring(&stubborn_type, 1));
  assert_int_equal(collect_here(), 0);
  assert_int_equal(ouro_gc_collect(1), 1);
  assert_int_equal(ouro_gc_garbage_count(), 1);
  ouro_clear(&((node *)ouro_gc_garbage_at(0))->a);
  ouro_gc_garbage_clear();
}

static void what_is_in_a_section_lives(void **state) {
  (void)state;
  node *self = ring(&plain_type, 1);
  ouro_section section;
  ouro_section_begin(&section, self);
  assert_int_equal(collect_here(), 0);
  ouro_section_end(&section);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 1);
}

/* ---------------------------------------------------------------- releases that run meanwhile */

static size_t depth;

static void make_and_collect(node *self) {
  if (depth++ < 3) {
    drop_rings(&released_type, 2, 3);
    come_by();
    TEST_CHECK(ouro_gc_collect((int)(depth % 3)) >= 0);
    OBJECTS_ARE_SOUND();
  }
  TEST_CHECK(ouro_borrow(self->a) == NULL && ouro_borrow(self->b) == NULL);
  depth--;
}

static void releases_may_make_objects_and_collect(void **state) {
  (void)state;
  atomic_store(&releasing, make_and_collect);
  drop_rings(&released_type, 3, 3);
  drop_rings(&plain_type, 3, 3);
  come_by();
  atomic_store(&releasing, NULL);
  ouro_gc_collect(2);
  assert_int_equal(test_live_of(&released_type) + test_live_of(&plain_type), 0);
}

static int take_released(void *object, void *arg) {
  if (ouro_type_of(object) != &released_type || object == arg || ouro_borrow(saved)) return 0;
  ouro_setref(&saved, object);
  return 1;
}

static void look_at_all(node *self) { ouro_each_object(take_released, self); }

static void releases_may_look_at_all_objects(void **state) {
  (void)state;
  atomic_store(&releasing, look_at_all);
  drop_rings(&released_type, 4, 2);
  come_by();
  atomic_store(&releasing, NULL);
  assert_int_equal(test_live_of(&released_type), 1); /* emptied, but whole */
  assert_null(ouro_borrow(in(saved)->a));
  assert_int_equal(ouro_refcount(ouro_borrow(saved)), 1);
  OBJECTS_ARE_SOUND();
  ouro_clear(&saved);
}

/* What was looked at counts no more when the first release runs. */
static void make_some(node *self) {
  (void)self;
  for (int i = 0; i < 5; i++) drop(ring(&plain_type, 1));
  ouro_safepoint();
}

static void releases_that_come_to_safepoints_stop_nobody(void **state) {
  (void)state;
  atomic_store(&releasing, make_some);
  drop_rings(&released_type, 10, 1);
  assert_int_equal(collect_here(), 10);
  atomic_store(&releasing, NULL);
  assert_int_equal(collect_here(), 50);
}

/* ---------------------------------------------------------------- how objects leave the list */

static void objects_leave_the_list_from_any_place(void **state) {
  (void)state;
  enum { COUNT = 5 };
  for (unsigned mask = 0; mask < 1u << COUNT; mask++) {
    node *made[COUNT];
    size_t left = 0;
    for (size_t i = 0; i < COUNT; i++) made[i] = make(i % 2 ? &plain_type : &released_type, 0);
    for (size_t i = 0; i < COUNT; i++) {
      size_t which = i * 3 % COUNT; /* not in the order in which they were made */
      bool goes = mask >> which & 1;
      if (!goes) ouro_setref(&made[which]->a, made[which]);
      drop(made[which]);
      left += !goes;
    }
    assert_int_equal(collect_here(), left);
  }
}

static void untracked_objects_are_no_members(void **state) {
  (void)state;
  node *first = ring(&plain_type, 3), *second = in(first->a);
  ouro_gc_untrack(second);
  drop(first);
  assert_int_equal(collect_here(), 0);
  assert_false(ouro_gc_is_tracked(second));
  assert_int_equal(ouro_gc_track(second), OURO_OK);
  assert_int_equal(ouro_gc_collect(1), 3);
  first = ring(&plain_type, 3);
  ouro_gc_untrack(first);
  OBJECTS_ARE_SOUND(); /* which makes the others ordinary young ones */
  assert_int_equal(ouro_gc_track(first), OURO_OK);
  drop(first);
  assert_int_equal(ouro_gc_collect(0), 3);
  first = ring(&plain_type, 3);
  ouro_gc_untrack(first);
  assert_int_equal(ouro_gc_track(first), OURO_OK);
  drop(first);
  assert_int_equal(collect_here(), 3);
}

static void *count_it(void *arg) {
  for (int i = 0; i < 100; i++) {
    ouro_incref(arg);
    drop(arg);
  }
  return NULL;
}

static void immortal_and_deferred_objects_are_confined_no_more(void **state) {
  (void)state;
  drop_rings(&plain_type, 1, 2);
  node *deferred = make(&plain_type, 0);
  drop_rings(&plain_type, 1, 2);
  static node *immortal; /* it stays */
  immortal = make(&immortal_type, 0);
  drop_rings(&plain_type, 1, 2);
  assert_int_equal(ouro_make_immortal(immortal), OURO_OK);
  in_a_thread(count_it, immortal);
  assert_int_equal(collect_here(), 6);
  assert_int_equal(ouro_defer(deferred), OURO_OK);
  in_a_thread(count_it, deferred);
  ouro_setref(&deferred->a, deferred);
  drop(deferred);
  assert_int_equal(collect_here(), 0);
  assert_int_equal(ouro_gc_collect(2), 1);
  assert_true(ouro_is_immortal(immortal));
}

static void young_ones_are_shown_and_frozen(void **state) {
  (void)state;
  node *self = ring(&plain_type, 3);
  assert_true(is_in(0, self));
  drop_rings(&plain_type, 1, 2);
  size_t before = ouro_gc_get_freeze_count();
  assert_int_equal(ouro_gc_freeze(), OURO_OK);
  assert_true(ouro_gc_get_freeze_count() >= before + 5);
  assert_int_equal(collect_here(), 0);
  assert_int_equal(ouro_gc_collect(2), 0);
  assert_int_equal(ouro_gc_unfreeze(), OURO_OK);
  drop(self);
  assert_int_equal(ouro_gc_collect(2), 5);
}

static void survivors_grow_old(void **state) {
  (void)state;
  node *self = ring(&plain_type, 3);
  assert_int_equal(collect_here(), 0);
  assert_true(is_in(1, self) && is_in(1, in(self->a)));
  assert_int_equal(collect_here(), 0);
  assert_true(is_in(1, self));
  assert_int_equal(ouro_gc_collect(1), 0);
  assert_true(is_in(2, self));
  drop(self);
  assert_int_equal(collect_here(), 0);
  assert_int_equal(ouro_gc_collect(2), 3);
}

/* Else what a thread's own collections leave would fill the heap. */
static void survivors_make_a_collection_of_generation_1_due(void **state) {
  (void)state;
  node *first = NULL;
  uint64_t before = gc_stats_of(1).collections;
  set_thresholds(100, 2);
  for (int i = 0; i < 1500; i++) {
    node *next = make(&plain_type, 0);
    ouro_movref(&next->a, ouro_adopt(first));
    first = next;
    ouro_safepoint();
  }
  assert_in_range(gc_stats_of(1).collections - before, 1, 10);
  drop(first);
}

static void count_call(const ouro_gc_info *info, void *arg) {
  if (info->stop) ++*(int *)arg;
}

static void who_is_told_of_collections_gets_ordinary_ones(void **state) {
  (void)state;
  int calls = 0;
  drop_rings(&plain_type, 1, 3);
  assert_int_equal(ouro_gc_callback_add(count_call, &calls), OURO_OK);
  come_by();
  assert_int_equal(calls, 1);
  assert_int_equal(test_live_of(&plain_type), 0);
  assert_int_equal(ouro_gc_callback_remove(count_call, &calls), OURO_OK);
  drop_rings(&plain_type, 1, 3);
  assert_int_equal(collect_here(), 3);
}

static size_t said;
static void hear(void *arg, const char *text, size_t length) {
  (void)arg;
  (void)text;
  said += length;
}

static void debug_flags_get_ordinary_ones(void **state) {
  (void)state;
  ouro_gc_set_debug_writer(hear, NULL);
  assert_int_equal(ouro_gc_set_debug(OURO_GC_DEBUG_STATS), OURO_OK);
  drop_rings(&plain_type, 1, 3);
  come_by();
  assert_true(said > 0);
  assert_int_equal(ouro_gc_set_debug(0), OURO_OK);
  ouro_gc_set_debug_writer(NULL, NULL);
  assert_int_equal(test_live_of(&plain_type), 0);
}

static void under_stress_every_safepoint_collects_all(void **state) {
  (void)state;
  ouro_gc_set_stress(2);
  drop_rings(&final_node_type, 1, 3);
  drop_rings(&plain_type, 1, 3);
  ouro_safepoint();
  ouro_gc_set_stress(0);
  assert_int_equal(test_live_of(&plain_type) + test_live_of(&final_node_type), 0);
}

static void switched_off_nothing_is_collected(void **state) {
  (void)state;
  ouro_gc_disable();
  drop_rings(&plain_type, 100, 30);
  ouro_safepoint();
  ouro_gc_enable();
  assert_int_equal(test_live_of(&plain_type), 3000);
  assert_int_equal(ouro_gc_collect(0), 3000);
}

/* ---------------------------------------------------------------- other threads */

static void *make_rings_and_end(void *arg) {
  drop_rings(arg, 10, 3);
  return NULL;
}

static void *collect_what_another_left(void *arg) {
  *(size_t *)arg = collect_here();
  return NULL;
}

static void the_list_of_a_thread_that_has_ended_is_the_next_ones(void **state) {
  (void)state;
  size_t found = 0;
  in_a_thread(make_rings_and_end, &plain_type);
  in_a_thread(collect_what_another_left, &found);
  assert_int_equal(found, 30);
  in_a_thread(make_rings_and_end, &released_type);
  assert_int_equal(ouro_gc_collect(2), 30);
}

static node *given;
static atomic_int turn;

static void await(int wanted) {
  while (atomic_load(&turn) != wanted) sched_yield();
}

static void *drop_given(void *arg) {
  drop(given);
  if (arg) atomic_store((atomic_bool *)arg, true);
  return NULL;
}

/* Three, of which the middle one in the list is given away, with a slot in which it holds another. */
static void make_three(void) {
  drop_rings(&plain_type, 1, 2);
  given = make(&released_type, 1);
  ouro_movref(&given->a, ouro_adopt(make(&released_type, 2)));
  drop_rings(&plain_type, 1, 2);
}

static void what_another_thread_releases_waits_for_its_owner(void **state) {
  (void)state;
  atomic_bool done = false;
  pthread_t thread;
  make_three();
  assert_int_equal(pthread_create(&thread, NULL, drop_given, &done), 0);
  while (!atomic_load(&done)) sched_yield(); /* this one is IN */
  assert_string_equal(test_log(), "");
  ouro_safepoint();
  assert_string_equal(test_log(), "-2 -1");
  join(thread);
  assert_int_equal(collect_here(), 4);
}

static void what_is_released_while_its_owner_is_out_goes_at_once(void **state) {
  (void)state;
  make_three();
  in_a_thread(drop_given, NULL); /* which waits OUT */
  assert_string_equal(test_log(), "-2 -1");
  assert_int_equal(collect_here(), 4);
}

static void *make_three_and_end(void *arg) {
  make_three();
  return arg;
}

static void what_is_released_when_its_owner_has_gone_goes_at_once(void **state) {
  (void)state;
  in_a_thread(make_three_and_end, NULL);
  drop(given);
  assert_string_equal(test_log(), "-2 -1");
  assert_int_equal(ouro_gc_collect(2), 4);
}

static void *make_pairs(void *arg) {
  for (size_t i = 0, count = test_count(20000, 2000); i < count; i++) {
    make_three();
    atomic_store(&turn, 1);
    while (atomic_load(&turn) != 0) ouro_safepoint();
  }
  atomic_store(&turn, 2);
  return arg;
}

static void releases_race_with_the_owner_s_collections(void **state) {
  (void)state;
  pthread_t thread;
  set_thresholds(100, 5);
  atomic_store(&turn, 0);
  assert_int_equal(pthread_create(&thread, NULL, make_pairs, NULL), 0);
  for (;;) {
    ouro_blocking_begin();
    while (atomic_load(&turn) == 0) sched_yield();
    ouro_blocking_end();
    if (atomic_load(&turn) == 2) break;
    given->number = in(given->a)->number = 0;
    drop(given);
    atomic_store(&turn, 0);
    ouro_safepoint();
  }
  join(thread);
  ouro_gc_collect(2);
  assert_int_equal(test_live_of(&plain_type) + test_live_of(&released_type), 0);
}

static void *make_rings_and_wait(void *arg) {
  drop_rings(&plain_type, 4, 3);
  ouro_blocking_begin();
  atomic_store(&turn, 1);
  await(2);
  ouro_blocking_end();
  return arg;
}

static void go_on_in_a_child(void *arg) {
  (void)arg;
  TEST_CHECK(collect_here() == 9); /* its own */
  TEST_CHECK(ouro_gc_collect(2) == 12);
  OBJECTS_ARE_SOUND();
  TEST_HEAP_IS_SOUND();
}

static void a_child_of_fork_has_all_lists(void **state) {
  (void)state;
  pthread_t thread;
  if (TEST_TSAN) skip();
  atomic_store(&turn, 0);
  assert_int_equal(pthread_create(&thread, NULL, make_rings_and_wait, NULL), 0);
  await(1);
  drop_rings(&released_type, 3, 3);
  test_result result = test_in_child(go_on_in_a_child, NULL, 60);
  TEST_CHILD_PASSED(&result);
  atomic_store(&turn, 2);
  join(thread);
  assert_int_equal(ouro_gc_collect(2), 21);
}

/* ---------------------------------------------------------------- random programs, beside a model
 *
 * A program has a table of objects, by number, of which some are roots (the table owns a reference). Its model knows the slots of each, and
 * so what must be alive; what dies says so in its release. */

enum { TABLE = 400, SLOTS = 3, SHARED = 4 };

typedef struct being {
  struct program *program;
  struct item *_Atomic object; /* NULL: there is none, or it has gone, perhaps by another thread's collection */
  atomic_bool finalized;
  int slots[SLOTS];            /* numbers, or -1 */
  bool root, reached;
} being;

typedef struct program {
  test_rng rng;
  being beings[TABLE];
  size_t steps;
  bool verify;
} program;

typedef struct item {
  ouro_object base;
  OURO_OWNED(struct item) slots[SLOTS];
  OURO_OWNED(void) shared;
  being *being;
} item;

static void item_dies(void *object) {
  item *self = object;
  TEST_CHECK(self->being && self->being->object == self);
  self->being->object = NULL;
}

static void item_finalized(void *object) {
  item *self = object;
  TEST_CHECK(!self->being->finalized && self->being->object == self);
  self->being->finalized = true;
}

#define ITEM_SLOTS OURO_REFERENCES(offsetof(item, slots[0]), offsetof(item, slots[1]), offsetof(item, slots[2]), offsetof(item, shared))
static ouro_type item_types[] = {
    CONFINED("item", sizeof(item), .references = ITEM_SLOTS, .release = item_dies),
    CONFINED("larger item", 600, .references = ITEM_SLOTS, .release = item_dies),
    CONFINED("final item", sizeof(item), .references = ITEM_SLOTS, .release = item_dies, .finalize = item_finalized),
    {.name = "ordinary item", .size = sizeof(item), .references = ITEM_SLOTS, .release = item_dies},
};

static node *shared[SHARED]; /* ordinary objects of all */

static int any_being(program *it) {
  int at = (int)test_below(&it->rng, TABLE);
  for (int i = 0; i < TABLE && !it->beings[at].object; i++) at = (at + 1) % TABLE;
  return it->beings[at].object ? at : -1;
}

static void reach_from(program *it, int number) {
  being *self = &it->beings[number];
  if (self->reached) return;
  self->reached = true;
  for (int i = 0; i < SLOTS; i++) {
    if (self->slots[i] >= 0) reach_from(it, self->slots[i]);
  }
}

/* What the model says to be alive is, and is what it was. */
static void find_reached(program *it) {
  for (int i = 0; i < TABLE; i++) it->beings[i].reached = false;
  for (int i = 0; i < TABLE; i++) {
    if (it->beings[i].root) reach_from(it, i);
  }
  for (int i = 0; i < TABLE; i++) {
    being *self = &it->beings[i];
    if (!self->reached) continue;
    TEST_CHECK(self->object && self->object->being == self);
    for (int j = 0; j < SLOTS; j++) {
      const item *held = (item *)ouro_borrow(self->object->slots[j]);
      TEST_CHECK(held == (self->slots[j] < 0 ? NULL : it->beings[self->slots[j]].object));
    }
  }
}

/* One that can still be reached: the program must not touch others. */
static int any_reached(program *it) {
  find_reached(it);
  int at = (int)test_below(&it->rng, TABLE);
  for (int i = 0; i < TABLE && !it->beings[at].reached; i++) at = (at + 1) % TABLE;
  return it->beings[at].reached ? at : -1;
}

static void step_new(program *it) {
  size_t at = test_below(&it->rng, TABLE), kind = test_below(&it->rng, 12);
  being *self = &it->beings[at];
  if (self->object) return;
  item *made = ouro_borrow(ouro_new(&item_types[kind < 8 ? 0 : kind - 8]));
  TEST_CHECK(made);
  *self = (being){.program = it, .object = made, .slots = {-1, -1, -1}, .root = true};
  made->being = self;
  if (test_below(&it->rng, 4) == 0) ouro_setref(&made->shared, shared[test_below(&it->rng, SHARED)]);
}

static void step_link(program *it) {
  int from = any_reached(it), to = any_being(it);
  if (from < 0 || to < 0 || !it->beings[to].reached) return;
  size_t slot = test_below(&it->rng, SLOTS);
  item *object = it->beings[from].object;
  it->beings[from].slots[slot] = to;
  ouro_setref(&object->slots[slot], it->beings[to].object); /* which may let others go */
}

static void step_unlink(program *it) {
  int from = any_reached(it);
  if (from < 0) return;
  size_t slot = test_below(&it->rng, SLOTS);
  it->beings[from].slots[slot] = -1;
  ouro_clear(&it->beings[from].object->slots[slot]);
}

static void step_drop(program *it) {
  int at = any_being(it);
  if (at < 0 || !it->beings[at].root) return;
  it->beings[at].root = false;
  drop(it->beings[at].object);
}

static void step(program *it) {
  switch (test_below(&it->rng, 16)) {
    case 0: case 1: case 2: case 3: case 4: step_new(it); break;
    case 5: case 6: case 7: case 8: step_link(it); break;
    case 9: step_unlink(it); break;
    case 10: case 11: case 12: step_drop(it); break;
    case 13: drop_rings(&plain_type, 10, 3); break;
    default: ouro_safepoint();
  }
}

static void *run_program(void *arg) {
  program *it = arg;
  for (size_t round = 0; round < it->steps; round++) {
    for (int i = 0; i < 400; i++) step(it);
    find_reached(it);
    if (it->verify) OBJECTS_ARE_SOUND();
    if (it->verify && round % 8 == 7) TEST_CHECK(ouro_gc_collect((int)(round / 8 % 3)) >= 0);
  }
  return NULL;
}

static void end_program(program *it) {
  ouro_gc_collect(2);
  find_reached(it);
  for (int i = 0; i < TABLE; i++) TEST_CHECK(it->beings[i].reached == (it->beings[i].object != NULL));
  for (int i = 0; i < TABLE; i++) {
    if (it->beings[i].root) drop(it->beings[i].object);
    it->beings[i].root = false;
  }
}

static void run_programs(size_t threads) {
  static program programs[4];
  pthread_t ids[4];
  uint64_t seed = (uint64_t)(test_seconds() * 1e6);
  print_message("# seed %llu\n", (unsigned long long)seed);
  for (size_t i = 0; i < SHARED; i++) shared[i] = make(&ordinary_type, 0);
  set_thresholds(60, 8);
  for (size_t i = 0; i < threads; i++) {
    programs[i] = (program){.rng = {seed + i}, .steps = test_count(400, 60), .verify = true};
    for (int j = 0; j < TABLE; j++) programs[i].beings[j].object = NULL;
  }
  for (size_t i = 1; i < threads; i++) assert_int_equal(pthread_create(&ids[i], NULL, run_program, &programs[i]), 0);
  run_program(&programs[0]);
  for (size_t i = 1; i < threads; i++) join(ids[i]);
  for (size_t i = 0; i < threads; i++) end_program(&programs[i]);
  ouro_gc_collect(2);
  for (size_t i = 0; i < SHARED; i++) {
    assert_int_equal(ouro_refcount(shared[i]), 1);
    drop(shared[i]);
  }
}

static void a_random_program_keeps_what_it_reaches_and_loses_the_rest(void **state) {
  (void)state;
  run_programs(1);
}

static void so_do_several_in_threads_of_their_own(void **state) {
  (void)state;
  run_programs(2);
  run_programs(4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(rings_of_every_kind_are_collected_without_a_stop),
      OBJECT_TEST(rings_of_all_kinds_together_are_collected_in_one),
      OBJECT_TEST(items_are_followed),
      OBJECT_TEST(types_made_at_run_time_live_as_long_as_their_instances),
      OBJECT_TEST(what_is_referred_to_more_often_than_a_byte_tells_is_collected),
      OBJECT_TEST(what_somebody_holds_lives_with_all_that_it_reaches),
      OBJECT_TEST(deep_structures_are_collected),
      OBJECT_TEST(ordinary_objects_that_garbage_holds_are_released),
      OBJECT_TEST(what_looks_like_links_is_none),
      OBJECT_TEST(what_an_ordinary_object_holds_lives),
      OBJECT_TEST(cycles_through_ordinary_objects_are_left_to_ordinary_collections),
      OBJECT_TEST(what_has_a_finalizer_is_left_to_the_next_generation),
      OBJECT_TEST(what_a_finalizer_has_brought_back_goes_without_another),
      OBJECT_TEST(a_dying_object_may_collect_in_its_finalizer),
      OBJECT_TEST(what_is_referred_to_weakly_is_left_to_the_next_generation),
      OBJECT_TEST(what_dies_in_the_list_is_dead_to_its_weak_references),
      OBJECT_TEST(what_is_uncollectable_is_left_to_the_next_generation),
      OBJECT_TEST(what_is_in_a_section_lives),
      OBJECT_TEST(releases_may_make_objects_and_collect),
      OBJECT_TEST(releases_may_look_at_all_objects),
      OBJECT_TEST(releases_that_come_to_safepoints_stop_nobody),
      OBJECT_TEST(objects_leave_the_list_from_any_place),
      OBJECT_TEST(untracked_objects_are_no_members),
      OBJECT_TEST(immortal_and_deferred_objects_are_confined_no_more),
      OBJECT_TEST(young_ones_are_shown_and_frozen),
      OBJECT_TEST(survivors_grow_old),
      OBJECT_TEST(survivors_make_a_collection_of_generation_1_due),
      OBJECT_TEST(who_is_told_of_collections_gets_ordinary_ones),
      OBJECT_TEST(debug_flags_get_ordinary_ones),
      OBJECT_TEST(under_stress_every_safepoint_collects_all),
      OBJECT_TEST(switched_off_nothing_is_collected),
      OBJECT_TEST(the_list_of_a_thread_that_has_ended_is_the_next_ones),
      OBJECT_TEST(what_another_thread_releases_waits_for_its_owner),
      OBJECT_TEST(what_is_released_while_its_owner_is_out_goes_at_once),
      OBJECT_TEST(what_is_released_when_its_owner_has_gone_goes_at_once),
      OBJECT_TEST(releases_race_with_the_owner_s_collections),
      OBJECT_TEST(a_child_of_fork_has_all_lists),
      OBJECT_TEST(a_random_program_keeps_what_it_reaches_and_loses_the_rest),
      OBJECT_TEST(so_do_several_in_threads_of_their_own),
  };
  test_objects_without_stress();
  return cmocka_run_group_tests_name("gc confined", tests, NULL, NULL);
}
