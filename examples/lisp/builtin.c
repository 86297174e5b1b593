/* examples/lisp/builtin.c - what is written in C of what programs can call. A primitive borrows its arguments, whose
 * number has been checked; it checks what they are, and says what is wrong with them. */
#include <string.h>

#include "lisp.h"

static word first(word arguments) { return car(arguments); }
static word second(word arguments) { return car(cdr(arguments)); }
static word third(word arguments) { return car(cdr(cdr(arguments))); }

static owned nothing(void) { return (owned){UNSPECIFIED}; }
static owned truth(bool value) { return (owned){boolean(value)}; }

/* ---------------------------------------------------------------- arguments: the object, or NULL and a message */

static pair *pair_in(machine *m, word w) {
  if (!is_pair(w)) fail(m, "is not a pair", w);
  return is_pair(w) ? object_of(w) : NULL;
}

static string *string_in(machine *m, word w) {
  if (!is_a(w, &string_type)) fail(m, "is not a string", w);
  return is_a(w, &string_type) ? object_of(w) : NULL;
}

static size_t text_length(const string *s) { return s->head.count - 1; }

static vector *vector_in(machine *m, word w) {
  if (!is_a(w, &vector_type)) fail(m, "is not a vector", w);
  return is_a(w, &vector_type) ? object_of(w) : NULL;
}

static port *port_in(machine *m, word w, bool output) {
  port *p = is_a(w, &port_type) ? object_of(w) : NULL;
  if (p && p->is_output == output && !p->is_closed) return p;
  fail(m, output ? "is not an open output port" : "is not an open input port", w);
  return NULL;
}

/* An integer from 0 to `limit`, and whether it is one. */
static bool index_in(machine *m, word w, size_t limit, size_t *index) {
  bool good = is_integer(w) && integer_of(w) >= 0 && (size_t)integer_of(w) <= limit;
  if (good)
    *index = (size_t)integer_of(w);
  else
    fail(m, "is not an integer within bounds", w);
  return good;
}

static bool all_integers(machine *m, word list) {
  for (; is_pair(list); list = cdr(list)) {
    if (is_integer(car(list))) continue;
    fail(m, "is not an integer", car(list));
    return false;
  }
  return true;
}

/* ---------------------------------------------------------------- numbers */

enum operation { PLUS, MINUS, TIMES };

static bool overflows(enum operation operation, intptr_t a, intptr_t b, intptr_t *result) {
  switch (operation) {
  case PLUS: return __builtin_add_overflow(a, b, result);
  case MINUS: return __builtin_sub_overflow(a, b, result);
  default: return __builtin_mul_overflow(a, b, result);
  }
}

static owned calculate(machine *m, enum operation operation, intptr_t value, word list) {
  if (!all_integers(m, list)) return FAILED;
  for (; is_pair(list); list = cdr(list))
    if (overflows(operation, value, integer_of(car(list)), &value) || value > INTEGER_MAX || value < INTEGER_MIN)
      return fail(m, "the result is too large", 0);
  return (owned){integer(value)};
}

static owned do_plus(machine *m, word a) { return calculate(m, PLUS, 0, a); }
static owned do_times(machine *m, word a) { return calculate(m, TIMES, 1, a); }
static owned do_minus(machine *m, word a) {
  if (!all_integers(m, a)) return FAILED;
  return cdr(a) == NIL ? calculate(m, MINUS, 0, a) : calculate(m, MINUS, integer_of(first(a)), cdr(a));
}

static owned divide(machine *m, word a, bool remainder) {
  if (!all_integers(m, a)) return FAILED;
  intptr_t x = integer_of(first(a)), y = integer_of(second(a));
  if (y == 0) return fail(m, "division by zero", 0);
  intptr_t value = remainder ? x % y : x / y;
  return value > INTEGER_MAX ? fail(m, "the result is too large", 0) : (owned){integer(value)};
}
static owned do_quotient(machine *m, word a) { return divide(m, a, false); }
static owned do_remainder(machine *m, word a) { return divide(m, a, true); }

