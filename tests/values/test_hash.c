/* tests/values/test_hash.c - the hash of names is SipHash; that of addresses spreads whatever lies in a row.
 *
 * Linked with: libouro (static), support/support.c, object/objects.c, cmocka. */
#include "values/tables.h"

/* The key and the message of the paper's appendix A. */
static void it_is_the_function_of_the_paper(void **state) {
  (void)state;
  static const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
  unsigned char message[15];
  for (unsigned char i = 0; i < sizeof message; i++) {
    message[i] = i;
  }
  assert_true(ouro__siphash(message, sizeof message, key, 2, 4) == UINT64_C(0xa129ca6149be45e5));
}

/* With one round and three it is what CPython hashes strings with; these are its results where PYTHONHASHSEED is 0. */
static void with_fewer_rounds_it_agrees_with_cpython(void **state) {
  (void)state;
  static const uint64_t zero[2] = {0, 0};
  static const struct {
    const char *text;
    uint64_t hash;
  } known[] = {
      {"a", UINT64_C(4644417185603328019)},
      {"abc", UINT64_C(13851880170939887858)},
      {"abcdefgh", UINT64_C(4574395652268504554)},
      {"The quick brown fox jumps over the lazy dog", UINT64_C(10229494255719302430)},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    assert_true(ouro__hash_name(known[i].text, strlen(known[i].text), zero) == known[i].hash);
  }
}

static void the_key_matters(void **state) {
  (void)state;
  static const uint64_t one[2] = {1, 0};
  static const uint64_t two[2] = {0, 1};
  uint64_t first = ouro__hash_name("abc", 3, one);
  uint64_t second = ouro__hash_name("abc", 3, two);
  assert_true(first != second);
  assert_true(ouro__hash_name("", 0, one) != ouro__hash_name("", 0, two));
}

/* Rows of addresses at any distance fall on a table's cells as thrown dice would: of as many cells as addresses, about 63 % are
 * hit. */
static void addresses_in_a_row_spread(void **state) {
  (void)state;
  enum { CELLS = 4096 };
  static bool hit[CELLS];
  for (unsigned shift = 4; shift < 24; shift++) {
    for (uintptr_t base = 0; base < 2; base++) {
      size_t places = 0;
      memset(hit, 0, sizeof hit);
      for (uintptr_t i = 0; i < CELLS; i++) {
        uintptr_t address = base * UINT64_C(0x7f1234560000) + (i << shift);
        bool *place = &hit[ouro__hash_address((const void *)address) % CELLS];
        places += !*place;
        *place = true;
      }
      TEST_CHECK(places > CELLS * 55 / 100);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_is_the_function_of_the_paper),
      cmocka_unit_test(with_fewer_rounds_it_agrees_with_cpython),
      cmocka_unit_test(the_key_matters),
      cmocka_unit_test(addresses_in_a_row_spread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
