/* cli/report/flame.c - `ouro flame`: the tree of calls as one SVG file that needs nothing else: callers on top, what they
 * called below them, as wide as what was allocated. A browser shows what a rectangle stands for when the mouse is over it, and
 * its part of the graph on a click; a click on "all" goes back.
 *
 * A file stays under 2 MB: it has RECTANGLES_MOST rectangles at most, the largest ones, and none that would be a thin line. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report/calls.h"
#include "cli/report/show.h"

static const ouro__ask_about about = {
    .command = OURO_ASK_FLAME,
    .least = 1,
    .most = UINT_MAX,
    .help = "usage: ouro flame [options] FILE|PID[@SNAPSHOT]... -o GRAPH.svg\n"
            "\n"
            "Draw what was allocated as a flame graph: an SVG file for a browser. Without -o it goes to stdout, where "
            "that is no\n"
            "terminal.\n",
};

enum { WIDTH = 1200, ROW = 18, TOP = 48, LETTER = 7, RECTANGLES_MOST = 4000, NAME_MOST = 160 };

static const double thinnest = 0.4 / WIDTH; /* of the whole */

typedef struct graph {
  const ouro__calls *calls;
  FILE *out;
  unsigned depth;
  char name[OURO_SHOW_NAME]; /* of the rectangle that is drawn; not on the stack, which goes as deep as the graph */
} graph;

/* ---------------------------------------------------------------- text in XML */

/* At most `most` bytes of the text, and no part of a character. */
static void xml(const char *text, size_t most, FILE *out) {
  while (*text && most > 0) {
    unsigned length = ouro__utf8_length(text);
    if (length > most) break;
    unsigned char byte = (unsigned char)*text;
    const char *entity = byte == '<'   ? "&lt;"
                         : byte == '>' ? "&gt;"
                         : byte == '&' ? "&amp;"
                         : byte == '"' ? "&quot;"
                                       : NULL;
    if (length == 0 || ouro__utf8_is_control(text) || strncmp(text, "\xef\xbf\xbe", 3) == 0 ||
        strncmp(text, "\xef\xbf\xbf", 3) == 0) /* the last two are no characters of XML */
      fputc('?', out);
    else if (entity)
      fputs(entity, out);
    else
      fwrite(text, 1, length, out);
    text += length ? length : 1;
    most -= length ? length : 1;
  }
}

/* "function (file.py:12)" */
static void name_of(const ouro__place *place, char name[OURO_SHOW_NAME]) {
  char where[3 * NAME_MOST];
  ouro__place_text(where, sizeof where, place, true);
  if (*place->file && place->line && *place->function)
    snprintf(name, OURO_SHOW_NAME, "%.*s (%s)", NAME_MOST, place->function, where);
  else
    snprintf(name, OURO_SHOW_NAME, "%s", where);
}

/* ---------------------------------------------------------------- rectangles */

/* Warm colours for Python and source, cool ones for native code; the same for the same name. */
static void colour(const ouro__place *place, const char *name, char text[16]) {
  uint32_t hash = UINT32_C(2166136261);
  for (; *name; name++) hash = (hash ^ (unsigned char)*name) * UINT32_C(16777619);
  unsigned a = hash >> 8 & 63, b = hash >> 16 & 63;
  if (place->kind == OURO_FRAME_NATIVE)
    snprintf(text, 16, "#%02x%02x%02x", 130 + a / 2, 170 + b / 2, 200 + a / 2);
  else
    snprintf(text, 16, "#%02x%02x%02x", 220 + a / 4, 150 + b, 80 + a);
}

static void rectangle(const graph *it, double x, double width, unsigned row, const char *name, const char *fill,
                      ouro__tally tally) {
  ouro__show_words bytes, count, share;
  double y = TOP + (double)row * ROW, pixels = width * WIDTH;
  fprintf(it->out, "<g data-x=\"%.6f\" data-w=\"%.6f\"><title>", x, width);
  xml(name, 2 * NAME_MOST, it->out);
  fprintf(it->out, "\n%s, %s, %s blocks</title>", ouro__show_bytes(&bytes, tally.bytes),
          ouro__show_share(&share, (double)tally.bytes, (double)it->calls->total[0].bytes),
          ouro__show_count(&count, tally.count));
  fprintf(it->out, "<rect x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>", x * WIDTH, y, pixels,
          ROW - 1, fill);
  fprintf(it->out, "<text x=\"%.1f\" y=\"%.0f\">", x * WIDTH + 3, y + ROW - 5);
  if (pixels > 4 * LETTER) xml(name, (size_t)((pixels - 6) / LETTER), it->out);
  fputs("</text></g>\n", it->out);
}

static void draw(graph *it, uint32_t stack, double x, unsigned row) {
  size_t count;
  const uint32_t *children = ouro__calls_children(it->calls, stack, &count);
  double all = (double)it->calls->total[0].bytes;
  for (size_t i = 0; i < count; i++) {
    char fill[16];
    const ouro__place *place = ouro__stack_place(&it->calls->stacks, children[i]);
    double width = (double)it->calls->total[children[i]].bytes / all;
    name_of(place, it->name);
    colour(place, it->name, fill);
    rectangle(it, x, width, row, it->name, fill, it->calls->total[children[i]]);
    draw(it, children[i], x, row + 1);
    x += width;
  }
}

