/* values/pipe.c - pipelines: iterators over iterators, each a stage that holds one item at most. (What ends a pipeline: pipe_end.c; the
 * lines of a file: lines.c.)
 *
 * All stages are one struct, and differ by their type's `next`:
 *
 *   stage          source                  other              number          rest
 *   map, filter    iterator                function           -               - (of C: its context, and fn)
 *   take_while     iterator                function           -               -
 *   skip_while     iterator                function           it has begun    -
 *   take, skip     iterator                -                  -               items to come, or to go by
 *   flatten        iterator of iterables   iterator, or NULL  -               -
 *   zip            tuple of iterators      -                  -               -
 *   enumerate      iterator                -                  next number     -
 *   batches        iterator                list, or NULL      -               items of a list
 *   unique         iterator                set                -               -
 *   range, count   none                    -                  next number     how many, and step
 *   repeat         the object              -                  -               how many
 *   cycle          iterator, then list     list               -               cursor
 *
 * I-STAGE-1  a stage changes only while `running` is set (step.h)
 * I-STAGE-2  `source` is NULL: it has come to its end, or has been closed; then it holds nothing
 *
 * The collector may empty the slots of one in garbage: it is at its end then. */
#include "values/sequence.h"
#include "values/step.h"

#include <ouro/dict.h>
#include <ouro/generator.h>

typedef struct stage {
  ouro_object base;
  ouro_object *source, *other;
  union {
    ouro_map_fn map;
    ouro_test_fn test;
    int64_t step; /* of range and count */
  } by;
  int64_t number;
  size_t rest;
  uint8_t running;
} stage;

static ouro_type stage_type = {
    .name = "stage",
    .size = sizeof(stage),
    .references = OURO_REFERENCES(offsetof(stage, source), offsetof(stage, other)),
};

/* ---------------------------------------------------------------- steps */

/* The stage lets go of what it holds when it runs no longer: what goes then may ask it for an item. */
static OURO_NOINLINE void end_stage(stage *self) {
  int saved = errno;
  void *source = ouro_steal(&self->source), *other = ouro_steal(&self->other);
  ouro__step_end(&self->running);
  ouro_xdecref(other);
  ouro_xdecref(source);
  errno = saved;
}

static inline int run(stage *self, ouro_slot item, int (*step)(stage *self, ouro_slot item)) {
  int code = ouro__step_begin(&self->running);
  if (OURO_UNLIKELY(code != OURO_OK)) return code;
  code = OURO_LIKELY(self->source != NULL) ? step(self, item) : OURO_OK;
  if (OURO_LIKELY(code != OURO_OK)) {
    ouro__step_end(&self->running);
  } else {
    end_stage(self);
  }
  return code;
}

static int refuse_copy(void *self, ouro_copier *copier, ouro_slot copy) {
  (void)self, (void)copier, (void)copy;
  return OURO_ETYPE;
}

/* A kind of stages: NAME_step is what its `next` does. */
#define STAGE(name_, text_)                                                                                        \
  static int name_##_next(void *object, ouro_slot item) { return run(object, item, name_##_step); }          \
  static const ouro_protocols name_##_protocols = {.next = name_##_next, .copy = refuse_copy};                     \
  static ouro_type name_##_type = {.name = text_, .size = sizeof(stage), .base = &stage_type, .protocols = &name_##_protocols}

int ouro__stage_close(void *object) {
  if (!ouro_is_instance(object, &stage_type)) return OURO_ETYPE;
  stage *self = object;
  if (!ouro__attached()) return ouro__code();
  if (!ouro__step_claim(&self->running)) return OURO_EBUSY;
  ouro__me->nested++;
  end_stage(self);
  return OURO_OK;
}

/* ---------------------------------------------------------------- making */

/* Let go of it, and keep errno. */
static void drop(void *object) {
  int saved = errno;
  ouro_xdecref(object);
  errno = saved;
}

/* Over an iterable; with an object that it holds, or NULL. */
static stage *stage_over(ouro_type *type, void *iterable, void *other) {
  if (!iterable) return ouro__fail(OURO_EINVAL);
  void *iterator = NULL;
  int code = ouro_iterate(iterable, &iterator);
  if (code) return ouro__fail(code);
  stage *self = ouro_new(type);
  if (!self) {
    drop(iterator);
    return NULL;
  }
  self->source = iterator;
  self->other = ouro_xnewref(other);
  return self;
}

