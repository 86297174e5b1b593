/* values/values.h - what the files of values/ share; the weak containers share weak_table.h as well. */
#ifndef OURO_VALUES_VALUES_H
#define OURO_VALUES_VALUES_H

#include <errno.h>

#include <ouro/value.h>

#include "base/base.h"
#include "gc/gc.h"
#include "object/object.h"
#include "thread/thread.h"

/* Set errno for a code; NULL, for a function that returns an object. */
void *ouro__fail(int code);

/* The code of errno, of a function that has just returned NULL. */
static inline int ouro__code(void) { return ouro_code_of_errno(errno); }

/* Before a function calls itself by way of what an object holds, and after: false, and nothing to be undone, where that is too deep. */
enum { OURO_DEEPEST = 1000 };
bool ouro__deeper(void);
void ouro__shallower(void);

/* Is the object being printed already, further out in this thread? false: it is now, until ouro__printed; also where there is no memory to
 * tell (then the depth ends it). */
bool ouro__printing(const void *object);
void ouro__printed(const void *object);

/* The type's entry of that name, its own or a base's; NULL: none. */
#define OURO__PROTOCOL(type_, name_) \
  ((type_)->protocols && (type_)->protocols->name_ ? (type_)->protocols : ouro__inherited((type_), offsetof(ouro_protocols, name_)))
const ouro_protocols *ouro__inherited(const ouro_type *type, size_t offset);

/* ---------------------------------------------------------------- hashes */

/* Words that are random in each process (OURO_CONF=hash_seed:N makes them the same in each). */
extern uint64_t ouro__hash_key[2];
void ouro__hash_start(void); /* again: nothing */

/* A word, well mixed. */
static inline uint64_t ouro__mix(uint64_t x) {
  x ^= x >> 32;
  x *= UINT64_C(0xd6e8feb86659fd93);
  x ^= x >> 32;
  x *= UINT64_C(0xd6e8feb86659fd93);
  return x ^ x >> 32;
}

/* Of bytes that may come from strangers: SipHash-1-3 under the key. */
uint64_t ouro__hash_bytes(const void *bytes, size_t length);

#endif
