/* tests/values/test_generator.c - generators: what is yielded, sent, thrown, returned and delegated; that the clean-up runs once, whatever
 * ends one; that what has ended holds nothing; cycles; threads; every allocation failing.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka, threads. */
#include "values/generators.h"

/* ---------------------------------------------------------------- a function that counts, and cleans up */

typedef struct guarded guarded;
struct guarded {
  ouro_generator base;
  ouro_object *held;             /* whatever the case wants it to hold */
  int (*first)(guarded *self);   /* called before each yield, unless it is NULL: not 0, the function returns that */
  int (*last)(guarded *self);    /* called by the clean-up */
  int64_t i, count;
};

static int guarded_step(guarded *self, ouro_slot item) {
  int code = OURO_OK;
  OURO_GENERATOR_BEGIN(self);
  for (self->i = 1; self->i <= self->count; self->i++) {
    if (self->first && (code = self->first(self)) != OURO_OK) {
      return code;
    }
    OURO_YIELD(self, item, number(self->i));
  }
  OURO_GENERATOR_FINALLY(self);
  test_note("clean");
  if (self->base.code) {
    test_note("%s", ouro_err_name(self->base.code));
  }
  return self->last ? self->last(self) : OURO_OK;
  OURO_GENERATOR_END(self);
}

OURO_GENERATOR_TYPE(guarded_type, "guarded", guarded, guarded_step, OURO_REFERENCES(offsetof(guarded, held)));

static guarded *guarded_new(int64_t count) {
  guarded *made = ouro_generator_new(&guarded_type);
  TEST_CHECK(made != NULL);
  made->count = count;
  return made;
}

static void it_yields_one_item_after_the_other(void **state) {
  (void)state;
  guarded *g = guarded_new(3);
  assert_int_equal(ouro_generator_state(g), OURO_GENERATOR_NEW);
  assert_int_equal(step(g), 1);
  assert_int_equal(ouro_generator_state(g), OURO_GENERATOR_SUSPENDED);
  assert_string_equal(rest(g), "1 2 3 clean end");
  assert_int_equal(ouro_generator_state(g), OURO_GENERATOR_ENDED);
  assert_string_equal(rest(g), "end");
  assert_int_equal(close_it(g), OURO_OK);
  drop(g);
  assert_string_equal(test_log(), "end");
}

static void it_is_its_own_iterator(void **state) {
  (void)state;
  guarded *g = guarded_new(2);
  void *iterator = NULL;
  assert_int_equal(ouro_iterate(g, &iterator), OURO_OK);
  assert_ptr_equal(iterator, g);
  drop(iterator);
  ouro_list *items = ouro_list_from(g);
  assert_int_equal(ouro_list_count(items), 2);
  drop(items);
  drop(g);
  assert_string_equal(test_log(), "clean");
}

static void what_has_ended_holds_nothing(void **state) {
  (void)state;
  guarded *g = guarded_new(1);
  g->held = (ouro_object *)cell_new(7);
  assert_string_equal(rest(g), "1 clean -7 end");
  assert_null(g->held);
  drop(g);
}

/* Slots that a visit function shows are cleared as well. */
static void visit_held(void *self, ouro_visitor *visitor) { ouro_visit(visitor, &((guarded *)self)->held); }
OURO_GENERATOR_TYPE(visited_guarded_type, "visited_guarded", guarded, guarded_step, NULL);

static void what_a_visit_function_shows_is_let_go_of(void **state) {
  (void)state;
  if (!visited_guarded_type.type.visit) {
    visited_guarded_type.type.visit = visit_held;
  }
  guarded *g = ouro_generator_new(&visited_guarded_type);
  g->held = (ouro_object *)cell_new(7);
  assert_string_equal(rest(g), "clean -7 end");
  drop(g);
  g = ouro_generator_new(&visited_guarded_type);
  g->held = ouro_newref(g);
  drop(g);
  ouro_gc_collect(2);
  assert_string_equal(test_log(), "clean");
}

/* ---------------------------------------------------------------- how it ends */

static int fail_at_two(guarded *self) { return self->i == 2 ? OURO_EKEY : OURO_OK; }
static int raise_at_two(guarded *self) {
  if (self->i != 2) {
    return OURO_OK;
  }
  void *error = number(55);
  int code = ouro_raise(error);
  drop(error);
  return code;
}
static int strange_code(guarded *self) { return self->i == 2 ? -40000 : OURO_OK; }
static int number_above(guarded *self) { return self->i == 2 ? 17 : OURO_OK; }
static int code_of_its_own(guarded *self) { return self->i == 2 ? -3000 : OURO_OK; }

