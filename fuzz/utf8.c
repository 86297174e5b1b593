/* fuzz/utf8.c - any bytes as a string: valid just where a plain reading of the Unicode standard says so (table 3-7), and where it is, as
 * long, and of the code points, that such a reading says. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ouro/ouro.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds) abort();
}

/* The code point at `at`, and behind it; -1: there is none. */
static int32_t decode(const uint8_t *data, size_t size, size_t *at) {
  static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
  uint8_t lead = data[*at];
  int more = lead < 0x80 ? 0 : lead >= 0xc0 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf8 ? 3 : -1;
  if (more < 0 || size - *at <= (size_t)more) return -1;
  int32_t point = more ? lead & (0x3f >> more) : lead;
  for (int i = 1; i <= more; i++) {
    uint8_t byte = data[*at + (size_t)i];
    if ((byte & 0xc0) != 0x80) return -1;
    point = point << 6 | (byte & 0x3f);
  }
  *at += (size_t)more + 1;
  bool good = point >= least[more] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  return good ? point : -1;
}

/* Where the first wrong sequence begins; `size`: nowhere. */
static size_t first_wrong(const uint8_t *data, size_t size, size_t *points) {
  *points = 0;
  for (size_t at = 0, begin = 0; at < size; begin = at, ++*points) {
    if (decode(data, size, &at) < 0) return begin;
  }
  return size;
}

static void must_be(ouro_str *str, const uint8_t *data, size_t size) {
  size_t cursor = 0, at = 0;
  uint32_t point;
  while (ouro_str_next(str, &cursor, &point) == 1) {
    must(at < size && decode(data, size, &at) == (int32_t)point);
  }
  must(at == size);
}

/* Slices, their concatenation and the repr of it are strings as well. */
static void use(ouro_str *str, size_t points) {
  ptrdiff_t middle = (ptrdiff_t)(points / 2);
  ouro_str *first = ouro_str_slice(str, 0, middle, 1), *second = ouro_str_slice(str, middle, PTRDIFF_MAX, 1);
  ouro_str *both = ouro_str_concat(first, second), *shown = ouro_repr(both);
  must(ouro_str_equal(both, str) && ouro_str_length(first) == points / 2);
  must(ouro_utf8_is_valid(ouro_str_text(shown), ouro_str_bytes(shown), NULL));
  ouro_decref(first);
  ouro_decref(second);
  ouro_decref(both);
  ouro_decref(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t points, where = SIZE_MAX, wrong = first_wrong(data, size, &points);
  const char *text = size ? (const char *)data : "";
  bool valid = ouro_utf8_is_valid(text, size, &where);
  must(valid == (wrong == size) && (valid || where == wrong));
  errno = 0;
  ouro_str *str = ouro_str_new(text, size);
  must(str ? valid : !valid && errno == EILSEQ);
  if (!str) return 0;
  must(ouro_str_length(str) == points && memcmp(ouro_str_text(str), text, size) == 0);
  must_be(str, data, size);
  use(str, points);
  ouro_decref(str);
  return 0;
}