static owned do_equals(machine *m, word a) {
  return all_integers(m, a) ? truth(first(a) == second(a)) : FAILED;
}
static owned do_less(machine *m, word a) {
  return all_integers(m, a) ? truth(integer_of(first(a)) < integer_of(second(a))) : FAILED;
}

/* ---------------------------------------------------------------- pairs and lists */

static owned do_cons(machine *m, word a) { return cons(m, first(a), second(a)); }
static owned do_car(machine *m, word a) {
  const pair *p = pair_in(m, first(a));
  return p ? own(look(p->car)) : FAILED;
}
static owned do_cdr(machine *m, word a) {
  const pair *p = pair_in(m, first(a));
  return p ? own(look(p->cdr)) : FAILED;
}
static owned do_set_car(machine *m, word a) {
  pair *p = pair_in(m, first(a));
  if (!p) return FAILED;
  set(&p->car, second(a));
  return nothing();
}
static owned do_set_cdr(machine *m, word a) {
  pair *p = pair_in(m, first(a));
  if (!p) return FAILED;
  set(&p->cdr, second(a));
  return nothing();
}
/* The arguments were put into a new list already. */
static owned do_list(machine *m, word a) { return (void)m, own(a); }
static owned do_length(machine *m, word a) {
  intptr_t length = length_of(first(a));
  return length < 0 ? fail(m, "is not a list", first(a)) : (owned){integer(length)};
}
static owned do_reverse(machine *m, word a) {
  return length_of(first(a)) < 0 ? fail(m, "is not a list", first(a)) : reverse(m, own(first(a)));
}

/* ---------------------------------------------------------------- what a value is */

static owned do_is_pair(machine *m, word a) { return (void)m, truth(is_pair(first(a))); }
static owned do_is_null(machine *m, word a) { return (void)m, truth(first(a) == NIL); }
static owned do_is_list(machine *m, word a) { return (void)m, truth(length_of(first(a)) >= 0); }
static owned do_is_symbol(machine *m, word a) { return (void)m, truth(is_symbol(first(a))); }
static owned do_is_string(machine *m, word a) { return (void)m, truth(is_a(first(a), &string_type)); }
static owned do_is_vector(machine *m, word a) { return (void)m, truth(is_a(first(a), &vector_type)); }
static owned do_is_integer(machine *m, word a) { return (void)m, truth(is_integer(first(a))); }
static owned do_is_end(machine *m, word a) { return (void)m, truth(first(a) == END); }
static owned do_is_procedure(machine *m, word a) {
  word w = first(a);
  return (void)m, truth(is_a(w, &procedure_type) || is_a(w, &primitive_type) || is_a(w, &continuation_type));
}
static owned do_not(machine *m, word a) { return (void)m, truth(first(a) == FALSE); }
static owned do_eq(machine *m, word a) { return (void)m, truth(first(a) == second(a)); }

/* Structures are compared for so many steps and so deep; then they count as endless. */
enum { STEPS = 10000000, DEEPEST = 1000 };

static bool same(word a, word b, long *steps, int depth) {
  for (; is_pair(a) && is_pair(b) && *steps > 0; a = cdr(a), b = cdr(b)) {
    if (--*steps == 0 || depth > DEEPEST) *steps = 0;
    if (!same(car(a), car(b), steps, depth + 1)) return false;
  }
  if (a == b) return true;
  if (is_a(a, &string_type) && is_a(b, &string_type)) {
    const string *s = object_of(a), *t = object_of(b);
    return s->head.count == t->head.count && memcmp(s->bytes, t->bytes, s->head.count) == 0;
  }
  if (!is_a(a, &vector_type) || !is_a(b, &vector_type)) return false;
  const vector *v = object_of(a), *w = object_of(b);
  bool equal = v->head.count == w->head.count;
  if (--*steps <= 0 || depth > DEEPEST) *steps = 0;
  for (size_t i = 0; equal && i < v->head.count && *steps > 0; i++)
    equal = same(look(v->items[i]), look(w->items[i]), steps, depth + 1);
  return equal;
}

