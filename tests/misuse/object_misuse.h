/* tests/misuse/object_misuse.h - what the misuse programs about objects share: a type with two references, and a check for those
 * that must end well. */
#ifndef OURO_TEST_OBJECT_MISUSE_H
#define OURO_TEST_OBJECT_MISUSE_H

#include "misuse.h"

#include <errno.h>

#include <ouro/ouro.h>

/* In programs of which nothing shall be found: ends with a status that says otherwise. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __LINE__))

static inline _Noreturn void check_failed(const char *condition, int line) {
  fprintf(stderr, "line %d: %s does not hold\n", line, condition);
  exit(1);
}

typedef struct node {
  ouro_object base;
  void *left, *right;
} node;

static ouro_type node_type = {
    .name = "node",
    .size = sizeof(node),
    .references = OURO_REFERENCES(offsetof(node, left), offsetof(node, right)),
};

static inline node *new_node(void) {
  node *made = ouro_new(&node_type);
  CHECK(made);
  return made;
}

/* Run body(arg) in a thread to its end, and be OUT meanwhile. */
static inline void *in_a_thread(void *(*body)(void *arg), void *arg) {
  pthread_t thread;
  void *result = NULL;
  CHECK(pthread_create(&thread, NULL, body, arg) == 0);
  ouro_blocking_begin();
  CHECK(pthread_join(thread, &result) == 0);
  ouro_blocking_end();
  return result;
}

/* The same, and the caller stays IN: what is released there for it waits for its next safepoint. */
static inline void *in_a_thread_while_in(void *(*body)(void *arg), void *arg) {
  pthread_t thread;
  void *result = NULL;
  CHECK(pthread_create(&thread, NULL, body, arg) == 0);
  CHECK(pthread_join(thread, &result) == 0);
  return result;
}

/* How many objects are alive. */
static inline int count_one(void *object, void *count) {
  (void)object;
  ++*(size_t *)count;
  return 0;
}

static inline size_t live_objects(void) {
  size_t count = 0;
  CHECK(ouro_each_object(count_one, &count) == 0);
  return count;
}

/* At the end of a program of which nothing shall be found. */
static inline int all_is_well(void) {
  char text[256] = "";
  CHECK(ouro_gc_collect(2) >= 0);
  if (ouro_gc_verify(text, sizeof text) != 0 || ouro_heap_verify(text, sizeof text) != 0) check_failed(text, 0);
  CHECK(live_objects() == 0);
  return 0;
}

#endif
