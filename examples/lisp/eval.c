/* examples/lisp/eval.c - the machine that evaluates. It never calls itself: what is still to be done lies in a list of
 * frames on the heap, so recursion is as deep as `deepest` and memory allow, a call in tail position adds nothing, and a
 * continuation is a reference to a frame.
 *
 *     form, env    what to evaluate next, and where          while not `returning`
 *     value        what came out                             while `returning`
 *     stack        the frame that waits for the value, which refers to the next one, and so on
 *
 * A frame that a continuation has captured may be needed again. Who wants to change or take apart the topmost frame
 * therefore asks ouro_is_unique: where the stack's reference is the only one, nobody else will ever see it.
 *
 * All that the machine works with is held by its registers or by an AUTO variable: by counted references. So there is no
 * table of roots, and the collector may run between any two steps. */
#include <string.h>

#include "lisp.h"

/* What to do with the value. In parentheses: what the frame's words hold. */
enum kind {
  IN_IF,        /* (form: the two branches) */
  IN_WHEN,      /* (form: the body) */
  IN_UNLESS,    /* (form: the body) */
  IN_DEFINE,    /* (form: the name) */
  IN_SET,       /* (form: the name) */
  IN_BODY,      /* drop it, and go on (todo: forms) */
  IN_AND,       /* (todo: forms) */
  IN_OR,        /* (todo: forms) */
  IN_COND,      /* (todo: clauses) */
  IN_CALL,      /* (todo: forms of arguments; done: procedure and arguments so far, the last one first) */
  IN_LET,       /* (form: the whole; todo: bindings; done: values so far, the last one first) */
  IN_LETSTAR,   /* (form: the whole; todo: bindings) */
  IN_LETREC,    /* (form: the whole; todo: bindings) */
  IN_TRY,       /* nothing: it marks where errors are caught (form: the handler) */
  IN_INTERLUDE, /* drop it, and return what was about to be returned (done: that) */
};

static const struct {
  const char *name;
  int least, most; /* parts behind the name; most < 0: any number */
} syntaxes[SYNTAX_COUNT] = {
    [QUOTE] = {"quote", 1, 1},     [IF] = {"if", 2, 3},        [DEFINE] = {"define", 2, -1}, [SET] = {"set!", 2, 2},
    [LAMBDA] = {"lambda", 2, -1},  [BEGIN] = {"begin", 0, -1}, [LET] = {"let", 2, -1}, [LETSTAR] = {"let*", 2, -1},
    [LETREC] = {"letrec", 2, -1},  [COND] = {"cond", 0, -1},   [ELSE] = {"else", 1, 0},      [AND] = {"and", 0, -1},
    [OR] = {"or", 0, -1},          [WHEN] = {"when", 1, -1},   [UNLESS] = {"unless", 1, -1},
};

bool define_syntax(machine *m) {
  for (int i = NO_SYNTAX + 1; i < SYNTAX_COUNT; i++) {
    AUTO name = intern(m, syntaxes[i].name, strlen(syntaxes[i].name));
    owned more = failed(name) ? FAILED : cons(m, look(name), look(m->globals));
    if (failed(more)) return false;
    move(&m->globals, more);
    ((symbol *)look(name))->syntax = i;
  }
  return true;
}

static int syntax_of(word w) { return is_symbol(w) ? ((symbol *)w)->syntax : NO_SYNTAX; }

static bool refuse(machine *m, const char *text, word culprit) {
  fail(m, text, culprit);
  return false;
}

static bool malformed(machine *m, word form) { return refuse(m, "is not well formed", form); }

/* ---------------------------------------------------------------- registers and frames */

static bool give(machine *m, owned value) {
  if (failed(value)) return false;
  move(&m->value, value);
  m->returning = true;
  return true;
}

static bool go_on_with(machine *m, word form) {
  set(&m->form, form);
  m->returning = false;
  return true;
}