static void a_code_ends_it(void **state) {
  (void)state;
  static const struct {
    int (*first)(guarded *self);
    const char *log;
  } cases[] = {
      {fail_at_two, "1 clean OURO_EKEY OURO_EKEY"},          {raise_at_two, "1 clean OURO_ERAISED OURO_ERAISED 55"},
      {strange_code, "1 clean OURO_EINVAL OURO_EINVAL"},      {number_above, "1 clean OURO_EINVAL OURO_EINVAL"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    guarded *g = guarded_new(3);
    g->first = cases[i].first;
    assert_string_equal(rest(g), cases[i].log);
    assert_int_equal(ouro_generator_state(g), OURO_GENERATOR_ENDED);
    assert_string_equal(all(g), "end");
  }
  guarded *g = guarded_new(3);
  void *item = NULL;
  g->first = code_of_its_own;
  step(g);
  assert_int_equal(ouro_next(g, &item), -3000);
  drop(g);
  test_log();
}

static int clean_up_fails(guarded *self) {
  (void)self;
  return OURO_ESYNTAX;
}
static int clean_up_raises(guarded *self) {
  (void)self;
  void *error = number(66);
  int code = ouro_raise(error);
  drop(error);
  return code;
}
/* It raises, and takes the error itself: what ended the generator is not lost. */
static int clean_up_catches(guarded *self) {
  clean_up_raises(self);
  drop(ouro_raised_take());
  errno = EEXIST;
  return OURO_OK;
}

static void a_clean_up_that_fails_says_how_it_ended(void **state) {
  (void)state;
  static const struct {
    int (*first)(guarded *self), (*last)(guarded *self);
    const char *log;
  } cases[] = {
      {NULL, clean_up_fails, "1 2 3 clean OURO_ESYNTAX"},
      {NULL, clean_up_raises, "1 2 3 clean OURO_ERAISED 66"},
      {fail_at_two, clean_up_fails, "1 clean OURO_EKEY OURO_ESYNTAX"},
      {raise_at_two, clean_up_raises, "1 clean OURO_ERAISED OURO_ERAISED 66"},
      {raise_at_two, clean_up_fails, "1 clean OURO_ERAISED OURO_ESYNTAX"},
      {raise_at_two, clean_up_catches, "1 clean OURO_ERAISED OURO_ERAISED 55"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    guarded *g = guarded_new(3);
    g->first = cases[i].first;
    g->last = cases[i].last;
    assert_string_equal(all(g), cases[i].log);
    assert_null(ouro_raised_take());
  }
}

static int system_failed(guarded *self) {
  (void)self;
  errno = ENOSPC;
  return OURO_ESYSTEM;
}

static void errno_outlives_the_clean_up(void **state) {
  (void)state;
  guarded *g = guarded_new(1);
  g->first = system_failed;
  g->last = clean_up_catches;
  void *item = NULL;
  errno = 0;
  assert_int_equal(ouro_next(g, &item), OURO_ESYSTEM);
  assert_int_equal(errno, ENOSPC);
  drop(g);
  test_log();
}

/* ---------------------------------------------------------------- closing, dropping */

static void closing_runs_the_clean_up_once(void **state) {
  (void)state;
  for (int steps = 0; steps <= 3; steps++) {
    guarded *g = guarded_new(3);
    g->held = (ouro_object *)cell_new(5);
    for (int i = 0; i < steps; i++) {
      step(g);
    }
    test_log();
    close_it(g);
    assert_string_equal(test_log(), "clean -5 end");
    close_it(g);
    assert_string_equal(test_log(), "end");
    assert_string_equal(all(g), "end");
  }
}

static void closing_says_what_the_clean_up_says(void **state) {
  (void)state;
  guarded *g = guarded_new(3);
  g->last = clean_up_raises;
  step(g);
  assert_int_equal(close_it(g), OURO_ERAISED);
  assert_string_equal(test_log(), "1 clean OURO_ERAISED 66");
  drop(g);
}

static void dropping_runs_the_clean_up_once(void **state) {
  (void)state;
  for (int steps = 0; steps <= 4; steps++) {
    guarded *g = guarded_new(3);
    g->held = (ouro_object *)cell_new(5);
    for (int i = 0; i < steps; i++) {
      step(g);
    }
    const char *before = test_log();
    assert_int_equal(strstr(before, "clean") != NULL, steps == 4);
    drop(g);
    assert_string_equal(test_log(), steps < 4 ? "clean -5" : "");
  }
}

/* What is on its way in a thread is not lost because a generator is dropped on the way. */
static void dropping_keeps_the_error_that_was_raised(void **state) {
  (void)state;
  void *error = number(9), *raised;
  guarded *g = guarded_new(3);
  g->last = clean_up_raises;
  step(g);
  ouro_raise(error);
  errno = EDOM;
  drop(g);
  assert_int_equal(errno, EDOM);
  raised = ouro_raised_take();
  assert_ptr_equal(raised, error);
  assert_null(ouro_raised_take());
  drop(raised);
  drop(error);
  g = guarded_new(3);
  g->last = clean_up_raises;
  drop(g);
  assert_null(ouro_raised_take());
  test_log();
}

static void *ended_by; /* asked for an item by what goes with the slots */

static void ask(cell *self) {
  (void)self;
  test_note("%d", ouro_generator_state(ended_by));
  step(ended_by);
}

static void what_goes_at_the_end_finds_it_at_its_end(void **state) {
  (void)state;
  guarded *g = guarded_new(1);
  cell *asker = cell_of(&final_type, 3);
  asker->finalizing = ask;
  g->held = &asker->base;
  ended_by = g;
  assert_string_equal(all(g), "1 clean ~3 3 end -3 end");
}

static int resume_itself(guarded *self) {
  void *item = NULL;
  test_note("%d", ouro_generator_state(self));
  TEST_CHECK(ouro_next(self, &item) == OURO_EBUSY && item == NULL);
  TEST_CHECK(ouro_generator_send(self, ouro_true, &item) == OURO_EBUSY);
  TEST_CHECK(ouro_generator_throw(self, ouro_true, &item) == OURO_EBUSY);
  TEST_CHECK(ouro_generator_close(self) == OURO_EBUSY);
  TEST_CHECK(ouro_generator_result(self) == NULL && errno == EBUSY);
  return OURO_OK;
}

static void it_cannot_resume_itself(void **state) {
  (void)state;
  guarded *g = guarded_new(2);
  g->first = g->last = resume_itself;
  assert_string_equal(all(g), "2 1 2 2 clean 2 end");
}

/* ---------------------------------------------------------------- cycles */

static void the_collector_runs_the_clean_up_once(void **state) {
  (void)state;
  for (int steps = 0; steps <= 2; steps++) {
    guarded *g = guarded_new(3);
    g->held = ouro_newref(g);
    for (int i = 0; i < steps; i++) {
      step(g);
    }
    test_log();
    drop(g);
    assert_string_equal(test_log(), "");
    assert_true(ouro_gc_collect(2) >= 0); /* the clean-up takes the cycle apart: it may have gone by its counts */
    assert_string_equal(test_log(), "clean");
    assert_false(test_is_live(g));
  }
}

static void a_ring_of_generators_is_collected(void **state) {
  (void)state;
  enum { COUNT = 5 };
  guarded *ring[COUNT];
  for (int i = 0; i < COUNT; i++) {
    ring[i] = guarded_new(3);
    step(ring[i]);
  }
  for (int i = 0; i < COUNT; i++) {
    ring[i]->held = ouro_newref(ring[(i + 1) % COUNT]);
  }
  test_log();
  for (int i = 0; i < COUNT; i++) {
    drop(ring[i]);
  }
  assert_true(ouro_gc_collect(2) >= 0);
  assert_int_equal(test_live_of(&guarded_type.type), 0);
  assert_string_equal(test_log(), "clean clean clean clean clean");
}

static void *brought_back;

static int bring_back(guarded *self) {
  brought_back = ouro_newref(self);
  return OURO_OK;
}

static void a_clean_up_may_bring_it_back(void **state) {
  (void)state;
  for (int cycle = 0; cycle < 2; cycle++) {
    guarded *g = guarded_new(3);
    g->last = bring_back;
    step(g);
    if (cycle) {
      g->held = ouro_newref(g);
    }
    drop(g);
    ouro_gc_collect(2);
    assert_string_equal(test_log(), "1 clean");
    assert_ptr_equal(brought_back, g);
    assert_string_equal(all(g), "end");
    assert_false(test_is_live(g));
  }
}

/* ---------------------------------------------------------------- sending, returning */

typedef struct echo {
  ouro_generator base;
  int64_t total;
} echo;

/* Yields what it was sent last, and returns the total when it is sent 0. */
static int echo_step(echo *self, ouro_slot item) {
  OURO_GENERATOR_BEGIN(self);
  OURO_YIELD(self, item, number(-1));
  while (!self->base.sent || value_of(self->base.sent) != 0) {
    self->total += self->base.sent ? value_of(self->base.sent) : 0;
    OURO_YIELD(self, item, ouro_newref(self->base.sent ? self->base.sent : ouro_none));
  }
  OURO_RETURN(self, number(self->total));
  OURO_GENERATOR_END(self);
}

OURO_GENERATOR_TYPE(echo_type, "echo", echo, echo_step, NULL);

static void the_value_of_a_yield_is_what_is_sent(void **state) {
  (void)state;
  echo *g = ouro_generator_new(&echo_type);
  void *item = NULL;
  assert_int_equal(send_number(g, 3), OURO_EINVAL);
  assert_int_equal(ouro_generator_send(g, ouro_none, &item), 1);
  drop(item);
  item = NULL;
  send_number(g, 5000);
  step(g);
  assert_int_equal(ouro_generator_send(g, ouro_none, &item), 1);
  drop(item);
  send_number(g, 7000);
  assert_null(ouro_generator_result(g));
  assert_int_equal(errno, EBUSY);
  send_number(g, 0);
  assert_string_equal(test_log(), "OURO_EINVAL 5000 none 7000 end");
  void *result = ouro_generator_result(g);
  assert_int_equal(value_of(result), 12000);
  drop(result);
  send_number(g, 5);
  assert_string_equal(rest(g), "end end");
  result = ouro_generator_result(g);
  assert_int_equal(value_of(result), 12000);
  drop(result);
  drop(g);
}

static void without_a_return_the_result_is_none(void **state) {
  (void)state;
  guarded *g = guarded_new(1);
  rest(g);
  assert_ptr_equal(ouro_generator_result(g), ouro_none);
  drop(g);
  echo *closed = ouro_generator_new(&echo_type);
  step(closed);
  send_number(closed, 2000);
  assert_int_equal(ouro_generator_close(closed), OURO_OK);
  assert_ptr_equal(ouro_generator_result(closed), ouro_none);
  drop(closed);
  test_log();
}

typedef struct nothing {
  ouro_generator base;
  int how;
} nothing;

static int nothing_step_of(nothing *self, ouro_slot item) {
  OURO_GENERATOR_BEGIN(self);
  errno = EILSEQ;
  if (self->how == 0) {
    OURO_YIELD(self, item, NULL);
  } else if (self->how == 1) {
    OURO_RETURN(self, NULL);
  } else if (self->how == 2) {
    OURO_YIELD_FROM(self, item, NULL);
  } else if (self->how == 3) {
    OURO_GENERATOR_FAIL(self, OURO_EUTF8);
  } else if (self->how == 4) {
    OURO_GENERATOR_FAIL(self, 5);
  } else {
    OURO_YIELD_FROM(self, item, number(1));
  }
  test_note("behind");
  OURO_GENERATOR_END(self);
}
OURO_GENERATOR_TYPE(nothing_type, "nothing", nothing, nothing_step_of, NULL);

static void null_ends_it_with_the_code_of_errno(void **state) {
  (void)state;
  static const char *const codes[] = {"OURO_EUTF8 end", "OURO_EUTF8 end",  "OURO_EUTF8 end",
                                      "OURO_EUTF8 end", "OURO_EINVAL end", "OURO_ETYPE end"};
  for (int how = 0; how < 6; how++) {
    nothing *g = ouro_generator_new(&nothing_type);
    g->how = how;
    step(g);
    assert_string_equal(all(g), codes[how]);
  }
}

/* ---------------------------------------------------------------- throwing */

typedef struct catcher {
  ouro_generator base;
  int64_t i;
} catcher;

/* Yields 1, 2, 3, ...; catches: 10 goes on with the next one, 20 it lets through, 30 ends it, 40 fails with another code; of 50 it yields
 * the error itself. */
static int catcher_step(catcher *self, ouro_slot item) {
  int64_t caught;
  OURO_GENERATOR_BEGIN(self);
  for (;;) {
    self->i++;
    OURO_YIELD_CATCH(self, item, number(self->i), caught);
    continue;
  caught:
    caught = value_of(self->base.thrown);
    test_note("caught:%d", (int)caught);
    if (caught == 20) {
      return ouro_raise(self->base.thrown);
    }
    if (caught == 30) {
      break;
    }
    if (caught == 40) {
      return OURO_EINDEX;
    }
    if (caught == 50) {
      OURO_YIELD(self, item, ouro_steal(&self->base.thrown));
      TEST_CHECK(self->base.code == OURO_OK && self->base.thrown == NULL);
    }
  }
  OURO_GENERATOR_FINALLY(self);
  test_note("clean");
  OURO_GENERATOR_END(self);
}

OURO_GENERATOR_TYPE(catcher_type, "catcher", catcher, catcher_step, NULL);

static const char *thrown(int64_t error) {
  catcher *g = ouro_generator_new(&catcher_type);
  step(g);
  throw_number(g, error);
  step(g);
  close_it(g);
  drop(g);
  return test_log();
}

static void what_is_thrown_is_caught_at_the_yield(void **state) {
  (void)state;
  assert_string_equal(thrown(10), "1 caught:10 2 3 clean end");
  assert_string_equal(thrown(20), "1 caught:20 clean OURO_ERAISED 20 end end");
  assert_string_equal(thrown(30), "1 caught:30 clean end end end");
  assert_string_equal(thrown(40), "1 caught:40 clean OURO_EINDEX end end");
  assert_string_equal(thrown(50), "1 caught:50 50 2 clean end");
}

static void what_is_caught_is_let_go_of_at_the_next_yield(void **state) {
  (void)state;
  catcher *g = ouro_generator_new(&catcher_type);
  void *item = NULL, *error = number(10 + (1 << 20));
  step(g);
  assert_int_equal(ouro_generator_throw(g, error, &item), 1);
  assert_int_equal(ouro_refcount(error), 1);
  drop(error);
  drop(item);
  drop(g);
  test_log();
}

static void what_is_not_caught_ends_it(void **state) {
  (void)state;
  guarded *g = guarded_new(3);
  step(g);
  throw_number(g, 77);
  assert_string_equal(rest(g), "1 clean OURO_ERAISED OURO_ERAISED 77 end");
  throw_number(g, 78); /* it has ended */
  assert_string_equal(all(g), "OURO_ERAISED 78 end");
  g = guarded_new(3); /* it has not begun */
  throw_number(g, 79);
  assert_string_equal(all(g), "clean OURO_ERAISED OURO_ERAISED 79 end");
  catcher *other = ouro_generator_new(&catcher_type);
  throw_number(other, 10);
  assert_string_equal(all(other), "clean OURO_ERAISED 10 end");
}

/* ---------------------------------------------------------------- delegating */

typedef struct outer {
  ouro_generator base;
  ouro_object *inner; /* delegated to */
  bool catches;
} outer;

static int outer_step(outer *self, ouro_slot item) {
  OURO_GENERATOR_BEGIN(self);
  OURO_YIELD(self, item, number(100));
  if (self->catches) {
    OURO_YIELD_FROM_CATCH(self, item, ouro_newref(self->inner), failed);
  } else {
    OURO_YIELD_FROM(self, item, ouro_newref(self->inner));
  }
  note_object(self->base.sent ? self->base.sent : ouro_none);
  OURO_YIELD(self, item, number(200));
  return OURO_OK;
failed:
  test_note("failed:%s", ouro_err_name(self->base.code));
  if (self->base.thrown) {
    note_object(self->base.thrown);
  }
  OURO_YIELD(self, item, number(300));
  OURO_GENERATOR_FINALLY(self);
  test_note("outer");
  OURO_GENERATOR_END(self);
}

OURO_GENERATOR_TYPE(outer_type, "outer", outer, outer_step, OURO_REFERENCES(offsetof(outer, inner)));

/* Takes over the reference to `inner`. */
static outer *outer_of(void *inner) {
  outer *made = ouro_generator_new(&outer_type);
  TEST_CHECK(made != NULL && inner != NULL);
  made->inner = inner;
  return made;
}

static outer *catching(void *inner) {
  outer *made = outer_of(inner);
  made->catches = true;
  return made;
}

static void it_delegates_to_generators_and_to_other_iterables(void **state) {
  (void)state;
  assert_string_equal(all(outer_of(guarded_new(2))), "100 1 2 clean none 200 outer end");
  assert_string_equal(all(outer_of(ouro_list_of(2, number(8), number(9)))), "100 8 9 none 200 outer end");
  assert_string_equal(all(outer_of(ouro_list_new())), "100 none 200 outer end");
  assert_string_equal(all(outer_of(outer_of(guarded_new(1)))), "100 100 1 clean none 200 outer none 200 outer end");
  assert_string_equal(all(outer_of(number(1))), "100 outer OURO_ETYPE");
}

static void what_is_sent_goes_to_the_inner_one(void **state) {
  (void)state;
  outer *g = outer_of(outer_of(ouro_generator_new(&echo_type)));
  step(g);
  step(g);
  step(g);
  send_number(g, 41);
  send_number(g, 42);
  send_number(g, 0);
  assert_string_equal(all(g), "100 100 -1 41 42 83 200 outer none 200 outer end");
  g = outer_of(ouro_list_of(2, number(8), number(9)));
  step(g);
  step(g);
  assert_int_equal(send_number(g, 1), OURO_ETYPE);
  assert_string_equal(all(g), "100 8 OURO_ETYPE 9 none 200 outer end");
}

static const char *thrown_through(outer *g, int64_t error) {
  step(g);
  step(g);
  throw_number(g, error);
  step(g);
  close_it(g);
  drop(g);
  return test_log();
}

static void what_is_thrown_goes_to_the_inner_one(void **state) {
  (void)state;
  assert_string_equal(thrown_through(outer_of(ouro_generator_new(&catcher_type)), 10), "100 1 caught:10 2 3 clean outer end");
  assert_string_equal(thrown_through(outer_of(ouro_generator_new(&catcher_type)), 20),
                      "100 1 caught:20 clean outer OURO_ERAISED 20 end end");
  assert_string_equal(thrown_through(outer_of(ouro_generator_new(&catcher_type)), 30),
                      "100 1 caught:30 clean none 200 outer end end");
  assert_string_equal(thrown_through(outer_of(ouro_generator_new(&catcher_type)), 40),
                      "100 1 caught:40 clean outer OURO_EINDEX end end");
  assert_string_equal(thrown_through(outer_of(guarded_new(5)), 60), "100 1 clean OURO_ERAISED outer OURO_ERAISED 60 end end");
  assert_string_equal(thrown_through(outer_of(ouro_list_of(2, number(8), number(9))), 60), "100 8 outer OURO_ERAISED 60 end end");
}

static void an_error_of_the_inner_one_may_be_caught(void **state) {
  (void)state;
  assert_string_equal(thrown_through(catching(ouro_generator_new(&catcher_type)), 20),
                      "100 1 caught:20 clean failed:OURO_ERAISED 20 300 outer end end");
  assert_string_equal(thrown_through(catching(ouro_generator_new(&catcher_type)), 40),
                      "100 1 caught:40 clean failed:OURO_EINDEX 300 outer end end");
  assert_string_equal(thrown_through(catching(ouro_list_of(2, number(8), number(9))), 60),
                      "100 8 failed:OURO_ERAISED 60 300 outer end end");
  guarded *inner = guarded_new(5);
  inner->first = raise_at_two;
  assert_string_equal(all(catching(inner)), "100 1 clean OURO_ERAISED failed:OURO_ERAISED 55 300 outer end");
  inner = guarded_new(5);
  inner->first = fail_at_two;
  assert_string_equal(all(outer_of(inner)), "100 1 clean OURO_EKEY outer OURO_EKEY");
  inner = guarded_new(5);
  inner->first = fail_at_two;
  step(inner);
  test_log();
  assert_string_equal(all(catching(inner)), "100 clean OURO_EKEY failed:OURO_EKEY 300 outer end"); /* by its first step there */
}

static void closing_closes_the_inner_one_first(void **state) {
  (void)state;
  for (int drops = 0; drops < 2; drops++) {
    guarded *inner = guarded_new(3);
    outer *g = outer_of(outer_of(ouro_newref(inner)));
    step(g);
    step(g);
    step(g);
    test_log();
    if (!drops) {
      close_it(g);
    }
    drop(g);
    assert_string_equal(test_log(), drops ? "clean outer outer" : "clean outer outer end");
    assert_int_equal(ouro_generator_state(inner), OURO_GENERATOR_ENDED);
    drop(inner);
  }
  guarded *inner = guarded_new(3);
  inner->last = clean_up_fails;
  outer *g = outer_of(inner);
  step(g);
  step(g);
  close_it(g);
  assert_string_equal(all(g), "100 1 clean outer OURO_ESYNTAX end");
}

/* The inner one runs somewhere else: the outer fails, and the other goes on. */
static outer *outer_of_running;
static int step_the_outer(guarded *self) {
  if (self->i == 2) {
    step(outer_of_running);
  }
  return OURO_OK;
}

static void delegating_to_one_that_runs_is_refused(void **state) {
  (void)state;
  guarded *inner = guarded_new(3);
  inner->first = step_the_outer;
  outer_of_running = outer_of(ouro_newref(inner));
  step(outer_of_running);
  assert_string_equal(rest(inner), "100 1 outer OURO_EBUSY 2 3 clean end");
  drop(outer_of_running);
  drop(inner);
  outer *own = outer_of(ouro_none); /* to itself */
  own->inner = ouro_newref(own);
  step(own);
  assert_string_equal(all(own), "100 outer OURO_EBUSY");
}

/* Delegates, and does nothing else. */
static int pair_step(outer *self, ouro_slot item) {
  OURO_GENERATOR_BEGIN(self);
  OURO_YIELD_FROM(self, item, ouro_steal(&self->inner));
  OURO_GENERATOR_END(self);
}
OURO_GENERATOR_TYPE(pair_type, "pair", outer, pair_step, OURO_REFERENCES(offsetof(outer, inner)));

static void *pair_of(void *inner) {
  outer *made = ouro_generator_new(&pair_type);
  TEST_CHECK(made != NULL);
  made->inner = inner;
  return made;
}

/* A chain that begins all at once, or each generator before the one that delegates to it. Too deep, all of it ends, each once. */
static void a_chain_of_delegations_is_bounded(void **state) {
  (void)state;
  static const int depths[] = {10, 400, 900, 1100, 30000};
  for (int inside_out = 0; inside_out < 2; inside_out++) {
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
      void *g = guarded_new(INT64_MAX), *item = NULL;
      int code = OURO_OK;
      for (int j = 0; j < depths[i] && code >= 0; j++) {
        g = pair_of(g);
        code = inside_out ? ouro_next(g, &item) : OURO_OK;
        ouro_clear(&item);
      }
      code = code < 0 ? code : ouro_next(g, &item);
      ouro_clear(&item);
      assert_int_equal(code, depths[i] < 1000 ? 1 : OURO_EDEEP);
      assert_int_equal(close_it(g), OURO_OK);
      drop(g);
      assert_string_equal(test_log(), "clean end");
    }
  }
}

/* ---------------------------------------------------------------- what is not right */

typedef struct lost {
  ouro_generator base;
} lost;

static int lost_step(lost *self, ouro_slot item) {
  OURO_GENERATOR_BEGIN(self);
  switch (self->base.code) {
    case 0:
      OURO_YIELD(self, item, number(1));
  }
  OURO_YIELD(self, item, number(2));
  OURO_GENERATOR_END(self);
}
OURO_GENERATOR_TYPE(lost_type, "lost", lost, lost_step, NULL);

static void a_yield_in_a_switch_of_its_own_is_lost(void **state) {
  (void)state;
  assert_string_equal(all(ouro_generator_new(&lost_type)), "1 OURO_EINVAL");
}

typedef struct late {
  ouro_generator base;
  int how;
} late;

static int late_step(late *self, ouro_slot item) {
  OURO_GENERATOR_BEGIN(self);
  OURO_YIELD(self, item, number(1));
  OURO_GENERATOR_FINALLY(self);
  test_note("clean");
  if (self->how == 0) {
    OURO_YIELD(self, item, number(5000));
  } else if (self->how == 1) {
    OURO_YIELD_FROM(self, item, ouro_list_new());
  } else {
    OURO_RETURN(self, number(6000));
  }
  test_note("never");
  OURO_GENERATOR_END(self);
}
OURO_GENERATOR_TYPE(late_type, "late", late, late_step, NULL);

static void a_clean_up_that_yields_is_refused(void **state) {
  (void)state;
  for (int how = 0; how < 3; how++) {
    late *g = ouro_generator_new(&late_type);
    g->how = how;
    assert_string_equal(rest(g), how < 2 ? "1 clean OURO_EINVAL" : "1 clean end");
    void *result = ouro_generator_result(g);
    assert_int_equal(how < 2 ? 6000 : value_of(result), 6000);
    drop(result);
    assert_string_equal(all(g), "end");
    g = ouro_generator_new(&late_type);
    g->how = how;
    step(g);
    drop(g);
    assert_string_equal(test_log(), "1 clean");
  }
}

static void what_is_no_generator_is_refused(void **state) {
  (void)state;
  cell *object = cell_new(0);
  guarded *g = guarded_new(1);
  void *item = NULL;
  ouro_generator_type wrong = {.type = {.name = "wrong", .size = sizeof(ouro_generator)}, .step = guarded_type.step};
  assert_null(ouro_generator_new(NULL));
  assert_null(ouro_generator_new(&wrong));
  assert_int_equal(errno, EINVAL);
  assert_int_equal(ouro_generator_send(object, ouro_none, &item), OURO_ETYPE);
  assert_int_equal(ouro_generator_throw(object, ouro_none, &item), OURO_ETYPE);
  assert_int_equal(ouro_generator_close(object), OURO_ETYPE);
  assert_int_equal(ouro_generator_state(object), OURO_ETYPE);
  assert_null(ouro_generator_result(object));
  assert_int_equal(errno, ENOTSUP);
  assert_int_equal(ouro_generator_send(NULL, ouro_none, &item), OURO_EINVAL);
  assert_int_equal(ouro_generator_throw(NULL, ouro_none, &item), OURO_EINVAL);
  assert_int_equal(ouro_generator_throw(g, NULL, &item), OURO_EINVAL);
  assert_int_equal(ouro_generator_close(NULL), OURO_EINVAL);
  assert_int_equal(ouro_generator_state(NULL), OURO_EINVAL);
  assert_null(ouro_generator_result(NULL));
  assert_null(ouro_copy(g));
  assert_int_equal(errno, ENOTSUP);
  assert_null(ouro_deepcopy(g));
  assert_true(ouro_is_generator(g) && !ouro_is_generator(object));
  drop(object);
  drop(g);
  assert_string_equal(test_log(), "clean");
}

static void the_macros_types_are_sound(void **state) {
  (void)state;
  char text[200] = "";
  assert_int_equal(ouro_type_check(&guarded_type.type, text, sizeof text), OURO_OK);
  assert_int_equal(ouro_type_check(&ouro_generator_base, text, sizeof text), OURO_OK);
  assert_int_equal(sizeof(ouro_generator), 48);
}

/* ---------------------------------------------------------------- threads */

enum { THREADS = 3 };

typedef struct shared_work {
  void *generator;
  _Atomic(uint8_t) *seen;
  int64_t count;
  _Atomic size_t busy, items;
} shared_work;

static void *work(void *arg) {
  shared_work *it = arg;
  TEST_CHECK(ouro_thread_attach() == OURO_OK);
  for (;;) {
    void *item = NULL;
    int code = ouro_next(it->generator, &item);
    ouro_safepoint();
    if (code == OURO_OK) {
      break;
    }
    if (code == OURO_EBUSY) {
      it->busy++;
      continue;
    }
    TEST_CHECK(code == 1);
    int64_t value = value_of(item);
    TEST_CHECK(value >= 1 && value <= it->count && atomic_fetch_add(&it->seen[value], 1) == 0);
    it->items++;
    ouro_decref(item);
  }
  return NULL;
}

static void work_together(shared_work *it) {
  pthread_t threads[THREADS];
  it->seen = calloc((size_t)it->count + 1, sizeof *it->seen);
  for (int i = 0; i < THREADS; i++) {
    TEST_CHECK(pthread_create(&threads[i], NULL, work, it) == 0);
  }
  ouro_blocking_begin();
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
  }
  ouro_blocking_end();
  assert_int_equal(it->items, it->count);
  for (int64_t i = 1; i <= it->count; i++) {
    TEST_CHECK(it->seen[i] == 1);
  }
  free((void *)it->seen);
}

