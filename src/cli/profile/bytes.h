/* cli/profile/bytes.h - bytes that grow while they are written, and numbers in as few of them as will do: seven bits to a byte, the
 * lowest first, the eighth bit set in all but the last. A signed number has its sign in the lowest bit. */
#ifndef OURO_CLI_PROFILE_BYTES_H
#define OURO_CLI_PROFILE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ouro__bytes {
  char *data; /* owned */
  size_t size, room;
  bool failed; /* memory was short, and something is missing */
} ouro__bytes;

/* Make room for `more` bytes; false, and `failed`, without memory. */
bool ouro__bytes_reserve(ouro__bytes *bytes, size_t more);
void ouro__bytes_raw(ouro__bytes *bytes, const void *data, size_t size);
void ouro__bytes_number(ouro__bytes *bytes, uint64_t number);
void ouro__bytes_difference(ouro__bytes *bytes, uint64_t before, uint64_t now); /* modulo 2^64 */
void ouro__bytes_text(ouro__bytes *bytes, const char *text);                    /* with its length first */
void ouro__bytes_free(ouro__bytes *bytes);

typedef struct ouro__cursor {
  const unsigned char *at, *end;
  bool failed; /* it ended too early, or a number is too long; what is read from then on is 0 */
} ouro__cursor;

bool ouro__cursor_more(const ouro__cursor *cursor);
uint64_t ouro__cursor_number(ouro__cursor *cursor);
uint64_t ouro__cursor_difference(ouro__cursor *cursor, uint64_t before);
void ouro__cursor_raw(ouro__cursor *cursor, void *out, size_t size);
const char *ouro__cursor_text(ouro__cursor *cursor, size_t *length); /* in the cursor's own bytes, without a NUL */

#endif
