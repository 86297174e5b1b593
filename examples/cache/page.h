/* examples/cache/page.h - what is cached: a file as a page, its lines escaped and numbered. It takes reading a file and
 * making an object for each line: worth keeping as long as anybody uses it.
 *
 *     page --> lines --> line, line, ...        all acyclic: the collector never looks at them
 *
 * A page is not changed any more once it has been made, so that all threads may read it without a lock. */
#ifndef PAGE_H
#define PAGE_H

#include <stddef.h>
#include <stdint.h>

#include <ouro/ouro.h>

typedef struct line {
  ouro_var head; /* head.count: bytes */
  char bytes[];
} line;

typedef struct lines {
  ouro_var head;
  OURO_OWNED(line) line[];
} lines;

typedef struct page {
  ouro_object base;
  char *name; /* no object: page_type's release frees it */
  OURO_OWNED(lines) lines;
  uint32_t sum; /* Adler-32 of the whole text */
} page;

extern ouro_type page_type;

/* Make a page of the file of that name. `type` is page_type, or derived from it. NULL: it cannot be read, or there is
 * no memory; errno says. */
OURO_OWNED(page) page_render(ouro_type *type, const char *name);

#endif
