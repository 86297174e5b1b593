/* values/buffer.c - buffers: bytes in a block that grows, as an object of many threads, or on the stack of one.
 *
 *   data   | count bytes            | room - count more |      a block of ouro_malloc, of at least half as much again each time
 *
 * What is done with an object's bytes is done in a hold of it; one on the stack, which its header tells, has no lock, and appending a byte
 * there needs no call. What a reader wants to keep it copies within the hold.
 *
 * I-BUFFER-1  count <= room; data is NULL just where room is 0 */
#include <string.h>

#include "values/bytes.h"
#include "values/guard.h"
#include "values/sequence.h"

#include <ouro/number.h>
#include <ouro/str.h>

enum { ROOM_FIRST = 64 };

static const ouro_protocols protocols;

static void buffer_release(void *self) { ouro_free(((ouro_buffer *)self)->data); }

ouro_type ouro_buffer_type = {
    .name = "bytearray",
    .size = sizeof(ouro_buffer),
    .release = buffer_release,
    .flags = OURO_TYPE_ACYCLIC,
    .protocols = &protocols,
};

/* ---------------------------------------------------------------- holds */

static inline void begin_write(ouro__hold *hold, ouro_buffer *buffer) {
  if (!ouro__buffer_is_on_stack(buffer)) ouro__hold_write(hold, buffer);
  OURO_ASSERT(buffer->count <= buffer->room && !buffer->data == !buffer->room); /* I-BUFFER-1 */
}

static inline void begin_read(ouro__hold *hold, ouro_buffer *buffer) {
  if (!ouro__buffer_is_on_stack(buffer)) ouro__hold_read(hold, buffer);
}

static inline void end(ouro__hold *hold, ouro_buffer *buffer) {
  if (!ouro__buffer_is_on_stack(buffer)) ouro__hold_end(hold, buffer);
}

/* ---------------------------------------------------------------- room: in a hold */

static OURO_NOINLINE int resize(ouro_buffer *buffer, size_t room) {
  char *larger = ouro_realloc(buffer->data, room);
  if (!larger) return OURO_ENOMEM;
  buffer->data = larger;
  buffer->room = room;
  return OURO_OK;
}

/* Room for `more` bytes behind those that are there. */
static inline int make_room(ouro_buffer *buffer, size_t more) {
  if (OURO_LIKELY(more <= buffer->room - buffer->count)) return OURO_OK;
  if (more > PTRDIFF_MAX - buffer->count) return OURO_ENOMEM;
  size_t least = buffer->count + more, room = buffer->room + buffer->room / 2;
  if (room < ROOM_FIRST) room = ROOM_FIRST;
  return resize(buffer, room < least ? least : room);
}

static inline int append(ouro_buffer *buffer, const void *data, size_t count) {
  int code = make_room(buffer, count);
  if (code) return code;
  memcpy(buffer->data + buffer->count, data, count);
  OURO__SET(buffer->count, buffer->count + count);
  return OURO_OK;
}

/* ---------------------------------------------------------------- growing, shrinking */

ouro_ref ouro_buffer_new(void) { return ouro_new(&ouro_buffer_type); }

void ouro_buffer_done(ouro_buffer *buffer) {
  int saved = errno;
  OURO_ASSERT(ouro__buffer_is_on_stack(buffer));
  ouro_free(buffer->data);
  *buffer = (ouro_buffer)OURO_BUFFER_ON_STACK;
  errno = saved;
}

int ouro__buffer_append_slow(ouro_buffer *buffer, const void *data, size_t count) {
  ouro__hold hold;
  begin_write(&hold, buffer);
  int code = append(buffer, data, count);
  end(&hold, buffer);
  return code;
}

int ouro_buffer_append(ouro_buffer *buffer, const void *data, size_t count) {
  if (OURO_UNLIKELY(count == 0)) return OURO_OK;
  return ouro__buffer_is_on_stack(buffer) ? append(buffer, data, count) : ouro__buffer_append_slow(buffer, data, count);
}

