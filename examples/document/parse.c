/* examples/document/parse.c - reads a small part of XML: elements, attributes, text, comments, and the five entities.
 *
 * No recursion and no stack: which element is open is known from the tree itself, since each knows its parent. So the
 * depth of a document is limited by memory alone. */
#include <ctype.h>
#include <string.h>

#include "node.h"

typedef struct parser {
  const char *at, *end;
  document *doc;   /* borrowed */
  element *open;   /* borrowed; NULL outside of the root */
  char *scratch;   /* text without entities: as large as the source, so that nothing in it is too long */
  int line;
  const char *wrong; /* what is wrong, or NULL */
} parser;

/* ---------------------------------------------------------------- characters */

/* Record what is wrong, unless something was already. Returns false, for `return fail(...)`. */
static bool fail(parser *p, const char *sentence) {
  if (!p->wrong) p->wrong = sentence;
  return false;
}

static char peek(const parser *p) { return p->at < p->end ? *p->at : '\0'; }

static void advance(parser *p, size_t count) {
  for (; count > 0; count--)
    if (*p->at++ == '\n') p->line++;
}

static bool looks_at(const parser *p, const char *word) {
  size_t length = strlen(word);
  return (size_t)(p->end - p->at) >= length && memcmp(p->at, word, length) == 0;
}

static bool take(parser *p, const char *word) {
  if (!looks_at(p, word)) return false;
  advance(p, strlen(word));
  return true;
}

static bool is_space(char c) { return isspace((unsigned char)c) != 0; }

static void skip_space(parser *p) {
  while (is_space(peek(p))) advance(p, 1);
}

static size_t take_name(parser *p, const char **name) {
  *name = p->at;
  while (isalnum((unsigned char)peek(p)) || (peek(p) && strchr("-_.:", peek(p)))) advance(p, 1);
  return (size_t)(p->at - *name);
}

/* Copy up to (not including) `stop` into scratch, entities replaced. Returns the length. */
static size_t take_text(parser *p, char stop) {
  static const struct { const char *entity; char means; } entities[] = {
      {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
  size_t length = 0;
  while (p->at < p->end && *p->at != stop) {
    char c = *p->at;
    size_t known = 0;
    while (c == '&' && known < 5 && !looks_at(p, entities[known].entity)) known++;
    if (c == '&' && known == 5) fail(p, "an entity that is none of &amp; &lt; &gt; &quot; &apos;");
    if (c == '\0') fail(p, "a zero byte");
    if (p->wrong) return 0;
    advance(p, c == '&' ? strlen(entities[known].entity) : 1);
    p->scratch[length++] = c == '&' ? entities[known].means : c;
  }
  return length;
}

/* ---------------------------------------------------------------- the parts of a document */

static bool parse_attribute(parser *p, element *e) {
  const char *name;
  size_t name_length = take_name(p, &name);
  if (name_length == 0) return fail(p, "the name of an attribute, > or /> is missing");
  skip_space(p);
  if (!take(p, "=")) return fail(p, "an attribute without =");
  skip_space(p);
  char quote = peek(p);
  if (quote != '"' && quote != '\'') return fail(p, "the value of an attribute is not in quotes");
  advance(p, 1);
  size_t length = take_text(p, quote);
  if (p->wrong) return false;
  if (p->at == p->end) return fail(p, "the value of an attribute does not end");
  advance(p, 1);
  if (element_set(p->doc, e, name, name_length, p->scratch, length) != OURO_OK) return fail(p, "out of memory");
  return true;
}

/* Behind "<". */
static bool parse_element(parser *p) {
  const char *name;
  size_t length = take_name(p, &name);
  if (length == 0) return fail(p, "a < without a name");
  if (!p->open && ouro_borrow(p->doc->root)) return fail(p, "a second root");
  OURO_AUTO(element) made = element_new(p->doc, name, length);
  element *e = ouro_borrow(made);
  if (!e) return fail(p, "out of memory");
  /* From here on the tree keeps it too. */
  if (p->open)
    node_append(p->open, &e->base);
  else
    ouro_setref(&p->doc->root, e);
  for (;;) {
    skip_space(p);
    if (take(p, "/>")) return true;
    if (take(p, ">")) {
      p->open = e;
      return true;
    }
    if (!parse_attribute(p, e)) return false;
  }
}

/* Behind "</". */
static bool parse_end(parser *p) {
  const char *name;
  size_t length = take_name(p, &name);
  const string *its = p->open ? ouro_borrow(p->open->name) : NULL;
  if (!its || its->head.count != length + 1 || memcmp(its->bytes, name, length) != 0)
    return fail(p, "an end that is not that of the open element");
  skip_space(p);
  if (!take(p, ">")) return fail(p, "an end without >");
  p->open = ouro_borrow(p->open->base.parent);
  return true;
}

/* Text up to the next "<", without the space around it; space alone is no text. */
static bool parse_text(parser *p) {
  size_t length = take_text(p, '<'), begin = 0;
  if (p->wrong) return false;
  while (begin < length && is_space(p->scratch[begin])) begin++;
  while (length > begin && is_space(p->scratch[length - 1])) length--;
  if (begin == length) return true;
  if (!p->open) return fail(p, "text outside of the root");
  OURO_AUTO(text) made = text_new(p->scratch + begin, length - begin);
  text *t = ouro_borrow(made);
  if (!t) return fail(p, "out of memory");
  node_append(p->open, &t->base);
  return true;
}

static bool skip_comment(parser *p) {
  while (p->at < p->end && !looks_at(p, "-->")) advance(p, 1);
  return take(p, "-->") || fail(p, "a comment does not end");
}

static bool parse_next(parser *p) {
  if (take(p, "<!--")) return skip_comment(p);
  if (take(p, "</")) return parse_end(p);
  if (take(p, "<")) return parse_element(p);
  return parse_text(p);
}

static bool parse_all(parser *p) {
  while (p->at < p->end)
    if (!parse_next(p)) return false;
  if (p->open) return fail(p, "the document ends inside an element");
  return ouro_borrow(p->doc->root) || fail(p, "no element");
}

OURO_OWNED(document) document_parse(const char *source, size_t length, parse_error *error) {
  OURO_AUTO(document) made = document_new();
  parser p = {.at = source, .end = source + length, .doc = ouro_borrow(made), .line = 1};
  p.scratch = ouro_malloc(length + 1);
  bool good = p.doc && p.scratch ? parse_all(&p) : fail(&p, "out of memory");
  ouro_free(p.scratch);
  *error = (parse_error){.line = p.line, .text = p.wrong};
  /* A tree that was half built goes with `made`: a cycle, so with the next collection. */
  if (!good) return OURO_NULL;
  return ouro_steal(&made);
}
