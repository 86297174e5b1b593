/* fuzz/json.c - any bytes as JSON: read at once and in pieces, with one verdict and one value; what was read is written, and reads back as
 * the same.
 *
 * The first byte says how long pieces are, and whether there may be many values; the text is behind it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ouro/ouro.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MANY = 0x80, ALL = 0x7f };

static const ouro_json_write_options with_nan = {.flags = OURO_JSON_ALLOW_NAN};

static void must(bool holds) {
  if (!holds) abort();
}

static ouro_str *text_of(void *value) {
  ouro_str *text = ouro_json_text(value, &with_nan);
  must(text != NULL);
  return text;
}

/* The values, and the verdict. */
static int read_pieces(const char *text, size_t bytes, size_t piece, bool many, ouro_list *values) {
  ouro_json_read_options options = {.flags = many ? OURO_JSON_MANY : 0, .depth = 500};
  ouro_json_reader *reader = ouro_json_reader_new(&options);
  void *value = NULL;
  int code = OURO_OK;
  for (size_t at = 0; at < bytes && !code; at += piece) {
    code = ouro_json_reader_feed(reader, text + at, bytes - at < piece ? bytes - at : piece);
  }
  code = ouro_json_reader_finish(reader, &value);
  if (!code && !many) ouro_list_append_move(values, value);
  while (many && ouro_json_reader_next(reader, &value) == 1) ouro_list_append_move(values, value);
  ouro_json_reader_free(reader);
  return code;
}

/* What is written is read as it was written; infinite numbers are not. */
static void must_read_back(void *value) {
  ouro_str *text = text_of(value);
  void *again = NULL;
  if (!ouro_json_parse(ouro_str_text(text), ouro_str_bytes(text), &again, NULL)) {
    ouro_str *twice = text_of(again);
    must(ouro_str_equal(text, twice) && ouro_equal(value, again) == 1);
    ouro_decref(twice);
    ouro_decref(again);
  } else {
    must(strstr(ouro_str_text(text), "Infinity") != NULL);
  }
  ouro_decref(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size) return 0;
  const char *text = (const char *)data + 1;
  size_t bytes = size - 1, piece = (*data & ALL) + 1u;
  ouro_list *whole = ouro_list_new(), *pieces = ouro_list_new();
  int code = read_pieces(text, bytes, bytes + 1, *data & MANY, whole);
  must(read_pieces(text, bytes, piece, *data & MANY, pieces) == code);
  ouro_str *first = text_of(whole), *second = text_of(pieces);
  must(ouro_str_equal(first, second));
  ouro_decref(first);
  ouro_decref(second);
  must_read_back(whole);
  ouro_decref(whole);
  ouro_decref(pieces);
  return 0;
}
