/* tests/model/search.h - every state that some threads can bring a small system into: found, looked at, counted.
 *
 * A SYSTEM is a state of some bytes, threads, and for each thread the steps that it may do next. A step is atomic: what lies between two
 * steps is what other threads can see. The search goes through all orders of all steps, but through each state once: what can follow
 * does not depend on how it was reached. States are told apart by 128 bits of hash (at five million states, one in 10^25 searches would
 * miss one).
 *
 * An order of steps from the first state to an end is an INTERLEAVING. They are counted, without being walked one by one: the sum over a
 * state's steps of those of the states that they lead to. */
#ifndef OURO_TEST_SEARCH_H
#define OURO_TEST_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum search_step {
  SEARCH_NO_MORE, /* the thread has no alternative of that number, and none higher */
  SEARCH_BLOCKED, /* it has, but not in this state: a lock is held, or the like */
  SEARCH_DONE,    /* the state is the next one */
} search_step;

/* What a step says of itself. */
typedef struct search_said {
  const char *what;  /* its name; in static memory */
  const char *wrong; /* what must not be, and is now; NULL: nothing */
  int about;         /* a number that belongs to the name: of an object. -1: none */
} search_said;

enum { SEARCH_STATE_MOST = 320 };

typedef struct search_system {
  size_t bytes; /* of a state; a multiple of 8, at most SEARCH_STATE_MOST. Bytes that mean nothing are 0 */
  unsigned threads;
  void (*first)(void *state);
  search_step (*step)(void *state, unsigned thread, unsigned choice, search_said *said);
  /* What is wrong with a state in which no thread has a step left; NULL: it is as it should be. */
  const char *(*wrong_at_end)(const void *state);
  /* Of states that differ in nothing but who is who, let all become the same one. */
  void (*make_canonical)(void *state);
  /* Write the state to a line, for who reads a counterexample. */
  void (*show)(const void *state, FILE *out);
} search_system;

typedef struct search_result {
  const char *wrong;    /* what was found; NULL: nothing in all states */
  bool complete;        /* all states were looked at; false: something wrong was found before, or there was no room */
  uint64_t states;      /* different ones */
  uint64_t steps;       /* between them */
  uint64_t ends;        /* states in which all threads have ended */
  double interleavings;
  unsigned longest;     /* steps in the longest one */
} search_result;

/* `most_states`: give up when there are more. A state that can be reached from itself is wrong as well: then threads may run in a
 * circle for ever. */
search_result search_all(const search_system *system, uint64_t most_states);

/* A shortest interleaving that leads to something wrong, one step to a line, with the state after it. false: there is none within so
 * many states. */
bool search_print_shortest(const search_system *system, uint64_t most_states, FILE *out);

#endif
