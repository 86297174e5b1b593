/* tests/values/generators.h - what the tests of generators and of pipelines share: numbers, functions that are objects, and walks that are
 * noted in the log. */
#ifndef OURO_TEST_GENERATORS_H
#define OURO_TEST_GENERATORS_H

#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include <ouro/ouro.h>

#include "heap/heap.h"

#include "object/objects.h" /* last: it has a type of the name `list` */

static inline void *number(int64_t value) { return ouro_int_new(value); }
static inline int64_t value_of(const void *object) {
  int64_t value = INT64_MIN;
  TEST_CHECK(ouro_int_get(object, &value) == OURO_OK);
  return value;
}

/* Note an object: an int, a string, (a,b) and [a,b] of tuples and lists, "none"; anything else as "?". */
static inline void text_of(void *object, char *text, size_t room) {
  if (ouro_is_none(object)) {
    snprintf(text, room, "none");
    return;
  }
  ouro_str *made = ouro_str_of(object);
  TEST_CHECK(made != NULL);
  snprintf(text, room, "%s", ouro_str_text(made));
  for (char *at = text, *to = text;; at++) {
    if (*at != ' ') {
      *to++ = *at;
    }
    if (*at == 0) {
      break;
    }
  }
  drop(made);
}

static inline void note_object(void *object) {
  char text[100];
  text_of(object, text, sizeof text);
  test_note("%s", text[0] ? text : "''");
}

/* One step: its item, "end", or the name of the code, is noted. */
static inline int note_step(int code, void *item) {
  if (code == 1) {
    note_object(item);
    drop(item);
  } else {
    test_note("%s", code == OURO_OK ? "end" : ouro_err_name(code));
    TEST_CHECK(item == NULL);
  }
  if (code == OURO_ERAISED) {
    void *error = ouro_raised_take();
    TEST_CHECK(error != NULL);
    note_object(error);
    drop(error);
  }
  return code;
}

static inline int step(void *iterator) {
  void *item = NULL;
  int code = ouro_next(iterator, &item);
  return note_step(code, item);
}

static inline int send_number(void *generator, int64_t value) {
  void *item = NULL, *sent = number(value);
  int code = ouro_generator_send(generator, sent, &item);
  drop(sent);
  return note_step(code, item);
}

static inline int throw_number(void *generator, int64_t value) {
  void *item = NULL, *error = number(value);
  int code = ouro_generator_throw(generator, error, &item);
  drop(error);
  return note_step(code, item);
}

static inline int close_it(void *generator) { return note_step(ouro_generator_close(generator), NULL); }

/* All that is left of it, as a text of items and how it ended. */
static inline const char *rest(void *iterator) {
  while (step(iterator) == 1) {
  }
  return test_log();
}

/* The same, and it is dropped. */
static inline const char *all(void *iterator) {
  TEST_CHECK(iterator != NULL);
  while (step(iterator) == 1) {
  }
  drop(iterator);
  return test_log();
}

/* ---------------------------------------------------------------- functions that are objects */

typedef struct called {
  ouro_object base;
  int (*call)(void *const *args, size_t count, ouro_slot result);
} called;

static inline int called_call(void *self, void *const *args, size_t count, ouro_slot result) {
  return ((called *)self)->call(args, count, result);
}
static const ouro_protocols called_protocols = {.call = called_call};
static ouro_type called_type = {.name = "function", .size = sizeof(called), .protocols = &called_protocols};

static inline void *function_of(int (*call)(void *const *args, size_t count, ouro_slot result)) {
  called *made = ouro_new(&called_type);
  TEST_CHECK(made != NULL);
  made->call = call;
  return made;
}

/* ---------------------------------------------------------------- every allocation failing in turn */

/* Call `attempt` with the first, second, ... allocation failing, once and for ever, until none was left to fail. It returns a code; what
 * it made it has dropped. Nothing but ENOMEM comes of it, and nothing is left over. */
#if defined(OURO_FAULTS)
static inline size_t fail_each_allocation(int (*attempt)(void)) {
  size_t hits = 0;
  TEST_CHECK(attempt() == OURO_OK); /* types are looked at, and the like */
  for (int for_ever = 0; for_ever < 2; for_ever++) {
    for (long nth = 1;; nth++) {
      size_t before = test_live();
      ouro__fault_set(nth, for_ever);
      int code = attempt();
      bool hit = ouro__fault_hit();
      ouro__fault_set(0, false);
      hits += hit;
      TEST_CHECK(test_live() == before);
      TEST_CHECK(code == OURO_OK || (hit && code == OURO_ENOMEM));
      if (!hit) {
        break;
      }
      TEST_CHECK(nth < 10000);
    }
  }
  return hits;
}
#endif

#endif
