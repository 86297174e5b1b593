/* ouro/bytes.h - bytes, which never change, and buffers, which grow.
 *
 *   ouro_bytes    24 bytes: | header | count |   then the bytes, and a NUL that does not count. The empty one and those of one byte were
 *                 made once, and are immortal. Python's bytes.
 *   ouro_buffer   | header | data | count | room |   its bytes in a block of their own. Python's bytearray; and what `repr` and `str` of
 *                 all types append to.
 *
 * A buffer is an object, which threads may share (each operation is whole; see <ouro/value.h>), or it lies on the C stack, one thread's:
 *
 *     ouro_buffer text = OURO_BUFFER_ON_STACK;
 *     ouro_buffer_append_text(&text, "[");
 *     ...
 *     ouro_ref made = ouro_buffer_to_str(&text);
 *     ouro_buffer_done(&text);
 *
 * The functions below take both; as a value, which is counted, stored or given to functions of <ouro/value.h> other than ouro_repr_into and
 * ouro_str_into, only an object will do. */
#ifndef OURO_BYTES_H
#define OURO_BYTES_H

#include "list.h"
#include "value.h"

OURO_BEGIN_DECLS

typedef struct ouro_bytes {
  ouro_var base; /* count: bytes, without the NUL */
} ouro_bytes;

struct ouro_buffer {
  ouro_object base; /* on the stack: zero */
  char *data;       /* of ouro_malloc; NULL where room is 0 */
  size_t count, room;
};

OURO_API extern ouro_type ouro_bytes_type;
OURO_API extern ouro_type ouro_buffer_type;

/* ---------------------------------------------------------------- bytes */

/* Bytes, copied.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; EINVAL: no data, and yet a count.
 * Threads:   any.
 * Cost:      O(count); up to one byte nothing is made. */
OURO_API ouro_ref ouro_bytes_new(const void *data, size_t count) OURO_ATTR_NEW;

/* Bytes that are written as hexadecimal digits, two each, in either case; white space (ASCII) between bytes is left out.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; EBADMSG: it is not so written.
 * Threads:   any.
 * Cost:      O(length). */
OURO_API ouro_ref ouro_bytes_from_hex(const char *text, size_t length) OURO_ATTR_NEW;

/* The UTF-8 of a string.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; ENOTSUP: it is no string.
 * Threads:   any.
 * Cost:      O(bytes). */
OURO_API ouro_ref ouro_bytes_from_str(const void *text) OURO_ATTR_NEW;

/* Is it bytes, or a buffer that is an object?
 * Threads: any that holds a reference.
 * Cost:    a load and a comparison; of other types, O(depth of derivation). */
static inline bool ouro_is_bytes(const void *object) {
  return OURO__LIKELY(ouro_type_of(object) == &ouro_bytes_type) || ouro_is_instance(object, &ouro_bytes_type);
}
static inline bool ouro_is_buffer(const void *object) {
  return OURO__LIKELY(ouro_type_of(object) == &ouro_buffer_type) || ouro_is_instance(object, &ouro_buffer_type);
}

/* The bytes, and behind them a NUL; borrowed, as long as the object lives. And how many they are.
 * Threads: any that holds a reference.
 * Cost:    a load. */
static inline const char *ouro_bytes_data(const ouro_bytes *bytes) { return (const char *)(bytes + 1); }
static inline size_t ouro_bytes_count(const ouro_bytes *bytes) { return bytes->base.count; }

/* The byte at an index; a negative one counts from the end.
 * Returns: 0 to 255; OURO_EINDEX.
 * Threads: any that holds a reference.
 * Cost:    O(1). */
OURO_API int ouro_bytes_get(const ouro_bytes *bytes, ptrdiff_t index);

