/* examples/lisp/read.c - text to values. Lists nested deeper than DEEPEST are refused, since the reader calls itself for
 * each. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lisp.h"

enum { DEEPEST = 1000, LONGEST = 100 }; /* LONGEST: characters of a symbol or a number */

static owned read_nested(machine *m, stream *in, int depth);

/* The first character that is neither space nor in a comment. */
static int next_character(stream *in) {
  int c;
  while ((c = stream_get(in)) == ';' || isspace(c))
    while (c == ';' && (c = stream_get(in)) != '\n' && c != EOF) c = ';';
  return c;
}

static bool ends_token(int c) { return c == EOF || isspace(c) || strchr("()\";'", c); }

/* A number where it is one, #t, #f, or a symbol. */
static owned read_token(machine *m, stream *in, int c) {
  char token[LONGEST + 1], *end;
  size_t length = 0;
  for (; !ends_token(c); c = stream_get(in)) {
    if (length == LONGEST) return fail(m, "a name or a number is too long", 0);
    if (c == '\0') return fail(m, "a zero byte", 0);
    token[length++] = (char)c;
  }
  stream_back(in, c);
  token[length] = '\0';
  if (strcmp(token, "#t") == 0) return (owned){TRUE};
  if (strcmp(token, "#f") == 0) return (owned){FALSE};
  errno = 0;
  long long value = strtoll(token, &end, 10);
  if (*end || end == token) return intern(m, token, length);
  if (errno || value > INTEGER_MAX || value < INTEGER_MIN) return fail(m, "an integer is too large", 0);
  return (owned){integer((intptr_t)value)};
}

static owned read_string(machine *m, stream *in) {
  stream text = {0};
  bool good = true;
  int c = 0;
  while (good && (c = stream_get(in)) != '"' && c != EOF) {
    if (c == '\\' && (c = stream_get(in)) == 'n') c = '\n';
    char byte = (char)c;
    good = stream_put(&text, &byte, 1);
  }
  owned made = !good      ? fail(m, "out of memory", 0)
               : c == EOF ? fail(m, "a string does not end", 0)
                          : string_new(m, text.bytes, text.length);
  stream_close(&text);
  return made;
}

/* Behind "(". */
static owned read_list(machine *m, stream *in, int depth) {
  AUTO head = {NIL};
  owned *tail = &head; /* the slot at the list's end */
  for (;;) {
    int c = next_character(in);
    if (c == ')') return take(&head);
    if (c == EOF) return fail(m, "a list does not end", 0);
    stream_back(in, c);
    AUTO item = read_nested(m, in, depth + 1);
    if (failed(item)) return FAILED;
    if (is_symbol(look(item)) && strcmp(((symbol *)look(item))->name, ".") == 0) break;
    owned cell = cons(m, look(item), NIL);
    if (failed(cell)) return FAILED;
    *tail = cell;
    tail = &((pair *)look(cell))->cdr;
  }
  AUTO rest = read_nested(m, in, depth + 1);
  if (failed(rest)) return FAILED;
  if (look(head) == NIL || look(rest) == END || next_character(in) != ')') return fail(m, "a misplaced dot", 0);
  set(tail, look(rest));
  return take(&head);
}

/* Behind "'": (quote VALUE). */
static owned read_quoted(machine *m, stream *in, int depth) {
  AUTO name = intern(m, "quote", 5);
  AUTO value = failed(name) ? FAILED : read_nested(m, in, depth + 1);
  if (failed(value)) return FAILED;
  if (look(value) == END) return fail(m, "nothing behind a quote", 0);
  AUTO rest = cons(m, look(value), NIL);
  return failed(rest) ? FAILED : cons(m, look(name), look(rest));
}

static owned read_nested(machine *m, stream *in, int depth) {
  if (depth > DEEPEST) return fail(m, "lists are nested too deeply", 0);
  int c = next_character(in);
  switch (c) {
  case EOF: return (owned){END};
  case '(': return read_list(m, in, depth);
  case ')': return fail(m, "a ) too many", 0);
  case '\'': return read_quoted(m, in, depth);
  case '"': return read_string(m, in);
  default: return read_token(m, in, c);
  }
}

owned read_value(machine *m, stream *in) {
  const char *running = m->running;
  m->running = "read";
  owned made = read_nested(m, in, 0);
  m->running = running;
  return made;
}
