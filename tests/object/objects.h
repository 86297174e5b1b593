/* tests/object/objects.h - what the tests of objects, of the collector and of weak references share: a handful of types, a
 * log of what happened, and the frame of every case: the heap of objects is sound after it, and as many objects live as
 * before.
 *
 * Functions that make an object here give a plain pointer that owns one reference, which the case gives back with `drop`.
 * Slots are declared with OURO_OWNED, so that the tests compile with -DOURO_CHECK_OWNERSHIP too. */
#ifndef OURO_TEST_OBJECTS_H
#define OURO_TEST_OBJECTS_H

#include "support/support.h"

#include <string.h>

#include <ouro/ouro.h>

/* ---------------------------------------------------------------- the frame of a case */

/* A case begins with an empty log, the default thresholds, automatic collection on, and nothing young. It ends with the heap
 * of blocks and of objects sound, an empty garbage list, nothing frozen, and the live objects that it began with. */
int test_objects_begin(void **state);
int test_objects_end(void **state);
#define OBJECT_TEST(name) cmocka_unit_test_setup_teardown(name, test_objects_begin, test_objects_end)

/* For programs whose cases say themselves when to collect: no stress, also where OURO_CONF asks for it. */
void test_objects_without_stress(void);

/* Live objects, without immortal ones; of one type exactly; and whether an address is that of a live object. */
size_t test_live(void);
size_t test_live_of(const ouro_type *type);
bool test_is_live(const void *object);

/* The checker of objects finds nothing wrong; says what, and fails the case, otherwise. */
#define OBJECTS_ARE_SOUND() test_objects_are_sound(__FILE__, __LINE__)
void test_objects_are_sound(const char *file, int line);

/* ---------------------------------------------------------------- the log */

/* Append a word to the log; words are separated by a space. */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What was noted since the last call, in order, or sorted by strcmp where the order is not specified; the log is empty then.
 * Valid until the next call of either. */
const char *test_log(void);
const char *test_log_sorted(void);

/* ---------------------------------------------------------------- cells */

/* Three slots for objects of any type, a number that finalizer and release note, and what the finalizer does. */
typedef struct cell cell;
struct cell {
  ouro_object base;
  OURO_OWNED(void) a;
  OURO_OWNED(void) b;
  OURO_OWNED(void) c;
  void (*finalizing)(cell *self); /* of `final_type` and those derived: called by the finalizer; or NULL */
  int number;                     /* not 0: the release notes "-number" */
};

extern ouro_type cell_type;    /* plain */
extern ouro_type final_type;   /* derived from it: notes "~number" when finalized, then calls `finalizing` */
extern ouro_type acyclic_type; /* the same as cell_type, but acyclic */
extern ouro_type acyclic_final_type;
extern ouro_type stuck_type;       /* derived from cell_type: uncollectable */
extern ouro_type stuck_final_type; /* derived from final_type: uncollectable */
extern ouro_type visited_type;     /* a cell whose slots are shown by a visit function */

cell *cell_of(ouro_type *type, int number);
cell *cell_new(int number); /* of cell_type */
void drop(void *object);

/* `count` cells of `type`, numbered from `number` on (all 0 where that is 0), each one's `a` the next, the last one's the
 * first. The caller owns a reference to the first. */
cell *cell_ring(ouro_type *type, size_t count, int number);

/* What is in the slot, borrowed. */
static inline cell *in_a(cell *self) { return (cell *)ouro_borrow(self->a); }
static inline cell *in_b(cell *self) { return (cell *)ouro_borrow(self->b); }
static inline cell *in_c(cell *self) { return (cell *)ouro_borrow(self->c); }

/* ---------------------------------------------------------------- lists, tuples, leaves */

typedef struct list {
  ouro_var base;
  OURO_OWNED(void) items[];
} list;

extern ouro_type list_type;  /* items that own */
extern ouro_type tuple_type; /* the same, immutable */

list *list_of(ouro_type *type, size_t count);
list *list_new(size_t count); /* of list_type */
/* A tuple of these, at most three; NULL ends the list. */
list *tuple_of(void *first, void *second, void *third);
/* `width` items: new cells, but for the one at `at` (where there is one), which is `next` (stolen). */
list *list_of_cells(size_t width, size_t at, void *next);
/* What is wide behind each other: three lists of cells of which one leads on to the next, with two cells in between. The
 * caller owns the first; 3 * width + 7 objects. */
list *wide_chain(size_t width, size_t at);
static inline void list_put(list *self, size_t index, void *object) { ouro_setref(&self->items[index], object); }
static inline void *list_at(list *self, size_t index) { return ouro_borrow(self->items[index]); }

/* No references; the release notes "-number" where that is not 0. */
typedef struct leaf {
  ouro_object base;
  int number;
} leaf;
extern ouro_type leaf_type;
leaf *leaf_new(int number);

/* ---------------------------------------------------------------- survivors */

/* What finalizers resurrect by putting it here: one slot each, the oldest first. */
enum { TEST_SURVIVORS = 128 };
extern ouro_ref test_survivors[TEST_SURVIVORS];
extern size_t test_survivor_count;

/* For `finalizing`: put the object among the survivors. */
void survive(cell *self);
void survivors_drop(void);
/* The survivor `index`, borrowed. */
static inline cell *survivor(size_t index) { return (cell *)ouro_borrow(test_survivors[index]); }

/* ---------------------------------------------------------------- weak references */

/* A weak reference, owned by the caller like every object made here. */
ouro_weak *weak_to(void *object);
/* One with a callback that notes "<text>" and "<text>!" where it is not dead by then. */
ouro_weak *weak_noting(void *object, const char *text);
/* Does it lead to `object`? NULL: is it dead? */
bool weak_is(ouro_weak *weak, const void *object);

/* ---------------------------------------------------------------- collecting */

/* Statistics of one generation. */
ouro_gc_stats gc_stats_of(int generation);

/* The number of tracked objects of a generation (-1: all), and whether `object` is shown in it. */
size_t tracked_in(int generation);
bool is_in(int generation, const void *object);

/* ---------------------------------------------------------------- fatal ends */

/* Run body(arg) in a child with a fatal handler of its own. Returns the code that it was told, 0 where nothing was found;
 * `type` (or NULL) gets the name of the type that was reported. */
enum { TEST_TYPE_NAME = 64 };
int test_fatal_code(void (*body)(void *arg), void *arg, char type[TEST_TYPE_NAME]);

#endif