/* Over none: its source is an object that it holds. */
static stage *stage_of(ouro_type *type, void *object) {
  stage *self = ouro_new(type);
  if (self) self->source = ouro_newref(object);
  return self;
}

/* ---------------------------------------------------------------- map */

static inline int mapped(void *given, int code) {
  ouro_decref(given);
  return code < 0 ? code : 1;
}

static int map_step(stage *self, ouro_slot item) {
  void *given = NULL;
  int code = ouro__next(self->source, &given);
  return code == 1 ? mapped(given, ouro_call(self->other, &given, 1, item)) : code;
}
STAGE(map, "map");

static int map_c_step(stage *self, ouro_slot item) {
  void *given = NULL;
  int code = ouro__next(self->source, &given);
  return code == 1 ? mapped(given, self->by.map(self->other, given, item)) : code;
}
STAGE(map_c, "map");

ouro_ref ouro_map(void *function, void *iterable) {
  return function ? stage_over(&map_type, iterable, function) : ouro__fail(OURO_EINVAL);
}

ouro_ref ouro_map_c(ouro_map_fn function, void *context, void *iterable) {
  stage *self = function ? stage_over(&map_c_type, iterable, context) : ouro__fail(OURO_EINVAL);
  if (self) self->by.map = function;
  return self;
}

/* ---------------------------------------------------------------- what is told by a test */

/* By the function that is an object; without one, by the item itself. */
static int test_by_call(stage *self, void *item) {
  if (!self->other) return ouro_truth(item);
  void *said = NULL;
  int code = ouro_call(self->other, &item, 1, &said);
  if (code < 0) return code;
  code = ouro_truth(said);
  ouro_decref(said);
  return code;
}

static int test_by_c(stage *self, void *item) { return self->by.test(self->other, item); }

typedef int (*tester)(stage *self, void *item);

/* The next item of which the test says `wanted`; the others are let go of. */
static inline int next_that_is(stage *self, ouro_slot item, tester test, bool wanted) {
  for (;;) {
    void *given = NULL;
    int code = ouro__next(self->source, &given);
    if (code != 1) return code;
    code = test(self, given);
    if (code >= 0 && !!code == wanted) {
      *(void **)item = given;
      return 1;
    }
    ouro_decref(given);
    if (code < 0) return code;
    ouro_safepoint();
  }
}

static inline int next_while(stage *self, ouro_slot item, tester test) {
  void *given = NULL;
  int code = ouro__next(self->source, &given);
  if (code != 1) return code;
  code = test(self, given);
  if (code > 0) {
    *(void **)item = given;
    return 1;
  }
  ouro_decref(given);
  return code;
}

static inline int next_from(stage *self, ouro_slot item, tester test) {
  if (self->number) return ouro__next(self->source, item);
  int code = next_that_is(self, item, test, false);
  if (code == 1) self->number = 1;
  return code;
}

static int filter_step(stage *self, ouro_slot item) { return next_that_is(self, item, test_by_call, true); }
static int filter_c_step(stage *self, ouro_slot item) { return next_that_is(self, item, test_by_c, true); }
static int take_while_step(stage *self, ouro_slot item) { return next_while(self, item, test_by_call); }
static int take_while_c_step(stage *self, ouro_slot item) { return next_while(self, item, test_by_c); }
static int skip_while_step(stage *self, ouro_slot item) { return next_from(self, item, test_by_call); }
static int skip_while_c_step(stage *self, ouro_slot item) { return next_from(self, item, test_by_c); }
STAGE(filter, "filter");
STAGE(filter_c, "filter");
STAGE(take_while, "take_while");
STAGE(take_while_c, "take_while");
STAGE(skip_while, "skip_while");
STAGE(skip_while_c, "skip_while");

static stage *tested_by_c(ouro_type *type, ouro_test_fn test, void *context, void *iterable) {
  stage *self = test ? stage_over(type, iterable, context) : ouro__fail(OURO_EINVAL);
  if (self) self->by.test = test;
  return self;
}

