/* tests/model/test_model.c - all interleavings of small programs of three threads keep the counts right, and every mistake that is planted
 * in the protocol is found.
 *
 * test_model SYSTEM [FAULT] searches one, by their numbers, and prints a shortest counterexample.
 * Linked with: cmocka. It calls nothing of ouro: it is about the protocol, not the code. */
#include "support/support.h"

#include <string.h>

#include "protocol.h"

/* ---------------------------------------------------------------- the systems */

enum {
  ONE, GIVEN, QUEUED_AND_MERGED, FINAL, SLOT, WEAK, WEAK_MADE, WEAK_GIVEN, WEAK_SOLE, WEAK_FINAL, DEEP, DEEP_FINAL, SOLE, SOLE_FINAL,
  SOLE_LATE, /* also under sanitizers */
  WHOLE, LENT, TWO_OF_ONE, TWO_OF_TWO, STOPPED, SYSTEMS
};

static const model_bounds systems[SYSTEMS] = {
    [ONE] = {.name = "an object, each reference counted by who holds it",
             .owner = {1}, .references = {{1}, {1}, {1}}, .most = 2, .moves = {2, 1, 1}, .alike = true,
             .increfs = true, .gives = true, .blocks = true},
    [GIVEN] = {.name = "an object, all references counted by its owner",
               .owner = {1}, .references = {{1}, {1}, {1}}, .counted_by_owner = true, .most = 2, .moves = {1, 1, 1}, .alike = true,
               .increfs = true, .gives = true, .blocks = true},
    [QUEUED_AND_MERGED] = {.name = "an object that can be merged while it waits in a queue",
                           .owner = {1}, .references = {{1}, {1}, {1}}, .counted_by_owner = true, .most = 2, .moves = {0, 0, 4},
                           .increfs = true, .gives = true},
    [FINAL] = {.name = "an object whose finalizer may keep it, or give it away",
               .owner = {1}, .references = {{1}, {1}, {1}}, .most = 1, .moves = {1, 1, 1}, .alike = true,
               .gives = true, .blocks = true, .finalizer = {true}},
    [SLOT] = {.name = "an object that refers to one of another thread",
              .owner = {1, 2}, .references = {{1, 0}, {1, 1}, {0, 1}}, .most = 1, .moves = {1, 1, 1},
              .blocks = true, .slot = true},
    [WEAK] = {.name = "an object with a weak reference",
              .owner = {1}, .references = {{1}, {1}, {0}}, .watched = {true}, .most = 2, .moves = {1, 1, 2},
              .blocks = true, .tries = true, .forgets = true},
    [WEAK_MADE] = {.name = "an object to which a weak reference is made",
                   .owner = {1}, .references = {{1}, {1}, {1}}, .most = 2, .moves = {1, 1, 1}, .alike = true,
                   .blocks = true, .refers = true, .tries = true, .forgets = true},
    [WEAK_GIVEN] = {.name = "an object with a weak reference, all references counted by its owner",
                    .owner = {1}, .references = {{0}, {1}, {1}}, .counted_by_owner = true, .watched = {true}, .most = 2,
                    .moves = {1, 1, 1}, .alike = true, .blocks = true, .tries = true, .forgets = true},
    [WEAK_SOLE] = {.name = "an object with a weak reference, given away by its owner",
                   .owner = {1}, .references = {{1}, {1}, {0}}, .counted_by_owner = true, .watched = {true}, .most = 2,
                   .moves = {1, 0, 2}, .tries = true, .forgets = true, .blocks = true},
    [WEAK_FINAL] = {.name = "an object with a weak reference and a finalizer that may keep it",
                    .owner = {1}, .references = {{1}, {1}, {0}}, .watched = {true}, .most = 1, .moves = {0, 1, 2},
                    .blocks = true, .tries = true, .forgets = true, .finalizer = {true}},
    [DEEP] = {.name = "an object that refers to one with a weak reference, which lies too deep",
              .owner = {1, 1}, .references = {{1, 1}, {1, 0}, {0, 1}}, .watched = {false, true}, .most = 1, .moves = {0, 1, 1},
              .blocks = true, .tries = true, .forgets = true, .slot = true, .deep = true},
    [DEEP_FINAL] = {.name = "an object that refers to one with a finalizer, which lies too deep",
                    .owner = {1, 2}, .references = {{1, 0}, {0, 0}, {0, 1}}, .finalizer = {false, true}, .most = 1, .moves = {1, 1, 1},
                    .blocks = true, .slot = true, .deep = true},
    [SOLE] = {.name = "an object, all references counted by its owner, and taken by each other",
              .owner = {1}, .references = {{1}, {1}, {1}}, .counted_by_owner = true, .most = 2, .moves = {1, 0, 2},
              .increfs = true, .gives = true, .borrows = true},
    [SOLE_FINAL] = {.name = "an object that was given away, with a finalizer that may keep it, or give it away",
                    .owner = {1}, .references = {{0}, {1}, {1}}, .counted_by_owner = true, .most = 1, .moves = {1, 1, 1}, .alike = true,
                    .gives = true, .blocks = true, .borrows = true, .finalizer = {true}},
    [SOLE_LATE] = {.name = "an object, all references counted by its owner, whose stores are seen late",
                   .owner = {1}, .references = {{1}, {1}, {1}}, .counted_by_owner = true, .most = 2, .moves = {2, 0, 1},
                   .increfs = true, .gives = true, .borrows = true, .late_stores = true},
    [WHOLE] = {.name = "an object that is given away, and takes another with it",
               .owner = {1, 1}, .references = {{1, 0}, {1, 0}, {0, 0}}, .counted_by_owner = true, .most = 1, .moves = {1, 1, 1},
               .gives = true, .blocks = true, .borrows = true, .slot = true, .late_stores = true},
    [LENT] = {.name = "an object that one of another thread refers to, and threads take references by that",
              .owner = {2, 1}, .references = {{1, 0}, {1, 0}, {1, 0}}, .counted_by_owner = true, .most = 1, .moves = {1, 1, 1},
              .borrows = true, .slot = true},
    [TWO_OF_ONE] = {.name = "two objects of one owner, whose queue others fill",
                    .owner = {1, 1}, .references = {{1, 1}, {1, 0}, {0, 1}}, .counted_by_owner = true, .most = 1, .moves = {1, 1, 1},
                    .blocks = true},
    [TWO_OF_TWO] = {.name = "two objects of two owners, each with references to both",
                    .owner = {1, 2}, .references = {{1, 1}, {1, 1}, {0, 0}}, .counted_by_owner = true, .most = 1, .moves = {1, 1, 0},
                    .gives = true, .blocks = true},
    [STOPPED] = {.name = "an object while a thread stops the world, or tries to",
                 .owner = {1}, .references = {{1}, {1}, {1}}, .counted_by_owner = true, .most = 1, .moves = {1, 1, 1},
                 .blocks = true, .stops = true},
};

