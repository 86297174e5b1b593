/* tests/thread/test_sections.c - sections: one thread at a time is in one, whoever waits lets go of what it is in, and has the innermost
 * again before it goes on.
 *
 * Linked with: libouro (static), thread/things.c, support/support.c, cmocka, threads. */
#include "thread/things.h"

#include "object/object.h"

/* Under the thread sanitizer, a child of a process with threads may have some too: the heap's own. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "die_after_fork=0"; }

enum { THREADS = 4, OBJECTS = 5 };

static bool is_locked(const void *object) { return ouro__load_relaxed(ouro__shared(object)) & OURO_S_LOCKED; }
static bool is_waited_for(const void *object) { return ouro__load_relaxed(ouro__shared(object)) & OURO_S_LOCK_WAITED; }

static void all_in_threads(void *(*body)(void *arg), size_t count) {
  pthread_t threads[16];
  for (size_t i = 0; i < count; i++) TEST_CHECK(pthread_create(&threads[i], NULL, body, (void *)(uintptr_t)i) == 0);
  ouro_blocking_begin();
  for (size_t i = 0; i < count; i++) TEST_CHECK(pthread_join(threads[i], NULL) == 0);
  ouro_blocking_end();
}

/* A thread that enters a section of one or two objects and leaves it. */
typedef struct guest {
  void *first, *second;
  atomic_bool is_in;
  pthread_t thread;
} guest;

static void *enter_and_leave(void *arg) {
  guest *self = arg;
  ouro_section section;
  if (self->second != NULL) {
    ouro_section_begin2(&section, self->first, self->second);
  } else {
    ouro_section_begin(&section, self->first);
  }
  atomic_store(&self->is_in, true);
  ouro_section_end(&section);
  return NULL;
}

static void guest_comes(guest *self, void *first, void *second) {
  *self = (guest){.first = first, .second = second};
  TEST_CHECK(pthread_create(&self->thread, NULL, enter_and_leave, self) == 0);
}

/* The caller stays IN, and in its sections. */
static void guest_goes(guest *self) {
  TEST_CHECK(pthread_join(self->thread, NULL) == 0);
  TEST_CHECK(atomic_load(&self->is_in));
}

/* A guest comes and has to wait: it sleeps for the object. */
static void guest_waits(guest *self, void *first, void *second, const void *busy) {
  guest_comes(self, first, second);
  double end = test_seconds() + 20;
  while (!is_waited_for(busy) && test_seconds() < end) test_sleep_ms(1);
  TEST_CHECK(is_waited_for(busy) && !atomic_load(&self->is_in));
}

/* Another thread enters and leaves, whatever the caller is in. */
static void is_free(void *object) {
  guest other;
  guest_comes(&other, object, NULL);
  guest_goes(&other);
}

/* ---------------------------------------------------------------- one at a time */

static thing *objects[OBJECTS];
static long counts[OBJECTS];
static atomic_long expected[OBJECTS];

static void objects_begin(void) {
  for (size_t i = 0; i < OBJECTS; i++) {
    objects[i] = thing_new();
    counts[i] = 0;
    atomic_store(&expected[i], 0);
  }
}

static void objects_end(void) {
  for (size_t i = 0; i < OBJECTS; i++) {
    assert_int_equal(counts[i], atomic_load(&expected[i]));
    assert_int_equal(ouro__load_relaxed(ouro__shared(&objects[i]->base)) & (OURO_S_LOCKED | OURO_S_LOCK_WAITED), 0);
    drop(objects[i]);
  }
}

static void bump(size_t i) {
  counts[i]++;
  atomic_fetch_add(&expected[i], 1);
}

static void *count_up(void *arg) {
  (void)arg;
  for (size_t i = test_count(20000, 2000); i > 0; i--) {
    ouro_section section;
    ouro_section_begin(&section, objects[0]);
    bump(0);
    ouro_section_end(&section);
  }
  return NULL;
}