int ouro_buffer_append_text(ouro_buffer *buffer, const char *text) { return ouro_buffer_append(buffer, text, strlen(text)); }

/* How many bytes UTF-8 has for a code point, and the bytes; 0: it is none. */
static size_t encode(uint32_t point, unsigned char out[4]) {
  enum { FIRST_OF_TWO = 0x80, OF_THREE = 0x800, OF_FOUR = 0x10000, END = 0x110000, SURROGATES = 0xd800, BEHIND = 0xe000 };
  if (point >= END || (point >= SURROGATES && point < BEHIND)) return 0;
  size_t bytes = point < FIRST_OF_TWO ? 1 : point < OF_THREE ? 2 : point < OF_FOUR ? 3 : 4;
  static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = bytes; i-- > 1; point >>= 6) out[i] = (unsigned char)(0x80 | (point & 0x3f));
  out[0] = (unsigned char)(lead[bytes] | point);
  return bytes;
}

int ouro_buffer_append_point(ouro_buffer *buffer, uint32_t point) {
  unsigned char text[4];
  size_t bytes = encode(point, text);
  return bytes ? ouro_buffer_append(buffer, text, bytes) : OURO_EUTF8;
}

int ouro_buffer_reserve(ouro_buffer *buffer, size_t room) {
  ouro__hold hold;
  if (room > PTRDIFF_MAX) return OURO_ENOMEM;
  begin_write(&hold, buffer);
  int code = room > buffer->room ? resize(buffer, room) : OURO_OK;
  end(&hold, buffer);
  return code;
}

void ouro_buffer_truncate(ouro_buffer *buffer, size_t count) {
  ouro__hold hold;
  begin_write(&hold, buffer);
  if (count < buffer->count) OURO__SET(buffer->count, count);
  end(&hold, buffer);
}

char *ouro_buffer_take(ouro_buffer *buffer, size_t *count) {
  ouro__hold hold;
  begin_write(&hold, buffer);
  char *data = buffer->data;
  if (count) *count = buffer->count;
  buffer->data = NULL;
  buffer->room = 0;
  OURO__SET(buffer->count, 0);
  end(&hold, buffer);
  return data;
}

void ouro_buffer_clear(ouro_buffer *buffer) { ouro_free(ouro_buffer_take(buffer, NULL)); }

/* In a hold; at and drop do not reach beyond the end. */
static int splice(ouro_buffer *buffer, size_t at, size_t drop, const void *data, size_t count) {
  int code = count > drop ? make_room(buffer, count - drop) : OURO_OK;
  if (code) return code;
  size_t behind = buffer->count - at - drop;
  if (behind && count != drop) memmove(buffer->data + at + count, buffer->data + at + drop, behind);
  if (count) memcpy(buffer->data + at, data, count);
  OURO__SET(buffer->count, at + count + behind);
  return OURO_OK;
}

int ouro_buffer_splice(ouro_buffer *buffer, size_t at, size_t drop, const void *data, size_t count) {
  ouro__hold hold;
  begin_write(&hold, buffer);
  bool inside = at <= buffer->count && drop <= buffer->count - at;
  int code = inside ? splice(buffer, at, drop, data, count) : OURO_EINDEX;
  end(&hold, buffer);
  return code;
}

/* ---------------------------------------------------------------- single bytes */

/* Where the index is; SIZE_MAX: outside. In a hold. */
static size_t place_of(const ouro_buffer *buffer, ptrdiff_t index) {
  size_t at = index < 0 ? buffer->count - (0 - (size_t)index) : (size_t)index;
  return at < buffer->count ? at : SIZE_MAX;
}

int ouro_buffer_get(ouro_buffer *buffer, ptrdiff_t index) {
  ouro__hold hold;
  begin_read(&hold, buffer);
  size_t at = place_of(buffer, index);
  int byte = at != SIZE_MAX ? (unsigned char)buffer->data[at] : OURO_EINDEX;
  end(&hold, buffer);
  return byte;
}