static bool push(machine *m, int kind, word form, word todo) {
  frame *top = ouro_borrow(m->stack);
  int depth = top ? top->depth + 1 : 1;
  if (depth > m->deepest) return refuse(m, "recursion is too deep", 0);
  OURO_OWNED(frame) made = ouro_new(&frame_type);
  frame *f = ouro_borrow(made);
  if (!f) return refuse(m, "out of memory", 0);
  f->kind = kind;
  f->depth = depth;
  f->env = ouro_xnewref(ouro_borrow(m->env));
  f->form = own(form);
  f->todo = own(todo);
  f->done.held = NIL;
  f->next = ouro_steal(&m->stack);
  m->stack = made;
  return true;
}

static void pop(machine *m) {
  frame *f = ouro_borrow(m->stack);
  OURO_OWNED(frame) next = ouro_is_unique(f) ? ouro_steal(&f->next) : ouro_xnewref(ouro_borrow(f->next));
  ouro_movref(&m->stack, next);
}

/* The topmost frame, to be changed: a copy of it where a continuation has captured it. NULL where there is no memory for
 * that. */
static frame *changeable(machine *m) {
  frame *f = ouro_borrow(m->stack);
  if (ouro_is_unique(f)) return f;
  AUTO done = own(look(f->done));
  OURO_AUTO(frame) held = ouro_newref(f);
  pop(m);
  if (!push(m, f->kind, look(f->form), look(f->todo))) return NULL;
  frame *copy = ouro_borrow(m->stack);
  ouro_setref(&copy->env, ouro_borrow(f->env));
  copy->done = take(&done);
  return copy;
}

/* ---------------------------------------------------------------- variables */

/* The slot of a variable in one environment; NULL where it is not there. */
static owned *slot_in(env *e, word name) {
  word names = look(e->names);
  owned *slot = &e->values;
  for (; is_pair(names) && is_pair(look(*slot)); names = cdr(names)) {
    pair *cell = object_of(look(*slot));
    if (car(names) == name) return &cell->car;
    slot = &cell->cdr;
  }
  return names == name ? slot : NULL;
}

static owned *slot_of(machine *m, word name) {
  for (env *e = ouro_borrow(m->env); e; e = ouro_borrow(e->outer)) {
    owned *slot = slot_in(e, name);
    if (slot) return slot;
  }
  return &((symbol *)name)->value;
}

static bool give_variable(machine *m, word name) {
  word value = look(*slot_of(m, name));
  return give(m, value == UNBOUND ? fail(m, "is not defined", name) : own(value));
}

/* One more variable in an environment. */
static bool extend(machine *m, env *e, word name, word value) {
  AUTO names = cons(m, name, look(e->names));
  AUTO values = failed(names) ? FAILED : cons(m, value, look(e->values));
  if (failed(values)) return false;
  move(&e->names, take(&names));
  move(&e->values, take(&values));
  return true;
}

static bool define(machine *m, word name, word value) {
  env *e = ouro_borrow(m->env);
  owned *slot = e ? slot_in(e, name) : NULL;
  if (slot)
    set(slot, value);
  else if (!(e ? extend(m, e, name, value) : define_global(m, name, value)))
    return false;
  return give(m, (owned){UNSPECIFIED});
}

static bool assign(machine *m, word name) {
  owned *slot = slot_of(m, name);
  if (look(*slot) == UNBOUND) return refuse(m, "is not defined", name);
  set(slot, look(m->value));
  return give(m, (owned){UNSPECIFIED});
}

/* May it be the name of a variable? */
static bool is_name(word w) { return is_symbol(w) && !syntax_of(w); }

/* ---------------------------------------------------------------- calls */

/* Evaluate forms one after the other; the last one in the place of all. */
static bool run_body(machine *m, word body) {
  if (!is_pair(body)) return give(m, (owned){UNSPECIFIED});
  if (cdr(body) != NIL && !push(m, IN_BODY, NIL, cdr(body))) return false;
  return go_on_with(m, car(body));
}