static void threads_get_each_item_once(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    guarded *g = guarded_new((int64_t)test_count(200000, 2000));
    shared_work it = {.generator = g, .count = g->count};
    if (i) {
      it.generator = pair_of(it.generator);
    }
    work_together(&it);
    drop(it.generator);
    assert_string_equal(test_log(), "clean");
  }
}

/* Closed, thrown into and stepped at the same time: it ends once. */
static void *close_and_throw(void *arg) {
  TEST_CHECK(ouro_thread_attach() == OURO_OK);
  void *item = NULL;
  for (int i = 0; ouro_generator_state(arg) != OURO_GENERATOR_ENDED; i++) {
    int code = i % 2 ? ouro_generator_close(arg) : ouro_generator_throw(arg, ouro_true, &item);
    TEST_CHECK(code == OURO_OK || code == OURO_EBUSY || code == OURO_ERAISED);
    ouro_xdecref(ouro_raised_take());
    ouro_safepoint();
  }
  return NULL;
}

static void it_ends_once_whoever_ends_it(void **state) {
  (void)state;
  size_t rounds = test_count(300, 10);
  for (size_t round = 0; round < rounds; round++) {
    guarded *g = guarded_new(INT64_MAX);
    g->held = (ouro_object *)cell_new(5);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
      TEST_CHECK(pthread_create(&threads[i], NULL, close_and_throw, g) == 0);
    }
    for (;;) {
      void *item = NULL;
      int code = ouro_next(g, &item);
      ouro_xdecref(item);
      if (code == OURO_OK) {
        break;
      }
      ouro_safepoint();
    }
    ouro_blocking_begin();
    for (int i = 0; i < THREADS; i++) {
      pthread_join(threads[i], NULL);
    }
    ouro_blocking_end();
    drop(g);
    const char *log = test_log();
    TEST_CHECK(strncmp(log, "clean", 5) == 0 && strstr(log + 1, "clean") == NULL && strstr(log, "-5") != NULL);
  }
}

