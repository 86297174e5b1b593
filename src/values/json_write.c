/* values/json_write.c - values to JSON.
 *
 * A value that is being written is a LEVEL of an array, not of the C stack: a list, a tuple or a dict, and how far it is written. The text
 * goes through a small array, so that `write` is called for some thousand bytes at a time.
 *
 * I-WRITE-1  a level holds what it writes; an item is held by whoever has it on his stack, until it becomes a level
 * I-WRITE-2  once `code` is set, nothing more is emitted, and the loop ends */
#include <math.h>
#include <string.h>

#include <ouro/bytes.h>
#include <ouro/dict.h>
#include <ouro/heap.h>
#include <ouro/json.h>
#include <ouro/list.h>

#include "values/number.h"
#include "values/str.h"

enum {
  TEXT = 4096,
  LEAST_LEVELS = 16,
  INT_TEXT = 24, /* of 64 bits, with a sign */
};

typedef enum value_kind { NOTHING, WORD, INT, FLOAT, STR, LIST, TUPLE, DICT } value_kind;

typedef struct open_value {
  void *object;
  ouro_list *keys; /* of a dict whose keys are sorted; or NULL */
  size_t cursor;
  value_kind kind;
  bool any; /* an item is written already */
} open_value;

typedef struct text_writer {
  ouro_json_write_options options;
  ouro_json_write_fn write;
  void *arg;
  int code;
  open_value *levels;
  size_t depth, room;
  size_t count; /* of the text that waits */
  char text[TEXT];
} text_writer;

/* ---------------------------------------------------------------- text */

static void set_code(text_writer *writer, int code) {
  if (!writer->code) writer->code = code > 0 ? OURO_ESTOP : code;
}

static void hand_out(text_writer *writer, const char *text, size_t bytes) {
  if (!writer->code && bytes) set_code(writer, writer->write(writer->arg, text, bytes));
}

static void flush(text_writer *writer) {
  size_t count = writer->count;
  writer->count = 0;
  hand_out(writer, writer->text, count);
  ouro_safepoint();
}

static void emit(text_writer *writer, const char *text, size_t bytes) {
  if (OURO_UNLIKELY(bytes > TEXT - writer->count)) flush(writer);
  if (OURO_UNLIKELY(bytes > TEXT)) {
    hand_out(writer, text, bytes);
    return;
  }
  memcpy(writer->text + writer->count, text, bytes);
  writer->count += bytes;
}

static void emit_char(text_writer *writer, char c) { emit(writer, &c, 1); }

static void emit_text(text_writer *writer, const char *text) { emit(writer, text, strlen(text)); }

/* Where lines are wanted: the next one begins. */
static void emit_line(text_writer *writer, size_t depth) {
  static const char spaces[] = "                                ";
  if (!writer->options.indent) return;
  emit_char(writer, '\n');
  for (size_t left = depth * writer->options.indent, now; left && !writer->code; left -= now) {
    now = left < sizeof spaces - 1 ? left : sizeof spaces - 1;
    emit(writer, spaces, now);
  }
}

/* ---------------------------------------------------------------- strings */

static void emit_unit(text_writer *writer, uint32_t unit) {
  static const char digits[] = "0123456789abcdef";
  char text[] = {'\\', 'u', digits[unit >> 12 & 15], digits[unit >> 8 & 15], digits[unit >> 4 & 15], digits[unit & 15]};
  emit(writer, text, sizeof text);
}

/* As UTF-16. */
static void emit_point(text_writer *writer, uint32_t point) {
  if (point < 0x10000) {
    emit_unit(writer, point);
  } else {
    emit_unit(writer, 0xd800 + ((point - 0x10000) >> 10));
    emit_unit(writer, 0xdc00 + ((point - 0x10000) & 0x3ff));
  }
}

static void emit_escape(text_writer *writer, uint32_t point) {
  switch (point) {
    case '"': emit_text(writer, "\\\""); break;
    case '\\': emit_text(writer, "\\\\"); break;
    case '\b': emit_text(writer, "\\b"); break;
    case '\f': emit_text(writer, "\\f"); break;
    case '\n': emit_text(writer, "\\n"); break;
    case '\r': emit_text(writer, "\\r"); break;
    case '\t': emit_text(writer, "\\t"); break;
    default: emit_point(writer, point);
  }
}

/* ASCII alone leaves DEL out as well, as Python does. */
static bool is_plain(char c, bool ascii) {
  unsigned char byte = (unsigned char)c;
  return byte >= ' ' && byte != '"' && byte != '\\' && (byte < 0x7f || !ascii);
}