static bool call_procedure(machine *m, procedure *p, word arguments) {
  word names = look(p->parameters), values = arguments;
  for (; is_pair(names) && is_pair(values); names = cdr(names)) values = cdr(values);
  if (is_pair(names) || (names == NIL && values != NIL))
    return refuse(m, "is called with the wrong number of arguments", word_of(p));
  owned made = env_new(m, ouro_borrow(p->env), look(p->parameters), arguments);
  if (failed(made)) return false;
  ouro_movref(&m->env, ouro_adopt(object_of(look(made))));
  return run_body(m, look(p->body));
}

static bool call_primitive(machine *m, primitive *p, word arguments) {
  intptr_t count = length_of(arguments);
  m->running = p->name;
  owned value = count < p->least || (p->most >= 0 && count > p->most) ? fail(m, "wrong number of arguments", 0)
                                                                      : p->run(m, arguments);
  m->running = NULL;
  return look(value) == GOES_ON || give(m, value);
}

static bool apply(machine *m, word callee, word arguments) {
  void *object = object_of(callee);
  const ouro_type *type = object ? ouro_type_of(object) : NULL;
  if (type == &procedure_type) return call_procedure(m, object, arguments);
  if (type == &primitive_type) return call_primitive(m, object, arguments);
  if (type != &continuation_type) return refuse(m, "is not a procedure", callee);
  if (length_of(arguments) != 1) return refuse(m, "takes one value", callee);
  ouro_setref(&m->stack, ouro_borrow(((continuation *)object)->stack));
  return give(m, own(car(arguments)));
}

static owned goes_on(bool good) { return good ? (owned){GOES_ON} : FAILED; }

owned call(machine *m, word callee, word arguments) { return goes_on(apply(m, callee, arguments)); }

owned call_guarded(machine *m, word thunk, word handler) {
  return goes_on(push(m, IN_TRY, handler, NIL) && apply(m, thunk, NIL));
}

owned call_with_continuation(machine *m, word receiver) {
  OURO_OWNED(continuation) made = ouro_new(&continuation_type);
  continuation *k = ouro_borrow(made);
  if (!k) return fail(m, "out of memory", 0);
  k->stack = ouro_xnewref(ouro_borrow(m->stack));
  AUTO held = own_new(made);
  AUTO arguments = cons(m, look(held), NIL);
  return goes_on(!failed(arguments) && apply(m, receiver, look(arguments)));
}

owned evaluate_next(machine *m, word form) {
  ouro_clear(&m->env);
  return goes_on(go_on_with(m, form));
}

/* ---------------------------------------------------------------- let, let*, letrec */

/* A list of the names that bindings bind; FAILED where one is not (NAME FORM). */
static owned names_of(machine *m, word bindings) {
  AUTO names = {NIL};
  for (; is_pair(bindings); bindings = cdr(bindings)) {
    word binding = car(bindings);
    if (length_of(binding) != 2 || !is_name(car(binding))) return fail(m, "is not a name and a form", binding);
    owned more = cons(m, car(binding), look(names));
    if (failed(more)) return more;
    move(&names, more);
  }
  return reverse(m, take(&names));
}

/* Make an environment within the present one, and make it the present one. */
static bool enter(machine *m, word names, word values) {
  owned made = env_new(m, ouro_borrow(m->env), names, values);
  if (failed(made)) return false;
  ouro_movref(&m->env, ouro_adopt(object_of(look(made))));
  return true;
}

/* (let NAME ((VARIABLE FORM) ...) BODY ...): a procedure of that name is called with the values. */
static bool call_named_let(machine *m, word name, word names, word body, word values) {
  AUTO name_list = cons(m, name, NIL);
  AUTO value_list = cons(m, UNBOUND, NIL);
  if (failed(name_list) || failed(value_list) || !enter(m, look(name_list), look(value_list))) return false;
  AUTO loop = procedure_new(m, ouro_borrow(m->env), name, names, body);
  if (failed(loop)) return false;
  set(&((pair *)look(value_list))->car, look(loop));
  return apply(m, look(loop), values);
}