static owned do_equal(machine *m, word a) {
  long steps = STEPS;
  bool equal = same(first(a), second(a), &steps, 0);
  return steps > 0 ? truth(equal) : fail(m, "the structures are too deep, or go round in circles", 0);
}

/* ---------------------------------------------------------------- symbols and strings */

static owned do_symbol_to_string(machine *m, word a) {
  if (!is_symbol(first(a))) return fail(m, "is not a symbol", first(a));
  const symbol *s = object_of(first(a));
  return string_new(m, s->name, s->head.count - 1);
}
static owned do_string_to_symbol(machine *m, word a) {
  const string *s = string_in(m, first(a));
  return s ? intern(m, s->bytes, text_length(s)) : FAILED;
}

static owned do_string_append(machine *m, word a) {
  size_t length = 0;
  for (word rest = a; is_pair(rest); rest = cdr(rest)) {
    const string *s = string_in(m, car(rest));
    if (!s) return FAILED;
    length += text_length(s);
  }
  owned made = string_new(m, NULL, length);
  if (failed(made)) return made;
  char *end = ((string *)look(made))->bytes;
  for (word rest = a; is_pair(rest); rest = cdr(rest)) {
    const string *s = object_of(car(rest));
    memcpy(end, s->bytes, text_length(s));
    end += text_length(s);
  }
  return made;
}
static owned do_string_length(machine *m, word a) {
  const string *s = string_in(m, first(a));
  return s ? (owned){integer((intptr_t)text_length(s))} : FAILED;
}
static owned do_substring(machine *m, word a) {
  const string *s = string_in(m, first(a));
  size_t from, to;
  if (!s || !index_in(m, third(a), text_length(s), &to) || !index_in(m, second(a), to, &from)) return FAILED;
  return string_new(m, s->bytes + from, to - from);
}
static owned do_number_to_string(machine *m, word a) {
  char digits[32];
  if (!all_integers(m, a)) return FAILED;
  int length = snprintf(digits, sizeof digits, "%td", integer_of(first(a)));
  return string_new(m, digits, (size_t)length);
}
/* #f where the string is no number. */
static owned do_string_to_number(machine *m, word a) {
  const string *s = string_in(m, first(a));
  if (!s) return FAILED;
  stream in = {.bytes = (char *)(uintptr_t)s->bytes, .length = text_length(s), .fixed = true};
  AUTO value = read_value(m, &in);
  return failed(value) || !is_integer(look(value)) || stream_get(&in) != EOF ? truth(false) : take(&value);
}

/* ---------------------------------------------------------------- vectors */

static owned do_make_vector(machine *m, word a) {
  size_t count;
  if (!index_in(m, first(a), (size_t)INTEGER_MAX / sizeof(owned), &count)) return FAILED;
  return vector_new(m, count, cdr(a) == NIL ? FALSE : second(a));
}
static owned do_vector(machine *m, word a) {
  owned made = vector_new(m, (size_t)length_of(a), NIL);
  vector *v = object_of(look(made));
  for (size_t i = 0; is_pair(a) && v; i++, a = cdr(a)) set(&v->items[i], car(a));
  return made;
}
/* The slot that the first two arguments, a vector and an index, mean; NULL where there is none. */
static owned *item_in(machine *m, word a) {
  vector *v = vector_in(m, first(a));
  size_t index;
  if (!v) return NULL;
  if (v->head.count == 0) return fail(m, "is not an integer within bounds", second(a)), NULL;
  return index_in(m, second(a), v->head.count - 1, &index) ? &v->items[index] : NULL;
}
static owned do_vector_ref(machine *m, word a) {
  const owned *item = item_in(m, a);
  return item ? own(look(*item)) : FAILED;
}
static owned do_vector_set(machine *m, word a) {
  owned *item = item_in(m, a);
  if (!item) return FAILED;
  set(item, third(a));
  return nothing();
}
static owned do_vector_length(machine *m, word a) {
  const vector *v = vector_in(m, first(a));
  return v ? (owned){integer((intptr_t)v->head.count)} : FAILED;
}

/* ---------------------------------------------------------------- ports */