/* A thread that was never attached may be the first to step one. */
static void *step_once(void *arg) {
  void *item = NULL;
  TEST_CHECK(ouro_next(arg, &item) == 1);
  ouro_decref(item);
  return NULL;
}

static void another_thread_may_go_on(void **state) {
  (void)state;
  guarded *g = guarded_new(5);
  step(g);
  pthread_t thread;
  TEST_CHECK(pthread_create(&thread, NULL, step_once, g) == 0);
  ouro_blocking_begin();
  pthread_join(thread, NULL);
  ouro_blocking_end();
  assert_string_equal(all(g), "1 3 4 5 clean end");
}

/* ---------------------------------------------------------------- faults */

#if defined(OURO_FAULTS)
/* An item that is made anew in each step; delegated. */
typedef struct large {
  ouro_generator base;
  int64_t i;
} large;

static int large_step(large *self, ouro_slot item) {
  OURO_GENERATOR_BEGIN(self);
  for (self->i = 0; self->i < 3; self->i++) {
    OURO_YIELD(self, item, number(5000 + self->i));
  }
  OURO_YIELD_FROM(self, item, ouro_list_of(2, ouro_true, ouro_false));
  OURO_GENERATOR_END(self);
}
OURO_GENERATOR_TYPE(large_type, "large", large, large_step, NULL);