ouro_ref ouro_filter(void *function, void *iterable) { return stage_over(&filter_type, iterable, function); }
ouro_ref ouro_take_while(void *function, void *iterable) { return stage_over(&take_while_type, iterable, function); }
ouro_ref ouro_skip_while(void *function, void *iterable) { return stage_over(&skip_while_type, iterable, function); }

ouro_ref ouro_filter_c(ouro_test_fn test, void *context, void *iterable) { return tested_by_c(&filter_c_type, test, context, iterable); }

ouro_ref ouro_take_while_c(ouro_test_fn test, void *context, void *iterable) {
  return tested_by_c(&take_while_c_type, test, context, iterable);
}

ouro_ref ouro_skip_while_c(ouro_test_fn test, void *context, void *iterable) {
  return tested_by_c(&skip_while_c_type, test, context, iterable);
}

/* ---------------------------------------------------------------- what is told by a number */

static int take_step(stage *self, ouro_slot item) {
  if (self->rest == 0) return OURO_OK;
  int code = ouro__next(self->source, item);
  self->rest -= code == 1;
  return code;
}

static int skip_step(stage *self, ouro_slot item) {
  for (; OURO_UNLIKELY(self->rest > 0); self->rest--) {
    void *passed = NULL;
    int code = ouro__next(self->source, &passed);
    if (code != 1) return code;
    ouro_decref(passed);
    ouro_safepoint();
  }
  return ouro__next(self->source, item);
}

STAGE(take, "take");
STAGE(skip, "skip");

static stage *counted(ouro_type *type, void *iterable, size_t count) {
  stage *self = stage_over(type, iterable, NULL);
  if (self) self->rest = count;
  return self;
}

ouro_ref ouro_take(void *iterable, size_t count) { return counted(&take_type, iterable, count); }
ouro_ref ouro_skip(void *iterable, size_t count) { return counted(&skip_type, iterable, count); }

/* ---------------------------------------------------------------- one behind the other */

/* The next iterable's iterator; 1, or 0, or a code. */
static int open_next(stage *self) {
  void *iterable = NULL, *iterator = NULL;
  int code = ouro__next(self->source, &iterable);
  if (code != 1) return code;
  code = ouro_iterate(iterable, &iterator);
  ouro_decref(iterable);
  if (code) return code;
  self->other = iterator;
  return 1;
}

static int flatten_step(stage *self, ouro_slot item) {
  for (;;) {
    int code = self->other ? 1 : open_next(self);
    if (code != 1) return code;
    code = ouro__next(self->other, item);
    if (code != OURO_OK) return code;
    ouro_clear(&self->other);
    ouro_safepoint();
  }
}
STAGE(flatten, "chain");

ouro_ref ouro_flatten(void *iterables) { return stage_over(&flatten_type, iterables, NULL); }

ouro_ref ouro_chain(size_t count, void *const *iterables) {
  ouro_tuple *all = ouro_tuple_new(count, iterables);
  if (!all) return NULL;
  stage *self = ouro_flatten(all);
  drop(all);
  return self;
}

/* ---------------------------------------------------------------- side by side */

enum { ZIP_ON_STACK = 16 };

static void let_go(ouro_object **items, size_t count) {
  for (size_t i = 0; i < count; i++) ouro_decref(items[i]);
}

/* One item of each into `items`; 1, or what the first one says that gives none. */
static int gather(const ouro_tuple *iterators, ouro_object **items) {
  for (size_t i = 0; i < ouro_tuple_count(iterators); i++) {
    int code = ouro__next(ouro_tuple_at(iterators, i), &items[i]);
    if (code == 1) continue;
    let_go(items, i);
    return code;
  }
  return 1;
}

/* They are gathered before the tuple is made: one that is not complete must not be seen by a collection. */
static int zip_with(const ouro_tuple *iterators, ouro_object **items, ouro_slot item) {
  int code = gather(iterators, items);
  if (code != 1) return code;
  void *made = ouro_tuple_new_move(ouro_tuple_count(iterators), (void *const *)(void *)items);
  if (!made) return ouro__code();
  *(void **)item = made;
  return 1;
}