/* All values of a let are there. */
static bool finish_let(machine *m) {
  frame *f = changeable(m);
  if (!f) return false;
  AUTO form = own(look(f->form));
  AUTO values = reverse(m, take(&f->done));
  word rest = cdr(look(form));
  bool named = is_symbol(car(rest));
  AUTO names = failed(values) ? FAILED : names_of(m, car(named ? cdr(rest) : rest));
  pop(m);
  if (failed(names)) return false;
  if (named) return call_named_let(m, car(rest), look(names), cdr(cdr(rest)), look(values));
  return enter(m, look(names), look(values)) && run_body(m, cdr(rest));
}

/* The topmost frame is that of a let, let* or letrec: evaluate what its next binding binds, or the body. */
static bool next_binding(machine *m) {
  frame *f = ouro_borrow(m->stack);
  if (is_pair(look(f->todo))) return go_on_with(m, car(cdr(car(look(f->todo)))));
  if (f->kind == IN_LET) return finish_let(m);
  AUTO form = own(look(f->form));
  pop(m);
  return run_body(m, cdr(cdr(look(form))));
}

static bool start_let(machine *m, int syntax, word form) {
  bool named = syntax == LET && is_name(car(cdr(form)));
  if (named && length_of(form) < 4) return malformed(m, form);
  word bindings = car(named ? cdr(cdr(form)) : cdr(form));
  if (length_of(bindings) < 0) return malformed(m, form);
  AUTO names = names_of(m, bindings);
  if (failed(names)) return false;
  if (syntax == LETREC) {
    AUTO values = {NIL};
    for (word rest = bindings; is_pair(rest); rest = cdr(rest)) {
      owned more = cons(m, UNBOUND, look(values));
      if (failed(more)) return false;
      move(&values, more);
    }
    if (!enter(m, look(names), look(values))) return false;
  }
  int kind = syntax == LET ? IN_LET : syntax == LETSTAR ? IN_LETSTAR : IN_LETREC;
  return push(m, kind, form, bindings) && next_binding(m);
}

/* A binding's value has come. */
static bool resume_let(machine *m) {
  frame *f = changeable(m);
  if (!f) return false;
  AUTO name = own(car(car(look(f->todo))));
  if (f->kind == IN_LET) {
    owned more = cons(m, look(m->value), look(f->done));
    if (failed(more)) return false;
    move(&f->done, more);
  } else if (f->kind == IN_LETREC) {
    owned *slot = slot_in(ouro_borrow(f->env), look(name));
    if (slot) set(slot, look(m->value));
  } else {
    AUTO names = cons(m, look(name), NIL);
    AUTO values = cons(m, look(m->value), NIL);
    if (failed(names) || failed(values) || !enter(m, look(names), look(values))) return false;
    ouro_setref(&f->env, ouro_borrow(m->env));
  }
  set(&f->todo, cdr(look(f->todo)));
  return next_binding(m);
}

/* ---------------------------------------------------------------- the other forms */

static bool start_lambda(machine *m, word name, word parameters, word body) {
  word rest = parameters;
  while (is_pair(rest) && is_name(car(rest))) rest = cdr(rest);
  if (rest != NIL && !is_name(rest)) return refuse(m, "is no list of parameters", parameters);
  return give(m, procedure_new(m, ouro_borrow(m->env), name, parameters, body));
}