static void emit_str(text_writer *writer, const ouro_str *str) {
  const char *at = ouro_str_text(str), *end = ouro__str_end(str);
  bool ascii = writer->options.flags & OURO_JSON_ASCII;
  emit_char(writer, '"');
  while (at < end) {
    const char *plain = at;
    while (at < end && is_plain(*at, ascii)) at++;
    emit(writer, plain, (size_t)(at - plain));
    if (at < end) emit_escape(writer, ouro__utf8_next(&at));
  }
  emit_char(writer, '"');
}

/* ---------------------------------------------------------------- numbers, words */

static void emit_int(text_writer *writer, const void *object) {
  if (OURO_LIKELY(ouro__int_is_small(object))) {
    char text[INT_TEXT], *end = text + sizeof text;
    int64_t value = ouro__int_value(object);
    char *begin = ouro__digits_before(end, ouro__magnitude(value), 10);
    if (value < 0) *--begin = '-';
    emit(writer, begin, (size_t)(end - begin));
    return;
  }
  ouro_buffer digits = OURO_BUFFER_ON_STACK;
  int code = ouro_int_into(object, 10, &digits);
  if (code) set_code(writer, code);
  else emit(writer, ouro_buffer_data(&digits), ouro_buffer_count(&digits));
  ouro_buffer_done(&digits);
}

