/* examples/trace/main.c - a program that says itself which of its lines hold its memory.
 *
 *     index FILE...
 *
 * It makes an index of words: where each stands. Compiled with -DOURO_TRACE, each call of ouro_malloc and its like leaves its file, line
 * and function; the program traces itself, and prints the lines that hold most. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ouro/ouro.h>

enum { SLOTS = 16384, LONGEST = 64, MOST = 64 };

/* ---------------------------------------------------------------- the index */

typedef struct word {
  struct word *next;
  unsigned *places;
  size_t count, room;
  char text[];
} word;

static word *slots[SLOTS];

static word **slot_of(const char *text) {
  size_t hash = 5381;
  for (; *text; text++) hash = hash * 33 + (unsigned char)*text;
  return &slots[hash % SLOTS];
}

static word *find_or_make(const char *text) {
  word **slot = slot_of(text), *found = *slot;
  while (found && strcmp(found->text, text) != 0) found = found->next;
  if (found) return found;
  found = ouro_calloc(1, sizeof *found + strlen(text) + 1);
  if (!found) return NULL;
  strcpy(found->text, text);
  found->next = *slot;
  return *slot = found;
}

/* The word stands at that place, too. Returns 0, or -1 where there is no memory. */
static int add(const char *text, unsigned place) {
  word *found = find_or_make(text);
  if (!found) return -1;
  if (found->count == found->room) {
    size_t room = found->room ? 2 * found->room : 4;
    unsigned *places = ouro_reallocarray(found->places, room, sizeof *places);
    if (!places) return -1;
    found->places = places;
    found->room = room;
  }
  found->places[found->count++] = place;
  return 0;
}

static int read_file(const char *path) {
  FILE *file = fopen(path, "r");
  char *text = ouro_malloc(LONGEST);
  unsigned place = 0;
  int status = file && text ? 0 : -1, length = 0;
  for (int c = 0; status == 0 && c != EOF;) {
    c = getc(file);
    if (c != EOF && isalnum(c)) {
      if (length < LONGEST - 1) text[length++] = (char)tolower(c);
    } else if (length) {
      text[length] = '\0';
      status = add(text, place++);
      length = 0;
    }
  }
  ouro_free(text);
  if (file) fclose(file);
  return status;
}

/* Forget the words that stand in one place only. */
static void forget_rare_ones(void) {
  for (size_t i = 0; i < SLOTS; i++) {
    for (word **link = &slots[i]; *link;) {
      word *each = *link;
      if (each->count > 1) {
        link = &each->next;
        continue;
      }
      *link = each->next;
      ouro_free(each->places);
      ouro_free(each);
    }
  }
}

/* ---------------------------------------------------------------- which line */

typedef struct line {
  uint32_t stack;
  size_t bytes, blocks;
} line;

typedef struct lines {
  line line[MOST];
  size_t count;
} lines;

/* A site is of one size class and thread: a line may have several. */
static int add_site(const ouro_trace_site *site, void *arg) {
  lines *all = arg;
  size_t at = 0;
  while (at < all->count && all->line[at].stack != site->stack) at++;
  if (at == MOST) return 0;
  if (at == all->count) all->line[all->count++] = (line){.stack = site->stack};
  all->line[at].bytes += site->live_bytes;
  all->line[at].blocks += site->live_blocks;
  return 0;
}

static int by_bytes(const void *a, const void *b) {
  size_t one = ((const line *)a)->bytes, other = ((const line *)b)->bytes;
  return one < other ? 1 : one > other ? -1 : 0;
}

static void print_top(const char *when, size_t most) {
  ouro_trace_totals totals = {.struct_size = sizeof totals};
  lines all = {.count = 0};
  ouro_trace_get_totals(&totals);
  ouro_trace_each_site(add_site, &all);
  qsort(all.line, all.count, sizeof all.line[0], by_bytes);
  printf("%s: %zu bytes, at most %zu\n", when, (size_t)totals.live_bytes, (size_t)totals.peak_bytes);
  for (size_t i = 0; i < all.count && i < most; i++) {
    ouro_trace_frame frame;
    if (all.line[i].bytes == 0 || ouro_trace_stack(all.line[i].stack, &frame, 1) == 0) continue;
    printf("%10zu bytes %8zu blocks  %s:%u  %s\n", all.line[i].bytes, all.line[i].blocks, frame.file, frame.line,
           frame.function);
  }
}

int main(int argc, char **argv) {
  ouro_trace_options options = OURO_TRACE_OPTIONS_INIT;
  if (ouro_trace_start(&options) != 0) return 1;
  for (int i = 1; i < argc; i++) {
    if (read_file(argv[i]) == 0) continue;
    perror(argv[i]);
    return 1;
  }
  print_top("with all words", 3);
  forget_rare_ones();
  print_top("with the frequent ones", 3);
  return 0;
}