static unsigned depth_below(const ouro__calls *calls, uint32_t stack) {
  size_t count;
  unsigned deepest = 0;
  const uint32_t *children = ouro__calls_children(calls, stack, &count);
  for (size_t i = 0; i < count; i++) {
    unsigned depth = 1 + depth_below(calls, children[i]);
    if (depth > deepest) deepest = depth;
  }
  return deepest;
}

/* ---------------------------------------------------------------- the file */

static const char script[] =
    "<script><![CDATA[\n"
    "const width = 1200, all = [...document.querySelectorAll('g[data-x]')];\n"
    "function place(g, x, w) {\n"
    "  const rect = g.querySelector('rect'), text = g.querySelector('text');\n"
    "  const name = g.querySelector('title').textContent.split('\\n')[0];\n"
    "  rect.setAttribute('x', x); rect.setAttribute('width', Math.max(w, 0)); text.setAttribute('x', x + 3);\n"
    "  text.textContent = w > 28 ? name.slice(0, Math.floor((w - 6) / 7)) : '';\n"
    "}\n"
    "function zoom(to) {\n"
    "  const x0 = +to.dataset.x, w0 = +to.dataset.w, y0 = +to.querySelector('rect').getAttribute('y'), small = 1e-5;\n"
    "  for (const g of all) {\n"
    "    const x = +g.dataset.x, w = +g.dataset.w, y = +g.querySelector('rect').getAttribute('y');\n"
    "    const over = y < y0 && x <= x0 + small && x + w >= x0 + w0 - small;\n"
    "    const under = y >= y0 && x >= x0 - small && x + w <= x0 + w0 + small;\n"
    "    g.style.display = over || under ? '' : 'none';\n"
    "    g.style.opacity = over ? 0.5 : 1;\n"
    "    if (over) place(g, 0, width);\n"
    "    if (under) place(g, (x - x0) / w0 * width, w / w0 * width);\n"
    "  }\n"
    "}\n"
    "for (const g of all) g.addEventListener('click', () => zoom(g));\n"
    "]]></script>\n";

static void svg_head(const graph *it, const ouro__ask *ask) {
  ouro__show_words bytes, count;
  char command[OURO_SHOW_NAME], measure[OURO_SHOW_MEASURE];
  unsigned height = TOP + (it->depth + 1) * ROW + 8;
  fprintf(it->out,
          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
          "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %u\" width=\"%d\" height=\"%u\">\n"
          "<style>text { font: 12px monospace; fill: #222; pointer-events: none } .head { font: 14px sans-serif }\n"
          "g[data-x] { cursor: pointer } g[data-x] rect { stroke: #fff; stroke-width: 0.5 } g[data-x]:hover rect { "
          "stroke: #222 }</style>\n"
          "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n<text class=\"head\" x=\"3\" y=\"18\">",
          WIDTH, height, WIDTH, height);
  ouro__show_command(ask->sources[0].profile, command);
  xml(command, NAME_MOST, it->out);
  fprintf(it->out, "</text>\n<text class=\"head\" x=\"3\" y=\"38\">%s: %s in %s blocks%s</text>\n",
          ouro__show_measure(ask, measure), ouro__show_bytes(&bytes, it->calls->total[0].bytes),
          ouro__show_count(&count, it->calls->total[0].count),
          ask->inverted ? "; from those who allocate to their callers" : "");
}

static void write_graph(const ouro__ask *ask, FILE *out) {
  ouro__calls calls;
  ouro__calls_make(&calls, ask, thinnest);
  int64_t least = (int64_t)(thinnest * (double)calls.total[0].bytes) + 1;
  ouro__calls_keep(&calls, least, RECTANGLES_MOST);
  graph it = {.calls = &calls, .out = out, .depth = depth_below(&calls, 0)};
  svg_head(&it, ask);
  rectangle(&it, 0, 1, 0, "all", "#ddd", calls.total[0]);
  if (calls.kept_count) draw(&it, 0, 0, 1);
  fputs(script, out);
  fputs("</svg>\n", out);
  ouro__calls_free(&calls);
}

/* ---------------------------------------------------------------- the command */

/* NULL: the user was told. */
static FILE *open_output(const ouro__ask *ask) {
  if (!ask->output) {
    if (!isatty(STDOUT_FILENO)) return stdout;
    ouro__say("name the file to write: ouro flame %s -o flame.svg", ask->sources[0].profile->source);
    return NULL;
  }
  FILE *out = fopen(ask->output, ask->force ? "we" : "wxe");
  if (!out && errno == EEXIST)
    ouro__say("%s exists; name another file, or add --force to overwrite it", ask->output);
  else if (!out)
    ouro__say("cannot write %s: %s", ask->output, strerror(errno));
  return out;
}

static int close_output(const ouro__ask *ask, FILE *out) {
  bool failed = ferror(out) != 0;
  if ((out == stdout ? fflush(out) : fclose(out)) == 0 && !failed) return 0;
  ouro__say("cannot write %s: %s", ask->output ? ask->output : "the graph", strerror(errno));
  return OURO_EXIT_FAILED;
}

int ouro__cmd_flame(int argc, char **argv) {
  ouro__ask ask;
  int result = ouro__ask_read(&ask, &about, argc, argv);
  if (result >= 0) return result;
  FILE *out = open_output(&ask);
  result = OURO_EXIT_USAGE;
  if (out) {
    write_graph(&ask, out);
    result = close_output(&ask, out);
  }
  ouro__ask_free(&ask);
  return result;
}