/* The stream of the port that an optional argument is. */
static stream *output_in(machine *m, word a) {
  if (a == NIL) return &m->output;
  port *p = port_in(m, first(a), true);
  return p ? &p->stream : NULL;
}
static owned put(machine *m, word a, bool quoted) {
  stream *out = output_in(m, cdr(a));
  if (!out) return FAILED;
  write_value(out, first(a), quoted);
  return nothing();
}
static owned do_display(machine *m, word a) { return put(m, a, false); }
static owned do_write(machine *m, word a) { return put(m, a, true); }
static owned do_newline(machine *m, word a) {
  stream *out = output_in(m, a);
  if (!out) return FAILED;
  stream_puts(out, "\n");
  return nothing();
}

static owned do_open_input_string(machine *m, word a) {
  const string *s = string_in(m, first(a));
  return s ? port_new(m, false, NULL, s->bytes, text_length(s)) : FAILED;
}
static owned do_open_output_string(machine *m, word a) { return (void)a, port_new(m, true, NULL, NULL, 0); }
static owned do_get_output_string(machine *m, word a) {
  const port *p = port_in(m, first(a), true);
  return p ? string_new(m, p->stream.bytes, p->stream.length) : FAILED;
}
static owned open_file(machine *m, word a, bool output) {
  const string *s = string_in(m, first(a));
  if (!s) return FAILED;
  FILE *file = fopen(s->bytes, output ? "w" : "r");
  return file ? port_new(m, output, file, NULL, 0) : fail(m, "cannot be opened", first(a));
}
static owned do_open_input_file(machine *m, word a) { return open_file(m, a, false); }
static owned do_open_output_file(machine *m, word a) { return open_file(m, a, true); }
static owned do_close_port(machine *m, word a) {
  if (!is_a(first(a), &port_type)) return fail(m, "is not a port", first(a));
  port *p = object_of(first(a));
  stream_close(&p->stream);
  p->is_closed = true;
  return nothing();
}
static owned do_read(machine *m, word a) {
  port *p = port_in(m, first(a), false);
  return p ? read_value(m, &p->stream) : FAILED;
}
static owned do_read_line(machine *m, word a) {
  port *p = port_in(m, first(a), false);
  stream line = {0};
  int c = EOF;
  bool good = p != NULL, any = false;
  while (good && (c = stream_get(&p->stream)) != EOF && c != '\n') {
    char byte = (char)c;
    good = any = stream_put(&line, &byte, 1);
    if (!good) fail(m, "out of memory", 0);
  }
  owned made = !good ? FAILED : c == EOF && !any ? (owned){END} : string_new(m, line.bytes, line.length);
  stream_close(&line);
  return made;
}

/* ---------------------------------------------------------------- control */

static owned do_apply(machine *m, word a) {
  if (length_of(second(a)) < 0) return fail(m, "is not a list", second(a));
  /* A list of the program's own: its cells must not become the variables of a call. */
  AUTO backwards = reverse(m, own(second(a)));
  AUTO arguments = failed(backwards) ? FAILED : reverse(m, take(&backwards));
  return failed(arguments) ? FAILED : call(m, first(a), look(arguments));
}
static owned do_call_cc(machine *m, word a) { return call_with_continuation(m, first(a)); }
static owned do_try(machine *m, word a) { return call_guarded(m, first(a), second(a)); }
static owned do_eval(machine *m, word a) { return evaluate_next(m, first(a)); }
static owned do_error(machine *m, word a) {
  stream text = {.bytes = m->error, .room = sizeof m->error - 1, .fixed = true};
  for (bool more = false; is_pair(a); a = cdr(a), more = true) {
    if (more) stream_puts(&text, " ");
    write_value(&text, car(a), more);
  }
  m->error[text.length] = '\0';
  return FAILED;
}

/* ---------------------------------------------------------------- memory */

static owned do_gc(machine *m, word a) { return (void)m, (void)a, (owned){integer(ouro_gc_collect(2))}; }