/* Where each fault shows. */
static const int shown_by[MODEL_FAULTS] = {
    [FAULT_WORD_AFTER_CAS] = ONE,
    [FAULT_MERGE_READS_ONCE] = ONE,
    [FAULT_NO_WAIT_FOR_MERGE] = ONE,
    [FAULT_QUEUE_HOLDS_NOTHING] = TWO_OF_ONE,
    [FAULT_PLAIN_SUBTRACTION] = ONE,
    [FAULT_DRAIN_IGNORES_OWNER] = QUEUED_AND_MERGED,
    [FAULT_TRY_WITHOUT_WATCH] = WEAK,
    [FAULT_DEATH_WITHOUT_WATCH] = WEAK,
    [FAULT_PUT_AND_FORGET] = GIVEN,
    [FAULT_OUT_AND_FORGET] = GIVEN,
    [FAULT_START_AND_FORGET] = STOPPED,
    [FAULT_TAKE_WITHOUT_CAS] = GIVEN,
    [FAULT_LET_GO_AND_FORGET] = TWO_OF_ONE,
    [FAULT_MERGED_MAY_RISE] = WEAK,
    [FAULT_COUNT_STAYS_SPLIT] = ONE,
    [FAULT_NOT_DYING] = WEAK,
    [FAULT_NOT_DISOWNED] = WEAK,
    [FAULT_PLAIN_WORD] = WEAK,
    [FAULT_WAY_BACK] = WEAK,
    [FAULT_SOLE_COUNT_FIRST] = SOLE,
    [FAULT_SOLE_SHARED_FIRST] = SOLE,
    [FAULT_SOLE_SHARED_TWICE] = SOLE,
    [FAULT_SOLE_THOUGH_WATCHED] = WEAK_SOLE,
    [FAULT_SOLE_TOO_LATE] = SOLE_FINAL,
    [FAULT_STORE_BEFORE_USE] = SOLE,
    [FAULT_LOAN_ENDS_EARLY] = SOLE_LATE,
};

enum { MOST_STATES = 8000000, MOST_TO_PRINT = 3000000 };

/* ---------------------------------------------------------------- searching */