static void one_thread_at_a_time_is_in_a_section(void **state) {
  (void)state;
  objects_begin();
  all_in_threads(count_up, THREADS);
  objects_end();
}

/* Each thread takes two objects as one, in its own order, and every other one of them inside each other. */
static void *count_two_up(void *arg) {
  size_t me = (uintptr_t)arg, first = me & 1, second = !first;
  for (size_t i = test_count(10000, 1000); i > 0; i--) {
    ouro_section outer, inner;
    if (me & 2) {
      ouro_section_begin2(&outer, objects[first], objects[second]);
      bump(0);
      bump(1);
    } else {
      ouro_section_begin(&outer, objects[first]);
      bump(first);
      ouro_section_begin(&inner, objects[second]);
      bump(second);
      ouro_section_end(&inner);
      bump(first);
    }
    ouro_section_end(&outer);
  }
  return NULL;
}

static void two_objects_in_any_order_do_not_deadlock(void **state) {
  (void)state;
  objects_begin();
  all_in_threads(count_two_up, 4);
  objects_end();
}

/* Sections within each other, of any objects, the same ones too, with sleeps and safepoints in between. */
static void nest(test_rng *rng, unsigned depth) {
  ouro_section section;
  size_t first = test_below(rng, OBJECTS), second = test_below(rng, 2) ? test_below(rng, OBJECTS) : first;
  ouro_section_begin2(&section, objects[first], objects[second]);
  bump(first);
  bump(second);
  if (depth < 4 && test_below(rng, 2)) nest(rng, depth + 1);
  bump(second);
  if (test_below(rng, 16) == 0) {
    ouro_blocking_begin();
    ouro_blocking_end();
  }
  bump(first);
  if (test_below(rng, 8) == 0) drop(thing_new());
  ouro_safepoint();
  bump(first);
  ouro_section_end(&section);
}

static void *nest_at_random(void *arg) {
  test_rng rng = {(uintptr_t)arg + 1};
  for (size_t i = test_count(5000, 500); i > 0; i--) nest(&rng, 0);
  return NULL;
}

static void sections_nest_at_random(void **state) {
  (void)state;
  objects_begin();
  all_in_threads(nest_at_random, THREADS);
  objects_end();
}

static void a_section_within_one_of_the_same_object(void **state) {
  (void)state;
  thing *object = thing_new();
  ouro_section outer, inner, innermost;
  ouro_section_begin(&outer, object);
  ouro_section_begin(&inner, object);
  ouro_section_begin2(&innermost, object, object);
  assert_true(is_locked(object));
  ouro_section_end(&innermost);
  ouro_section_end(&inner);
  guest other;
  guest_waits(&other, object, NULL, object); /* the outer one has it still */
  ouro_section_end(&outer);
  guest_goes(&other);
  assert_false(is_locked(object));
  drop(object);
}

static ouro_type static_type = {.name = "static", .size = sizeof(thing)};
static thing immortal = {OURO_IMMORTAL_OBJECT(&static_type), NULL, NULL, NULL};

static void an_immortal_object_has_a_lock(void **state) {
  (void)state;
  ouro_section section;
  guest other;
  ouro_section_begin(&section, &immortal);
  guest_waits(&other, &immortal, NULL, &immortal);
  ouro_section_end(&section);
  guest_goes(&other);
  assert_true(ouro_is_immortal(&immortal));
  assert_false(is_locked(&immortal));
}

/* ---------------------------------------------------------------- what is let go of */

static int guarded; /* by objects[0] */

static void *wait_inside(void *arg) {
  ouro_section outer, inner;
  ouro_section_begin(&outer, objects[0]);
  guarded = 1;
  ouro_section_begin(&inner, objects[1]); /* waits for the main thread */
  ouro_section_end(&inner);
  *(int *)arg = guarded;
  TEST_CHECK(is_locked(objects[0]));
  guarded = 3;
  ouro_section_end(&outer);
  return NULL;
}

