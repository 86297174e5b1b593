/* tests/values/test_intern.c - interned strings: one object for one text, gone when nobody uses it; among threads, after a fork, without
 * memory.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "support/support.h"

#include <errno.h>
#include <pthread.h>

#include "heap/heap.h"
#include "values/str.h"

#include "object/objects.h"

static bool table_is_valid(void) {
  const char *why = NULL;
  bool valid = ouro__intern_valid(&why);
  if (!valid) {
    printf("# %s\n", why);
  }
  return valid;
}

static ouro_str *intern(const char *text) {
  ouro_str *str = ouro_borrow(ouro_intern_text(text));
  TEST_CHECK(str != NULL && ouro_is_interned(str) && ouro_is_str(str) && ouro_str_equal_text(str, text));
  return str;
}

static ouro_str *intern_number(size_t number) {
  char text[64];
  snprintf(text, sizeof text, "name number %zu", number);
  return intern(text);
}

/* ---------------------------------------------------------------- one object for one text */

static void of_equal_ones_there_is_one(void **state) {
  (void)state;
  size_t before = ouro_interned_count();
  ouro_str *one = intern("some name"), *plain = ouro_borrow(ouro_str_from("some name"));
  ouro_str *other = ouro_borrow(ouro_intern(plain)), *third = ouro_borrow(ouro_intern_utf8("some name and more", 9));
  ouro_str *itself = ouro_borrow(ouro_intern(one));
  assert_ptr_equal(one, other);
  assert_ptr_equal(one, third);
  assert_ptr_equal(one, itself);
  assert_ptr_not_equal(one, plain);
  assert_false(ouro_is_interned(plain));
  assert_true(ouro_str_equal(one, plain));
  assert_int_equal(ouro__str_hash(one), ouro__str_hash(plain));
  assert_int_equal(ouro_interned_count(), before + 1);
  assert_int_equal(ouro_refcount(one), 4);
  ouro_str *different = intern("some other");
  assert_false(ouro_str_equal(one, different));
  assert_true(table_is_valid());
  drop(one);
  drop(other);
  drop(third);
  drop(itself);
  drop(plain);
  drop(different);
  assert_int_equal(ouro_interned_count(), before);
}

static void what_is_no_text_is_refused(void **state) {
  (void)state;
  size_t before = ouro_interned_count();
  errno = 0;
  assert_true(ouro_borrow(ouro_intern_text("\xff\xfe")) == NULL && errno == EILSEQ);
  assert_true(ouro_borrow(ouro_intern_utf8(NULL, 2)) == NULL && errno == EINVAL);
  assert_true(ouro_borrow(ouro_intern_text(NULL)) == NULL && errno == EINVAL);
  assert_true(ouro_borrow(ouro_intern(NULL)) == NULL && errno == EINVAL);
  assert_true(ouro_borrow(ouro_intern(ouro_none)) == NULL && errno == ENOTSUP);
  assert_int_equal(ouro_interned_count(), before);
}

/* It is made anew afterwards, and is gone each time. */
static void one_that_nobody_uses_goes(void **state) {
  (void)state;
  size_t live = test_live(), bytes = ouro_interned_bytes();
  for (int i = 0; i < 1000; i++) {
    drop(intern("comes and goes"));
    TEST_CHECK(test_live() == live || i % 100);
  }
  assert_int_equal(ouro_interned_bytes(), bytes);
}

/* gh-113993: the table has no memory of names that passed through, and little while they are there. */
static void names_without_end_take_no_memory(void **state) {
  (void)state;
  size_t before = ouro_interned_count(), bytes = ouro_interned_bytes();
  size_t count = test_count(200000, 20000);
  ouro_str *window[256] = {NULL};
  for (size_t i = 0; i < count; i++) {
    ouro_str *gone = window[i % 256];
    window[i % 256] = intern_number(i);
    if (gone != NULL) {
      drop(gone);
    }
    TEST_CHECK(ouro_interned_count() <= before + 256 || i % 64);
  }
  assert_true(ouro_interned_bytes() <= bytes + (size_t)256 * 64);
  assert_true(table_is_valid());
  for (size_t i = 0; i < 256; i++) {
    drop(window[i]);
  }
  assert_int_equal(ouro_interned_count(), before);
  assert_int_equal(ouro_interned_bytes(), bytes);
}

