/* examples/words/words.c - the words of lines: a generator.
 *
 * It reads as the loop that it is: for each line, for each word of it, yield the word. What has to outlive a yield, the line and where in
 * it the next word begins, stands in the struct; what the type lists there is seen by the collector, and let go of at the end. */
#include "words.h"

typedef struct words {
  ouro_generator base;
  OURO_OWNED(void) lines; /* an iterable of strings */
  OURO_OWNED(ouro_str) line;
  size_t at; /* a byte of the line */
} words;

static bool is_letter(unsigned char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte >= 0x80;
}

/* The next line: 1; 0: there is none; or a code. */
static int next_line(words *self) {
  ouro_ref line = OURO_NULL;
  int code = ouro_next(ouro_borrow(self->lines), &line);
  if (code != 1) return code;
  if (!ouro_is_str(ouro_borrow(line))) {
    ouro_decref(line);
    return OURO_ETYPE;
  }
  ouro_movref(&self->line, line);
  self->at = 0;
  return 1;
}

/* The next word of the line, `length` bytes from `at` on; 0: there is none. */
static size_t find_word(words *self) {
  const ouro_str *line = ouro_borrow(self->line);
  const char *text = ouro_str_text(line);
  size_t bytes = ouro_str_bytes(line), end;
  while (self->at < bytes && !is_letter((unsigned char)text[self->at])) self->at++;
  for (end = self->at; end < bytes; end++) {
    bool within = text[end] == '\'' && is_letter((unsigned char)text[end + 1]); /* behind the last byte is a NUL */
    if (!within && !is_letter((unsigned char)text[end])) break;
  }
  return end - self->at;
}

/* A new string of the word, which is passed by. */
static ouro_ref take_word(words *self, size_t length) {
  const ouro_str *line = ouro_borrow(self->line);
  OURO_AUTO(ouro_str) word = ouro_str_new(ouro_str_text(line) + self->at, length);
  self->at += length;
  return ouro_borrow(word) ? ouro_str_ascii_lower(ouro_borrow(word)) : OURO_NULL;
}

static int words_step(words *self, ouro_slot item) {
  size_t length;
  int code;
  OURO_GENERATOR_BEGIN(self);
  while ((code = next_line(self)) == 1) {
    while ((length = find_word(self)) > 0) OURO_YIELD(self, item, take_word(self, length));
  }
  if (code < 0) OURO_GENERATOR_FAIL(self, code);
  OURO_GENERATOR_END(self);
}

OURO_GENERATOR_TYPE(words_type, "words", words, words_step, OURO_REFERENCES(offsetof(words, lines), offsetof(words, line)));

ouro_ref words_new(void *lines) {
  ouro_ref made = ouro_generator_new(&words_type);
  if (ouro_borrow(made)) ((words *)ouro_borrow(made))->lines = ouro_newref(lines);
  return made;
}