/* (define NAME FORM), or (define (NAME PARAMETER ...) BODY ...). */
static bool start_define(machine *m, word form) {
  word target = car(cdr(form)), name = is_pair(target) ? car(target) : target;
  if (!is_name(name)) return refuse(m, "cannot be defined", name);
  if (is_pair(target))
    return start_lambda(m, name, cdr(target), cdr(cdr(form))) && define(m, name, look(m->value));
  if (cdr(cdr(cdr(form))) != NIL) return malformed(m, form);
  return push(m, IN_DEFINE, name, NIL) && go_on_with(m, car(cdr(cdr(form))));
}

/* The topmost frame is that of a cond: evaluate the next clause's test. */
static bool next_clause(machine *m) {
  frame *f = ouro_borrow(m->stack);
  AUTO clauses = own(look(f->todo));
  word clause = is_pair(look(clauses)) ? car(look(clauses)) : NIL;
  if (clause != NIL && length_of(clause) < 1) return malformed(m, clause);
  if (clause != NIL && syntax_of(car(clause)) != ELSE) return go_on_with(m, car(clause));
  pop(m);
  return run_body(m, clause == NIL ? NIL : cdr(clause));
}

static bool start_form(machine *m, int syntax, word form) {
  intptr_t parts = length_of(form) - 1;
  int least = syntaxes[syntax].least, most = syntaxes[syntax].most;
  if (parts < least || (most >= 0 && parts > most)) return malformed(m, form);
  word rest = cdr(form);
  switch (syntax) {
  case QUOTE: return give(m, own(car(rest)));
  case IF: return push(m, IN_IF, cdr(rest), NIL) && go_on_with(m, car(rest));
  case WHEN: return push(m, IN_WHEN, cdr(rest), NIL) && go_on_with(m, car(rest));
  case UNLESS: return push(m, IN_UNLESS, cdr(rest), NIL) && go_on_with(m, car(rest));
  case DEFINE: return start_define(m, form);
  case SET:
    if (!is_name(car(rest))) return malformed(m, form);
    return push(m, IN_SET, car(rest), NIL) && go_on_with(m, car(cdr(rest)));
  case LAMBDA: return start_lambda(m, NIL, car(rest), cdr(rest));
  case BEGIN: return run_body(m, rest);
  case COND: return push(m, IN_COND, NIL, rest) && next_clause(m);
  case AND:
  case OR:
    if (rest == NIL) return give(m, (owned){boolean(syntax == AND)});
    if (cdr(rest) != NIL && !push(m, syntax == AND ? IN_AND : IN_OR, NIL, cdr(rest))) return false;
    return go_on_with(m, car(rest));
  default: return start_let(m, syntax, form);
  }
}

static bool evaluate_form(machine *m) {
  AUTO held = take(&m->form);
  word form = look(held);
  if (is_symbol(form)) return give_variable(m, form);
  if (form == NIL) return malformed(m, form);
  if (!is_pair(form)) return give(m, take(&held));
  int syntax = syntax_of(car(form));
  if (syntax) return start_form(m, syntax, form);
  return push(m, IN_CALL, NIL, cdr(form)) && go_on_with(m, car(form));
}

/* ---------------------------------------------------------------- a value has come */

/* The topmost frame has more forms to evaluate: the last one in its place. */
static bool next_form(machine *m) {
  frame *f = changeable(m);
  if (!f) return false;
  AUTO todo = own(look(f->todo));
  if (!is_pair(look(todo))) return malformed(m, look(todo));
  if (cdr(look(todo)) == NIL)
    pop(m);
  else
    set(&f->todo, cdr(look(todo)));
  return go_on_with(m, car(look(todo)));
}

static bool resume_call(machine *m) {
  frame *f = changeable(m);
  owned more = f ? cons(m, look(m->value), look(f->done)) : FAILED;
  if (failed(more)) return false;
  move(&f->done, more);
  if (look(f->todo) != NIL) {
    if (!is_pair(look(f->todo))) return malformed(m, look(f->todo));
    go_on_with(m, car(look(f->todo)));
    set(&f->todo, cdr(look(f->todo)));
    return true;
  }
  AUTO all = reverse(m, take(&f->done));
  pop(m);
  return !failed(all) && apply(m, car(look(all)), cdr(look(all)));
}