/* Removal in the middle of what lies side by side: none of the others is lost. */
static void many_come_and_go_in_any_order(void **state) {
  (void)state;
  enum { NAMES = 4000 };
  static ouro_str *names[NAMES];
  size_t before = ouro_interned_count(), steps = test_count(100000, 20000), there = 0;
  test_rng rng = {1};
  for (size_t step = 0; step < steps; step++) {
    size_t i = test_below(&rng, step % 20000 < 10000 ? NAMES : 100);
    if (names[i] == NULL) {
      names[i] = intern_number(i);
      there++;
    } else if (step % 3) {
      drop(names[i]);
      names[i] = NULL;
      there--;
    } else {
      ouro_str *same = intern_number(i);
      TEST_CHECK(same == names[i]);
      drop(same);
    }
    TEST_CHECK(step % 1000 || (table_is_valid() && ouro_interned_count() == before + there));
  }
  for (size_t i = 0; i < NAMES; i++) {
    if (names[i] != NULL) {
      drop(names[i]);
      names[i] = NULL;
    }
  }
  assert_int_equal(ouro_interned_count(), before);
  assert_true(table_is_valid());
}

static void a_million_take_less_than_cpythons(void **state) {
  (void)state;
  size_t count = test_count(1000000, 50000), before = ouro_interned_bytes(), bytes = 0;
  ouro_str **names = malloc(count * sizeof *names);
  for (size_t i = 0; i < count; i++) {
    names[i] = intern_number(i);
    bytes += ouro_object_size(names[i]);
  }
  size_t table = ouro_interned_bytes() - before;
  /* CPython 3.11: 49 + 19 bytes, in steps of 16, of each; and its dict, at best 5/3 of 24 + 4 or 8. */
  assert_true((bytes + table) / count < 80 + 24);
  for (size_t i = 0; i < count; i++) {
    drop(names[i]);
  }
  free(names);
  assert_int_equal(ouro_interned_bytes(), before);
}

/* ---------------------------------------------------------------- immortal ones */

static void names_of_the_program_stay(void **state) {
  (void)state;
  ouro_str *name = ouro_borrow(ouro_intern_static("static name"));
  assert_true(ouro_is_immortal(name) && ouro_is_interned(name));
  ouro_str *same = intern("static name"), *again = ouro_borrow(ouro_intern_static("static name"));
  assert_ptr_equal(name, same);
  assert_ptr_equal(name, again);
  drop(same);
  drop(again);
  drop(name);
  same = intern("static name");
  assert_ptr_equal(name, same);
  assert_true(ouro_borrow(ouro_intern_static("\xff")) == NULL && errno == EILSEQ);
}

static void one_that_is_used_may_become_immortal(void **state) {
  (void)state;
  ouro_str *used = intern("used before"), *also = intern("used before");
  ouro_str *name = ouro_borrow(ouro_intern_static("used before"));
  assert_ptr_equal(name, used);
  assert_true(ouro_is_immortal(name));
  drop(used);
  drop(also);
  used = intern("used before");
  assert_ptr_equal(name, used);
}

/* ---------------------------------------------------------------- threads */

enum { THREADS = 4, TEXTS = 8 };

typedef struct shared {
  pthread_barrier_t barrier;
  size_t rounds;
  void *_Atomic handed[TEXTS]; /* owned; NULL: nothing */
} shared;

typedef struct worker {
  shared *all;
  test_rng rng;
} worker;

/* A few texts, which all threads intern, hand to each other, and drop: while a thread has one, each gets the same. */
static void *intern_and_drop(void *arg) {
  worker *self = arg;
  shared *all = self->all;
  pthread_barrier_wait(&all->barrier);
  for (size_t i = 0; i < all->rounds; i++) {
    size_t number = test_below(&self->rng, TEXTS);
    ouro_str *one = intern_number(number), *same = intern_number(number);
    TEST_CHECK(one == same);
    drop(same);
    if (test_below(&self->rng, 4) == 0) {
      void *before = atomic_exchange(&all->handed[number], one);
      TEST_CHECK(before == NULL || ouro_is_interned(before));
      if (before != NULL) {
        drop(before);
      }
    } else {
      drop(one);
    }
    ouro_safepoint();
  }
  return NULL;
}

static void threads_intern_the_same(void **state) {
  (void)state;
  size_t before = ouro_interned_count();
  shared all = {.rounds = test_count(20000, 2000)};
  worker workers[THREADS];
  pthread_t threads[THREADS];
  pthread_barrier_init(&all.barrier, NULL, THREADS);
  for (size_t i = 0; i < THREADS; i++) {
    workers[i] = (worker){&all, {i + 1}};
    TEST_CHECK(pthread_create(&threads[i], NULL, intern_and_drop, &workers[i]) == 0);
  }
  ouro_blocking_begin();
  for (size_t i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
  }
  ouro_blocking_end();
  pthread_barrier_destroy(&all.barrier);
  for (size_t i = 0; i < TEXTS; i++) {
    void *last = atomic_exchange(&all.handed[i], NULL);
    if (last != NULL) {
      drop(last);
    }
  }
  ouro_safepoint();
  assert_int_equal(ouro_interned_count(), before);
  assert_true(table_is_valid());
}

