/* examples/lisp/lisp.h - a small Lisp whose memory is ouro's: the values, who owns them, and what each file offers to the
 * others.
 *
 *     value.c    types, constructors, symbols           read.c     text to values
 *     stream.c   characters in and out                  write.c    values to text
 *     eval.c     the machine that evaluates             builtin.c  what programs call; prelude.c: the same, written in Lisp
 *     main.c     scripts, the prompt, and the end
 *
 * A VALUE is a word:
 *
 *     ...xxx1   an integer of 63 bits
 *     ...xx10   a constant: the empty list, true, false, ...
 *     ...xx00   the address of an object; 0 stands for no value: something failed, and machine.error says what
 *
 * Who owns what is in the types, in every build: a `word` is borrowed, an `owned` is a word that somebody must release.
 * The second is a struct, so that one is never mistaken for the other; it costs nothing, since a struct of one word
 * travels in a register.
 *
 *     owned f(word x)    f borrows x, and the caller must release what it returns
 *     void g(owned x)    g takes x over
 *
 * Slots of objects are `owned` (or OURO_OWNED(T), where no integer can be in them), and are changed by set, move and
 * clear, which change the slot before they release what was there. */
#ifndef LISP_H
#define LISP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <ouro/ouro.h>

/* ---------------------------------------------------------------- words */

typedef uintptr_t word;

typedef struct owned {
  word held;
} owned;

enum constant { NIL = 2, FALSE = 6, TRUE = 10, UNSPECIFIED = 14, UNBOUND = 18, END = 22, GOES_ON = 26 };

#define FAILED ((owned){0})
#define INTEGER_MAX (INTPTR_MAX >> 1)
#define INTEGER_MIN (INTPTR_MIN >> 1)

static inline bool is_integer(word w) { return w & 1; }
static inline intptr_t integer_of(word w) { return (intptr_t)w >> 1; }
static inline word integer(intptr_t value) { return (word)value << 1 | 1; }
static inline word boolean(bool value) { return value ? TRUE : FALSE; }
static inline word word_of(const void *object) { return (word)object; }

/* The object that a word refers to, borrowed; NULL for integers, constants and 0. */
static inline void *object_of(word w) { return w & 3 ? NULL : (void *)w; }

/* ---------------------------------------------------------------- ownership of words */

/* What an owned word is, borrowed. */
static inline word look(owned o) { return o.held; }
static inline bool failed(owned o) { return o.held == 0; }

/* A new reference. */
static inline owned own(word w) {
  ouro_xincref(object_of(w));
  return (owned){w};
}
/* What the library made, as an owned word; FAILED for NULL. */
static inline owned own_new(ouro_ref made) { return (owned){word_of(ouro_borrow(made))}; }

static inline void release(owned o) { ouro_xdecref(ouro_adopt(object_of(o.held))); }

/* Let the slot hold a value: a borrowed one, of which it takes a reference; or one that it takes over. */
static inline void move(owned *slot, owned value) {
  owned before = *slot;
  *slot = value;
  release(before);
}
static inline void set(owned *slot, word value) { move(slot, own(value)); }
static inline void clear(owned *slot) { move(slot, (owned){NIL}); }

/* Empty the slot, and take over what it held. */
static inline owned take(owned *slot) {
  owned held = *slot;
  slot->held = NIL;
  return held;
}

/* AUTO x = cons(...); is released when its scope ends. */
static inline void release_slot(owned *slot) { release(*slot); }
#define AUTO __attribute__((cleanup(release_slot), unused)) owned

/* ---------------------------------------------------------------- objects */

typedef struct pair {
  ouro_object base;
  owned car, cdr;
} pair;

typedef struct symbol {
  ouro_var head; /* head.count: bytes of the name, the 0 at its end included */
  owned value;   /* the global variable of this name; UNBOUND where there is none */
  int syntax;    /* of enum syntax; 0: an ordinary name */
  char name[];
} symbol;

typedef struct string {
  ouro_var head; /* as a symbol's; a string never changes */
  char bytes[];
} string;

typedef struct vector {
  ouro_var head;
  owned items[];
} vector;

/* The variables of one call. `names` is the parameter list of the procedure itself; `values` goes along with it, cell by
 * cell. */
typedef struct env {
  ouro_object base;
  OURO_OWNED(struct env) outer; /* NULL: only global variables lie outside */
  owned names, values;
} env;

typedef struct procedure {
  ouro_object base;
  OURO_OWNED(env) env;
  owned name, parameters, body;
} procedure;

/* What the machine will do with the value that it is working out; see eval.c. */
typedef struct frame {
  ouro_object base;
  int kind, depth;
  OURO_OWNED(struct frame) next;
  OURO_OWNED(env) env;
  owned form, todo, done;
} frame;

