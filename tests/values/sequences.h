/* tests/values/sequences.h - what the tests of tuples, lists and sorting share: short ways to make values, items whose equality and order
 * are the test's, and every allocation failing in turn. */
#ifndef OURO_TEST_SEQUENCES_H
#define OURO_TEST_SEQUENCES_H

#include "support/support.h"

#include <errno.h>

#include <ouro/ouro.h>

#include "heap/heap.h"
#include "values/sequence.h"

#include "object/objects.h" /* last: it has a type of the name `list` */

static inline void *number(int64_t value) { return ouro_borrow(ouro_int_new(value)); }
static inline int64_t value_of(const void *object) {
  int64_t value = INT64_MIN;
  TEST_CHECK(ouro_int_get(object, &value) == OURO_OK);
  return value;
}

/* A new list of the numbers, ended by STOP. */
enum { STOP = -1000000 };
static inline ouro_list *numbers_of(const int64_t *values) {
  ouro_list *made = ouro_borrow(ouro_list_new());
  for (; *values != STOP; values++) {
    TEST_CHECK(ouro_list_append_move(made, ouro_int_new(*values)) == OURO_OK);
  }
  return made;
}
#define NUMBERS(...) numbers_of((const int64_t[]){__VA_ARGS__, STOP})

static inline int64_t at(ouro_list *seq, ptrdiff_t index) {
  void *item = NULL;
  TEST_CHECK(ouro_list_get(seq, index, &item) == OURO_OK);
  int64_t value = value_of(item);
  drop(item);
  return value;
}

static inline bool holds(ouro_list *seq, const int64_t *values) {
  size_t count = 0;
  TEST_CHECK(ouro__list_valid(seq));
  for (; values[count] != STOP; count++) {
    if (count >= ouro_list_count(seq) || at(seq, (ptrdiff_t)count) != values[count]) {
      return false;
    }
  }
  return count == ouro_list_count(seq);
}
#define HOLDS(seq, ...) assert_true(holds(seq, (const int64_t[]){__VA_ARGS__, STOP}))
#define IS_EMPTY(list) assert_true(holds(seq, (const int64_t[]){STOP}))

/* The text of an object is this. */
#define PRINTS(object, expected) TEST_CHECK(prints(object, expected))
static inline bool prints(void *object, const char *expected) {
  ouro_str *text = ouro_borrow(ouro_repr(object));
  TEST_CHECK(text != NULL);
  bool same = strcmp(ouro_str_text(text), expected) == 0;
  if (!same) {
    print_message("# %s\n", ouro_str_text(text));
  }
  drop(text);
  return same;
}

/* ---------------------------------------------------------------- items whose functions are the test's */

typedef struct odd {
  ouro_object base;
  int64_t value;
} odd;

/* Called by equality and order, before they answer; a code other than OURO_OK is what they answer. */
static int (*odd_asked)(odd *self, void *other);

static int odd_order(void *self, void *other, int *order);
static int odd_equal(void *self, void *other) {
  int order, code = odd_order(self, other, &order);
  return code != OURO_OK ? code : order == 0;
}

static const ouro_protocols odd_protocols = {.equal = odd_equal, .compare = odd_order};
static ouro_type odd_type = {.name = "odd", .size = sizeof(odd), .protocols = &odd_protocols};

static int odd_order(void *self, void *other, int *order) {
  if (ouro_type_of(other) != &odd_type) {
    return OURO_NOT_MINE;
  }
  int code = odd_asked != NULL ? odd_asked(self, other) : OURO_OK;
  int64_t mine = ((odd *)self)->value, its = ((odd *)other)->value;
  *order = mine < its ? -1 : mine > its;
  return code;
}

static inline odd *odd_new(int64_t value) {
  odd *made = ouro_borrow(ouro_new(&odd_type));
  TEST_CHECK(made != NULL);
  made->value = value;
  return made;
}

/* ---------------------------------------------------------------- every allocation failing in turn */

#ifdef OURO_FAULTS
/* Until `attempt` succeeds: it fails with OURO_ENOMEM each time that it was told to, and `unchanged` holds then. */
static inline void fail_each(int (*attempt)(void *arg), bool (*unchanged)(void *arg), void *arg) {
  for (long nth = 1;; nth++) {
    ouro__fault_set(nth, false);
    int code = attempt(arg);
    bool hit = ouro__fault_hit();
    ouro__fault_set(0, false);
    if (code == OURO_OK) {
      return;
    }
    TEST_CHECK(hit && code == OURO_ENOMEM);
    TEST_CHECK(unchanged(arg));
    TEST_CHECK(nth < 1000);
  }
}
#endif

#endif
