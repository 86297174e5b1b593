/* examples/cache/page.c - see page.h. */
#include "page.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static ouro_type line_type = {.name = "line", .size = sizeof(line), .item_size = 1, .flags = OURO_TYPE_ACYCLIC};

static ouro_type lines_type = {
    .name = "lines",
    .size = sizeof(lines),
    .item_size = sizeof(OURO_OWNED(line)),
    .flags = OURO_TYPE_ITEMS | OURO_TYPE_ACYCLIC,
};

/* Called when the references have gone: self->lines is NULL already, what is no object is still there. */
static void release_page(void *self) { ouro_free(((page *)self)->name); }

ouro_type page_type = {
    .name = "page",
    .size = sizeof(page),
    .references = OURO_REFERENCES(offsetof(page, lines)),
    .release = release_page,
    .flags = OURO_TYPE_ACYCLIC,
};

/* ---------------------------------------------------------------- lines */

static const char *escape(char c) {
  switch (c) {
  case '&':
    return "&amp;";
  case '<':
    return "&lt;";
  case '>':
    return "&gt;";
  case '"':
    return "&quot;";
  default:
    return NULL;
  }
}

/* Write `length` bytes, escaped, to `out`, or nowhere if that is NULL. Returns how many bytes they become. */
static size_t put_escaped(char *out, const char *bytes, size_t length) {
  size_t put = 0;
  for (size_t i = 0; i < length; i++) {
    const char *instead = escape(bytes[i]);
    size_t room = instead ? strlen(instead) : 1;
    if (out) memcpy(out + put, instead ? instead : &bytes[i], room);
    put += room;
  }
  return put;
}

static OURO_OWNED(line) render_line(size_t number, const char *bytes, size_t length) {
  char prefix[60];
  size_t before = (size_t)snprintf(prefix, sizeof prefix, "<a id=\"%zu\">%zu</a> ", number, number);
  OURO_OWNED(line) made = ouro_new_var(&line_type, before + put_escaped(NULL, bytes, length));
  line *l = ouro_borrow(made);
  if (!l) return OURO_NULL;
  memcpy(l->bytes, prefix, before);
  put_escaped(l->bytes + before, bytes, length);
  return made;
}

static const char *line_end(const char *at, const char *end) {
  const char *newline = memchr(at, '\n', (size_t)(end - at));
  return newline ? newline : end;
}

static size_t count_lines(const char *at, const char *end) {
  size_t count = 0;
  for (; at < end; at = line_end(at, end) + 1) count++;
  return count;
}

/* This takes long, for a large file: at each line the thread can be stopped. */
static OURO_OWNED(lines) render(const char *at, const char *end) {
  OURO_AUTO(lines) made = ouro_new_var(&lines_type, count_lines(at, end));
  lines *all = ouro_borrow(made);
  for (size_t i = 0; all && i < all->head.count; i++) {
    const char *newline = line_end(at, end);
    ouro_movref(&all->line[i], render_line(i + 1, at, (size_t)(newline - at)));
    if (!ouro_borrow(all->line[i])) return OURO_NULL;
    at = newline + 1;
    ouro_safepoint();
  }
  return ouro_steal(&made);
}

static uint32_t sum_of(const lines *all) {
  uint32_t a = 1, b = 0;
  for (size_t i = 0; i < all->head.count; i++) {
    const line *l = ouro_borrow(all->line[i]);
    for (size_t k = 0; k < l->head.count; k++) {
      a = (a + (unsigned char)l->bytes[k]) % 65521;
      b = (b + a) % 65521;
    }
  }
  return b << 16 | a;
}

/* ---------------------------------------------------------------- a page */

static char *read_whole(FILE *file, size_t *length) {
  size_t room = 4096;
  char *bytes = ouro_malloc(room);
  *length = 0;
  while (bytes && !feof(file) && !ferror(file)) {
    *length += fread(bytes + *length, 1, room - *length, file);
    if (*length < room) continue;
    char *more = ouro_realloc(bytes, room *= 2);
    if (!more) ouro_free(bytes);
    bytes = more;
  }
  if (bytes && !ferror(file)) return bytes;
  ouro_free(bytes);
  return NULL;
}

/* In a block that the caller frees; otherwise errno says why not. It may sleep, and touches no object. */
static char *read_file(const char *name, size_t *length) {
  char *bytes = NULL;
  ouro_blocking_begin();
  FILE *file = fopen(name, "rb");
  if (file) bytes = read_whole(file, length);
  int wrong = errno;
  if (file) fclose(file);
  ouro_blocking_end();
  errno = wrong;
  return bytes;
}

static char *copy(const char *name) {
  size_t size = strlen(name) + 1;
  char *made = ouro_malloc(size);
  return made ? memcpy(made, name, size) : NULL;
}

OURO_OWNED(page) page_render(ouro_type *type, const char *name) {
  size_t length;
  char *bytes = read_file(name, &length);
  if (!bytes) return OURO_NULL;
  OURO_AUTO(page) made = ouro_new(type);
  page *p = ouro_borrow(made);
  if (p) {
    p->name = copy(name);
    ouro_movref(&p->lines, render(bytes, bytes + length));
  }
  ouro_free(bytes);
  if (!p || !p->name || !ouro_borrow(p->lines)) return OURO_NULL;
  p->sum = sum_of(ouro_borrow(p->lines));
  return ouro_steal(&made);
}
