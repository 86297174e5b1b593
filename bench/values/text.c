/* text.c - strings: joined, found in, split, put together, replaced in.
 *
 * Arguments: rounds. Prints NAME_ns. */
#include "values.h"

int main(int argc, char **argv) {
  size_t rounds = work_number(argc, argv, 1, 20000);
  system_start();
#ifdef HAS_TEXT
  enum { WORDS = 100 };
  value list = v_list(), comma = v_str(", ", 2), what = v_str("key99", 5), other = v_str("another", 7);
  char text[32];
  for (uint64_t i = 0; i < WORDS; i++) {
    value word = v_str(text, name_of(i, text));
    v_list_append(list, word);
    v_drop(word);
  }
  value joined = v_join(comma, list);
  EACH_NS("join_ns", rounds * WORDS, for (size_t i = 0; i < rounds; i++) v_drop(v_join(comma, list)));
  EACH_NS("split_ns", rounds * WORDS, for (size_t i = 0; i < rounds; i++) v_drop(v_split(joined, comma)));
  ptrdiff_t at = 0;
  EACH_NS("find_ns", rounds, for (size_t i = 0; i < rounds; i++) at += v_find(joined, what));
  if (at <= 0) work_fail("not found");
  EACH_NS("replace_ns", rounds, for (size_t i = 0; i < rounds; i++) v_drop(v_replace(joined, what, other)));
  EACH_NS("concat_ns", rounds * WORDS, for (size_t i = 0; i < rounds * WORDS; i++) v_drop(v_concat(what, other)));
  v_drop(joined);
  v_drop(list);
  v_drop(comma);
  v_drop(what);
  v_drop(other);
#endif
  return 0;
}