typedef struct continuation {
  ouro_object base;
  OURO_OWNED(frame) stack;
} continuation;

/* Where characters come from or go to: a file, or a block of memory. */
typedef struct stream {
  FILE *file;
  char *bytes;
  size_t length, room, at;
  int line;
  bool fixed; /* the block does not grow: what is too much is lost */
} stream;

typedef struct port {
  ouro_object base;
  stream stream;
  bool is_output, is_closed;
} port;

typedef struct machine {
  OURO_OWNED(ouro_weak_values) symbols; /* every symbol that anybody refers to, by name */
  owned globals;                        /* a list of the symbols that have a value or a syntax, to keep those */
  owned value, form;                    /* the machine's registers; see eval.c */
  OURO_OWNED(env) env;
  OURO_OWNED(frame) stack;
  bool returning;
  owned pending;       /* a list of procedures to call soon: (when-gone ...) */
  stream output;       /* where (display ...) writes to */
  const char *running; /* the primitive that runs, for messages */
  int deepest;         /* frames that the stack may have */
  char error[200];
} machine;

/* A primitive borrows its arguments, as a list whose length has been checked. It gives its value; or FAILED; or GOES_ON,
 * where it has told the machine what to do next, and the value comes of that. */
typedef owned (*primitive_fn)(machine *m, word arguments);

typedef struct primitive {
  ouro_object base;
  const char *name;
  int least, most; /* arguments; most < 0: any number */
  primitive_fn run;
} primitive;

extern ouro_type pair_type, symbol_type, string_type, vector_type, env_type, procedure_type, frame_type,
    continuation_type, port_type, primitive_type;

static inline bool is_a(word w, const ouro_type *type) {
  const void *object = object_of(w);
  return object && ouro_type_of(object) == type;
}
static inline bool is_pair(word w) { return is_a(w, &pair_type); }
static inline bool is_symbol(word w) { return is_a(w, &symbol_type); }

/* The parts of a pair, borrowed; NIL of what is none: forms are lists, and a program may change one while it is evaluated. */
static inline word car(word w) { return is_pair(w) ? look(((pair *)w)->car) : NIL; }
static inline word cdr(word w) { return is_pair(w) ? look(((pair *)w)->cdr) : NIL; }

/* ---------------------------------------------------------------- value.c */

/* Note what is wrong, and give FAILED. `culprit`, unless it is 0, is written behind the name of the running primitive. */
owned fail(machine *m, const char *text, word culprit);

owned cons(machine *m, word first, word rest);
owned string_new(machine *m, const char *bytes, size_t length);
owned vector_new(machine *m, size_t count, word filler);
owned intern(machine *m, const char *name, size_t length);
owned env_new(machine *m, env *outer, word names, word values);
owned procedure_new(machine *m, env *scope, word name, word parameters, word body);
owned port_new(machine *m, bool is_output, FILE *file, const char *bytes, size_t length);

/* Make `name` a global variable. */
bool define_global(machine *m, word name, word value);

/* The list in reverse order, taken over: its own cells where nobody else refers to them, copies otherwise. */
owned reverse(machine *m, owned list);

/* The number of elements; -1 where it is no list, or goes round in a circle. */
intptr_t length_of(word list);

/* ---------------------------------------------------------------- stream.c, write.c, read.c */

int stream_get(stream *in); /* a character, or EOF */
void stream_back(stream *in, int c);
bool stream_put(stream *out, const char *bytes, size_t length);
bool stream_puts(stream *out, const char *text);
void stream_close(stream *s);

/* Write a value; `quoted`: strings in quotes. What is nested too deeply, or goes round in a circle, ends in "...". */
void write_value(stream *out, word value, bool quoted);

/* The next value in the text; END at its end; FAILED where it is not well formed. */
owned read_value(machine *m, stream *in);

/* ---------------------------------------------------------------- eval.c, builtin.c, prelude.c */

enum syntax {
  NO_SYNTAX, QUOTE, IF, DEFINE, SET, LAMBDA, BEGIN, LET, LETSTAR, LETREC, COND, ELSE, AND, OR, WHEN, UNLESS,
  SYNTAX_COUNT
};

/* Evaluate a form outside of all procedures, and run what waits in machine.pending. FAILED: machine.error says why. */
owned evaluate(machine *m, word form);

/* For primitives that hand over to the machine. Each gives GOES_ON, or FAILED. */
owned call(machine *m, word callee, word arguments);
owned call_guarded(machine *m, word thunk, word handler);
owned call_with_continuation(machine *m, word receiver);
owned evaluate_next(machine *m, word form);

bool define_syntax(machine *m);
bool define_primitives(machine *m);
extern const char prelude[];

#endif
