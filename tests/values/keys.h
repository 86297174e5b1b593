/* tests/values/keys.h - keys for tests of dicts and sets: of all kinds, equal ones that are different objects, ones that collide, ones
 * whose functions raise or change the container. */
#ifndef OURO_TEST_KEYS_H
#define OURO_TEST_KEYS_H

#include "support/support.h"

#include "values/table.h" /* before the names of objects.h, which its functions use for their variables */

#include "object/objects.h"

#include <errno.h>

#include <ouro/dict.h>
#include <ouro/list.h>
#include <ouro/number.h>
#include <ouro/str.h>

/* A key of a program's own: equal by its number, hashed by that modulo odd_hashes. */
typedef struct odd {
  ouro_object base;
  int number;
} odd;

static int odd_hashes = 1000000;           /* 1: all collide */
static void (*odd_equal_does)(void);       /* called by each comparison, unless NULL */
static int odd_equal_says = OURO_OK;       /* a code that each comparison returns instead */
static int odd_hash_says = OURO_OK;

static int odd_hash(void *self, uint64_t *hash) {
  *hash = (uint64_t)(((odd *)self)->number % odd_hashes);
  return odd_hash_says;
}

static int odd_equal(void *self, void *other);
static const ouro_protocols odd_protocols = {.hash = odd_hash, .equal = odd_equal};
static ouro_type odd_type = {.name = "odd", .size = sizeof(odd), .protocols = &odd_protocols};

static int odd_equal(void *self, void *other) {
  if (ouro_type_of(other) != &odd_type) {
    return OURO_NOT_MINE;
  }
  if (odd_equal_does) {
    odd_equal_does();
  }
  return odd_equal_says ? odd_equal_says : ((odd *)self)->number == ((odd *)other)->number;
}

static inline void *odd_new(int number) {
  odd *made = ouro_borrow(ouro_new(&odd_type));
  if (made) {
    made->number = number;
  }
  return made;
}

/* Kinds of keys. Key number n of each kind is equal to another of that number, and to no other. */
enum { KEYS_STR, KEYS_INT, KEYS_SIMPLE, KEYS_ODD, KEYS_COLLIDE, KEYS_MIXED, KEY_KINDS };

static inline void *str_key(int n) {
  char text[32];
  snprintf(text, sizeof text, "key %d", n);
  return ouro_borrow(n % 7 ? ouro_str_from(text) : ouro_intern_text(text));
}

static inline void *pair_key(int n) {
  void *number = ouro_borrow(ouro_int_new(n));
  void *made = number ? ouro_borrow(ouro_tuple_of(2, number, ouro_true)) : NULL;
  ouro_xdecref(ouro_adopt(number));
  return made;
}

/* A new object. */
static inline void *key_new(int kind, int n) {
  switch (kind) {
    case KEYS_STR: return str_key(n);
    case KEYS_INT: return ouro_borrow(ouro_int_new((int64_t)n * 1009 - 5000));
    case KEYS_SIMPLE: return n % 2 ? str_key(n) : ouro_borrow(ouro_int_new(n));
    case KEYS_ODD:
    case KEYS_COLLIDE: return odd_new(n);
    default:
      switch (n % 5) {
        case 0: return str_key(n);
        case 1: return ouro_borrow(ouro_int_new(n));
        case 2: return ouro_borrow(ouro_float_new(n + 0.5));
        case 3: return pair_key(n);
        default: return odd_new(n);
      }
  }
}

static inline void keys_begin(int kind) {
  odd_hashes = kind == KEYS_COLLIDE ? 3 : 1000000;
  odd_equal_does = NULL;
  odd_equal_says = odd_hash_says = OURO_OK;
}

#endif
