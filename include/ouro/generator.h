/* ouro/generator.h - functions that yield, written as straight code; and pipelines of iterators, which hold one item at a time.
 *
 * A GENERATOR is an object that runs a C function until that yields an item, and goes on behind the yield when the next one is asked for.
 * What must live from one yield to the next is not a local variable of C but a field of the object; those that own references are listed in
 * its type, so that the collector sees them.
 *
 *     struct countdown { ouro_generator base; OURO_OWNED(ouro_str) label; int64_t i; };
 *
 *     static int countdown_step(struct countdown *self, ouro_slot item) {
 *       OURO_GENERATOR_BEGIN(self);
 *       for (self->i = 3; self->i > 0; self->i--) {
 *         OURO_YIELD(self, item, ouro_format("%O %d", self->label, (int)self->i));   // given away; NULL ends it, with the error of errno
 *       }
 *       OURO_YIELD(self, item, ouro_str_from("lift-off"));
 *       OURO_GENERATOR_END(self);
 *     }
 *
 *     OURO_GENERATOR_TYPE(countdown_type, "countdown", struct countdown, countdown_step,
 *                         OURO_REFERENCES(offsetof(struct countdown, label)));
 *
 *     struct countdown *g = ouro_generator_new(&countdown_type);   // its fields are zero: arguments are set now
 *     g->label = ouro_str_from("T minus");
 *     while ((code = ouro_next(g, &item)) == 1) ...                // as any iterator
 *
 * How: the function is a switch over the line at which it stopped, whose cases stand in the middle of its statements (T. Duff, 1983; A.
 * Dunkels and others, "Protothreads", SenSys 2006). It is standard C. What follows from it:
 *   - a local variable of C does not survive a yield. One that is declared with a value, with a yield in its scope, is an error of gcc
 *     (-Wjump-misses-init, switched on between BEGIN and END); one that gets its value later is warned of by -Wall of gcc, where it
 *     optimises, and of clang (-Wmaybe-uninitialized, -Wuninitialized). Variables that are done with before the next yield, in a block or
 *     loop of their own, are fine; so are those before BEGIN, which begin anew at every step
 *   - two yields on one line do not compile: equal cases. A yield inside a switch of the function's own is lost: it ends the generator with
 *     OURO_EINVAL when it is resumed. A yield is a statement; what was sent is self->base.sent, see below
 *   - any `return` with a negative code ends it with that, as OURO_GENERATOR_FAIL does. No other value may be returned but by the macros
 *
 * Its life:
 *
 *   NEW        it has been made                 -> RUNNING    resumed: ouro_next, or a function below
 *   SUSPENDED  at a yield                       -> RUNNING    resumed
 *   RUNNING    -> SUSPENDED  it yields          -> ENDED      it comes to its end, returns, fails
 *   ENDED      has nothing to give: 0, and again 0
 *
 * Whatever ends it, and also closing it, or letting its last reference go, or the collector that finds it in a garbage cycle: its clean-up
 * (OURO_GENERATOR_FINALLY) runs, once, also where it was still NEW; then its owned slots are cleared. What has ended keeps nothing alive.
 *
 * Threads: one at a time runs it. Who resumes a generator that runs, be it itself, gets OURO_EBUSY, and nothing has happened. So threads
 * may share one, and each item is given once. The same goes for the iterators of a pipeline. */
#ifndef OURO_GENERATOR_H
#define OURO_GENERATOR_H

#include <stdio.h>

#include "value.h"

OURO_BEGIN_DECLS

/* ---------------------------------------------------------------- writing one */

/* What a generator's struct begins with. */
typedef struct ouro_generator {
  ouro_object base;
  OURO_OWNED(ouro_object) sent;   /* what the last resumption sent, or what a delegation returned; NULL: nothing, which is none */
  OURO_OWNED(ouro_object) thrown; /* the error object that was caught, or with which it ends; or NULL */
  OURO_OWNED(ouro_object) ouro__inner; /* the iterator that it delegates to, or NULL */
  int32_t ouro__at;       /* the line that it goes on at; below 0: one that catches. 0: NEW */
  int16_t code;           /* at a label that catches, and in the clean-up: the code of what went wrong, or 0 */
  uint8_t ouro__running;  /* 1: a thread runs it */
  uint8_t ouro__unused;
} ouro_generator;

/* A generator's type: an ouro_type, and the function. Those made by the macro below are complete; a visit function may be added to `type`
 * before its first use. */
typedef struct ouro_generator_type {
  ouro_type type;
  int (*step)(void *self, ouro_slot item);
} ouro_generator_type;