static search_result search_one(int number, model_fault fault, model_bounds *bounds, search_system *system) {
  *bounds = systems[number];
  bounds->fault = fault;
  *system = model_of(bounds);
  return search_all(system, MOST_STATES);
}

static void say(const model_bounds *bounds, const search_result *result) {
  printf("# %s: %llu states, %llu steps between them, %.2g interleavings of up to %u steps\n", bounds->name,
         (unsigned long long)result->states, (unsigned long long)result->steps, result->interleavings, result->longest);
}

static void keeps_the_counts_right(void **state) {
  model_bounds bounds;
  search_system system;
  search_result result = search_one((int)(uintptr_t)*state, FAULT_NONE, &bounds, &system);
  say(&bounds, &result);
  if (result.wrong) {
    printf("# WRONG: %s\n", result.wrong);
    search_print_shortest(&system, MOST_TO_PRINT, stdout);
  }
  assert_null(result.wrong);
  assert_true(result.complete);
  assert_true(result.ends > 0 && result.states > 1000);
}

static void is_found(void **state) {
  model_fault fault = (model_fault)(uintptr_t)*state;
  model_bounds bounds;
  search_system system;
  search_result result = search_one(shown_by[fault], fault, &bounds, &system);
  printf("# %s: after %llu states: %s\n", model_fault_names[fault], (unsigned long long)result.states,
         result.wrong ? result.wrong : "nothing");
  assert_non_null(result.wrong);
  assert_null(strstr(result.wrong, "the model:"));
}

/* It could be left out: an object whose only reference is its queue's is released by nobody else. */
static void makes_no_difference(void **state) {
  model_bounds bounds;
  search_system system;
  uint64_t states = search_one(QUEUED_AND_MERGED, FAULT_NONE, &bounds, &system).states;
  search_result result = search_one(QUEUED_AND_MERGED, (model_fault)(uintptr_t)*state, &bounds, &system);
  assert_null(result.wrong);
  assert_true(result.complete && result.states == states);
}

/* The way that is printed leads to what is wrong. */
static void a_counterexample_can_be_printed(void **state) {
  (void)state;
  model_bounds bounds = systems[ONE];
  bounds.fault = FAULT_COUNT_STAYS_SPLIT;
  search_system system = model_of(&bounds);
  char text[1 << 14] = "";
  FILE *out = fmemopen(text, sizeof text - 1, "w");
  assert_non_null(out);
  assert_true(search_print_shortest(&system, MOST_TO_PRINT, out));
  fclose(out);
  assert_non_null(strstr(text, "ouro__merge: CAS shared"));
  assert_non_null(strstr(text, "WRONG: "));
  bounds.fault = FAULT_NONE;
  system = model_of(&bounds);
  assert_false(search_print_shortest(&system, 1000, stdout));
}

static int search_by_hand(int number, int fault) {
  model_bounds bounds;
  search_system system;
  if (number < 0 || number >= SYSTEMS || fault < 0 || fault >= MODEL_VARIANTS) return 2;
  search_result result = search_one(number, (model_fault)fault, &bounds, &system);
  say(&bounds, &result);
  printf("# broken: %s\n# found: %s\n", model_fault_names[fault], result.wrong ? result.wrong : "nothing");
  return result.wrong && search_print_shortest(&system, MOST_TO_PRINT, stdout);
}

/* Under a sanitizer, the largest systems are left out. */
static bool is_wanted(int number) { return !(TEST_ASAN || TEST_TSAN) || number < WHOLE; }

int main(int argc, char **argv) {
  struct CMUnitTest tests[SYSTEMS + MODEL_VARIANTS + 1];
  size_t count = 0;
  if (argc > 1) return search_by_hand(atoi(argv[1]), argc > 2 ? atoi(argv[2]) : 0);
  for (int i = 0; i < SYSTEMS; i++) {
    if (is_wanted(i)) tests[count++] = (struct CMUnitTest){systems[i].name, keeps_the_counts_right, NULL, NULL, (void *)(uintptr_t)i};
  }
  for (int i = FAULT_NONE + 1; i < MODEL_FAULTS; i++) {
    tests[count++] = (struct CMUnitTest){model_fault_names[i], is_found, NULL, NULL, (void *)(uintptr_t)i};
  }
  for (int i = MODEL_FAULTS; i < MODEL_VARIANTS; i++) {
    tests[count++] = (struct CMUnitTest){model_fault_names[i], makes_no_difference, NULL, NULL, (void *)(uintptr_t)i};
  }
  tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_counterexample_can_be_printed);
  return _cmocka_run_group_tests("the model of counts", tests, count, NULL, NULL);
}