/* Some become immortal while others count them. */
static void *intern_and_fix(void *arg) {
  worker *self = arg;
  pthread_barrier_wait(&self->all->barrier);
  for (size_t i = 0; i < 200; i++) {
    char text[64];
    snprintf(text, sizeof text, "fixed %zu", i);
    ouro_str *one = intern(text), *fixed = test_below(&self->rng, 2) ? ouro_borrow(ouro_intern_static(text)) : intern(text);
    TEST_CHECK(one == fixed);
    drop(fixed);
    drop(one);
    ouro_safepoint();
  }
  return NULL;
}

static void threads_make_names_immortal(void **state) {
  (void)state;
  shared all = {0};
  worker workers[THREADS];
  pthread_t threads[THREADS];
  pthread_barrier_init(&all.barrier, NULL, THREADS);
  for (size_t i = 0; i < THREADS; i++) {
    workers[i] = (worker){&all, {i + 1}};
    TEST_CHECK(pthread_create(&threads[i], NULL, intern_and_fix, &workers[i]) == 0);
  }
  ouro_blocking_begin();
  for (size_t i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
  }
  ouro_blocking_end();
  pthread_barrier_destroy(&all.barrier);
  assert_true(table_is_valid());
}

/* ---------------------------------------------------------------- fork */

static _Atomic bool enough;

static void *intern_until_enough(void *arg) {
  (void)arg;
  for (size_t i = 0; !atomic_load(&enough); i++) {
    drop(intern_number(i % 1000));
    ouro_safepoint();
  }
  return NULL;
}

static void intern_in_child(void *arg) {
  ouro_str *kept = arg;
  for (size_t i = 0; i < 1000; i++) {
    drop(intern_number(i));
  }
  ouro_str *same = intern("kept over a fork");
  TEST_CHECK(same == kept);
  drop(same);
  TEST_CHECK(table_is_valid());
}

/* The child's locks are free, and its table whole, wherever another thread was. (The thread sanitizer lets no child begin threads, as the
 * library does for itself.) */
static void a_child_goes_on_interning(void **state) {
  (void)state;
  if (TEST_TSAN) skip();
  pthread_t thread;
  ouro_str *kept = intern("kept over a fork");
  atomic_store(&enough, false);
  TEST_CHECK(pthread_create(&thread, NULL, intern_until_enough, NULL) == 0);
  for (size_t i = 0; i < test_count(50, 5); i++) {
    test_result result = test_in_child(intern_in_child, kept, 60);
    TEST_CHILD_PASSED(&result);
  }
  atomic_store(&enough, true);
  ouro_blocking_begin();
  pthread_join(thread, NULL);
  ouro_blocking_end();
  drop(kept);
}

/* ---------------------------------------------------------------- without memory */

#ifdef OURO_FAULTS
static void each_allocation_may_fail(void **state) {
  (void)state;
  enum { NAMES = 300 };
  static ouro_str *names[NAMES];
  size_t before = ouro_interned_count();
  for (size_t i = 0; i < NAMES; i++) {
    char text[64];
    snprintf(text, sizeof text, "name without memory %zu", i);
    for (long nth = 1; names[i] == NULL; nth++) {
      ouro__fault_set(nth, i % 2);
      errno = 0;
      names[i] = ouro_borrow(ouro_intern_text(text));
      bool hit = ouro__fault_hit();
      ouro__fault_set(0, false);
      TEST_CHECK(names[i] != NULL || (hit && errno == ENOMEM && ouro_interned_count() == before + i));
      TEST_CHECK(nth < 20);
    }
  }
  assert_true(table_is_valid());
  /* Whoever lets go needs none. */
  ouro__fault_set(1, true);
  for (size_t i = 0; i < NAMES; i++) {
    ouro_decref(ouro_adopt(names[i]));
    names[i] = NULL;
  }
  ouro__fault_set(0, false);
  assert_int_equal(ouro_interned_count(), before);
  assert_true(table_is_valid());
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(of_equal_ones_there_is_one),
      OBJECT_TEST(what_is_no_text_is_refused),
      OBJECT_TEST(one_that_nobody_uses_goes),
      OBJECT_TEST(names_without_end_take_no_memory),
      OBJECT_TEST(many_come_and_go_in_any_order),
      OBJECT_TEST(a_million_take_less_than_cpythons),
      OBJECT_TEST(names_of_the_program_stay),
      OBJECT_TEST(one_that_is_used_may_become_immortal),
#ifdef OURO_FAULTS
      OBJECT_TEST(each_allocation_may_fail),
#endif
      OBJECT_TEST(threads_intern_the_same),
      OBJECT_TEST(threads_make_names_immortal),
      OBJECT_TEST(a_child_goes_on_interning),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
