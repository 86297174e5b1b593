/* values/json_text.c - what yajl lets pass, found before it sees it: vertical tabs and form feeds, which it takes for white space, and
 * halves of surrogate pairs, which it turns into a '?', or into bytes that are no UTF-8; and a piece's newlines, for positions.
 *
 * Every piece of text is looked through once for bytes of a few kinds, 16 at a time; a text without escapes needs no more than that.
 * Whether a byte is within a string does not matter: a backslash outside of one is an error that comes before whatever seems to be wrong
 * behind it, and a form feed is wrong anywhere. */
#include <string.h>

#include "values/json.h"

enum {
  LANES = 16,
  ROUNDS = 255, /* then a lane that counts is full */
  DIGITS = 4,   /* of \u1234 */
};

/* Compilers do without such registers where there are none. */
typedef uint8_t lanes __attribute__((vector_size(LANES)));

typedef struct kinds {
  size_t lines;
  bool feeds, backslashes;
} kinds;

/* ---------------------------------------------------------------- one look at all bytes */

static bool any(lanes set) {
  uint64_t words[LANES / sizeof(uint64_t)];
  memcpy(words, &set, sizeof words);
  return (words[0] | words[1]) != 0;
}

static size_t sum(lanes counts) {
  size_t total = 0;
  for (int i = 0; i < LANES; i++) {
    total += counts[i];
  }
  return total;
}

/* ROUNDS times LANES bytes at most. */
static void look_at_block(const char *text, size_t rounds, kinds *found) {
  lanes lines = {0}, feeds = {0}, backslashes = {0}, now;
  for (size_t i = 0; i < rounds; i++) {
    memcpy(&now, text + i * LANES, LANES);
    lines -= (lanes)(now == '\n'); /* what is true has all bits set: -1 */
    feeds |= (lanes)(now == '\v') | (lanes)(now == '\f');
    backslashes |= (lanes)(now == '\\');
  }
  found->lines += sum(lines);
  found->feeds |= any(feeds);
  found->backslashes |= any(backslashes);
}

static kinds look_at_all(const char *text, size_t bytes) {
  kinds found = {0};
  size_t rounds = bytes / LANES;
  for (size_t done = 0; done < rounds; done += ROUNDS) {
    look_at_block(text + done * LANES, rounds - done < ROUNDS ? rounds - done : ROUNDS, &found);
  }
  for (size_t i = rounds * LANES; i < bytes; i++) {
    found.lines += text[i] == '\n';
    found.feeds |= text[i] == '\v' || text[i] == '\f';
    found.backslashes |= text[i] == '\\';
  }
  return found;
}

static size_t first_feed(const char *text, size_t bytes) {
  size_t at = 0;
  while (at < bytes && text[at] != '\v' && text[at] != '\f') at++;
  return at;
}

/* ---------------------------------------------------------------- escapes
 *
 * What is no escape at all (\x, \u12g4) is left to yajl; here it ends the escape. */

static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 'a' - 'A';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits are there: false where they say the half that must not be here. */
static bool digits_end(ouro__json_escape *escape) {
  bool high = (escape->value & 0xfc00) == 0xd800, low = (escape->value & 0xfc00) == 0xdc00;
  bool fits = escape->second ? low : !low;
  escape->state = high && !escape->second ? OURO__NEEDS_BACKSLASH : OURO__NO_ESCAPE;
  escape->second = high;
  return fits;
}

static bool step_digit(ouro__json_escape *escape, char c) {
  int digit = digit_of(c);
  if (digit < 0) {
    *escape = (ouro__json_escape){0};
    return true;
  }
  escape->value = escape->value << 4 | (unsigned)digit;
  return ++escape->digits < DIGITS || digits_end(escape);
}

/* One byte within an escape; false: it is wrong. */
static bool step(ouro__json_escape *escape, char c) {
  switch (escape->state) {
    case OURO__IN_DIGITS: return step_digit(escape, c);
    case OURO__NEEDS_BACKSLASH: escape->state = OURO__NEEDS_U; return c == '\\';
    case OURO__NEEDS_U:
      if (c != 'u') return false;
      *escape = (ouro__json_escape){.state = OURO__IN_DIGITS, .second = true};
      return true;
    default: *escape = (ouro__json_escape){.state = c == 'u' ? OURO__IN_DIGITS : OURO__NO_ESCAPE}; return true;
  }
}

/* Bytes before the first that is wrong among escapes. */
static size_t good_escapes(ouro__json_escape *escape, const char *text, size_t bytes) {
  for (size_t at = 0; at < bytes;) {
    if (escape->state != OURO__NO_ESCAPE) {
      if (!step(escape, text[at])) return at;
      at++;
      continue;
    }
    const char *next = memchr(text + at, '\\', bytes - at);
    if (!next) return bytes;
    escape->state = OURO__AFTER_BACKSLASH;
    at = (size_t)(next - text) + 1;
  }
  return bytes;
}

/* ---------------------------------------------------------------- all of it */

ouro__json_survey ouro__json_look(ouro__json_escape *escape, const char *text, size_t bytes) {
  kinds found = look_at_all(text, bytes);
  ouro__json_survey survey = {.good = bytes, .lines = found.lines};
  if (OURO_UNLIKELY(found.feeds)) {
    survey.good = first_feed(text, bytes);
    survey.code = OURO_ESYNTAX;
    survey.why = "this byte is no white space in JSON";
  }
  if (!found.backslashes && escape->state == OURO__NO_ESCAPE) return survey;
  size_t good = good_escapes(escape, text, survey.good);
  if (OURO_UNLIKELY(good < survey.good)) {
    survey.good = good;
    survey.code = OURO_EUTF8;
    survey.why = "half of a surrogate pair";
  }
  return survey;
}