static int zip_step(stage *self, ouro_slot item) {
  const ouro_tuple *iterators = (const ouro_tuple *)(void *)self->source;
  size_t count = ouro_tuple_count(iterators);
  ouro_object *some[ZIP_ON_STACK];
  if (count == 0) return OURO_OK;
  if (count <= ZIP_ON_STACK) return zip_with(iterators, some, item);
  ouro_object **items = ouro_malloc(count * sizeof *items);
  if (!items) return OURO_ENOMEM;
  int code = zip_with(iterators, items, item);
  ouro_free(items);
  return code;
}
STAGE(zip, "zip");

/* A tuple of their iterators. */
static ouro_tuple *iterators_of(size_t count, void *const *iterables) {
  ouro_list *made = ouro_list_new();
  int code = made ? OURO_OK : ouro__code();
  for (size_t i = 0; i < count && !code; i++) {
    void *iterator = NULL;
    code = iterables[i] ? ouro_iterate(iterables[i], &iterator) : OURO_EINVAL;
    if (!code) code = ouro_list_append_move(made, iterator);
  }
  ouro_tuple *all = code ? ouro__fail(code) : ouro_tuple_from(made);
  drop(made);
  return all;
}

ouro_ref ouro_zip(size_t count, void *const *iterables) {
  if (count && !iterables) return ouro__fail(OURO_EINVAL);
  ouro_tuple *iterators = iterators_of(count, iterables);
  if (!iterators) return NULL;
  stage *self = stage_of(&zip_type, iterators);
  drop(iterators);
  return self;
}

static ouro_tuple *pair_of(ouro_object *first, ouro_object *second) {
  ouro_tuple *pair = ouro__tuple_blank(2);
  if (!pair) return NULL;
  ouro__tuple_items(pair)[0] = first;
  ouro__tuple_items(pair)[1] = second;
  return pair;
}

/* The number and the item, which are given away. */
static int numbered(stage *self, void *number, void *given, ouro_slot item) {
  void *pair = number ? pair_of(number, given) : NULL;
  if (!pair) {
    int code = ouro__code();
    ouro_xdecref(number);
    ouro_decref(given);
    return code;
  }
  self->number = (int64_t)((uint64_t)self->number + 1);
  self->rest += self->number == INT64_MIN;
  *(void **)item = pair;
  return 1;
}

static int enumerate_step(stage *self, ouro_slot item) {
  void *given = NULL;
  if (OURO_UNLIKELY(self->rest > 0)) return OURO_ERANGE;
  int code = ouro__next(self->source, &given);
  return code == 1 ? numbered(self, ouro_int_new(self->number), given, item) : code;
}
STAGE(enumerate, "enumerate");

ouro_ref ouro_enumerate(void *iterable, int64_t first) {
  stage *self = stage_over(&enumerate_type, iterable, NULL);
  if (self) self->number = first;
  return self;
}

enum { BATCH_AT_ONCE = 1024 };

static int batches_step(stage *self, ouro_slot item) {
  if (!self->other) self->other = ouro__list_with_room(self->rest < BATCH_AT_ONCE ? self->rest : BATCH_AT_ONCE);
  if (!self->other) return ouro__code();
  ouro_list *batch = (ouro_list *)(void *)self->other;
  while (ouro_list_count(batch) < self->rest) {
    void *given = NULL;
    int code = ouro__next(self->source, &given);
    if (code == OURO_OK && ouro_list_count(batch) > 0) break;
    if (code == 1) code = ouro_list_append_move(batch, given);
    if (code != OURO_OK || !given) return code;
  }
  *(void **)item = ouro_steal(&self->other);
  return 1;
}
STAGE(batches, "batches");

ouro_ref ouro_batches(void *iterable, size_t count) {
  return count ? counted(&batches_type, iterable, count) : ouro__fail(OURO_EINVAL);
}

/* ---------------------------------------------------------------- each once */

static int unique_step(stage *self, ouro_slot item) {
  for (;;) {
    void *given = NULL;
    int code = ouro__next(self->source, &given);
    if (code != 1) return code;
    code = ouro_set_add((ouro_set *)(void *)self->other, given);
    if (code == 1) {
      *(void **)item = given;
      return 1;
    }
    ouro_decref(given);
    if (code < 0) return code;
    ouro_safepoint();
  }
}
STAGE(unique, "unique");

