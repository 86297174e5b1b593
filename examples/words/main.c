/* examples/words/main.c - the most frequent words of a text, through a pipeline that holds one line at a time.
 *
 *     words [FILE]...        of standard input, where there are none
 *
 *     chain(lines of each file) -> words -> filter(longer than three letters) -> counts -> sorted -> the first ten
 *
 * The answer goes to standard output; errors, and what is still alive at the end, which is nothing, to standard error. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

enum { TOP = 10, SHORTEST = 4 };

static bool is_long(const void *word) { return ouro_str_length(word) >= SHORTEST; }

/* An ouro_test_fn. */
static int is_wanted(void *context, void *word) {
  (void)context;
  return is_long(word);
}

/* What the walk over the words ends in. For ouro_for_each. */
static int count_word(void *word, void *counts) {
  ouro_ref before = OURO_NULL;
  int64_t times = 0;
  int code = ouro_dict_get(counts, word, &before);
  if (code < 0) return code;
  if (code == 1) {
    code = ouro_int_get(ouro_borrow(before), &times);
    ouro_decref(before);
    if (code) return code;
  }
  OURO_AUTO(ouro_int) after = ouro_int_new(times + 1);
  return ouro_borrow(after) ? ouro_dict_set(counts, word, ouro_borrow(after)) : ouro_code_of_errno(errno);
}

/* An ouro_map_fn: an open file's lines from its name. The pipeline asks for the next file when the one before has come to its end, and that
 * one is closed by then. */
static int lines_of(void *context, void *name, ouro_slot lines) {
  (void)context;
  const char *path = ouro_str_text(name);
  OURO_AUTO(void) made = strcmp(path, "-") == 0 ? ouro_lines_of_file(stdin, OURO_LINES_KEEP) : ouro_lines(path, 0);
  if (ouro_borrow(made)) return ouro_give(lines, ouro_steal(&made));
  perror(path);
  return OURO_ESYSTEM;
}

/* The whole pipeline over a list of names. Each stage holds the one before it, so nobody else has to. */
static int count_all(ouro_list *names, ouro_dict *counts) {
  OURO_AUTO(void) files = ouro_map_c(lines_of, NULL, names);
  OURO_AUTO(void) lines = ouro_borrow(files) ? ouro_flatten(ouro_borrow(files)) : OURO_NULL;
  OURO_AUTO(void) words = ouro_borrow(lines) ? words_new(ouro_borrow(lines)) : OURO_NULL;
  OURO_AUTO(void) wanted = ouro_borrow(words) ? ouro_filter_c(is_wanted, NULL, ouro_borrow(words)) : OURO_NULL;
  return ouro_borrow(wanted) ? ouro_for_each(ouro_borrow(wanted), count_word, counts) : OURO_ENOMEM;
}

/* Tuples of (minus the count, word): in their order, the most frequent comes first, and of equal ones the first of the alphabet. */
static int rank(ouro_dict *counts, ouro_list *ranked) {
  ouro_ref key = OURO_NULL, value = OURO_NULL;
  int code = OURO_OK;
  for (size_t cursor = 0; !code && ouro_dict_next(counts, &cursor, &key, &value) == 1;) {
    OURO_AUTO(ouro_str) word = key;
    OURO_AUTO(ouro_int) count = value;
    int64_t times = 0;
    ouro_int_get(ouro_borrow(count), &times);
    OURO_AUTO(ouro_int) minus = ouro_int_new(-times);
    if (!ouro_borrow(minus)) return ouro_code_of_errno(errno);
    ouro_ref pair = ouro_tuple_of(2, ouro_borrow(minus), ouro_borrow(word));
    if (!ouro_borrow(pair)) return ouro_code_of_errno(errno);
    code = ouro_list_append_move(ranked, pair);
  }
  return code ? code : ouro_list_sort(ranked, NULL, false);
}

static int print_pair(void *pair, void *arg) {
  int64_t minus = 0;
  ouro_int_get(ouro_tuple_at(pair, 0), &minus);
  fprintf(arg, "%7lld  %s\n", (long long)-minus, ouro_str_text(ouro_tuple_at(pair, 1)));
  return OURO_OK;
}

static int print_top(ouro_dict *counts) {
  OURO_AUTO(ouro_list) ranked = ouro_list_new();
  int code = ouro_borrow(ranked) ? rank(counts, ouro_borrow(ranked)) : OURO_ENOMEM;
  OURO_AUTO(void) top = code ? OURO_NULL : ouro_take(ouro_borrow(ranked), TOP);
  if (!ouro_borrow(top)) return code ? code : OURO_ENOMEM;
  printf("%zu words, of %d letters or more\n", ouro_dict_count(counts), SHORTEST);
  return ouro_for_each(ouro_borrow(top), print_pair, stdout);
}

static int list_names(ouro_list *names, int argc, char **argv) {
  int code = OURO_OK;
  for (int i = 1; i < argc && !code; i++) {
    ouro_ref name = ouro_str_from(argv[i]);
    code = ouro_borrow(name) ? ouro_list_append_move(names, name) : ouro_code_of_errno(errno);
  }
  if (argc > 1 || code) return code;
  ouro_ref name = ouro_str_from("-");
  return ouro_borrow(name) ? ouro_list_append_move(names, name) : ouro_code_of_errno(errno);
}

static int run(int argc, char **argv) {
  OURO_AUTO(ouro_list) names = ouro_list_new();
  OURO_AUTO(ouro_dict) counts = ouro_dict_new();
  if (!ouro_borrow(names) || !ouro_borrow(counts)) return OURO_ENOMEM;
  int code = list_names(ouro_borrow(names), argc, argv);
  if (!code) code = count_all(ouro_borrow(names), ouro_borrow(counts));
  return code ? code : print_top(ouro_borrow(counts));
}

static int write_leak(void *arg, const char *text, size_t length) {
  fwrite(text, 1, length, arg);
  return 0;
}

int main(int argc, char **argv) {
  int code = run(argc, argv);
  if (code) fprintf(stderr, "words: %s\n", ouro_strerror(code));
  ptrdiff_t left = ouro_leaks_report(write_leak, stderr);
  return code || left || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