static void what_a_thread_that_waits_guarded_may_change(void **state) {
  (void)state;
  objects_begin();
  pthread_t thread;
  int seen = 0;
  ouro_section mine, other;
  ouro_section_begin(&mine, objects[1]);
  TEST_CHECK(pthread_create(&thread, NULL, wait_inside, &seen) == 0);
  while (!is_waited_for(objects[1])) test_sleep_ms(1);
  ouro_section_begin(&other, objects[0]); /* it has let go of that */
  assert_int_equal(guarded, 1);
  guarded = 2;
  ouro_section_end(&other);
  ouro_section_end(&mine);
  TEST_CHECK(pthread_join(thread, NULL) == 0);
  assert_int_equal(seen, 2);
  assert_int_equal(guarded, 3);
  objects_end();
}

static void blocking_lets_go_of_all_and_has_the_innermost_again(void **state) {
  (void)state;
  objects_begin();
  ouro_section outer, inner;
  ouro_section_begin(&outer, objects[0]);
  ouro_section_begin2(&inner, objects[2], objects[1]);
  ouro_blocking_begin();
  for (size_t i = 0; i < 3; i++) {
    assert_false(is_locked(objects[i]));
    is_free(objects[i]);
  }
  ouro_blocking_end();
  guest other;
  guest_waits(&other, objects[1], objects[2], objects[1] < objects[2] ? objects[1] : objects[2]);
  is_free(objects[0]); /* not the outer one, as yet */
  ouro_section_end(&inner);
  guest_goes(&other);
  assert_true(is_locked(objects[0]));
  guest_waits(&other, objects[0], NULL, objects[0]);
  ouro_section_end(&outer);
  guest_goes(&other);
  objects_end();
}

/* Who waits for the second of two keeps the first: it does not begin anew each time. */
static void two_are_waited_for_one_after_the_other(void **state) {
  (void)state;
  objects_begin();
  thing *low = objects[0] < objects[1] ? objects[0] : objects[1], *high = low == objects[0] ? objects[1] : objects[0];
  ouro_section section;
  guest both, one;
  ouro_section_begin(&section, high);
  guest_waits(&both, high, low, high);
  assert_true(is_locked(low));
  guest_waits(&one, low, NULL, low);
  ouro_section_end(&section);
  guest_goes(&both);
  guest_goes(&one);
  objects_end();
}

/* ---------------------------------------------------------------- those who wait */

static atomic_bool stop;

/* Who leaves and begins anew at once would be faster than whoever sleeps. */
static void who_has_waited_for_long_goes_first(void **state) {
  (void)state;
  thing *object = thing_new();
  for (size_t i = test_count(200, 50); i > 0; i--) {
    ouro_section section;
    guest other;
    ouro_section_begin(&section, object);
    guest_waits(&other, object, NULL, object);
    test_sleep_ms(2);
    ouro_section_end(&section);
    ouro_section_begin(&section, object);
    TEST_CHECK(atomic_load(&other.is_in));
    ouro_section_end(&section);
    guest_goes(&other);
  }
  drop(object);
}

static void all_who_wait_are_woken(void **state) {
  (void)state;
  thing *object = thing_new();
  ouro_section section;
  guest guests[4];
  ouro_section_begin(&section, object);
  for (size_t i = 0; i < 4; i++) guest_waits(&guests[i], object, NULL, object);
  test_sleep_ms(50); /* all of them */
  ouro_section_end(&section);
  for (size_t i = 0; i < 4; i++) guest_goes(&guests[i]);
  assert_false(is_locked(object) || is_waited_for(object));
  drop(object);
}

static void who_waits_does_not_delay_a_collection(void **state) {
  (void)state;
  thing *object = thing_new();
  ouro_section section;
  guest other;
  ouro_section_begin(&section, object);
  guest_waits(&other, object, NULL, object);
  assert_true(ouro_gc_collect(2) >= 0);
  assert_true(is_locked(object) && !atomic_load(&other.is_in));
  ouro_section_end(&section);
  guest_goes(&other);
  drop(object);
}

