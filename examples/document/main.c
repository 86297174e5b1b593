/* examples/document/main.c - reads a document, then commands about it from standard input.
 *
 *     document FILE < COMMANDS        "help" lists the commands
 *
 * At the end it drops its one reference to the document, collects, and asks the library what is still alive. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node.h"

typedef struct program {
  OURO_OWNED(document) doc;
  OURO_OWNED(element) held; /* by the command "hold" */
} program;

enum { WORDS = 4 };

/* ---------------------------------------------------------------- printing */

static void print_escaped(const string *s) {
  for (const char *c = s->bytes; *c; c++) {
    switch (*c) {
    case '&': fputs("&amp;", stdout); break;
    case '<': fputs("&lt;", stdout); break;
    case '"': fputs("&quot;", stdout); break;
    default: putchar(*c);
    }
  }
}

static void print_begin(node *n) {
  const element *e = as_element(n);
  if (!e) {
    print_escaped(ouro_borrow(((text *)n)->content));
    return;
  }
  const string *name = ouro_borrow(e->name);
  printf("<%s", name->bytes);
  for (const attribute *a = ouro_borrow(e->attributes); a; a = ouro_borrow(a->next)) {
    name = ouro_borrow(a->name);
    printf(" %s=\"", name->bytes);
    print_escaped(ouro_borrow(a->value));
    putchar('"');
  }
  fputs(ouro_borrow(e->first) ? ">" : "/>", stdout);
}

static void indent(int depth) { printf("%*s", depth < 40 ? 2 * depth : 80, ""); }

/* Print a node and all below it, one line each. The links to parents lead back up: no recursion, however deep it is. */
static void print_tree(node *top) {
  int depth = 0;
  node *n = top;
  while (n) {
    indent(depth);
    print_begin(n);
    putchar('\n');
    const element *e = as_element(n);
    node *first = e ? ouro_borrow(e->first) : NULL;
    if (first) {
      n = first;
      depth++;
      continue;
    }
    while (n != top && !ouro_borrow(n->next)) {
      n = node_parent(n);
      const string *name = ouro_borrow(as_element(n)->name);
      indent(--depth);
      printf("</%s>\n", name->bytes);
    }
    n = n == top ? NULL : ouro_borrow(n->next);
  }
}

static int write_text(void *stream, const char *bytes, size_t length) {
  return fwrite(bytes, 1, length, stream) == length ? 0 : -1;
}

static size_t alive(const ouro_type *type) {
  ouro_type_stats types[32];
  size_t count = ouro_type_stats_get(types, 32);
  for (size_t i = 0; i < count && i < 32; i++)
    if (types[i].type == type) return types[i].objects;
  return 0;
}

/* ---------------------------------------------------------------- commands
 *
 * Each gets its words; what it looks up it holds for as long as it works on it (OURO_AUTO), since a command may drop
 * anything. */

static OURO_OWNED(element) find(program *p, const char *id) {
  OURO_OWNED(element) found = document_find(ouro_borrow(p->doc), id);
  if (!ouro_borrow(found)) printf("no element has the id %s\n", id);
  return found;
}

static node *root_of(program *p) {
  const document *doc = ouro_borrow(p->doc);
  return as_node(ouro_borrow(doc->root));
}

static void command_print(program *p, char **word) {
  if (!word[1]) {
    print_tree(root_of(p));
    return;
  }
  OURO_AUTO(element) found = find(p, word[1]);
  if (ouro_borrow(found)) print_tree(as_node(ouro_borrow(found)));
}

static void command_find(program *p, char **word) {
  node *top = root_of(p);
  for (node *n = top; n; n = node_following(n, top)) {
    const element *e = as_element(n);
    const string *name = e ? ouro_borrow(e->name) : NULL;
    if (name && strcmp(name->bytes, word[1]) == 0) {
      print_begin(n);
      putchar('\n');
    }
  }
}

static void command_text(program *p, char **word) {
  OURO_AUTO(element) found = find(p, word[1]);
  node *top = as_node(ouro_borrow(found));
  const char *between = "";
  for (node *n = top; n; n = node_following(n, top)) {
    if (as_element(n)) continue;
    const string *content = ouro_borrow(((text *)n)->content);
    printf("%s%s", between, content->bytes);
    between = " | ";
  }
  if (top) putchar('\n');
}

