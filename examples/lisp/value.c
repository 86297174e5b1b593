/* examples/lisp/value.c - the types of the Lisp's objects, and how they are made.
 *
 * A type says where its objects hold references. For slots that hold an object or nothing, a list of offsets does it. For
 * slots that hold a word, which may be an integer, `visit` shows each: the word's address, the object in it, and the word
 * that it shall be when the collector clears it. From that the library derives everything: what goes when an object goes,
 * and what the collector follows. */
#include <stdarg.h>
#include <string.h>

#include "lisp.h"

/* ---------------------------------------------------------------- types */

static void show(ouro_visitor *visitor, owned *slot) {
  ouro_visit_tagged(visitor, &slot->held, object_of(slot->held), NIL);
}

static void visit_pair(void *self, ouro_visitor *visitor) {
  pair *p = self;
  show(visitor, &p->car);
  show(visitor, &p->cdr);
}

ouro_type pair_type = {.name = "pair", .size = sizeof(pair), .visit = visit_pair};

static void visit_symbol(void *self, ouro_visitor *visitor) { show(visitor, &((symbol *)self)->value); }

ouro_type symbol_type = {.name = "symbol", .size = sizeof(symbol), .item_size = 1, .visit = visit_symbol};

ouro_type string_type = {
    .name = "string", .size = sizeof(string), .item_size = 1, .flags = OURO_TYPE_ACYCLIC};

static void visit_vector(void *self, ouro_visitor *visitor) {
  vector *v = self;
  for (size_t i = 0; i < v->head.count; i++) show(visitor, &v->items[i]);
}

ouro_type vector_type = {
    .name = "vector", .size = sizeof(vector), .item_size = sizeof(owned), .visit = visit_vector};

static void visit_env(void *self, ouro_visitor *visitor) {
  env *e = self;
  show(visitor, &e->names);
  show(visitor, &e->values);
}

ouro_type env_type = {
    .name = "environment",
    .size = sizeof(env),
    .references = OURO_REFERENCES(offsetof(env, outer)),
    .visit = visit_env,
};

static void visit_procedure(void *self, ouro_visitor *visitor) {
  procedure *p = self;
  show(visitor, &p->name);
  show(visitor, &p->parameters);
  show(visitor, &p->body);
}

ouro_type procedure_type = {.name = "procedure",
                            .size = sizeof(procedure),
                            .references = OURO_REFERENCES(offsetof(procedure, env)),
                            .visit = visit_procedure};

static void visit_frame(void *self, ouro_visitor *visitor) {
  frame *f = self;
  show(visitor, &f->form);
  show(visitor, &f->todo);
  show(visitor, &f->done);
}

ouro_type frame_type = {.name = "frame",
                        .size = sizeof(frame),
                        .references = OURO_REFERENCES(offsetof(frame, next), offsetof(frame, env)),
                        .visit = visit_frame};

ouro_type continuation_type = {.name = "continuation",
                               .size = sizeof(continuation),
                               .references = OURO_REFERENCES(offsetof(continuation, stack))};

/* What a port holds is no object. A port that a program forgets to close is closed when it goes. */
static void release_port(void *self) { stream_close(&((port *)self)->stream); }

ouro_type port_type = {.name = "port", .size = sizeof(port), .release = release_port, .flags = OURO_TYPE_ACYCLIC};

ouro_type primitive_type = {.name = "primitive", .size = sizeof(primitive), .flags = OURO_TYPE_ACYCLIC};

/* ---------------------------------------------------------------- errors */

owned fail(machine *m, const char *text, word culprit) {
  stream out = {.bytes = m->error, .room = sizeof m->error - 1, .fixed = true};
  if (m->running) {
    stream_puts(&out, m->running);
    stream_puts(&out, ": ");
  }
  if (culprit) {
    write_value(&out, culprit, true);
    stream_puts(&out, " ");
  }
  stream_puts(&out, text);
  m->error[out.length] = '\0';
  return FAILED;
}

/* An object that the library made, or FAILED and the message. */
static owned made_or_fail(machine *m, ouro_ref made) {
  return ouro_borrow(made) ? own_new(made) : fail(m, "out of memory", 0);
}

/* ---------------------------------------------------------------- making */

