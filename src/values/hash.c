/* values/hash.c - SipHash: a hash of bytes under a secret key, so that nobody can choose names which collide; and the key.
 *
 * Why not a quicker one: strings come from strangers (JSON, the network), and a dict whose keys all collide is a standstill. Of the fast
 * hashes (XXH3 and its like) none promises that a seed keeps collisions secret. The cost is paid once for each string, which keeps its hash.
 * SipHash-1-3, with one round for each word, is what CPython and Rust use for the same purpose. */
#include <string.h>

#include "os/os.h"
#include "values/values.h"
#include "values/weak_table.h"

static inline uint64_t rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

typedef struct state {
  uint64_t a, b, c, d;
} state;

static inline state round_of(state v) {
  v.a += v.b, v.c += v.d;
  v.b = rotate(v.b, 13) ^ v.a, v.d = rotate(v.d, 16) ^ v.c;
  v.a = rotate(v.a, 32);
  v.c += v.b, v.a += v.d;
  v.b = rotate(v.b, 17) ^ v.c, v.d = rotate(v.d, 21) ^ v.a;
  v.c = rotate(v.c, 32);
  return v;
}

static inline state rounds_of(state v, int count) {
  while (count-- > 0) v = round_of(v);
  return v;
}

static inline state take_word(state v, uint64_t word, int rounds) {
  v.d ^= word;
  v = rounds_of(v, rounds);
  v.a ^= word;
  return v;
}

/* Up to 8 bytes as a number, the first the lowest, on any machine. */
static inline uint64_t little_endian(const unsigned char *bytes, size_t count) {
  uint64_t word = 0;
  for (size_t i = 0; i < count; i++) word |= (uint64_t)bytes[i] << 8 * i;
  return word;
}

static inline uint64_t word_at(const unsigned char *bytes) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
#else
  return little_endian(bytes, 8);
#endif
}

/* The last ones behind whole words: up to 7, of `length` in all, read with what is before them where there is some. */
static inline uint64_t rest_of(const unsigned char *at, size_t length) {
  size_t rest = length % 8;
  if (length < 8) return little_endian(at, rest);
  return rest ? word_at(at + rest - 8) >> (64 - 8 * rest) : 0;
}

static inline uint64_t hash_of(const unsigned char *at, size_t length, const uint64_t key[2], int rounds, int last_rounds) {
  state v = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d), key[0] ^ UINT64_C(0x6c7967656e657261),
             key[1] ^ UINT64_C(0x7465646279746573)};
  for (size_t left = length; left >= 8; left -= 8, at += 8) v = take_word(v, word_at(at), rounds);
  v = take_word(v, (uint64_t)length << 56 | rest_of(at, length), rounds);
  v.c ^= 0xff;
  v = rounds_of(v, last_rounds);
  return v.a ^ v.b ^ v.c ^ v.d;
}

uint64_t ouro__siphash(const void *bytes, size_t length, const uint64_t key[2], int rounds, int last_rounds) {
  return hash_of(bytes, length, key, rounds, last_rounds);
}

/* ---------------------------------------------------------------- the key of the process */

uint64_t ouro__hash_key[2];
static _Atomic bool has_key;

/* The number after hash_seed: in OURO_CONF: the same hashes in each run, to find a bug again. */
static bool seed_of_conf(uint64_t *seed) {
  size_t length;
  const char *value = ouro__conf_find("hash_seed", &length);
  *seed = 0;
  for (size_t i = 0; value && i < length; i++) {
    if (value[i] < '0' || value[i] > '9') return false;
    *seed = *seed * 10 + (uint64_t)(value[i] - '0');
  }
  return value && length;
}

/* When the library is loaded, if that can be; two threads that come later at once see the same key, since the first one to write wins. */
#if defined(__GNUC__)
__attribute__((constructor))
#endif
void ouro__hash_start(void) {
  static ouro__lock lock = OURO_LOCK_INIT(OURO_RANK_TYPES);
  uint64_t seed;
  if (OURO_LIKELY(ouro__load_acquire(&has_key))) return; /* pairs with the release below */
  ouro__acquire(&lock);
  if (!ouro__load_relaxed(&has_key)) {
    bool given = seed_of_conf(&seed);
    for (unsigned i = 0; i < 2; i++) ouro__hash_key[i] = given ? ouro__mix(seed + i + 1) : ouro__os_random();
    ouro__store_release(&has_key, true);
  }
  ouro__release(&lock);
}

uint64_t ouro__hash_bytes(const void *bytes, size_t length) {
  if (OURO_UNLIKELY(!ouro__load_acquire(&has_key))) ouro__hash_start();
  return hash_of(bytes, length, ouro__hash_key, 1, 3);
}