/* The bytes [start:stop:step], as Python's slice; OURO_LEFT_OUT for each that is left out. What lies outside is left out.
 * Ownership: new; the object itself where that is all of it.
 * Errors:    NULL, errno ENOMEM, EPERM; EINVAL: a step of 0.
 * Threads:   any that holds a reference.
 * Cost:      O(bytes of the slice). */
OURO_API ouro_ref ouro_bytes_slice(ouro_bytes *bytes, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step) OURO_ATTR_NEW;

/* Where `what` begins for the first time at or behind `from` (negative: so many from the end); or for the last time.
 * Returns: the index; -1: nowhere. Nothing is everywhere, also at the end.
 * Threads: any that holds a reference.
 * Cost:    find: O(bytes) for most (the C library's memmem); find_last: O(bytes * count) at worst. */
OURO_API ptrdiff_t ouro_bytes_find(const ouro_bytes *bytes, const void *what, size_t count, ptrdiff_t from);
OURO_API ptrdiff_t ouro_bytes_find_last(const ouro_bytes *bytes, const void *what, size_t count);

/* How often `what` is there, none over another; of nothing, one more than there are bytes.
 * Threads: any that holds a reference.
 * Cost:    as ouro_bytes_find. */
OURO_API size_t ouro_bytes_count_of(const ouro_bytes *bytes, const void *what, size_t count);

/* Does it begin, or end, with those?
 * Threads: any that holds a reference.
 * Cost:    O(count). */
OURO_API bool ouro_bytes_starts(const ouro_bytes *bytes, const void *what, size_t count);
OURO_API bool ouro_bytes_ends(const ouro_bytes *bytes, const void *what, size_t count);

/* One behind the other; the same several times over.
 * Ownership: new; one of them itself where the others add nothing.
 * Errors:    NULL, errno ENOMEM.
 * Threads:   any that holds references.
 * Cost:      O(bytes of the result). */
OURO_API ouro_ref ouro_bytes_concat(ouro_bytes *first, ouro_bytes *second) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_bytes_repeat(ouro_bytes *bytes, size_t times) OURO_ATTR_NEW;

/* The items of anything that can be walked over, each of them bytes or a buffer, with the separator in between.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM; ENOTSUP: an item is neither, or there is no walk; what the walk says.
 * Calls:     `iterate`, `next`.
 * Threads:   any that holds references.
 * Cost:      O(bytes of the result). */
OURO_API ouro_ref ouro_bytes_join(ouro_bytes *separator, void *items) OURO_ATTR_NEW;

/* A string: of the bytes as UTF-8; of their hexadecimal digits, two each.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM; to_str: EILSEQ: they are not UTF-8.
 * Threads:   any that holds a reference.
 * Cost:      O(bytes). */
OURO_API ouro_ref ouro_bytes_to_str(const ouro_bytes *bytes) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_bytes_hex(const ouro_bytes *bytes) OURO_ATTR_NEW;

/* ---------------------------------------------------------------- buffers */

/* A new one, empty: an object.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM.
 * Threads:   any.
 * Cost:      an object; its block comes with the first byte. */
OURO_API ouro_ref ouro_buffer_new(void) OURO_ATTR_NEW;

/* One on the stack, and its end, which frees its block. Never of an object. Keeps errno.
 * Threads: the one whose stack it is.
 * Cost:    O(1). */
#define OURO_BUFFER_ON_STACK {{0, 0, 0}, NULL, 0, 0}
OURO_API void ouro_buffer_done(ouro_buffer *buffer);

static inline bool ouro__buffer_is_on_stack(const ouro_buffer *buffer) { return OURO__SEE(buffer->base.ouro__word) == 0; }

/* Append bytes, which do not lie in the buffer itself; a C string; a byte; a code point as UTF-8.
 * Errors:  OURO_ENOMEM; OURO_EUTF8: no code point (above 0x10ffff, or a surrogate). The buffer is unchanged.
 * Threads: any, of an object.
 * Cost:    O(count), and now and then a larger block: O(1) each in the long run. On the stack, a byte takes some instructions. */