int ouro_buffer_set(ouro_buffer *buffer, ptrdiff_t index, unsigned char byte) {
  ouro__hold hold;
  begin_write(&hold, buffer);
  size_t at = place_of(buffer, index);
  if (at != SIZE_MAX) buffer->data[at] = (char)byte;
  end(&hold, buffer);
  return at != SIZE_MAX ? OURO_OK : OURO_EINDEX;
}

static int delete_at(ouro_buffer *buffer, ptrdiff_t index) {
  ouro__hold hold;
  begin_write(&hold, buffer);
  size_t at = place_of(buffer, index);
  int code = at != SIZE_MAX ? splice(buffer, at, 1, NULL, 0) : OURO_EINDEX;
  end(&hold, buffer);
  return code;
}

/* ---------------------------------------------------------------- what it holds, copied */

size_t ouro_buffer_read(ouro_buffer *buffer, size_t at, void *into, size_t count) {
  ouro__hold hold;
  begin_read(&hold, buffer);
  size_t there = at < buffer->count ? buffer->count - at : 0;
  if (there > count) there = count;
  if (there) memcpy(into, buffer->data + at, there);
  end(&hold, buffer);
  return there;
}

/* The bytes of one moment: those of a buffer on the stack itself, a copy of an object's. */
typedef struct snapshot {
  char *data;
  size_t count;
  bool mine;
} snapshot;

static int take_snapshot(ouro_buffer *buffer, snapshot *out) {
  ouro__hold hold;
  if (ouro__buffer_is_on_stack(buffer)) {
    *out = (snapshot){buffer->data, buffer->count, false};
    return OURO_OK;
  }
  begin_write(&hold, buffer);
  size_t count = buffer->count;
  char *data = count ? ouro_malloc(count) : NULL;
  if (data) memcpy(data, buffer->data, count);
  end(&hold, buffer);
  *out = (snapshot){data, count, true};
  return data || !count ? OURO_OK : OURO_ENOMEM;
}

static void drop_snapshot(snapshot *it) {
  int saved = errno;
  if (it->mine) ouro_free(it->data);
  errno = saved;
}

static ouro_ref make_of(ouro_buffer *buffer, ouro_ref (*make)(const void *data, size_t count)) {
  snapshot taken;
  int code = take_snapshot(buffer, &taken);
  if (code) return ouro__fail(code);
  ouro_ref made = make(taken.data, taken.count);
  drop_snapshot(&taken);
  return made;
}

static ouro_ref str_of(const void *data, size_t count) { return ouro_str_new(count ? data : "", count); }

ouro_ref ouro_buffer_to_str(ouro_buffer *buffer) { return make_of(buffer, str_of); }
ouro_ref ouro_buffer_to_bytes(ouro_buffer *buffer) { return make_of(buffer, ouro_bytes_new); }

/* ---------------------------------------------------------------- protocols */

/* With bytes, or another buffer. */
static int buffer_compare(void *self, void *other, int *order) {
  ouro_buffer *mine = self, *others = other;
  ouro__hold hold;
  if (ouro_is_buffer(other)) {
    ouro__hold_two(&hold, self, other);
    *order = ouro__bytes_order(mine->data, mine->count, others->data, others->count);
  } else if (ouro_is_bytes(other)) {
    ouro__hold_read(&hold, self);
    *order = ouro__bytes_order(mine->data, mine->count, ouro_bytes_data(other), ouro_bytes_count(other));
  } else {
    return OURO_NOT_MINE;
  }
  ouro__hold_end(&hold, self);
  return OURO_OK;
}

static int buffer_equal(void *self, void *other) {
  int order = 0, code = buffer_compare(self, other, &order);
  return code ? code : order == 0;
}

static int print(snapshot *taken, ouro_buffer *out) {
  int code = ouro_buffer_append_text(out, "bytearray(");
  if (!code) code = ouro__bytes_repr(taken->data, taken->count, out);
  return code ? code : ouro_buffer_append_char(out, ')');
}