static void *attach_by_a_section(void *object) {
  ouro_section section;
  TEST_CHECK(!ouro_thread_is_attached());
  ouro_section_begin(&section, object);
  TEST_CHECK(ouro_thread_is_attached());
  TEST_CHECK(ouro_thread_detach() == OURO_EBUSY);
  ouro_section_end(&section);
  TEST_CHECK(ouro_thread_detach() == OURO_OK);
  return NULL;
}

static void a_thread_in_a_section_is_attached(void **state) {
  (void)state;
  thing *object = thing_new();
  in_a_thread(attach_by_a_section, object);
  assert_false(is_locked(object));
  drop(object);
}

/* ---------------------------------------------------------------- fork */

static atomic_bool is_in;
static bool comes_by; /* to safepoints, while it is in the section */

static void *stay_inside(void *object) {
  ouro_section section;
  ouro_section_begin(&section, object);
  atomic_store(&is_in, true);
  while (!atomic_load(&stop)) {
    if (comes_by) ouro_safepoint();
  }
  ouro_section_end(&section);
  return NULL;
}

/* The child has its own sections, and those of threads that are not there are free. */
static void in_the_child(void *arg) {
  (void)arg;
  ouro_section section;
  TEST_CHECK(is_locked(objects[1]) && !is_waited_for(objects[1]));
  TEST_CHECK(!is_locked(objects[0]) && !is_waited_for(objects[0]));
  ouro_section_begin2(&section, objects[0], objects[1]);
  ouro_section_end(&section);
  TEST_CHECK(is_locked(objects[1]) && !is_locked(objects[0]));
}

static void fork_with_others_inside(bool coming_by) {
  objects_begin();
  pthread_t thread;
  ouro_section section;
  guest one, two;
  atomic_store(&stop, false);
  atomic_store(&is_in, false);
  comes_by = coming_by;
  TEST_CHECK(pthread_create(&thread, NULL, stay_inside, objects[0]) == 0);
  while (!atomic_load(&is_in)) test_sleep_ms(1);
  guest_waits(&one, objects[0], NULL, objects[0]);
  ouro_section_begin(&section, objects[1]);
  guest_waits(&two, objects[1], NULL, objects[1]);
  test_result result = test_in_child(in_the_child, NULL, 60);
  TEST_CHILD_PASSED(&result);
  assert_true(is_locked(objects[0]) && is_locked(objects[1]));
  atomic_store(&stop, true);
  ouro_section_end(&section);
  TEST_CHECK(pthread_join(thread, NULL) == 0);
  guest_goes(&one);
  guest_goes(&two);
  objects_end();
}

static void a_child_of_fork_is_in_its_own_sections_alone(void **state) {
  (void)state;
  fork_with_others_inside(true);
}

/* fork does not wait for it for long. */
static void a_child_of_fork_with_a_thread_that_does_not_come(void **state) {
  (void)state;
  fork_with_others_inside(false);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      THING_TEST(one_thread_at_a_time_is_in_a_section),
      THING_TEST(two_objects_in_any_order_do_not_deadlock),
      THING_TEST(sections_nest_at_random),
      THING_TEST(a_section_within_one_of_the_same_object),
      THING_TEST(an_immortal_object_has_a_lock),
      THING_TEST(what_a_thread_that_waits_guarded_may_change),
      THING_TEST(blocking_lets_go_of_all_and_has_the_innermost_again),
      THING_TEST(two_are_waited_for_one_after_the_other),
      THING_TEST(who_has_waited_for_long_goes_first),
      THING_TEST(all_who_wait_are_woken),
      THING_TEST(who_waits_does_not_delay_a_collection),
      THING_TEST(a_thread_in_a_section_is_attached),
      THING_TEST(a_child_of_fork_is_in_its_own_sections_alone),
      cmocka_unit_test(a_child_of_fork_with_a_thread_that_does_not_come),
  };
  return cmocka_run_group_tests_name("thread sections", tests, NULL, NULL);
}
