/* examples/pipeline/record.c - the types of what flows through the pipeline, and how lines become records. */
#include "record.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- types
 *
 * Texts and chunks own no reference, so the collector never looks at them. Of records and batches it cannot know that they
 * are in no cycle, and with --links they are in one. */

ouro_type text_type = {.name = "text", .size = sizeof(text), .item_size = 1, .flags = OURO_TYPE_ACYCLIC};
ouro_type chunk_type = {.name = "chunk", .size = sizeof(chunk), .item_size = 1, .flags = OURO_TYPE_ACYCLIC};

ouro_type record_type = {
    .name = "record",
    .size = sizeof(record),
    .item_size = sizeof(OURO_OWNED(text)),
    .references = OURO_REFERENCES(offsetof(record, batch)),
    .flags = OURO_TYPE_ITEMS,
};

ouro_type batch_type = {
    .name = "batch",
    .size = sizeof(batch),
    .item_size = sizeof(OURO_OWNED(record)),
    .flags = OURO_TYPE_ITEMS,
};

/* ---------------------------------------------------------------- text */

OURO_OWNED(text) text_new(const char *bytes, size_t length) {
  OURO_OWNED(text) made = ouro_new_var(&text_type, length);
  text *t = ouro_borrow(made);
  if (t && length) memcpy(t->bytes, bytes, length);
  return made;
}

OURO_OWNED(text) text_format(const char *format, ...) {
  char line[1000];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  return text_new(line, length < 0 ? 0 : (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

bool text_is(const text *t, const char *bytes, size_t length) {
  return t->head.count == length && memcmp(t->bytes, bytes, length) == 0;
}

/* ---------------------------------------------------------------- chunk */

/* The end of the line that begins at `at`: its newline, or `end`. */
static const char *line_end(const char *at, const char *end) {
  const char *newline = memchr(at, '\n', (size_t)(end - at));
  return newline ? newline : end;
}

static size_t count_lines(const char *at, const char *end) {
  size_t lines = 0;
  for (; at < end; at = line_end(at, end) + 1) lines++;
  return lines;
}

OURO_OWNED(chunk) chunk_new(const char *bytes, size_t length, size_t first_line) {
  OURO_OWNED(chunk) made = ouro_new_var(&chunk_type, length);
  chunk *c = ouro_borrow(made);
  if (!c) return OURO_NULL;
  memcpy(c->bytes, bytes, length);
  c->first_line = first_line;
  c->lines = count_lines(bytes, bytes + length);
  return made;
}

/* ---------------------------------------------------------------- parsing */

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* The next field at or behind *at, as bytes; *at is behind it then. 0: there is none. */
static size_t next_field(const char **at, const char *end, const char **field) {
  while (*at < end && is_blank(**at)) ++*at;
  *field = *at;
  while (*at < end && !is_blank(**at)) ++*at;
  return (size_t)(*at - *field);
}

static size_t count_fields(const char *at, const char *end) {
  const char *field;
  size_t fields = 0;
  while (next_field(&at, end, &field)) fields++;
  return fields;
}

static OURO_OWNED(record) parse_line(const char *at, const char *end) {
  OURO_AUTO(record) made = ouro_new_var(&record_type, count_fields(at, end));
  record *r = ouro_borrow(made);
  if (!r) return OURO_NULL;
  r->length = (size_t)(end - at);
  for (size_t i = 0; i < r->head.count; i++) {
    const char *field;
    size_t length = next_field(&at, end, &field);
    ouro_movref(&r->field[i], text_new(field, length));
    /* `made` is released here, with the fields that it has already. */
    if (!ouro_borrow(r->field[i])) return OURO_NULL;
  }
  return ouro_steal(&made);
}

/* A thread that parses makes objects in a long loop: at each line it can be stopped, and collects where that is due.
 * All that must live on is held: the batch by `made`, the chunk by the caller. */
OURO_OWNED(batch) batch_parse(const chunk *c, bool links) {
  const char *at = c->bytes, *end = c->bytes + c->head.count;
  OURO_AUTO(batch) made = ouro_new_var(&batch_type, c->lines);
  batch *b = ouro_borrow(made);
  for (size_t i = 0; b && i < c->lines; i++) {
    const char *newline = line_end(at, end);
    ouro_movref(&b->record[i], parse_line(at, newline));
    record *r = ouro_borrow(b->record[i]);
    if (!r) return OURO_NULL;
    r->line = c->first_line + i;
    if (links) ouro_setref(&r->batch, b);
    at = newline + 1;
    ouro_safepoint();
  }
  return ouro_steal(&made);
}
