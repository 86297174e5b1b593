/* examples/lisp/write.c - values to text. Lists may be as long as they like; what is nested deeper than DEEPEST ends in
 * "...", and so does a list that goes round in a circle. */
#include <string.h>

#include "lisp.h"

enum { DEEPEST = 100 };

static void write_nested(stream *out, word value, bool quoted, int depth);

static void write_integer(stream *out, intptr_t value) {
  char digits[32];
  snprintf(digits, sizeof digits, "%td", value);
  stream_puts(out, digits);
}

static void write_string(stream *out, const string *s, bool quoted) {
  if (!quoted) {
    stream_put(out, s->bytes, s->head.count - 1);
    return;
  }
  stream_puts(out, "\"");
  for (size_t i = 0; i + 1 < s->head.count; i++) {
    char c = s->bytes[i];
    if (c == '"' || c == '\\') stream_puts(out, "\\");
    if (c == '\n')
      stream_puts(out, "\\n");
    else
      stream_put(out, &c, 1);
  }
  stream_puts(out, "\"");
}

static void write_list(stream *out, word list, bool quoted, int depth) {
  size_t count = 0;
  word behind = list;
  stream_puts(out, "(");
  for (;;) {
    write_nested(out, car(list), quoted, depth + 1);
    list = cdr(list);
    if (!is_pair(list)) break;
    stream_puts(out, " ");
    if (++count % 2 == 0) behind = cdr(behind);
    if (list == behind) {
      stream_puts(out, "...)");
      return;
    }
  }
  if (list != NIL) {
    stream_puts(out, " . ");
    write_nested(out, list, quoted, depth + 1);
  }
  stream_puts(out, ")");
}

static void write_vector(stream *out, const vector *v, bool quoted, int depth) {
  stream_puts(out, "#(");
  for (size_t i = 0; i < v->head.count; i++) {
    if (i > 0) stream_puts(out, " ");
    write_nested(out, look(v->items[i]), quoted, depth + 1);
  }
  stream_puts(out, ")");
}

static void write_constant(stream *out, word value) {
  switch (value) {
  case NIL: stream_puts(out, "()"); break;
  case FALSE: stream_puts(out, "#f"); break;
  case TRUE: stream_puts(out, "#t"); break;
  case END: stream_puts(out, "#<end>"); break;
  default: stream_puts(out, "#<unspecified>");
  }
}

/* What has no text of its own: the name of its type, and its own where it has one. */
static void write_other(stream *out, void *object) {
  const ouro_type *type = ouro_type_of(object);
  stream_puts(out, "#<");
  stream_puts(out, type->name);
  if (type == &primitive_type) {
    stream_puts(out, " ");
    stream_puts(out, ((primitive *)object)->name);
  } else if (type == &procedure_type && look(((procedure *)object)->name) != NIL) {
    stream_puts(out, " ");
    write_value(out, look(((procedure *)object)->name), false);
  }
  stream_puts(out, ">");
}

static void write_nested(stream *out, word value, bool quoted, int depth) {
  void *object = object_of(value);
  if (is_integer(value))
    write_integer(out, integer_of(value));
  else if (!object)
    write_constant(out, value);
  else if (is_symbol(value))
    stream_puts(out, ((symbol *)object)->name);
  else if (is_a(value, &string_type))
    write_string(out, object, quoted);
  else if (depth > DEEPEST)
    stream_puts(out, "...");
  else if (is_pair(value))
    write_list(out, value, quoted, depth);
  else if (is_a(value, &vector_type))
    write_vector(out, object, quoted, depth);
  else
    write_other(out, object);
}

void write_value(stream *out, word value, bool quoted) { write_nested(out, value, quoted, 0); }