/* Put (NAME . VALUE) in front of a list. */
static bool add_figure(machine *m, owned *list, const char *name, uint64_t value) {
  AUTO key = intern(m, name, strlen(name));
  AUTO entry = failed(key) ? FAILED : cons(m, look(key), integer((intptr_t)value));
  owned more = failed(entry) ? FAILED : cons(m, look(entry), look(*list));
  if (failed(more)) return false;
  move(list, more);
  return true;
}

static int count_object(void *object, void *count) {
  (void)object;
  ++*(uint64_t *)count;
  return 0;
}

static owned do_gc_stats(machine *m, word a) {
  (void)a;
  ouro_gc_stats stats[OURO_GENERATIONS];
  uint64_t objects = 0, collections = 0, collected = 0, longest = 0;
  ouro_gc_get_stats(stats);
  for (int i = 0; i < OURO_GENERATIONS; i++) {
    collections += stats[i].collections;
    collected += stats[i].collected;
    if (stats[i].longest_ns > longest) longest = stats[i].longest_ns;
  }
  ouro_each_object(count_object, &objects);
  AUTO list = {NIL};
  bool good = add_figure(m, &list, "longest-ns", longest) && add_figure(m, &list, "collected", collected) &&
              add_figure(m, &list, "collections", collections) && add_figure(m, &list, "objects", objects);
  return good ? take(&list) : FAILED;
}

/* How many objects of a type are alive; the type by its name in the reports. */
static owned do_alive(machine *m, word a) {
  const string *s = string_in(m, first(a));
  ouro_type_stats types[32];
  size_t count = ouro_type_stats_get(types, 32);
  if (!s) return FAILED;
  for (size_t i = 0; i < count && i < 32; i++)
    if (strcmp(types[i].name, s->bytes) == 0) return (owned){integer((intptr_t)types[i].objects)};
  return (owned){integer(0)};
}

static owned do_symbol_count(machine *m, word a) {
  (void)a;
  return (owned){integer((intptr_t)ouro_weak_values_count(ouro_borrow(m->symbols)))};
}

/* A weak reference is an object like any other, so it can be a value as it is. */
static owned do_weak(machine *m, word a) {
  void *object = object_of(first(a));
  if (!object) return fail(m, "is no object", first(a));
  owned made = own_new(ouro_weak_new(object));
  return failed(made) ? fail(m, "out of memory", 0) : made;
}
static owned do_weak_value(machine *m, word a) {
  if (!is_a(first(a), &ouro_weak_type)) return fail(m, "is not a weak reference", first(a));
  owned value = own_new(ouro_weak_get(object_of(first(a))));
  return failed(value) ? truth(false) : value;
}

/* An object has gone. This may be called in the middle of anything, so it only puts the procedure where the machine looks
 * between two steps. The cell for that was made when there was time to fail. */
static void note_gone(void *data, void *held) {
  machine *m = data;
  pair *cell = held;
  move(&cell->cdr, take(&m->pending));
  m->pending = own(word_of(cell));
}

static owned do_when_gone(machine *m, word a) {
  void *object = object_of(first(a));
  if (!object) return fail(m, "is no object", first(a));
  AUTO cell = cons(m, second(a), NIL);
  if (failed(cell)) return FAILED;
  AUTO finalizer = own_new(ouro_finalize(object, note_gone, m, object_of(look(cell))));
  return failed(finalizer) ? fail(m, "out of memory", 0) : nothing();
}

/* ---------------------------------------------------------------- the table */

/* They are never made and never freed: immortal objects in static memory. */
#define PRIMITIVE(name, least, most, run) {OURO_IMMORTAL_OBJECT(&primitive_type), name, least, most, run}

