/* values/pipe_end.c - the ends of pipelines: what takes one item after the other and keeps none.
 *
 * Each comes by a safepoint between two items, when it holds nothing that is not counted: so a pipeline may run for days and delay neither
 * collections nor other threads. */
#include "values/number.h"
#include "values/step.h"

#include <ouro/generator.h>
#include <ouro/number.h>

/* A walk over an iterable. */
typedef struct walk {
  void *iterator;
  int code; /* what ended it: 0, or a code */
} walk;

static walk begin(void *iterable) {
  walk it = {NULL, OURO_EINVAL};
  if (iterable) it.code = ouro_iterate(iterable, &it.iterator);
  return it;
}

/* The next item, new; NULL: the walk is over. */
static inline void *next(walk *it) {
  void *item = NULL;
  if (OURO_UNLIKELY(it->code != OURO_OK)) return NULL;
  ouro_safepoint();
  int code = ouro__next(it->iterator, &item);
  if (OURO_LIKELY(code == 1)) return item;
  it->code = code;
  return NULL;
}

/* Its code, or that of what was done with the items. */
static int end(walk *it, int code) {
  int saved = errno;
  ouro_xdecref(it->iterator);
  errno = saved;
  return code ? code : it->code;
}

int ouro_for_each(void *iterable, int (*each)(void *item, void *arg), void *arg) {
  if (!each) return OURO_EINVAL;
  walk it = begin(iterable);
  int code = OURO_OK;
  for (void *item; code == OURO_OK && (item = next(&it));) {
    code = each(item, arg);
    ouro_decref(item);
  }
  return end(&it, code);
}

int ouro_consume(void *iterable, size_t *count) {
  walk it = begin(iterable);
  size_t seen = 0;
  for (void *item; (item = next(&it)); seen++) ouro_decref(item);
  if (count) *count = seen;
  return end(&it, OURO_OK);
}

/* ---------------------------------------------------------------- reduce */

static int by_call(void *function, void *so_far, void *item, ouro_slot result) {
  void *const args[] = {so_far, item};
  return ouro_call(function, args, 2, result);
}

/* What is so far becomes what the function says of it and the item; both are let go of. */
static int take_in(ouro_reduce_fn function, void *context, void **so_far, void *item) {
  void *before = *so_far;
  *so_far = NULL;
  int code = before ? function(context, before, item, so_far) : OURO_OK;
  if (!before) {
    *so_far = item;
    return code;
  }
  ouro_decref(before);
  ouro_decref(item);
  return code < 0 ? code : OURO_OK;
}

int ouro_reduce_c(ouro_reduce_fn function, void *context, void *iterable, void *initial, ouro_slot result) {
  if (!function || !result) return OURO_EINVAL;
  walk it = begin(iterable);
  int code = OURO_OK;
  void *so_far = ouro_xnewref(initial);
  for (void *item; code == OURO_OK && (item = next(&it));) code = take_in(function, context, &so_far, item);
  code = end(&it, code);
  if (code != OURO_OK || !so_far) {
    ouro_xdecref(so_far);
    return code;
  }
  *(void **)result = so_far;
  return 1;
}

int ouro_reduce(void *function, void *iterable, void *initial, ouro_slot result) {
  return function ? ouro_reduce_c(by_call, function, iterable, initial, result) : OURO_EINVAL;
}

/* ---------------------------------------------------------------- sum
 *
 * I-SUM-1  the sum is `object`, or, where that is NULL, `number` */

typedef struct sum {
  void *object;
  int64_t number;
} sum;

/* The sum becomes an object. */
static int as_object(sum *it) {
  if (!it->object) it->object = ouro_int_new(it->number);
  return it->object ? OURO_OK : ouro__code();
}

static OURO_NOINLINE int add_object(sum *it, void *item) {
  void *more = NULL;
  int code = as_object(it);
  if (!code) code = ouro_add(it->object, item, &more);
  if (code) return code;
  ouro_movref(&it->object, more);
  return OURO_OK;
}

static inline int add(sum *it, void *item) {
  bool small = !it->object && ouro__int_is_small(item);
  if (OURO_LIKELY(small && !__builtin_add_overflow(it->number, ouro__int_value(item), &it->number))) return OURO_OK;
  if (small) it->number = (int64_t)((uint64_t)it->number - (uint64_t)ouro__int_value(item));
  return add_object(it, item);
}

int ouro_sum(void *iterable, void *start, ouro_slot result) {
  if (!result) return OURO_EINVAL;
  walk it = begin(iterable);
  sum all = {NULL, 0};
  int code = start ? add(&all, start) : OURO_OK;
  for (void *item; code == OURO_OK && (item = next(&it));) {
    code = add(&all, item);
    ouro_decref(item);
  }
  code = end(&it, code);
  if (!code) code = as_object(&all);
  if (!code) {
    *(void **)result = all.object;
  } else {
    ouro_xdecref(all.object);
  }
  return code;
}