static void command_path(program *p, char **word) {
  OURO_AUTO(element) found = word[1] ? find(p, word[1]) : ouro_xnewref(ouro_borrow(p->held));
  const char *between = "";
  for (node *n = as_node(ouro_borrow(found)); n; n = node_parent(n)) {
    const string *name = ouro_borrow(as_element(n)->name);
    printf("%s%s", between, name->bytes);
    between = " < ";
  }
  if (ouro_borrow(found)) putchar('\n');
}

static void command_set(program *p, char **word) {
  OURO_AUTO(element) found = find(p, word[1]);
  element *e = ouro_borrow(found);
  if (e && element_set(ouro_borrow(p->doc), e, word[2], strlen(word[2]), word[3], strlen(word[3])) != OURO_OK)
    puts("out of memory");
}

static void command_add(program *p, char **word) {
  document *doc = ouro_borrow(p->doc);
  OURO_AUTO(element) parent = find(p, word[1]);
  OURO_AUTO(element) made = element_new(doc, word[2], strlen(word[2]));
  element *e = ouro_borrow(made);
  if (!ouro_borrow(parent)) return;
  if (!e || (word[3] && element_set(doc, e, "id", 2, word[3], strlen(word[3])) != OURO_OK))
    puts("out of memory");
  else
    node_append(ouro_borrow(parent), &e->base);
}

static void command_move(program *p, char **word) {
  OURO_AUTO(element) moved = find(p, word[1]);
  OURO_AUTO(element) parent = find(p, word[2]);
  node *n = as_node(ouro_borrow(moved)), *to = as_node(ouro_borrow(parent));
  if (!n || !to) return;
  if (node_is_within(to, n)) {
    puts("it would be inside itself");
    return;
  }
  node_detach(n);
  node_append(ouro_borrow(parent), n);
}

static void command_drop(program *p, char **word) {
  OURO_AUTO(element) found = find(p, word[1]);
  node *n = as_node(ouro_borrow(found));
  if (n == root_of(p))
    puts("the root stays");
  else if (n)
    node_detach(n);
}

/* Each child is borrowed from the slot that node_detach empties: there is no other reference to it. */
static void command_empty(program *p, char **word) {
  OURO_AUTO(element) found = find(p, word[1]);
  element *e = ouro_borrow(found);
  while (e && ouro_borrow(e->first)) node_detach(ouro_borrow(e->first));
}

static void command_hold(program *p, char **word) {
  if (word[1])
    ouro_movref(&p->held, find(p, word[1]));
  else
    ouro_clear(&p->held);
}

static void say_gone(void *unused, void *id) {
  (void)unused;
  printf("gone: %s\n", ((string *)id)->bytes);
}

static void command_watch(program *p, char **word) {
  OURO_AUTO(element) found = find(p, word[1]);
  if (!ouro_borrow(found)) return;
  OURO_AUTO(string) id = string_new(word[1], strlen(word[1]));
  OURO_AUTO(ouro_finalizer) watch = OURO_NULL;
  if (ouro_borrow(id)) ouro_movref(&watch, ouro_finalize(ouro_borrow(found), say_gone, NULL, ouro_borrow(id)));
  if (!ouro_borrow(watch)) puts("out of memory");
}

static void command_alive(program *p, char **word) {
  (void)word;
  const document *doc = ouro_borrow(p->doc);
  printf("alive: %zu elements, %zu texts, %zu strings; cached: %zu ids, %zu names\n", alive(&element_type),
         alive(&text_type), alive(&string_type), ouro_weak_values_count(ouro_borrow(doc->ids)),
         ouro_weak_values_count(ouro_borrow(doc->names)));
}

static void command_collect(program *p, char **word) {
  (void)p, (void)word;
  printf("collected: %td\n", ouro_gc_collect(2));
}

static void command_help(program *p, char **word);

