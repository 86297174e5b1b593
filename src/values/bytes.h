/* values/bytes.h - what bytes.c and buffer.c share. */
#ifndef OURO_VALUES_BYTES_H
#define OURO_VALUES_BYTES_H

#include <ouro/bytes.h>

#include "values/values.h"

/* Bytes of that number, to be filled in before anybody sees them; up to one byte, take ouro_bytes_new. NULL, and errno. */
ouro_bytes *ouro__bytes_blank(size_t count);
static inline char *ouro__bytes_at(ouro_bytes *bytes) { return (char *)(bytes + 1); }

/* Below, equal to or above 0, as Python orders bytes. */
int ouro__bytes_order(const void *first, size_t first_count, const void *second, size_t second_count);

/* The index of the first `what` at or behind `from`, which is not beyond `length`; -1. */
ptrdiff_t ouro__bytes_find(const char *in, size_t length, const void *what, size_t count, size_t from);

/* Append as Python prints it: b'...'. */
int ouro__bytes_repr(const char *data, size_t count, ouro_buffer *out);

/* The byte that an object says: OURO_ETYPE where it is no int, OURO_ERANGE where that is no byte. */
int ouro__bytes_byte(const void *item, unsigned char *byte);

/* An iterator over bytes or a buffer, of one of two types, whose `next` asks the function for the byte at an index, or OURO_EINDEX. */
typedef struct ouro__byte_iterator {
  ouro_object base;
  ouro_object *of;
  _Atomic size_t at; /* the next index; once the end was met, far beyond any */
} ouro__byte_iterator;

#define OURO__BYTE_ITERATOR_REFERENCES OURO_REFERENCES(offsetof(ouro__byte_iterator, of))
int ouro__byte_iterate(ouro_type *type, void *of, ouro_slot iterator);
int ouro__byte_next(ouro__byte_iterator *iterator, int (*get)(void *of, size_t index), ouro_slot item);

#endif
