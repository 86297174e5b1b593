/* cli/report/tree.c - `ouro tree`: who called whom, and what that allocated, the largest first. A line that is the only one below
 * another stands straight below it; only where the tree branches it becomes wider. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report/calls.h"
#include "cli/report/show.h"

static const ouro__ask_about about = {
    .command = OURO_ASK_TREE,
    .least = 1,
    .most = 1,
    .help = "usage: ouro tree [options] FILE|PID[@SNAPSHOT]\n"
            "\n"
            "Show the tree of calls with what they allocated, the largest first.\n",
};

enum { MARGIN_BYTES = 2048, MARGIN_COLUMNS = 50 };

/* The lines of the tree: Unicode's where the locale has UTF-8. */
typedef struct marks {
  const char *branch, *last, *down, *none;
} marks;

static const marks lines = {"├─ ", "└─ ", "│  ", "   "};
static const marks plain = {"|- ", "`- ", "|  ", "   "};

typedef struct drawing {
  const ouro__calls *calls;
  const marks *marks;
  FILE *out;
  char margin[MARGIN_BYTES]; /* what stands before every line below this one */
  int columns;               /* of it */
} drawing;

static void line(const drawing *it, uint32_t stack, const char *mark) {
  ouro__show_words total, own, share;
  char name[OURO_SHOW_NAME];
  const ouro__calls *calls = it->calls;
  const ouro__place *place = ouro__stack_place(&calls->stacks, stack);
  fprintf(it->out, " %10s %7s %10s  %s%s", ouro__show_bytes(&total, calls->total[stack].bytes),
          ouro__show_share(&share, (double)calls->total[stack].bytes, (double)calls->total[0].bytes),
          calls->own[stack].bytes ? ouro__show_bytes(&own, calls->own[stack].bytes) : "", it->margin, mark);
  ouro__place_text(name, sizeof name, place, true);
  size_t length = strlen(name);
  if (*place->file && place->line && *place->function && length < sizeof name) {
    snprintf(name + length, sizeof name - length, "  %s", place->function);
  }
  ouro__show_fit(name, OURO_SHOW_WIDTH - 32 - it->columns - (*mark ? 3 : 0), it->out);
}

static void draw(drawing *it, uint32_t stack);

static void draw_branch(drawing *it, uint32_t stack, bool last) {
  size_t before = strlen(it->margin);
  int columns = it->columns;
  line(it, stack, last ? it->marks->last : it->marks->branch);
  if (columns < MARGIN_COLUMNS) {
    strcat(it->margin, last ? it->marks->none : it->marks->down);
    it->columns += 3;
  }
  draw(it, stack);
  it->margin[before] = 0;
  it->columns = columns;
}

/* What lies below `stack`. */
static void draw(drawing *it, uint32_t stack) {
  size_t count;
  const uint32_t *children = ouro__calls_children(it->calls, stack, &count);
  while (count == 1) {
    stack = children[0];
    line(it, stack, "");
    children = ouro__calls_children(it->calls, stack, &count);
  }
  for (size_t i = 0; i < count; i++) draw_branch(it, children[i], i + 1 == count);
}

static void nothing_line(const ouro__calls *calls, const ouro__ask *ask, FILE *out) {
  if (calls->kept_count) return;
  if (calls->total[0].bytes)
    fprintf(out, " nothing has a share of %g %% or more: --share shows less\n", 100 * ask->share);
  else
    fputs(" nothing\n", out);
}

static void show(const ouro__ask *ask, FILE *out) {
  ouro__calls calls;
  ouro__calls_make(&calls, ask, ask->share);
  ouro__calls_keep(&calls, (int64_t)(ask->share * (double)calls.total[0].bytes), SIZE_MAX);
  ouro__show_words bytes, count;
  char title[256], measure[OURO_SHOW_MEASURE];
  bool utf8 = strcmp(ouro__pen_get()->rule, "-") != 0;
  drawing it = {.calls = &calls, .marks = utf8 ? &lines : &plain, .out = out};
  snprintf(title, sizeof title, "ouro tree: %s: %s in %s blocks%s", ouro__show_measure(ask, measure),
           ouro__show_bytes(&bytes, calls.total[0].bytes), ouro__show_count(&count, calls.total[0].count),
           ask->inverted ? ", from those who allocate to their callers" : "");
  ouro__show_rule(title, out);
  fprintf(out, " %10s %7s %10s  %s\n", "with calls", "share", "own", "line");
  draw(&it, 0);
  nothing_line(&calls, ask, out);
  ouro__calls_free(&calls);
}

int ouro__cmd_tree(int argc, char **argv) {
  ouro__ask ask;
  int result = ouro__ask_read(&ask, &about, argc, argv);
  if (result >= 0) return result;
  show(&ask, stdout);
  ouro__ask_free(&ask);
  return ouro__show_end();
}
