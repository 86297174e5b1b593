/* mapped.h - a buffer that grows, in memory straight from the system: it can be written to while the heap is being walked, and
 * nothing that is traced changes by it. */
#ifndef OURO_PYTHON_MAPPED_H
#define OURO_PYTHON_MAPPED_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ouro__mapped {
  char *bytes; /* NULL: nothing yet */
  size_t used, room;
} ouro__mapped;

/* Memory of zeros; NULL where the system gives none. */
void *ouro__mapped_new(size_t bytes);
void ouro__mapped_delete(void *memory, size_t bytes);

/* Append; false where the system gives no memory, and nothing has changed. */
bool ouro__mapped_append(ouro__mapped *buffer, const void *bytes, size_t length);
void ouro__mapped_clear(ouro__mapped *buffer);

#endif