static int buffer_repr(void *self, ouro_buffer *out) {
  size_t before = ouro_buffer_count(out);
  snapshot taken;
  int code = take_snapshot(self, &taken);
  if (code) return code;
  code = print(&taken, out);
  if (code) ouro_buffer_truncate(out, before);
  drop_snapshot(&taken);
  return code;
}

static int buffer_length(void *self, size_t *length) {
  *length = ouro_buffer_count(self);
  return OURO_OK;
}

static int buffer_get_item(void *self, void *key, ouro_slot item) {
  ptrdiff_t index = 0;
  int code = ouro__index_of_key(key, &index), byte = code ? 0 : ouro_buffer_get(self, index);
  if (code || byte < 0) return code ? code : byte;
  OURO__SLOT_SET(item, ouro_borrow(ouro_int_new(byte))); /* made once: it does not fail */
  return OURO_OK;
}

static int buffer_set_item(void *self, void *key, void *item) {
  ptrdiff_t index = 0;
  unsigned char byte = 0;
  int code = ouro__index_of_key(key, &index);
  if (!code && item) code = ouro__bytes_byte(item, &byte);
  if (code) return code;
  return item ? ouro_buffer_set(self, index, byte) : delete_at(self, index);
}

static int contains(ouro_buffer *self, const void *what, size_t count) {
  ouro__hold hold;
  ouro__hold_read(&hold, self);
  bool found = ouro__bytes_find(self->data, self->count, what, count, 0) >= 0;
  ouro__hold_end(&hold, self);
  return found;
}

/* A byte, or bytes in a row. */
static int buffer_contains(void *self, void *item) {
  unsigned char byte = 0;
  if (ouro_is_bytes(item)) return contains(self, ouro_bytes_data(item), ouro_bytes_count(item));
  if (!ouro_is_buffer(item)) {
    int code = ouro__bytes_byte(item, &byte);
    return code ? code : contains(self, &byte, 1);
  }
  snapshot taken;
  int code = take_snapshot(item, &taken);
  if (code) return code;
  int found = contains(self, taken.data, taken.count);
  drop_snapshot(&taken);
  return found;
}

/* One of a derived type has more fields, which its own `copy` knows. */
static int buffer_copy(void *self, ouro_copier *copier, ouro_slot copy) {
  (void)copier;
  if (ouro_type_of(self) != &ouro_buffer_type) return OURO_ETYPE;
  snapshot taken;
  int code = take_snapshot(self, &taken);
  if (code) return code;
  ouro_buffer *made = ouro_borrow(ouro_buffer_new());
  if (!made) {
    drop_snapshot(&taken);
    return ouro__code();
  }
  made->data = taken.data;
  made->count = made->room = taken.count;
  OURO__SLOT_SET(copy, (void *)made);
  return OURO_OK;
}

static size_t buffer_extent(const void *self) { return ((const ouro_buffer *)self)->room; }

/* ---------------------------------------------------------------- iterators */

static int get_byte(void *of, size_t index) { return index <= PTRDIFF_MAX ? ouro_buffer_get(of, (ptrdiff_t)index) : OURO_EINDEX; }
static int iterator_next(void *self, ouro_slot item) { return ouro__byte_next(self, get_byte, item); }

static const ouro_protocols iterator_protocols = {.next = iterator_next};
/* A type that is derived from that of buffers may have references: so it may be in a cycle. */
static ouro_type iterator_type = {
    .name = "bytearray_iterator",
    .size = sizeof(ouro__byte_iterator),
    .references = OURO__BYTE_ITERATOR_REFERENCES,
    .protocols = &iterator_protocols,
};

static int buffer_iterate(void *self, ouro_slot iterator) { return ouro__byte_iterate(&iterator_type, self, iterator); }

static const ouro_protocols protocols = {
    .equal = buffer_equal,
    .compare = buffer_compare,
    .repr = buffer_repr,
    .length = buffer_length,
    .iterate = buffer_iterate,
    .get_item = buffer_get_item,
    .set_item = buffer_set_item,
    .contains = buffer_contains,
    .copy = buffer_copy,
    .extent = buffer_extent,
};