owned cons(machine *m, word first, word rest) {
  owned made = made_or_fail(m, ouro_new(&pair_type));
  if (failed(made)) return made;
  pair *p = object_of(look(made));
  p->car = own(first);
  p->cdr = own(rest);
  return made;
}

owned string_new(machine *m, const char *bytes, size_t length) {
  owned made = made_or_fail(m, ouro_new_var(&string_type, length + 1));
  if (failed(made)) return made;
  string *s = object_of(look(made));
  if (bytes) memcpy(s->bytes, bytes, length);
  return made;
}

owned vector_new(machine *m, size_t count, word filler) {
  owned made = made_or_fail(m, ouro_new_var(&vector_type, count));
  if (failed(made)) return made;
  vector *v = object_of(look(made));
  for (size_t i = 0; i < count; i++) v->items[i] = own(filler);
  return made;
}

owned env_new(machine *m, env *outer, word names, word values) {
  owned made = made_or_fail(m, ouro_new(&env_type));
  if (failed(made)) return made;
  env *e = object_of(look(made));
  e->outer = ouro_xnewref(outer);
  e->names = own(names);
  e->values = own(values);
  return made;
}

owned procedure_new(machine *m, env *scope, word name, word parameters, word body) {
  owned made = made_or_fail(m, ouro_new(&procedure_type));
  if (failed(made)) return made;
  procedure *p = object_of(look(made));
  p->env = ouro_xnewref(scope);
  p->name = own(name);
  p->parameters = own(parameters);
  p->body = own(body);
  return made;
}

/* The port closes `file` when it goes; where there is no port, it is closed here. */
owned port_new(machine *m, bool is_output, FILE *file, const char *bytes, size_t length) {
  owned made = made_or_fail(m, ouro_new(&port_type));
  if (failed(made)) {
    if (file) fclose(file);
    return made;
  }
  port *p = object_of(look(made));
  p->is_output = is_output;
  p->stream.file = file;
  p->stream.line = 1;
  if (bytes && !stream_put(&p->stream, bytes, length)) {
    release(made);
    return fail(m, "out of memory", 0);
  }
  return made;
}

/* ---------------------------------------------------------------- symbols
 *
 * The same name is the same symbol, for as long as anybody refers to it: the table of names holds its symbols weakly, so a
 * program may make as many as it likes. What must not go though nobody refers to it, a global variable, is kept by the
 * list of those. */

owned intern(machine *m, const char *name, size_t length) {
  ouro_weak_values *symbols = ouro_borrow(m->symbols);
  owned known = own_new(ouro_weak_values_get(symbols, name, length));
  if (!failed(known)) return known;
  owned made = made_or_fail(m, ouro_new_var(&symbol_type, length + 1));
  if (failed(made)) return made;
  symbol *s = object_of(look(made));
  memcpy(s->name, name, length);
  s->value.held = UNBOUND;
  if (ouro_weak_values_set(symbols, name, length, s) == OURO_OK) return made;
  release(made);
  return fail(m, "out of memory", 0);
}

bool define_global(machine *m, word name, word value) {
  symbol *s = object_of(name);
  if (look(s->value) == UNBOUND && !s->syntax) {
    owned more = cons(m, name, look(m->globals));
    if (failed(more)) return false;
    move(&m->globals, more);
  }
  set(&s->value, value);
  return true;
}

/* ---------------------------------------------------------------- lists */

owned reverse(machine *m, owned list) {
  AUTO rest = list;
  AUTO done = {NIL};
  while (is_pair(look(rest))) {
    pair *p = object_of(look(rest));
    if (ouro_is_unique(p)) {
      /* Nobody else can see this cell: turn it round instead of making another. */
      owned cell = take(&rest);
      rest = take(&p->cdr);
      p->cdr = take(&done);
      done = cell;
    } else {
      owned copy = cons(m, look(p->car), look(done));
      if (failed(copy)) return copy;
      move(&done, copy);
      set(&rest, look(p->cdr));
    }
  }
  return take(&done);
}

intptr_t length_of(word list) {
  intptr_t count = 0;
  word behind = list;
  for (; is_pair(list); list = cdr(list)) {
    /* One that walks at half the speed is met again only on a circle. */
    if (++count % 2 == 0) behind = cdr(behind);
    if (count > 1 && cdr(list) == behind) return -1;
  }
  return list == NIL ? count : -1;
}