static const struct command {
  const char *name;
  int least, most; /* words behind it */
  void (*run)(program *p, char **word);
  const char *help;
} commands[] = {
    {"print", 0, 1, command_print, "print [ID]             the document, or an element and what is below it"},
    {"find", 1, 1, command_find, "find NAME              all elements of that name"},
    {"text", 1, 1, command_text, "text ID                the text below an element"},
    {"path", 0, 1, command_path, "path [ID]              the way up from there (from what is held)"},
    {"set", 3, 3, command_set, "set ID NAME VALUE      set an attribute"},
    {"add", 2, 3, command_add, "add PARENT NAME [ID]   add an element"},
    {"move", 2, 2, command_move, "move ID PARENT         move an element, with what is below it"},
    {"drop", 1, 1, command_drop, "drop ID                take an element out, with what is below it"},
    {"empty", 1, 1, command_empty, "empty ID               take out all that is below an element"},
    {"hold", 0, 1, command_hold, "hold [ID]              keep a reference to this one (to none)"},
    {"watch", 1, 1, command_watch, "watch ID               say when it has gone"},
    {"alive", 0, 0, command_alive, "alive                  what is in memory"},
    {"collect", 0, 0, command_collect, "collect                run the collector"},
    {"help", 0, 0, command_help, "help                   this list"},
};

static void command_help(program *p, char **word) {
  (void)p, (void)word;
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) puts(commands[i].help);
}

/* ---------------------------------------------------------------- the program */

static int split(char *line, char **word) {
  int count = 0;
  for (char *at = strtok(line, " \t\n"); at && count <= WORDS; at = strtok(NULL, " \t\n")) word[count++] = at;
  return count;
}

static void run_line(program *p, char *line) {
  char *word[WORDS + 2] = {NULL};
  int count = split(line, word);
  if (count == 0 || word[0][0] == '#') return;
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    if (strcmp(commands[i].name, word[0]) != 0) continue;
    if (count - 1 < commands[i].least || count - 1 > commands[i].most)
      printf("usage: %s\n", commands[i].help);
    else
      commands[i].run(p, word);
    return;
  }
  printf("%s is no command; help lists them\n", word[0]);
}

static void run_commands(program *p) {
  char line[1000];
  bool asking = isatty(STDIN_FILENO);
  for (;;) {
    if (asking) fputs("> ", stdout), fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) break;
    run_line(p, line);
    /* A good place for a collection, should one be due: whatever must live is held. */
    ouro_safepoint();
  }
}

/* The whole file in a block that the caller frees; NULL, and a message, where that fails. */
static char *read_file(const char *path, size_t *length) {
  size_t room = 4096;
  char *bytes = ouro_malloc(room);
  FILE *file = fopen(path, "rb");
  *length = 0;
  while (bytes && file && !feof(file) && !ferror(file)) {
    *length += fread(bytes + *length, 1, room - *length, file);
    if (*length < room) continue;
    char *more = ouro_realloc(bytes, room *= 2);
    if (!more) ouro_free(bytes);
    bytes = more;
  }
  bool good = bytes && file && !ferror(file);
  if (!good) perror(path), ouro_free(bytes);
  if (file) fclose(file);
  return good ? bytes : NULL;
}

static int load(program *p, const char *path) {
  size_t length;
  parse_error error;
  char *source = read_file(path, &length);
  if (!source) return -1;
  ouro_movref(&p->doc, document_parse(source, length, &error));
  ouro_free(source);
  if (ouro_borrow(p->doc)) return 0;
  fprintf(stderr, "document: %s:%d: %s\n", path, error.line, error.text);
  return -1;
}

int main(int argc, char **argv) {
  program p = {OURO_NULL, OURO_NULL};
  if (argc != 2) {
    fputs("usage: document FILE < COMMANDS\n", stderr);
    return 2;
  }
  int failed = load(&p, argv[1]);
  if (!failed) run_commands(&p);
  ouro_clear(&p.held);
  ouro_clear(&p.doc);
  ouro_gc_collect(2);
  ptrdiff_t left = ouro_leaks_report(write_text, stderr);
  if (!failed) printf("left: %td objects\n", left);
  return failed || left ? 1 : 0;
}