OURO_API int ouro__buffer_append_slow(ouro_buffer *buffer, const void *data, size_t count);
OURO_API int ouro_buffer_append(ouro_buffer *buffer, const void *data, size_t count);
OURO_API int ouro_buffer_append_text(ouro_buffer *buffer, const char *text);
static inline int ouro_buffer_append_char(ouro_buffer *buffer, char byte) {
  if (OURO__LIKELY(ouro__buffer_is_on_stack(buffer) && buffer->count < buffer->room)) {
    buffer->data[buffer->count++] = byte;
    return OURO_OK;
  }
  return ouro__buffer_append_slow(buffer, &byte, 1);
}
OURO_API int ouro_buffer_append_point(ouro_buffer *buffer, uint32_t point);

/* Room for so many bytes in all: appending up to there cannot fail.
 * Errors:  OURO_ENOMEM; the buffer is unchanged.
 * Threads: any, of an object.
 * Cost:    O(bytes), once. */
OURO_API int ouro_buffer_reserve(ouro_buffer *buffer, size_t room);

/* Keep the first `count` bytes; where there are not more, nothing. The block stays. And: none, and no block.
 * Threads: any, of an object.
 * Cost:    O(1). */
OURO_API void ouro_buffer_truncate(ouro_buffer *buffer, size_t count);
OURO_API void ouro_buffer_clear(ouro_buffer *buffer);

/* Put `count` bytes, which do not lie in the buffer itself, in the place of `drop` bytes from `at` on: that inserts, deletes, or replaces.
 * Errors:  OURO_EINDEX: at and drop reach beyond the end; OURO_ENOMEM. The buffer is unchanged.
 * Threads: any, of an object; at one moment.
 * Cost:    O(bytes behind `at`, and count). */
OURO_API int ouro_buffer_splice(ouro_buffer *buffer, size_t at, size_t drop, const void *data, size_t count);

/* The byte at an index; a negative one counts from the end. set: to `byte`.
 * Returns: get: 0 to 255; set: OURO_OK; or OURO_EINDEX.
 * Threads: any, of an object.
 * Cost:    O(1). */
OURO_API int ouro_buffer_get(ouro_buffer *buffer, ptrdiff_t index);
OURO_API int ouro_buffer_set(ouro_buffer *buffer, ptrdiff_t index, unsigned char byte);

/* How many bytes there are.
 * Threads: any, of an object; out of date at once where others change it.
 * Cost:    a load. */
static inline size_t ouro_buffer_count(const ouro_buffer *buffer) { return OURO__SEE(buffer->count); }

/* The bytes themselves, until the buffer changes next; NULL where there never were any. No NUL ends them.
 * Threads: the one whose stack it is on; of an object, one while no other changes it: others take ouro_buffer_read.
 * Cost:    a load. */
static inline char *ouro_buffer_data(const ouro_buffer *buffer) { return buffer->data; }

/* Copy at most `count` bytes from `at` on to `into`.
 * Returns: how many there were.
 * Threads: any, of an object; they are those of one moment.
 * Cost:    O(count). */
OURO_API size_t ouro_buffer_read(ouro_buffer *buffer, size_t at, void *into, size_t count);

/* What it holds, as a string or as bytes; the buffer stays as it is.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM; to_str: EILSEQ: it is not UTF-8.
 * Threads:   any, of an object.
 * Cost:      O(bytes). */
OURO_API ouro_ref ouro_buffer_to_str(ouro_buffer *buffer) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_buffer_to_bytes(ouro_buffer *buffer) OURO_ATTR_NEW;

/* Take its block, with *count bytes; the buffer is empty from then on.
 * Ownership: the caller's, for ouro_free. NULL where it had none.
 * Threads:   any, of an object.
 * Cost:      O(1). */
OURO_API char *ouro_buffer_take(ouro_buffer *buffer, size_t *count);

OURO_END_DECLS

#endif
