/* tests/model/test_open.c - in no order of the steps of two readers and a writer does a reader see half a change; and in some order it
 * does, with each mistake that is planted in the protocol.
 *
 * test_open FAULT prints a shortest counterexample. Linked with: cmocka. It calls nothing of ouro. */
#include "support/support.h"

#include "open.h"

enum { MOST = 20000000 };

static void no_reader_sees_half_a_change(void **state) {
  (void)state;
  open_set_fault(OPEN_AS_IT_IS);
  search_result result = search_all(&open_system, MOST);
  if (result.wrong) search_print_shortest(&open_system, MOST, stderr);
  assert_null(result.wrong);
  assert_true(result.complete);
  assert_true(result.ends > 0);
  print_message("# %llu states\n", (unsigned long long)result.states);
}

static void every_planted_mistake_is_found(void **state) {
  (void)state;
  for (int fault = OPEN_AS_IT_IS + 1; fault < OPEN_FAULTS; fault++) {
    open_set_fault((open_fault)fault);
    search_result result = search_all(&open_system, MOST);
    if (!result.wrong) print_message("fault %d is not found\n", fault);
    assert_non_null(result.wrong);
  }
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_reader_sees_half_a_change),
      cmocka_unit_test(every_planted_mistake_is_found),
  };
  if (argc < 2) return cmocka_run_group_tests(tests, NULL, NULL);
  open_set_fault((open_fault)strtol(argv[1], NULL, 10));
  return !search_print_shortest(&open_system, MOST, stdout);
}