static primitive primitives[] = {
    PRIMITIVE("+", 0, -1, do_plus),
    PRIMITIVE("-", 1, -1, do_minus),
    PRIMITIVE("*", 0, -1, do_times),
    PRIMITIVE("quotient", 2, 2, do_quotient),
    PRIMITIVE("remainder", 2, 2, do_remainder),
    PRIMITIVE("=", 2, 2, do_equals),
    PRIMITIVE("<", 2, 2, do_less),
    PRIMITIVE("cons", 2, 2, do_cons),
    PRIMITIVE("car", 1, 1, do_car),
    PRIMITIVE("cdr", 1, 1, do_cdr),
    PRIMITIVE("set-car!", 2, 2, do_set_car),
    PRIMITIVE("set-cdr!", 2, 2, do_set_cdr),
    PRIMITIVE("list", 0, -1, do_list),
    PRIMITIVE("length", 1, 1, do_length),
    PRIMITIVE("reverse", 1, 1, do_reverse),
    PRIMITIVE("pair?", 1, 1, do_is_pair),
    PRIMITIVE("null?", 1, 1, do_is_null),
    PRIMITIVE("list?", 1, 1, do_is_list),
    PRIMITIVE("symbol?", 1, 1, do_is_symbol),
    PRIMITIVE("string?", 1, 1, do_is_string),
    PRIMITIVE("vector?", 1, 1, do_is_vector),
    PRIMITIVE("integer?", 1, 1, do_is_integer),
    PRIMITIVE("procedure?", 1, 1, do_is_procedure),
    PRIMITIVE("end?", 1, 1, do_is_end),
    PRIMITIVE("not", 1, 1, do_not),
    PRIMITIVE("eq?", 2, 2, do_eq),
    PRIMITIVE("equal?", 2, 2, do_equal),
    PRIMITIVE("symbol->string", 1, 1, do_symbol_to_string),
    PRIMITIVE("string->symbol", 1, 1, do_string_to_symbol),
    PRIMITIVE("string-append", 0, -1, do_string_append),
    PRIMITIVE("string-length", 1, 1, do_string_length),
    PRIMITIVE("substring", 3, 3, do_substring),
    PRIMITIVE("number->string", 1, 1, do_number_to_string),
    PRIMITIVE("string->number", 1, 1, do_string_to_number),
    PRIMITIVE("make-vector", 1, 2, do_make_vector),
    PRIMITIVE("vector", 0, -1, do_vector),
    PRIMITIVE("vector-ref", 2, 2, do_vector_ref),
    PRIMITIVE("vector-set!", 3, 3, do_vector_set),
    PRIMITIVE("vector-length", 1, 1, do_vector_length),
    PRIMITIVE("display", 1, 2, do_display),
    PRIMITIVE("write", 1, 2, do_write),
    PRIMITIVE("newline", 0, 1, do_newline),
    PRIMITIVE("open-input-string", 1, 1, do_open_input_string),
    PRIMITIVE("open-output-string", 0, 0, do_open_output_string),
    PRIMITIVE("get-output-string", 1, 1, do_get_output_string),
    PRIMITIVE("open-input-file", 1, 1, do_open_input_file),
    PRIMITIVE("open-output-file", 1, 1, do_open_output_file),
    PRIMITIVE("close-port", 1, 1, do_close_port),
    PRIMITIVE("read", 1, 1, do_read),
    PRIMITIVE("read-line", 1, 1, do_read_line),
    PRIMITIVE("apply", 2, 2, do_apply),
    PRIMITIVE("call/cc", 1, 1, do_call_cc),
    PRIMITIVE("try", 2, 2, do_try),
    PRIMITIVE("eval", 1, 1, do_eval),
    PRIMITIVE("error", 1, -1, do_error),
    PRIMITIVE("gc", 0, 0, do_gc),
    PRIMITIVE("gc-stats", 0, 0, do_gc_stats),
    PRIMITIVE("alive", 1, 1, do_alive),
    PRIMITIVE("symbol-count", 0, 0, do_symbol_count),
    PRIMITIVE("weak", 1, 1, do_weak),
    PRIMITIVE("weak-value", 1, 1, do_weak_value),
    PRIMITIVE("when-gone", 2, 2, do_when_gone),
};

bool define_primitives(machine *m) {
  for (size_t i = 0; i < sizeof primitives / sizeof *primitives; i++) {
    AUTO name = intern(m, primitives[i].name, strlen(primitives[i].name));
    if (failed(name) || !define_global(m, look(name), word_of(&primitives[i]))) return false;
  }
  return true;
}
