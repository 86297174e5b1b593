/* examples/lisp/main.c - runs scripts, or reads from standard input and answers.
 *
 *     lisp [--depth FRAMES] [--verify] [FILE...]
 *
 * At the end everything is dropped, the collector runs once more, and the library is asked what is still alive: nothing. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lisp.h"

enum { DEPTH = 1000000 };

typedef struct settings {
  bool verify; /* check the whole heap behind each form */
} settings;

/* ---------------------------------------------------------------- the machine's life */

/* Evaluate each form of a text. False where one fails; m->error says why. */
static bool run_text(machine *m, stream *in, const settings *s, void (*show)(machine *m, word value)) {
  for (;;) {
    AUTO form = read_value(m, in);
    if (failed(form)) return false;
    if (look(form) == END) return true;
    AUTO value = evaluate(m, look(form));
    if (failed(value)) return false;
    if (show) show(m, look(value));
    if (s->verify && ouro_gc_verify(m->error, sizeof m->error) != 0) return false;
  }
}

/* An empty machine: every register holds something from the beginning on. */
static bool machine_open(machine *m, int deepest) {
  *m = (machine){.globals = {NIL}, .value = {NIL}, .form = {NIL}, .pending = {NIL}, .deepest = deepest};
  m->output.file = stdout;
  ouro_movref(&m->symbols, ouro_weak_values_new());
  if (!ouro_borrow(m->symbols)) return fail(m, "out of memory", 0), false;
  stream in = {.bytes = (char *)(uintptr_t)prelude, .length = strlen(prelude), .fixed = true};
  return define_syntax(m) && define_primitives(m) && run_text(m, &in, &(settings){0}, NULL);
}

/* Let go of everything. */
static void machine_close(machine *m) {
  /* What waits for a death that does not come: now. Run while the global variables are still there. */
  ouro_finalizers_run();
  release(evaluate(m, UNSPECIFIED));
  while (is_pair(look(m->globals))) {
    AUTO cell = take(&m->globals);
    set(&m->globals, cdr(look(cell)));
    set(&((symbol *)car(look(cell)))->value, UNBOUND);
  }
  clear(&m->globals);
  clear(&m->value);
  clear(&m->form);
  /* Procedures that refer to their environments and back: what is left of them is cycles. */
  ouro_gc_collect(2);
  clear(&m->pending);
  ouro_clear(&m->symbols);
}

/* ---------------------------------------------------------------- scripts and the prompt */

static bool run_file(machine *m, const char *path, const settings *s) {
  stream in = {.file = fopen(path, "r"), .line = 1};
  if (!in.file) {
    perror(path);
    return false;
  }
  bool good = run_text(m, &in, s, NULL);
  fflush(stdout);
  if (!good) fprintf(stderr, "lisp: %s:%d: %s\n", path, in.line, m->error);
  stream_close(&in);
  return good;
}

static void show_value(machine *m, word value) {
  if (value != UNSPECIFIED) {
    write_value(&m->output, value, true);
    stream_puts(&m->output, "\n");
  }
  if (isatty(STDIN_FILENO)) fputs("> ", stdout);
  fflush(stdout);
}

static void run_prompt(machine *m, const settings *s) {
  stream in = {.file = stdin, .line = 1};
  show_value(m, UNSPECIFIED);
  while (!run_text(m, &in, s, show_value)) {
    printf("error: %s\n", m->error);
    /* Whatever follows on the line belongs to what failed. */
    for (int c = '\n'; isatty(STDIN_FILENO) && (c = stream_get(&in)) != '\n' && c != EOF;) {
    }
    show_value(m, UNSPECIFIED);
    if (feof(stdin)) break;
  }
}

static int write_text(void *file, const char *text, size_t length) {
  return fwrite(text, 1, length, file) == length ? 0 : -1;
}

static int usage(void) {
  fputs("usage: lisp [--depth FRAMES] [--verify] [FILE...]\n", stderr);
  return 2;
}

int main(int argc, char **argv) {
  settings s = {0};
  int deepest = DEPTH, first = 1;
  for (; first < argc && strncmp(argv[first], "--", 2) == 0; first++) {
    if (strcmp(argv[first], "--verify") == 0)
      s.verify = true;
    else if (strcmp(argv[first], "--depth") != 0 || ++first == argc || (deepest = atoi(argv[first])) < 1)
      return usage();
  }
  machine m;
  bool good = machine_open(&m, deepest);
  if (!good) fprintf(stderr, "lisp: %s\n", m.error);
  for (int i = first; good && i < argc; i++) good = run_file(&m, argv[i], &s);
  if (good && first == argc) run_prompt(&m, &s);
  machine_close(&m);
  ptrdiff_t left = ouro_leaks_report(write_text, stderr);
  return good && left == 0 ? 0 : 1;
}