static void emit_float(text_writer *writer, double value) {
  char text[OURO_DOUBLE_TEXT];
  if (OURO_LIKELY(isfinite(value))) emit(writer, text, ouro_double_text(value, text));
  else if (!(writer->options.flags & OURO_JSON_ALLOW_NAN)) set_code(writer, OURO_ERANGE);
  else emit_text(writer, isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
}

static void emit_word(text_writer *writer, const void *object) {
  emit_text(writer, object == ouro_none ? "null" : object == ouro_true ? "true" : "false");
}

/* ---------------------------------------------------------------- values */

/* Also of types that are derived from these. */
static value_kind kind_of(const void *object) {
  if (ouro_is_str(object)) return STR;
  if (ouro_is_int(object)) return INT;
  if (ouro_is_list(object)) return LIST;
  if (ouro_is_dict(object)) return DICT;
  if (ouro_is_float(object)) return FLOAT;
  if (ouro_is_none(object) || ouro_is_bool(object)) return WORD;
  return ouro_is_tuple(object) ? TUPLE : NOTHING;
}

static size_t deepest(const text_writer *writer) { return writer->options.depth ? writer->options.depth : OURO_JSON_DEPTH; }

/* What the program has for it, in its place, until that is something: the slot owns what it holds. */
static value_kind convert(text_writer *writer, void **object) {
  value_kind kind = kind_of(*object);
  for (size_t times = 0; kind == NOTHING && !writer->code; times++) {
    void *other = NULL;
    int code = !writer->options.convert ? OURO_ETYPE : times == deepest(writer) ? OURO_EDEEP
               : writer->options.convert(writer->options.convert_arg, *object, &other);
    if (!code && !other) code = OURO_EINVAL;
    if (code) set_code(writer, code);
    else ouro_movref(object, other);
    if (!code) kind = kind_of(*object);
  }
  return kind;
}

static bool room_for_level(text_writer *writer) {
  if (writer->depth < writer->room) return true;
  size_t room = writer->room ? writer->room * 2 : LEAST_LEVELS;
  open_value *levels = ouro_realloc(writer->levels, room * sizeof *levels);
  if (!levels) return false;
  writer->levels = levels;
  writer->room = room;
  return true;
}

static ouro_list *sorted_keys(text_writer *writer, ouro_dict *dict) {
  ouro_list *keys = ouro_dict_keys(dict);
  int code = keys ? ouro_list_sort(keys, NULL, false) : ouro__code();
  if (!code) return keys;
  set_code(writer, code);
  ouro_xdecref(keys);
  return NULL;
}

/* Takes over `object`, also when it fails. */
static void open_level(text_writer *writer, void *object, value_kind kind) {
  if (writer->depth == deepest(writer)) set_code(writer, OURO_EDEEP);
  else if (!room_for_level(writer)) set_code(writer, OURO_ENOMEM);
  bool sorts = kind == DICT && writer->options.flags & OURO_JSON_SORT_KEYS && !writer->code;
  ouro_list *keys = sorts ? sorted_keys(writer, object) : NULL;
  if (writer->code) {
    ouro_decref(object);
    return;
  }
  writer->levels[writer->depth++] = (open_value){.object = object, .keys = keys, .kind = kind};
  emit_char(writer, kind == DICT ? '{' : '[');
}

static void close_level(text_writer *writer) {
  open_value level = writer->levels[--writer->depth];
  if (level.any) emit_line(writer, writer->depth);
  emit_char(writer, level.kind == DICT ? '}' : ']');
  ouro_xdecref(level.keys);
  ouro_decref(level.object);
}

/* Takes over `object`. */
static void write_value(text_writer *writer, void *object) {
  value_kind kind = convert(writer, &object);
  if (kind >= LIST) {
    open_level(writer, object, kind);
    return;
  }
  switch (kind) {
    case STR: emit_str(writer, object); break;
    case INT: emit_int(writer, object); break;
    case FLOAT: emit_float(writer, ouro_float_value(object)); break;
    case WORD: emit_word(writer, object); break;
    default: break;
  }
  ouro_decref(object);
}

/* ---------------------------------------------------------------- lists and dicts, item after item
 *
 * 1: *key (of a dict) and *value are the next ones, new; 0: there are none; or a code. */

static int next_of_sorted(open_value *level, void **key, void **value) {
  int there = ouro_list_next(level->keys, &level->cursor, key);
  if (there != 1) return there;
  int found = ouro_dict_get(level->object, *key, value);
  if (found == 1) return 1;
  ouro_decref(*key);
  return found ? found : OURO_ECHANGED;
}

static int next_of_tuple(open_value *level, void **value) {
  const ouro_tuple *tuple = level->object;
  if (level->cursor == ouro_tuple_count(tuple)) return 0;
  *value = ouro_newref(ouro_tuple_at(tuple, level->cursor++));
  return 1;
}

static int next_of(open_value *level, void **key, void **value) {
  if (level->kind == LIST) return ouro_list_next(level->object, &level->cursor, value);
  if (level->kind == TUPLE) return next_of_tuple(level, value);
  return level->keys ? next_of_sorted(level, key, value) : ouro_dict_next(level->object, &level->cursor, key, value);
}

/* Takes over `key`. */
static void write_key(text_writer *writer, void *key) {
  if (ouro_is_str(key)) {
    emit_str(writer, key);
    emit(writer, ": ", writer->options.indent ? 2 : 1);
  } else {
    set_code(writer, OURO_ETYPE);
  }
  ouro_decref(key);
}

static void step(text_writer *writer) {
  open_value *level = &writer->levels[writer->depth - 1];
  void *key = NULL, *value = NULL;
  int there = next_of(level, &key, &value);
  if (there < 0) set_code(writer, there);
  if (there == 0) close_level(writer);
  if (there != 1) return;
  if (level->any) emit_char(writer, ',');
  level->any = true;
  emit_line(writer, writer->depth);
  if (key) write_key(writer, key);
  if (OURO_LIKELY(!writer->code)) write_value(writer, value);
  else ouro_decref(value);
}

static int write_all(text_writer *writer, void *value) {
  write_value(writer, ouro_newref(value));
  while (writer->depth && !writer->code) step(writer);
  if (!writer->code) flush(writer);
  while (writer->depth) close_level(writer);
  ouro_free(writer->levels);
  return writer->code;
}

/* ---------------------------------------------------------------- what programs call */

static bool is_wrong(const ouro_json_write_options *options) {
  enum { ALL = OURO_JSON_SORT_KEYS | OURO_JSON_ASCII | OURO_JSON_ALLOW_NAN };
  return options && options->flags & ~(unsigned)ALL;
}

int ouro_json_write(void *value, const ouro_json_write_options *options, ouro_json_write_fn write, void *arg) {
  if (!value || !write || is_wrong(options)) return OURO_EINVAL;
  text_writer writer;
  memset(&writer, 0, offsetof(text_writer, text));
  if (options) writer.options = *options;
  writer.write = write;
  writer.arg = arg;
  return write_all(&writer, value);
}

static int append(void *arg, const char *text, size_t bytes) { return ouro_buffer_append(arg, text, bytes); }

int ouro_json_into(void *value, const ouro_json_write_options *options, ouro_buffer *out) {
  if (!out) return OURO_EINVAL;
  size_t before = ouro_buffer_count(out);
  int code = ouro_json_write(value, options, append, out);
  if (code) ouro_buffer_truncate(out, before);
  return code;
}

ouro_ref ouro_json_text(void *value, const ouro_json_write_options *options) {
  ouro_buffer text = OURO_BUFFER_ON_STACK;
  int code = ouro_json_into(value, options, &text);
  ouro_ref str = code ? ouro__fail(code) : ouro_buffer_to_str(&text);
  ouro_buffer_done(&text);
  return str;
}