static bool resume_cond(machine *m, bool holds) {
  frame *f = changeable(m);
  if (!f) return false;
  if (!holds) {
    set(&f->todo, cdr(look(f->todo)));
    return next_clause(m);
  }
  AUTO body = own(cdr(car(look(f->todo))));
  pop(m);
  return look(body) == NIL || run_body(m, look(body));
}

static bool resume(machine *m) {
  frame *f = ouro_borrow(m->stack);
  bool holds = look(m->value) != FALSE;
  AUTO form = own(look(f->form));
  word branches = look(form);
  ouro_setref(&m->env, ouro_borrow(f->env));
  switch (f->kind) {
  case IN_IF:
    pop(m);
    if (!holds) branches = cdr(branches);
    return is_pair(branches) ? go_on_with(m, car(branches)) : give(m, (owned){UNSPECIFIED});
  case IN_WHEN:
  case IN_UNLESS:
    holds = holds == (f->kind == IN_WHEN);
    pop(m);
    return run_body(m, holds ? branches : NIL);
  case IN_DEFINE: pop(m); return define(m, look(form), look(m->value));
  case IN_SET: pop(m); return assign(m, look(form));
  case IN_BODY: return next_form(m);
  case IN_AND: return holds ? next_form(m) : (pop(m), true);
  case IN_OR: return holds ? (pop(m), true) : next_form(m);
  case IN_COND: return resume_cond(m, holds);
  case IN_CALL: return resume_call(m);
  case IN_TRY: pop(m); return true;
  case IN_INTERLUDE: set(&m->value, look(f->done)); pop(m); return true;
  default: return resume_let(m);
  }
}

/* ---------------------------------------------------------------- between the steps */

/* Something that waits in `pending` is called before the value is returned. */
static bool start_interlude(machine *m) {
  if (!push(m, IN_INTERLUDE, NIL, NIL)) return false;
  frame *f = ouro_borrow(m->stack);
  f->done = take(&m->value);
  AUTO cell = take(&m->pending);
  set(&m->pending, cdr(look(cell)));
  return apply(m, car(look(cell)), NIL);
}

/* Call the handler of a (try ...) with the message. */
static bool handle(machine *m, word handler) {
  AUTO message = string_new(m, m->error, strlen(m->error));
  AUTO arguments = failed(message) ? FAILED : cons(m, look(message), NIL);
  return !failed(arguments) && apply(m, handler, look(arguments));
}

/* An error has come up: take the stack down to the next (try ...), and go on there; that of an interlude is only reported.
 * False where nobody catches it. */
static bool recover(machine *m) {
  m->running = NULL;
  while (ouro_borrow(m->stack)) {
    frame *f = ouro_borrow(m->stack);
    int kind = f->kind;
    AUTO handler = own(look(f->form));
    AUTO interrupted = own(look(f->done));
    pop(m);
    if (kind == IN_INTERLUDE) {
      fprintf(stderr, "lisp: when-gone: %s\n", m->error);
      return give(m, take(&interrupted));
    }
    if (kind == IN_TRY && handle(m, look(handler))) return true;
  }
  return false;
}

static bool step(machine *m) {
  if (!m->returning) return evaluate_form(m);
  if (look(m->pending) != NIL) return start_interlude(m);
  return resume(m);
}

static bool is_done(const machine *m) {
  return m->returning && !ouro_borrow(m->stack) && look(m->pending) == NIL;
}

owned evaluate(machine *m, word form) {
  bool good = true;
  ouro_clear(&m->env);
  go_on_with(m, form);
  while (good && !is_done(m)) {
    good = step(m) || recover(m);
    ouro_safepoint();
  }
  clear(&m->form);
  ouro_clear(&m->env);
  ouro_clear(&m->stack);
  return good ? take(&m->value) : FAILED;
}