OURO_API extern ouro_type ouro_generator_base;
OURO_API extern const ouro_protocols ouro__generator_protocols;

/* A static generator type of that name: its name in reports, its struct, its function, and OURO_REFERENCES(...) of the owned slots that
 * the struct adds, or NULL. At file scope. */
#define OURO_GENERATOR_TYPE(name_, text_, struct_, step_, references_)                                            \
  static int name_##__step(void *self, ouro_slot item) {                                                          \
    (void)sizeof(char[sizeof(((struct_ *)NULL)->base) == sizeof(ouro_generator) ? 1 : -1]);                       \
    return step_((struct_ *)self, item);                                                                          \
  }                                                                                                               \
  static ouro_generator_type name_ = {OURO__GENERATOR_TYPE(text_, struct_, references_), name_##__step}
#if defined(__cplusplus)
#define OURO__GENERATOR_TYPE(text_, struct_, references_) \
  {text_, sizeof(struct_), &ouro_generator_base, references_, 0, nullptr, nullptr, nullptr, 0, &ouro__generator_protocols, nullptr, {}}
#else
#define OURO__GENERATOR_TYPE(text_, struct_, references_)                                                     \
  {.name = text_, .size = sizeof(struct_), .base = &ouro_generator_base, .references = (references_),         \
   .protocols = &ouro__generator_protocols}
#endif

/* What a generator's function returns, beside 0 and codes. The library's. */
enum { OURO__YIELDS = 1, OURO__DELEGATES = 2, OURO__RETURNS = 3 };
#define OURO__GENERATOR_UNWINDS INT32_MAX

#if defined(__GNUC__) && !defined(__clang__) && !defined(__cplusplus)
#define OURO__GENERATOR_STRICT _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic error \"-Wjump-misses-init\"")
#define OURO__GENERATOR_LENIENT _Pragma("GCC diagnostic pop")
#else
#define OURO__GENERATOR_STRICT
#define OURO__GENERATOR_LENIENT
#endif

/* The frame of a generator's function: BEGIN is its first statement, behind declarations; END its last. */
#define OURO_GENERATOR_BEGIN(self)    \
  OURO__GENERATOR_STRICT              \
  switch ((self)->base.ouro__at) {    \
    case 0:
#define OURO_GENERATOR_END(self)                                                              \
  return OURO_OK;                                                                             \
  default:                                                                                    \
    return (self)->base.ouro__at == OURO__GENERATOR_UNWINDS ? OURO_OK : OURO_EINVAL;          \
    }                                                                                         \
  OURO__GENERATOR_LENIENT

/* Before END, at most once: what follows is the clean-up. It runs once, whatever ends the generator, with self->base.code and
 * self->base.thrown as they say why, and with fields that are zero where the function did not come to set them. A code that it returns is
 * what the generator ends with; where it yields, that is OURO_EINVAL, and the item is released. */
#define OURO_GENERATOR_FINALLY(self) \
  return OURO_OK;                    \
  case OURO__GENERATOR_UNWINDS:

/* Yield an item: a new reference, which is given away. NULL ends the generator with the code of errno. Behind it, self->base.sent is what
 * was sent, borrowed from the generator until its next yield; ouro_steal(&self->base.sent) takes it. */
#define OURO_YIELD(self, item, value)             \
  do {                                            \
    OURO__SET((self)->base.ouro__at, __LINE__);     \
    return ouro__generator_yields((item), (value)); \
    case __LINE__:;                               \
  } while (0)

/* The same, and where an error is thrown in here, the function goes on at the label, with self->base.thrown, until its next yield. It goes
 * on as it likes; `return ouro_raise(self->base.thrown);` lets it through. */
#define OURO_YIELD_CATCH(self, item, value, label) \
  do {                                             \
    OURO__SET((self)->base.ouro__at, -__LINE__);   \
    return ouro__generator_yields((item), (value)); \
    case -__LINE__:                                \
      if ((self)->base.code) goto label;           \
  } while (0)

/* Delegate: yield all that an iterable gives (a new reference, which is given away; NULL ends the generator with the code of errno). What
 * is sent and thrown goes to the inner generator; closing the outer closes the inner one first. Behind it, self->base.sent is what the
 * inner one has returned. An error of the inner one ends the outer; CATCH: it goes on at the label, with self->base.code and, of
 * OURO_ERAISED, self->base.thrown. An iterator that is no generator can be sent nothing but none, and what is thrown is thrown here.
 * Cost: each step takes as many calls as generators delegate to each other; more than 1,000 are OURO_EDEEP. */
#define OURO_YIELD_FROM(self, item, iterable)                            \
  do {                                                                   \
    (void)(item);                                                        \
    OURO__SET((self)->base.ouro__at, __LINE__);                          \
    return ouro__generator_delegates(&(self)->base, (iterable));         \
    case __LINE__:;                                                      \
  } while (0)
#define OURO_YIELD_FROM_CATCH(self, item, iterable, label)               \
  do {                                                                   \
    (void)(item);                                                        \
    OURO__SET((self)->base.ouro__at, -__LINE__);                         \
    return ouro__generator_delegates(&(self)->base, (iterable));         \
    case -__LINE__:                                                      \
      if ((self)->base.code) goto label;                                 \
  } while (0)

/* End it: with a result (a new reference, given away; NULL: with the code of errno); or with a code, from -32768 to -1. */
#define OURO_RETURN(self, value) return ouro__generator_returns(&(self)->base, (value))
#define OURO_GENERATOR_FAIL(self, code_) return ouro__generator_fails(&(self)->base, (code_))

OURO_API int ouro__generator_failed(void); /* the code of errno */
OURO_API int ouro__generator_delegates(ouro_generator *self, ouro_ref iterable);
OURO_API int ouro__generator_returns(ouro_generator *self, ouro_ref value);
static inline int ouro__generator_fails(ouro_generator *self, int code) {
  (void)self;
  return code < 0 ? code : OURO_EINVAL;
}
static inline int ouro__generator_yields(ouro_slot item, ouro_ref value) {
  void *held = (void *)ouro_borrow(value);
  if (!held) return ouro__generator_failed();
  OURO__SLOT_SET(item, held);
  return OURO__YIELDS;
}

/* ---------------------------------------------------------------- using one */

/* A new generator, which has not begun; its fields are zero, and may be set before its first step.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; EINVAL: as ouro_new.
 * Threads:   any.
 * Cost:      an object. */
OURO_API ouro_ref ouro_generator_new(ouro_generator_type *type) OURO_ATTR_NEW;

/* Is it a generator, made by OURO_GENERATOR_TYPE's types?
 * Threads: any that holds a reference.
 * Cost:    O(depth of derivation). */
static inline bool ouro_is_generator(const void *object) { return ouro_is_instance(object, &ouro_generator_base); }

/* Resume it, and have the yield at which it stands give `value` (borrowed; NULL: none). ouro_next is the same with NULL. Of a generator
 * that is NEW, only none can be sent.
 * Returns: 1: *item has what it yielded, new; 0: it has ended; or the code that it ended with. And where nothing has happened: OURO_EBUSY:
 *          it runs; OURO_ETYPE: it is no generator, or delegates to what is none; OURO_EINVAL: it has not begun; OURO_EDEEP; OURO_EPERM.
 * Calls:   the generator's function; its clean-up and what goes with its slots, where it ends.
 * Threads: any that holds a reference; one at a time.
 * Cost:    some nanoseconds, and those of the function. Nothing is allocated. */
OURO_API int ouro_generator_send(void *generator, void *value, ouro_slot item);

/* Resume it with an error (any object, borrowed), which is raised where it stands: the function goes on at the label of OURO_YIELD_CATCH,
 * or it ends, and the error is raised on: OURO_ERAISED.
 * Returns: as ouro_generator_send; OURO_ERAISED of one that has ended, or not begun (it ends).
 * Calls:   as ouro_generator_send.
 * Threads: as ouro_generator_send.
 * Cost:    as ouro_generator_send. */
OURO_API int ouro_generator_throw(void *generator, void *error, ouro_slot item);

/* End it where it stands: what it delegates to is closed, its clean-up runs, its slots are cleared. Has it ended: nothing. Of an iterator
 * of a pipeline (below): it lets go of what it reads from, which goes unless somebody else holds it, and has nothing more to give.
 * Errors:  OURO_ETYPE: it is neither; OURO_EBUSY: it runs, and nothing has happened; what the clean-up returns.
 * Calls:   its clean-up; what goes with its slots.
 * Threads: any that holds a reference.
 * Cost:    that of the clean-up. */
OURO_API int ouro_generator_close(void *generator);

/* What it has returned by OURO_RETURN; ouro_none, where it ended otherwise.
 * Ownership: new.
 * Errors:    NULL, errno EBUSY: it has not ended; ENOTSUP: it is no generator.
 * Threads:   any that holds a reference.
 * Cost:      O(1). */
OURO_API ouro_ref ouro_generator_result(void *generator) OURO_ATTR_NEW;

enum ouro_generator_state {
  OURO_GENERATOR_NEW = 0,
  OURO_GENERATOR_SUSPENDED = 1,
  OURO_GENERATOR_RUNNING = 2,
  OURO_GENERATOR_ENDED = 3,
};

/* Where it is in its life.
 * Returns: one of ouro_generator_state; OURO_ETYPE.
 * Threads: any that holds a reference; out of date at once, unless it has ended.
 * Cost:    two loads. */
OURO_API int ouro_generator_state(const void *generator);

/* ---------------------------------------------------------------- pipelines
 *
 *     OURO_AUTO(void) lines = ouro_lines("access.log", 0);
 *     OURO_AUTO(void) parsed = ouro_map(parse, lines);
 *     OURO_AUTO(void) good = ouro_filter(NULL, parsed);
 *     code = ouro_for_each(good, show, NULL);
 *
 * Each stage is an iterator over an iterable (any object with `iterate` or `next`), holds at most one item at a time, and asks for one when
 * it is asked: so a pipeline over a file of any length runs in constant memory. A stage that has come to its end lets go of what it reads
 * from, and stays at its end. One that passes by items it does not give comes by a safepoint at each.
 *
 * A code passes through all stages, and leaves each as it was: the next step goes on behind the item that failed, if what failed can.
 *
 * A function is an object that ouro_call calls with the item; or, in functions that end in _c, one of C, with an object of its own, which
 * may be NULL. Stages within each other more than 1,000 deep are OURO_EDEEP, when they are asked.
 *
 * Of all that make a stage: the iterable and the function are borrowed, and held until the end.
 * Errors: NULL, errno ENOMEM, EPERM; EINVAL: NULL; ENOTSUP: it is not iterable; what `iterate` says. */

/* Of C. `item` is borrowed; map: *result is a new reference, and the function returns OURO_OK or a code; test: 1, 0, or a code. */
typedef int (*ouro_map_fn)(void *context, void *item, ouro_slot result);
typedef int (*ouro_test_fn)(void *context, void *item);

/* What the function gives for each item.
 * Ownership: new.
 * Calls:     each step, the function.
 * Threads:   any; a step of a stage that runs is OURO_EBUSY.
 * Cost:      an object; each step, that of the function. */
OURO_API ouro_ref ouro_map(void *function, void *iterable) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_map_c(ouro_map_fn function, void *context, void *iterable) OURO_ATTR_NEW;

/* The items for which the function says what is true; function NULL: those that are true themselves. take_while: up to the first for which
 * it does not, which is lost; skip_while: from that one on.
 * Ownership: new.
 * Calls:     each step, the function, once for each item that it looks at.
 * Threads:   as ouro_map.
 * Cost:      an object. */
OURO_API ouro_ref ouro_filter(void *function, void *iterable) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_filter_c(ouro_test_fn test, void *context, void *iterable) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_take_while(void *function, void *iterable) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_take_while_c(ouro_test_fn test, void *context, void *iterable) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_skip_while(void *function, void *iterable) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_skip_while_c(ouro_test_fn test, void *context, void *iterable) OURO_ATTR_NEW;

/* The first `count` items, and no look at another; all but those.
 * Ownership: new.
 * Threads:   as ouro_map.
 * Cost:      an object; skip: the first step goes by those items. */
OURO_API ouro_ref ouro_take(void *iterable, size_t count) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_skip(void *iterable, size_t count) OURO_ATTR_NEW;

/* All items of the first iterable, then of the second, ... An iterable is asked for its iterator when its turn comes. flatten: those of
 * the iterables that an iterable gives, which may be without end.
 * Ownership: new.
 * Threads:   as ouro_map.
 * Cost:      an object, chain: a tuple. */
OURO_API ouro_ref ouro_chain(size_t count, void *const *iterables) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_flatten(void *iterables) OURO_ATTR_NEW;

/* Tuples of an item of each, until one comes to its end or fails (what others gave for that tuple is lost). enumerate: tuples of a number,
 * from `first` on, and an item. batches: lists of `count` items, the last one of what is left; EINVAL where count is 0. What a batch has
 * gathered when the iterable fails, it has still at the next step.
 * Ownership: new.
 * Threads:   as ouro_map.
 * Cost:      an object; each step, the tuple or list. */
OURO_API ouro_ref ouro_zip(size_t count, void *const *iterables) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_enumerate(void *iterable, int64_t first) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_batches(void *iterable, size_t count) OURO_ATTR_NEW;

/* Each item once, the first of those that are equal.
 * Ownership: new.
 * Errors:    a step: OURO_EHASH; an item that cannot be hashed is lost.
 * Calls:     each step, hash and equality of the items.
 * Threads:   as ouro_map.
 * Cost:      memory for all that it has given: a set. */
OURO_API ouro_ref ouro_unique(void *iterable) OURO_ATTR_NEW;

/* Ints from `start` by `step` up to, or down to, `stop`, which is not among them; EINVAL where step is 0. count: without end, that is, up
 * to the last that fits in 64 bits; a step then is OURO_ERANGE.
 * Ownership: new.
 * Threads:   as ouro_map.
 * Cost:      an object; each step, an int. */
OURO_API ouro_ref ouro_range(int64_t start, int64_t stop, int64_t step) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_count(int64_t start, int64_t step) OURO_ATTR_NEW;

/* One object so many times; OURO_FOREVER. cycle: the items of an iterable, again and again.
 * Ownership: new.
 * Threads:   as ouro_map.
 * Cost:      an object; cycle: memory for all items. */
#define OURO_FOREVER SIZE_MAX
OURO_API ouro_ref ouro_repeat(void *object, size_t times) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_cycle(void *iterable) OURO_ATTR_NEW;

enum ouro_lines_flags {
  OURO_LINES_BYTES = 1u << 0, /* lines are bytes, not strings: any bytes will do */
  OURO_LINES_ENDS = 1u << 1,  /* lines end with what ended them, \n or \r\n; without this flag, it is cut off */
  OURO_LINES_KEEP = 1u << 2,  /* of_file: the file is not closed */
};

/* The lines of a file: a generator. The file is closed when that ends, is closed or goes; also where of_file fails, unless OURO_LINES_KEEP.
 * The last line need not have an end. A line may be as long as memory has room for. A program may read a `file` by other means between
 * the steps.
 * Ownership: new; file: STOLEN.
 * Errors:    NULL, errno of open, ENOMEM, EPERM; EINVAL: NULL, or unknown flags. A step: OURO_EUTF8, which ends it; OURO_ESYSTEM: reading
 *            failed, errno says why; OURO_ENOMEM.
 * Threads:   any; it is OUT while it waits for the file (ouro_blocking_begin).
 * Cost:      a block of 64 KiB, or as large as the longest line; each step, a string. of_file: some more, a lock of the C library. */
OURO_API ouro_ref ouro_lines(const char *path, unsigned flags) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_lines_of_file(FILE *file, unsigned flags) OURO_ATTR_NEW;

/* ---------------------------------------------------------------- ends of pipelines
 *
 * They take one item after the other, come by a safepoint at each, and let go of it. To gather items: ouro_list_from, ouro_set_from,
 * ouro_str_join and their like. */

/* Call `each` with every item, which is borrowed; it returns 0 to go on.
 * Returns: 0: it came to the end; what `each` returned that was not 0; or a code: OURO_ETYPE, what the iterable says.
 * Calls:   the iterable's functions; `each`; as ouro_safepoint.
 * Threads: any.
 * Cost:    O(items). */
OURO_API int ouro_for_each(void *iterable, int (*each)(void *item, void *arg), void *arg);

/* Go through it, and count the items (count: or NULL), also where it fails.
 * Errors:  OURO_ETYPE; what the iterable says.
 * Calls:   the iterable's functions; as ouro_safepoint.
 * Threads: any.
 * Cost:    O(items). */
OURO_API int ouro_consume(void *iterable, size_t *count);

/* One object from all items: function(function(first, second), third) ...; with `initial` before the first one, unless that is NULL.
 * Returns: 1: *result has it, new; 0: there is no item, and no `initial`; or a code.
 * Calls:   the iterable's functions; the function; as ouro_safepoint.
 * Threads: any.
 * Cost:    O(items). */
typedef int (*ouro_reduce_fn)(void *context, void *so_far, void *item, ouro_slot result);
OURO_API int ouro_reduce(void *function, void *iterable, void *initial, ouro_slot result);
OURO_API int ouro_reduce_c(ouro_reduce_fn function, void *context, void *iterable, void *initial, ouro_slot result);

/* The sum of numbers, as ouro_add has it; of none: 0. start: what is added to, NULL: 0.
 * Errors:  OURO_ETYPE: not iterable, or an item is no number; OURO_ERANGE, without GMP; what the iterable says.
 * Calls:   the iterable's functions; as ouro_safepoint.
 * Threads: any.
 * Cost:    O(items); ints of 64 bits are added where they lie. */
OURO_API int ouro_sum(void *iterable, void *start, ouro_slot result);

OURO_END_DECLS

#endif