ouro_ref ouro_unique(void *iterable) {
  ouro_set *seen = ouro_set_new();
  if (!seen) return NULL;
  stage *self = stage_over(&unique_type, iterable, seen);
  drop(seen);
  return self;
}

/* ---------------------------------------------------------------- from nothing */

/* The next number, of those that are left. */
static inline int next_number(stage *self, ouro_slot item) {
  void *made = ouro_int_new(self->number);
  if (OURO_UNLIKELY(!made)) return ouro__code();
  self->number = (int64_t)((uint64_t)self->number + (uint64_t)self->by.step);
  self->rest -= self->rest != OURO_FOREVER;
  *(void **)item = made;
  return 1;
}

static int range_step(stage *self, ouro_slot item) { return self->rest ? next_number(self, item) : OURO_OK; }
static int count_step(stage *self, ouro_slot item) { return self->rest ? next_number(self, item) : OURO_ERANGE; }
STAGE(range, "range");
STAGE(count, "count");

static size_t size_of_step(int64_t step) { return step < 0 ? (size_t)0 - (size_t)step : (size_t)step; }

/* How many numbers there are from the first up to the last, that included. A `distance` of 2^64 - 1 by 1 would be one too many to count:
 * count's numbers end one before the last then. */
static size_t how_many(size_t distance, int64_t step) {
  size_t steps = distance / size_of_step(step);
  return steps < OURO_FOREVER - 1 ? steps + 1 : OURO_FOREVER - 1;
}

static stage *numbers(ouro_type *type, int64_t first, int64_t step, size_t rest) {
  stage *self = stage_of(type, ouro_none);
  if (!self) return NULL;
  self->number = first;
  self->by.step = step;
  self->rest = rest;
  return self;
}

ouro_ref ouro_range(int64_t start, int64_t stop, int64_t step) {
  if (step == 0) return ouro__fail(OURO_EINVAL);
  bool any = step > 0 ? start < stop : start > stop;
  size_t distance = step > 0 ? (size_t)stop - (size_t)start : (size_t)start - (size_t)stop;
  return numbers(&range_type, start, step, any ? how_many(distance - 1, step) : 0);
}

ouro_ref ouro_count(int64_t start, int64_t step) {
  size_t distance = step > 0 ? (size_t)INT64_MAX - (size_t)start : (size_t)start - (size_t)INT64_MIN;
  return numbers(&count_type, start, step, step ? how_many(distance, step) : OURO_FOREVER);
}

static int repeat_step(stage *self, ouro_slot item) {
  if (self->rest == 0) return OURO_OK;
  self->rest -= self->rest != OURO_FOREVER;
  *(void **)item = ouro_newref(self->source);
  return 1;
}
STAGE(repeat, "repeat");

ouro_ref ouro_repeat(void *object, size_t times) {
  stage *self = object ? stage_of(&repeat_type, object) : ouro__fail(OURO_EINVAL);
  if (self) self->rest = times;
  return self;
}

/* ---------------------------------------------------------------- again and again */

/* The first time round. */
static int keep_item(stage *self, ouro_slot item) {
  void *given = NULL;
  int code = ouro__next(self->source, &given);
  if (code != 1) return code;
  code = ouro_list_append((ouro_list *)(void *)self->other, given);
  if (code) {
    ouro_decref(given);
    return code;
  }
  *(void **)item = given;
  return 1;
}

static int cycle_step(stage *self, ouro_slot item) {
  ouro_list *kept = (ouro_list *)(void *)self->other;
  if (self->source != self->other) {
    int code = keep_item(self, item);
    if (code != OURO_OK) return code;
    ouro_setref(&self->source, kept);
  }
  int code = ouro_list_next(kept, &self->rest, item);
  if (code != OURO_OK) return code;
  self->rest = 0;
  return ouro_list_next(kept, &self->rest, item);
}
STAGE(cycle, "cycle");

ouro_ref ouro_cycle(void *iterable) {
  ouro_list *kept = ouro_list_new();
  if (!kept) return NULL;
  stage *self = stage_over(&cycle_type, iterable, kept);
  drop(kept);
  return self;
}