static int attempt(void) {
  large *g = ouro_generator_new(&large_type);
  if (!g) {
    return ouro_code_of_errno(errno);
  }
  int code;
  do {
    void *item = NULL;
    code = ouro_next(g, &item);
    ouro_xdecref(item);
  } while (code == 1);
  TEST_CHECK(ouro_generator_state(g) == OURO_GENERATOR_ENDED);
  ouro_decref(g);
  return code;
}

static void every_allocation_fails_in_turn(void **state) {
  (void)state;
  assert_true(fail_each_allocation(attempt) > 4);
}
#endif

int main(void) {
  test_objects_without_stress();
  const struct CMUnitTest tests[] = {
      OBJECT_TEST(it_yields_one_item_after_the_other),
      OBJECT_TEST(it_is_its_own_iterator),
      OBJECT_TEST(what_has_ended_holds_nothing),
      OBJECT_TEST(what_a_visit_function_shows_is_let_go_of),
      OBJECT_TEST(a_code_ends_it),
      OBJECT_TEST(a_clean_up_that_fails_says_how_it_ended),
      OBJECT_TEST(errno_outlives_the_clean_up),
      OBJECT_TEST(closing_runs_the_clean_up_once),
      OBJECT_TEST(closing_says_what_the_clean_up_says),
      OBJECT_TEST(dropping_runs_the_clean_up_once),
      OBJECT_TEST(dropping_keeps_the_error_that_was_raised),
      OBJECT_TEST(what_goes_at_the_end_finds_it_at_its_end),
      OBJECT_TEST(it_cannot_resume_itself),
      OBJECT_TEST(the_collector_runs_the_clean_up_once),
      OBJECT_TEST(a_ring_of_generators_is_collected),
      OBJECT_TEST(a_clean_up_may_bring_it_back),
      OBJECT_TEST(the_value_of_a_yield_is_what_is_sent),
      OBJECT_TEST(without_a_return_the_result_is_none),
      OBJECT_TEST(null_ends_it_with_the_code_of_errno),
      OBJECT_TEST(what_is_thrown_is_caught_at_the_yield),
      OBJECT_TEST(what_is_caught_is_let_go_of_at_the_next_yield),
      OBJECT_TEST(what_is_not_caught_ends_it),
      OBJECT_TEST(it_delegates_to_generators_and_to_other_iterables),
      OBJECT_TEST(what_is_sent_goes_to_the_inner_one),
      OBJECT_TEST(what_is_thrown_goes_to_the_inner_one),
      OBJECT_TEST(an_error_of_the_inner_one_may_be_caught),
      OBJECT_TEST(closing_closes_the_inner_one_first),
      OBJECT_TEST(delegating_to_one_that_runs_is_refused),
      OBJECT_TEST(a_chain_of_delegations_is_bounded),
      OBJECT_TEST(a_yield_in_a_switch_of_its_own_is_lost),
      OBJECT_TEST(a_clean_up_that_yields_is_refused),
      OBJECT_TEST(what_is_no_generator_is_refused),
      OBJECT_TEST(the_macros_types_are_sound),
#if defined(OURO_FAULTS)
      OBJECT_TEST(every_allocation_fails_in_turn),
#endif
      OBJECT_TEST(another_thread_may_go_on),
      OBJECT_TEST(threads_get_each_item_once),
      OBJECT_TEST(it_ends_once_whoever_ends_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
